import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { download, findChecksum, forgetHosts, onMirror, Unreachable } from "../../local/download";
import { silentLog } from "../../local/log";
import { fillAtomically } from "../../local/paths";
import { ensureTool, findOfficial, tools, type Tool } from "../../local/tools";

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");

let server: http.Server;
let files: Record<string, string | Buffer>;
let requests: string[];
let work: string;
const saved = { ...process.env };

beforeEach(async () => {
  files = {};
  requests = [];
  work = mkdtempSync(join(tmpdir(), "multiarch-download-"));
  server = http.createServer((req, res) => {
    requests.push(req.url ?? "");
    const file = files[req.url ?? ""];
    res.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.MULTIARCH_MIRROR = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.MULTIARCH_CACHE_DIR = join(work, "cache");
  forgetHosts();
});

afterEach(async () => {
  process.env = { ...saved };
  await new Promise((resolve) => server.close(resolve));
  rmSync(work, { recursive: true, force: true });
});

const url = "https://example.com/r/tool.tgz";
const sourceOf = (content: string | Buffer) => ({ url, hash: `sha256:${sha256(content)}` });
const source = sourceOf("content");

test("a file with the hash of this repository is taken", async () => {
  files["/example.com/r/tool.tgz"] = "content";
  await download(source, join(work, "file"));
  expect(readFileSync(join(work, "file"), "utf8")).toBe("content");
  const sha512 = createHash("sha512").update("content").digest("hex");
  await download({ url, hash: `sha512:${sha512}` }, join(work, "file"));
});

test("a file with another hash is an error that names both", async () => {
  files["/example.com/r/tool.tgz"] = "tampered";
  const failure = download(source, join(work, "file"));
  await expect(failure).rejects.toThrow(sha256("content"));
  await expect(failure).rejects.toThrow(sha256("tampered"));
  await expect(failure).rejects.not.toBeInstanceOf(Unreachable);
});

test("a mirror that replaces a file and the publisher's checksums changes nothing", async () => {
  files["/example.com/r/tool.tgz"] = "tampered";
  files["/example.com/r/sums"] = `${sha256("tampered")}  tool.tgz\n`;
  await expect(download(source, join(work, "file"))).rejects.toThrow("but local/tools/hashes.json");
  expect(requests).toEqual(["/example.com/r/tool.tgz"]);
});

test("a file without a hash in this repository is not asked for", async () => {
  files["/example.com/r/tool.tgz"] = "content";
  const failure = download({ url, hash: null }, join(work, "file"));
  await expect(failure).rejects.toBeInstanceOf(Unreachable);
  await expect(failure).rejects.toThrow(`local/tools/hashes.json has no hash for ${url}`);
  expect(requests).toEqual([]);
});

test("a host that can't be reached is tried once in a run", async () => {
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(download(source, join(work, "file"))).rejects.toThrow("cannot be reached");
  files["/example.com/r/tool.tgz"] = "content";
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await expect(download(source, join(work, "file"))).rejects.toThrow("cannot be reached");
  expect(requests).toEqual([]);
});

test("checksums are read in the forms that their makers publish", () => {
  const a = "a".repeat(64);
  const b = "b".repeat(128);
  expect(findChecksum(`${a}  x\n${b}  tool\n`, "https://h/tool")).toBe(b);
  expect(findChecksum(`${a} *tool\n`, "https://h/tool")).toBe(a);
  expect(findChecksum(`${a}\n`, "https://h/tool")).toBe(a);
  const release = { assets: [{ name: "x" }, { name: "tool", digest: `sha256:${a}` }] };
  expect(findChecksum(JSON.stringify(release), "https://h/tool")).toBe(a);
  expect(findChecksum("<html>", "https://h/tool")).toBeUndefined();
});

test("without a mirror a URL stays what it is", () => {
  expect(onMirror("https://h/x", "")).toBe("https://h/x");
  expect(onMirror("https://h/x", "http://m/")).toBe("http://m/h/x");
});

function tool(overrides: Partial<Tool> = {}): Tool {
  return {
    name: "greeter",
    version: "1.0.0",
    purpose: "greets",
    programs: { greeter: "example.com/greeter" },
    module: "no-such-module",
    minutes: 1,
    release: { ...source, members: { greeter: "bin/greeter" } },
    ...overrides,
  };
}

/** Puts a release of the tool on the server. */
function serveGreeter(text: string): Tool {
  mkdirSync(join(work, "bin"), { recursive: true });
  writeFileSync(join(work, "bin", "greeter"), text);
  execFileSync("tar", ["-czf", join(work, "tool.tgz"), "-C", work, "bin/greeter"]);
  const archive = readFileSync(join(work, "tool.tgz"));
  files["/example.com/r/tool.tgz"] = archive;
  return tool({ release: { ...sourceOf(archive), members: { greeter: "bin/greeter" } } });
}

test("a tool is downloaded once and then found", async () => {
  const greeter = serveGreeter("#!/bin/sh\necho hello\n");
  const programs = await ensureTool(greeter, silentLog);
  expect(execFileSync(programs.greeter as string).toString()).toBe("hello\n");
  requests.length = 0;
  await expect(ensureTool(greeter, silentLog)).resolves.toEqual(programs);
  expect(requests).toEqual([]);
});

test("an official release is downloaded once beside the build that it replaces, and only with a hash", async () => {
  const greeter = serveGreeter("#!/bin/sh\necho official\n");
  const built = join(work, "cache", "tools", "greeter-1.0.0");
  mkdirSync(built, { recursive: true });
  writeFileSync(join(built, "greeter"), "#!/bin/sh\necho built\n", { mode: 0o755 });
  expect(await findOfficial(tool({ release: { url, hash: null } }), silentLog)).toBeUndefined();
  expect(requests).toEqual([]);
  const official = await findOfficial(greeter, silentLog);
  expect(execFileSync(official!.greeter as string).toString()).toBe("official\n");
  requests.length = 0;
  expect(await findOfficial(greeter, silentLog)).toEqual(official);
  expect(requests).toEqual([]);
  expect(execFileSync(join(built, "greeter")).toString()).toBe("built\n");
});

test("an official release whose publisher doesn't answer is waited for 3 seconds", async () => {
  server.removeAllListeners("request");
  const started = Date.now();
  expect(await findOfficial(tool(), silentLog)).toBeUndefined();
  expect(Date.now() - started).toBeGreaterThan(2500);
  expect(Date.now() - started).toBeLessThan(4500);
  server.closeAllConnections();
});

test("a half-written tool of a killed run is not used", async () => {
  const greeter = serveGreeter("#!/bin/sh\necho whole\n");
  const partial = join(work, "cache", "tools", "greeter-1.0.0.partial-1");
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, "greeter"), "#!/bin/sh\necho ha", { mode: 0o755 });
  const programs = await ensureTool(greeter, silentLog);
  expect(execFileSync(programs.greeter as string).toString()).toBe("whole\n");
  expect(existsSync(partial)).toBe(false);
});

test("a download that was tampered with is not used, and the next way is tried", async () => {
  serveGreeter("#!/bin/sh\necho evil\n");
  // The next way is the build, and this module does not exist.
  await expect(ensureTool(tool(), silentLog)).rejects.toThrow("greeter 1.0.0 is missing");
  expect(existsSync(join(work, "cache", "tools", "greeter-1.0.0"))).toBe(false);
});

test("an installed tool of an accepted version is used as it is", async () => {
  writeFileSync(join(work, "greeter"), "#!/bin/sh\necho greeter v1.2.0\n", { mode: 0o755 });
  const installed = tool({
    versionArgs: ["version"],
    accepts: (text) => text.includes("v1.2"),
    places: [work],
  });
  const programs = await ensureTool(installed, silentLog);
  expect(programs).toEqual({ greeter: join(work, "greeter") });
  expect(requests).toEqual([]);
});

test("a tool without a hash is built, and the reason is said", async () => {
  serveGreeter("#!/bin/sh\necho unverified\n");
  const said: string[] = [];
  const log = { ...silentLog, info: (line: string) => void said.push(line) };
  const greeter = tool({ release: { url, hash: null } });
  // There is nothing to build here.
  await expect(ensureTool(greeter, log)).rejects.toThrow("greeter 1.0.0 is missing");
  expect(said.join("\n")).toContain(`local/tools/hashes.json has no hash for ${url}`);
  expect(requests).toEqual([]);
});

// One of our own is released by nobody.
const released = (Object.values(tools) as Tool[]).filter(({ release }) => release !== undefined);
test.each(released)("$name comes from its official release", async (real) => {
  const release = real.release!;
  const name = release.url.slice(release.url.lastIndexOf("/") + 1);
  const members = Object.values(release.members ?? {});
  for (const member of members) {
    mkdirSync(join(work, "release", dirname(member)), { recursive: true });
    writeFileSync(join(work, "release", member), `#!/bin/sh\necho ${member}\n`);
    writeFileSync(join(work, "release", dirname(member), "beside"), "");
  }
  if (members.length > 0)
    execFileSync("tar", ["-czf", join(work, name), "-C", join(work, "release"), "."]);
  else writeFileSync(join(work, name), "#!/bin/sh\necho alone\n");
  const file = readFileSync(join(work, name));
  files[release.url.replace("https:/", "")] = file;
  const hashed = { ...release, hash: `sha256:${sha256(file)}` };
  const programs = await ensureTool({ ...real, release: hashed, accepts: () => false }, silentLog);
  expect(Object.keys(programs)).toEqual(Object.keys(real.programs));
  for (const path of Object.values(programs)) expect(execFileSync(path).toString()).not.toBe("");
  expect(existsSync(join(dirname(Object.values(programs)[0] as string), "beside"))).toBe(
    members.length > 0,
  );
});

test("a failed fill leaves what was there before", async () => {
  const target = join(work, "kept");
  mkdirSync(target);
  writeFileSync(join(target, "old"), "old");
  const broken = fillAtomically(target, async (directory) => {
    writeFileSync(join(directory, "new"), "half");
    throw new Error("no space left on device");
  });
  await expect(broken).rejects.toThrow("no space left");
  expect(readFileSync(join(target, "old"), "utf8")).toBe("old");
  expect(readdirSync(work)).toEqual(["kept"]);
});
