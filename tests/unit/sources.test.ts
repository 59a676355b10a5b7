import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type BuildSources, hashUnwatched, tarballProblems } from "../../components/image/sources";

let base: string;
beforeEach(() => {
  base = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "multiarch-sources-"));
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

/** Writes a file, or a link for "-> target". */
function write(file: string, text: string): void {
  const full = path.join(base, file);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  if (text.startsWith("-> ")) fs.symlinkSync(text.slice(3), full);
  else fs.writeFileSync(full, text);
}
const sources = (more: Partial<BuildSources> = {}): BuildSources => ({
  context: path.join(base, "app"),
  ...more,
});

it("a context of files and folders has no hash of ours", async () => {
  write("app/Dockerfile", "FROM scratch");
  write("app/src/main.c", "");
  write("app/.dockerignore", "ignored\n");
  write("app/ignored/link", "-> nowhere");
  expect(await hashUnwatched(sources())).toBeUndefined();
});

it("a folder of which only an exception is sent is known by its mode, and an excluded one isn't read", async () => {
  write("app/.dockerignore", "*\n!src/main.c\n");
  write("app/src/main.c", "");
  write("app/modules/link", "-> nowhere");
  expect(await hashUnwatched(sources())).toBeUndefined();
  fs.chmodSync(path.join(base, "app/src"), 0o700);
  expect(await hashUnwatched(sources())).toMatch(/^[0-9a-f]{32}$/);
});

it("an ignore file that is a link out of the context excludes nothing, as for BuildKit", async () => {
  write("rules", "*\n");
  write("app/.dockerignore", "-> ../rules");
  write("app/file", "one");
  const before = await hashUnwatched(sources());
  write("app/file", "two");
  expect(await hashUnwatched(sources())).not.toBe(before);
});

it("sockets, FIFOs and unreadable files are not opened", async () => {
  const { execFileSync } = await import("node:child_process");
  write("app/.dockerignore", "-> /run/nowhere");
  write("app/file", "one");
  execFileSync("mkfifo", [path.join(base, "app/fifo")]);
  expect(await hashUnwatched(sources())).toMatch(/^[0-9a-f]{32}$/);
});

it.each([
  ["itself", "-> link"],
  ["a device", "-> /dev/zero"],
  ["a FIFO", "-> fifo"],
])("a link to %s, which the provider would read, is refused", async (_, text) => {
  const { execFileSync } = await import("node:child_process");
  fs.mkdirSync(path.join(base, "app"));
  execFileSync("mkfifo", [path.join(base, "app/fifo")]);
  write("app/link", text);
  await expect(hashUnwatched(sources())).rejects.toThrow(`${base}/app/link`);
  write("app/.dockerignore", "link\n");
  expect(await hashUnwatched(sources())).toBeDefined();
});

it("a link to /dev/null is taken as it is", async () => {
  write("app/link", "-> /dev/null");
  expect(await hashUnwatched(sources())).toBeDefined();
});

it("another index of an OCI image layout is a change", async () => {
  write("layout/index.json", "{}");
  fs.mkdirSync(path.join(base, "app"));
  const given = sources({ named: { base: `oci-layout://${path.join(base, "layout")}:latest` } });
  const before = await hashUnwatched(given);
  write("layout/index.json", `{ "manifests": [] }`);
  expect(await hashUnwatched(given)).not.toBe(before);
});

describe("a tarball", () => {
  const problems = (file: string, more?: Partial<BuildSources>) =>
    tarballProblems(path.join(base, file), sources(more), (field) => `image.${field}`);
  beforeEach(() => write("app/Dockerfile", "FROM scratch"));

  it("inside the context is refused", () => {
    const [problem] = problems("app/out/web.tar");
    expect(problem).toEqual({
      path: "image.tarball.path",
      what: expect.stringMatching(
        /^".*" is inside the build context ".*", so each build would/,
      ) as string,
      fix: "add it to .dockerignore, or choose a path outside of the context",
    });
  });

  it("is accepted where the ignore file excludes it, and outside of the context", () => {
    write("app/.dockerignore", "out\n");
    expect(problems("app/out/web.tar")).toEqual([]);
    expect(problems("out/web.tar")).toEqual([]);
    expect(problems("app2/web.tar")).toEqual([]);
  });

  it("inside the context by a link is refused", () => {
    write("link", "-> app");
    expect(problems("link/web.tar")).toHaveLength(1);
    expect(problems("app/web.tar", { context: path.join(base, "link") })).toHaveLength(1);
  });

  it("inside a named context must be excluded by both ignore files that apply", () => {
    write("shared/file", "");
    const named = { shared: path.join(base, "shared") };
    expect(problems("shared/web.tar", { named })).toHaveLength(1);
    write("shared/.dockerignore", "*.tar\n");
    expect(problems("shared/web.tar", { named })).toHaveLength(1);
    write("app/.dockerignore", "*.tar\n");
    expect(problems("shared/web.tar", { named })).toEqual([]);
  });
});
