import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { emulatorImage } from "../../components/builders/emulators";
import { forgetHosts } from "../../local/download";
import { checkEmulatorImage, fillHashes, type Hashes } from "../../local/hashes";
import { type Tool, tools } from "../../local/tools";
import recorded from "../../local/tools/hashes.json";

const checkout = resolve(__dirname, "../..");
const read = (file: string) => readFileSync(resolve(checkout, file), "utf8");
const hashes = recorded as Hashes;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("local/tools/hashes.json", () => {
  const released = (Object.values(tools) as Tool[]).filter(({ release }) => release);

  it("has a file of every tool's version for both Linux platforms", () => {
    expect(Object.keys(hashes).sort()).toEqual(released.map(({ name }) => name).sort());
    for (const { name, version } of released) {
      expect({ name, version: hashes[name]!.version }).toEqual({ name, version });
      expect(Object.keys(hashes[name]!.files)).toEqual(["linux-amd64", "linux-arm64"]);
      for (const { url, checksums } of Object.values(hashes[name]!.files)) {
        expect(url).toMatch(/^https:\/\/(github\.com|get\.pulumi\.com)\//);
        expect(url).toContain(version);
        expect(checksums).toMatch(/^https:\/\/(api\.)?github\.com\//);
      }
    }
  });

  it("has hashes in their full form, or none", () => {
    for (const { files } of Object.values(hashes))
      for (const { hash } of Object.values(files))
        expect(hash ?? "sha256:".padEnd(71, "0")).toMatch(
          /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
        );
  });

  it("has the plugins in the versions that package-lock.json names", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { version: string }>;
    };
    for (const name of ["command", "docker-build"])
      expect(hashes[`pulumi-resource-${name}`]!.version).toBe(
        packages[`node_modules/@pulumi/${name}`]!.version,
      );
  });

  it("is listed in docs/environment.md as far as it is unfilled", () => {
    const unfilled = Object.entries(hashes).flatMap(([name, { version, files }]) =>
      Object.entries(files)
        .filter(([, { hash }]) => hash === null)
        .map(([platform]) => `${name} ${version} ${platform}`),
    );
    const listed = [...read("docs/environment.md").matchAll(/^- `(\S+)` (\S+): (.+)$/gm)].flatMap(
      ([, name, version, platforms = ""]) =>
        platforms.split(", ").map((platform) => `${name} ${version} ${platform}`),
    );
    expect(listed).toEqual(unfilled);
  });
});

describe("npm run hashes", () => {
  let server: http.Server;
  let files: Record<string, string>;
  const mirror = process.env.MULTIARCH_MIRROR;

  beforeEach(async () => {
    files = {};
    server = http.createServer((req, res) => {
      const file = files[(req.url ?? "").replace(/\?.*/, "")];
      res.writeHead(file === undefined ? 404 : 200).end(file);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    process.env.MULTIARCH_MIRROR = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    forgetHosts();
  });
  afterEach(async () => {
    if (mirror === undefined) delete process.env.MULTIARCH_MIRROR;
    else process.env.MULTIARCH_MIRROR = mirror;
    await new Promise((done) => server.close(done));
  });

  const one = (hash: string | null): Hashes => ({
    tool: {
      version: "1.0.0",
      files: { "linux-amd64": { url: "https://h/tool", checksums: "https://h/sums", hash } },
    },
  });
  const hashIn = (filled: Hashes) => filled.tool!.files["linux-amd64"]!.hash;

  it("fills in the hash of a file that is what its publisher says", async () => {
    files = { "/h/tool": "content", "/h/sums": `${sha256("content")}  tool\n` };
    const filled = one(null);
    expect(await fillHashes(filled)).toEqual([]);
    expect(hashIn(filled)).toBe(`sha256:${sha256("content")}`);
    expect(await fillHashes(filled)).toEqual([]);
  });

  it("fills in nothing for a file that is not what its publisher says", async () => {
    files = { "/h/tool": "tampered", "/h/sums": `${sha256("content")}  tool\n` };
    const filled = one(null);
    expect(await fillHashes(filled)).toEqual([
      `https://h/tool has the hash sha256:${sha256("tampered")}, but its publisher says ${sha256("content")}`,
    ]);
    expect(hashIn(filled)).toBeNull();
  });

  it("never replaces a hash, and fails if the file has changed", async () => {
    files = { "/h/tool": "new", "/h/sums": `${sha256("new")}  tool\n` };
    const old = `sha256:${sha256("old")}`;
    const filled = one(old);
    expect(await fillHashes(filled)).toEqual([
      `https://h/tool has the hash sha256:${sha256("new")}, but hashes.json has ${old}`,
    ]);
    expect(hashIn(filled)).toBe(old);
  });

  it("says what is not available, and goes on", async () => {
    files = { "/h/sums": `${sha256("content")}  tool\n` };
    expect(await fillHashes(one(null))).toEqual([expect.stringContaining("/h/tool: HTTP 404")]);
  });

  it("compares the digest of the image that registers QEMU with its tag's", async () => {
    files = {
      "/auth.docker.io/token": JSON.stringify({ token: "t" }),
      "/registry-1.docker.io/v2/team/binfmt/manifests/v1": "manifest",
    };
    const image = (content: string) => `team/binfmt:v1@sha256:${sha256(content)}`;
    expect(await checkEmulatorImage(image("manifest"))).toEqual([]);
    expect(await checkEmulatorImage(image("other"))).toEqual([
      `team/binfmt:v1 has the digest sha256:${sha256("manifest")}, but emulators.ts has sha256:${sha256("other")}`,
    ]);
  });
});

it("the image that registers QEMU is pinned by digest", () => {
  expect(emulatorImage).toMatch(/^tonistiigi\/binfmt:qemu-v[\d.]+@sha256:[0-9a-f]{64}$/);
});

it("every npm package is pinned with its hash", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { integrity?: string; link?: boolean }>;
  };
  const { "": own, ...all } = packages;
  expect(own).toBeDefined();
  for (const [name, { integrity }] of Object.entries(all))
    expect(`${name} ${integrity}`).toMatch(/ sha512-/);
});

it.each(["aws", "ci", "python"])(
  "every Python package for %s is pinned with its hashes",
  (folder) => {
    const text = read(`local/tools/${folder}/requirements.txt`);
    const entries = text
      .replace(/^#.*\n/gm, "")
      .replace(/\\\n/g, " ")
      .trim()
      .split("\n");
    expect(entries.length).toBeGreaterThan(10);
    for (const entry of entries)
      expect(entry).toMatch(/^[A-Za-z0-9._-]+==[0-9][^ ]*(\s+--hash=sha256:[0-9a-f]{64})+$/);
  },
);
