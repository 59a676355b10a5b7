import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { createApp, type AppProject, type Settings } from "./appProject";
import { environment, type RunOptions } from "./harness";
import {
  makeCertificates,
  riscvProgram,
  startBuildkit,
  startSshd,
  type Certificates,
  type OwnBuildkit,
} from "./ownBuildkit";

// Remote builders that the preflight makes, on two BuildKits of the test's own: one offers linux/amd64 only and wants mutual
// TLS, one is linux/arm64's. The driver docker-container needs privileged containers, which aren't to be had here:
// tests/unit/builderEnsure.test.ts shows what docker is asked for it.

const folder = mkdtempSync(join(tmpdir(), "multiarch-builders-"));
const buildxConfig = join(folder, "buildx");
const open: { stop(): Promise<void> }[] = [];
let certificates: Certificates;
let amd: OwnBuildkit;
let arm: OwnBuildkit;
let app: AppProject;

beforeAll(async () => {
  mkdirSync(buildxConfig);
  certificates = await makeCertificates(folder, "builder.test");
  amd = await startBuildkit({ emulated: false, tls: certificates });
  open.push(amd);
  arm = await startBuildkit({ emulated: false, platform: "linux/arm64" });
  open.push(arm);
  app = await createApp("builders");
});
afterAll(async () => {
  await app.dispose();
  for (const one of open) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

const own = (options: RunOptions = {}): RunOptions => ({
  ...options,
  env: { BUILDX_CONFIG: buildxConfig, ...options.env },
});
const instance = (name: string) => join(buildxConfig, "instances", name);
const stored = (name: string) => readFileSync(instance(name), "utf8");
/** How often something was said; the run prints it as it comes, and once more at its end. */
const occurrences = (output: string, word: string) =>
  output.slice(output.indexOf("\nDiagnostics:")).split(word).length - 1;

/** Never synchronously: the registry's front is served by this very process. */
async function run(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment().env, BUILDX_CONFIG: buildxConfig };
  return (await promisify(execFile)(command, args, { env })).stdout;
}
const buildx = (...args: string[]) => run(environment().docker, "buildx", ...args);
/** The name of the selected builder. */
const selected = async () =>
  (await buildx("ls"))
    .split("\n")
    .find((line) => /^\S+\*/.test(line))
    ?.split("*")[0];

const tls = () => ({
  ca: certificates.ca,
  certificate: certificates.client,
  key: certificates.clientKey,
  serverName: "builder.test",
});
const amdBuilder = (name = "amd") => ({
  name,
  driver: "remote",
  endpoint: amd.endpoint,
  tls: tls(),
});
const armBuilder = (name = "arm") => ({ name, driver: "remote", endpoint: arm.endpoint });
const both = ["linux/amd64", "linux/arm64"];
const byPlatform = (): Settings["image"] => ({
  platforms: both,
  builder: undefined,
  builders: { "linux/amd64": amdBuilder(), "linux/arm64": armBuilder() },
});

it("a preview says that a builder will be made, and makes none", async () => {
  app.set({ image: { builder: amdBuilder() } });
  const { output } = await app.project.preview(own());
  expect(output).toContain(
    `building linux/amd64 on builder "amd", which \`pulumi up\` makes first (remote at ${amd.endpoint})`,
  );
  expect(existsSync(instance("amd"))).toBe(false);
});

it("up makes it, over TCP with mutual TLS, and builds there; nobody's selection changes where none was made", async () => {
  const before = await selected();
  const { output } = await app.project.up(own());
  expect(output).toContain(`made builder "amd" (remote at ${amd.endpoint})`);
  expect(output).toContain(`building linux/amd64 natively on builder "amd"`);
  expect(await app.page()).toBe("release one on x86_64");
  expect(await buildx("du", "--builder", "amd")).toMatch(/^Total:\s+[1-9]/m);
  expect(await selected()).toBe(before);
});

it("a platform that it doesn't offer is refused in preview", async () => {
  app.set({ image: { builder: amdBuilder(), platforms: both } });
  const { output } = await app.project.preview(own({ expectFailure: true }));
  expect(output).toMatch(
    /image\.builder: builder "amd" doesn't offer linux\/arm64, only linux\/amd64/,
  );
  expect(output).toContain("tonistiigi/binfmt --install arm64");
});

it("each platform is built on its own builder, and the builder that the user selected stays selected", async () => {
  await buildx("create", "--name", "chosen", "--driver", "remote", arm.endpoint);
  await buildx("use", "chosen");
  app.set({ image: byPlatform() });
  const { output } = await app.project.up(own());
  expect(output).toContain(`made builder "arm"`);
  expect(output).not.toContain(`made builder "amd"`);
  expect(output).toContain(`building linux/arm64 natively on builder "arm"`);
  // The arm64 builder had nothing to do before.
  expect(await buildx("du", "--builder", "arm")).toMatch(/^Total:\s+[1-9]/m);
  expect(await selected()).toBe("chosen");
  expect((await app.project.up(own())).output).not.toContain("on builder");
});

describe("without `builder`", () => {
  const unset = { platforms: ["linux/amd64"], builder: undefined };
  /** In a preview and in `up`, and what the provider says that it builds with. */
  async function both(expected: string, used: string, env: Record<string, string>) {
    app.set({ image: unset });
    app.project.write("app/RELEASE", `release on ${used}`);
    expect((await app.project.preview(own({ env }))).output).toContain(expected);
    const { output } = await app.project.up(own({ env }));
    expect(output).toContain(expected);
    expect(output).toContain(`building with "${used}" instance`);
  }

  it("the selected builder is used, whatever BUILDX_BUILDER names", async () => {
    const expected = 'building linux/amd64 on builder "chosen" (may need emulation)\n';
    await both(expected, "chosen", { BUILDX_BUILDER: "amd" });
  });

  it("Docker's own is passed over for the first running builder by name", async () => {
    await buildx("use", "default");
    const words = "the first running builder by name (the selected one is Docker's own)";
    await both(`building linux/amd64 natively on builder "amd", ${words}`, "amd", {
      BUILDX_BUILDER: "arm",
    });
    await buildx("use", "chosen");
  });

  it("a new one in a container is announced in preview and in up, which says why it can't be started", async () => {
    const empty = join(folder, "no-builders");
    mkdirSync(empty);
    const env = { BUILDX_CONFIG: empty };
    app.set({ image: unset });
    app.project.write("app/RELEASE", "release on a new one");
    const expected =
      "warning: building linux/amd64: no builder is running, so `pulumi up` starts a new builder in a container, which stays on this machine. To choose a builder, set image.builder";
    expect((await app.project.preview({ env })).output).toContain(expected);
    // BuildKit's image can't be pulled here, and its container may not be privileged.
    const { output } = await app.project.up({ env, expectFailure: true });
    expect(output).toContain(expected);
    expect(output).toContain("booting builder");
    const { stdout } = await promisify(execFile)(
      environment().docker,
      ["buildx", "ls", "--format", "{{.Name}} {{.DriverEndpoint}}"],
      { env: { ...process.env, ...environment().env, ...env } },
    );
    expect(stdout).toContain("docker-container");
  });
});

it("a builder that is there with another address or driver is refused, in preview and in up, and not changed", async () => {
  const [before, page] = [stored("arm"), await app.page()];
  app.project.write("app/RELEASE", "release two");
  app.set({ image: { platforms: both, builder: { ...armBuilder(), endpoint: "tcp://b:1234" } } });
  const refusal = `image.builder: builder "arm" is there already as remote at ${arm.endpoint}, and stated as remote at tcp://b:1234`;
  for (const run of [app.project.preview, app.project.up])
    expect((await run(own({ expectFailure: true }))).output).toContain(refusal);
  app.set({ image: { platforms: both, builder: { name: "arm", driver: "docker-container" } } });
  const { output } = await app.project.preview(own({ expectFailure: true }));
  expect(output).toMatch(/builder "arm" is there already as remote .*stated as docker-container/);
  expect(stored("arm")).toBe(before);
  expect(await app.page()).toBe(page);
});

it("two platforms that need the same new builder at once make one", async () => {
  app.set({ image: { platforms: both, builder: armBuilder("shared") } });
  const { output } = await app.project.up(own());
  expect(occurrences(output, `made builder "shared"`)).toBe(1);
  expect(output).toContain(`building linux/amd64 on builder "shared" (may need emulation)`);
  expect(await app.page()).toBe("release two on x86_64");
});

it("two projects that need the same new builder at once make one, and both deploy", async () => {
  const other = await createApp("builders-other", { image: { builder: armBuilder("race") } });
  app.project.write("app/RELEASE", "release three");
  app.set({ image: { builder: armBuilder("race") } });
  const runs = await Promise.all([app.project.up(own()), other.project.up(own())]);
  const made = runs.map(({ output }) => occurrences(output, `made builder "race"`));
  expect(made.sort()).toEqual([0, 1]);
  expect(await app.page()).toBe("release three on x86_64");
  expect(await other.page()).toBe("release one on x86_64");
  await other.dispose();
});

it.each([
  [
    "an address where nobody listens",
    () => ({ ...armBuilder("wrong"), endpoint: "tcp://127.0.0.1:9" }),
  ],
  [
    "a builder that knows its clients",
    () => ({ ...amdBuilder("wrong"), tls: { ...tls(), certificate: undefined, key: undefined } }),
  ],
  [
    "a certificate for another name",
    () => ({ ...amdBuilder("wrong"), tls: { ...tls(), serverName: "other.test" } }),
  ],
])("%s is refused, and doesn't stand in the way of what is put right", async (_, wrong) => {
  app.project.write("app/RELEASE", `release for ${_}`);
  app.set({ image: { builder: wrong() } });
  const { output } = await app.project.up(own({ expectFailure: true }));
  expect(output).toMatch(/image\.builder: builder "wrong" doesn't answer at tcp:/);
  expect(existsSync(instance("wrong"))).toBe(false);
});

it("a builder over SSH is made and builds", async () => {
  const sshd = await startSshd();
  open.push(sshd);
  const endpoint = `ssh://${sshd.address}${arm.endpoint.slice("unix://".length)}`;
  app.set({ image: { builder: { name: "far", driver: "remote", endpoint } } });
  app.project.write("app/RELEASE", "release over SSH");
  const path = [sshd.bin, environment().env.PATH].join(delimiter);
  const { output } = await app.project.up(own({ env: { PATH: path } }));
  expect(output).toContain(`made builder "far" (remote at ${endpoint})`);
  expect(await app.page()).toBe("release over SSH on x86_64");
  await sshd.stop();
  app.project.write("app/RELEASE", "release without SSH");
  const dead = await app.project.preview(own({ expectFailure: true, env: { PATH: path } }));
  expect(dead.output).toMatch(/builder "far" doesn't answer at ssh:.*buildctl debug workers/);
});

describe("emulators", () => {
  const entry = "/proc/sys/fs/binfmt_misc/qemu-riscv64";
  let earlier = false;
  beforeAll(async () => {
    earlier = existsSync(entry);
    if (earlier) await run("update-binfmts", "--disable", "qemu-riscv64");
  });
  afterAll(async () => {
    await run("update-binfmts", earlier ? "--enable" : "--disable", "qemu-riscv64").catch(() => "");
  });

  it("installEmulators registers QEMU for a platform that nobody has used here, and its steps run", async () => {
    const buildkit = await startBuildkit({ emulated: true });
    open.push(buildkit);
    const builder = { name: "emulating", driver: "remote", endpoint: buildkit.endpoint };
    const image = { platforms: ["linux/riscv64"], builder, buildArgs: undefined };
    const riscv = await createApp("riscv", { image, host: null });
    writeFileSync(join(riscv.project.directory, "app/exit"), riscvProgram(), { mode: 0o755 });
    riscv.project.write("app/Dockerfile", `FROM scratch\nCOPY exit /exit\nRUN ["/exit"]\n`);
    const refused = await riscv.project.up(own({ expectFailure: true }));
    expect(refused.output).toMatch(
      /doesn't offer linux\/riscv64, .*image\.builder\.installEmulators: true/,
    );
    riscv.set({ image: { ...image, builder: { ...builder, installEmulators: true } }, host: null });
    const preview = await riscv.project.preview(own());
    expect(preview.output).toMatch(/`pulumi up` registers QEMU for it first/);
    expect(existsSync(entry)).toBe(false);
    const { output } = await riscv.project.up(own());
    expect(output).toContain("registered qemu-riscv64 with this machine's kernel");
    expect(output).toContain(`building linux/riscv64 on builder "emulating" (may need emulation)`);
    expect(existsSync(entry)).toBe(true);
    await riscv.dispose();
  });

  it("what was made is removed by one call, and nothing else", async () => {
    const remove = `require(${JSON.stringify(resolve("dist/components/builders/remove.js"))}).removeCreated().then(({ lines }) => console.log(lines.join("\\n")))`;
    const lines = (await run("node", "-e", remove)).trim().split("\n").sort();
    const made = ["amd", "arm", "emulating", "far", "race", "shared"];
    expect(lines).toEqual([
      ...made.map((name) => `removed builder "${name}"`),
      "unregistered qemu-riscv64",
    ]);
    for (const name of made) expect(existsSync(instance(name))).toBe(false);
    expect(existsSync(entry)).toBe(false);
    expect(await selected()).toBe("chosen");
    expect(await run("node", "-e", remove)).toBe("\n");
  });
});
