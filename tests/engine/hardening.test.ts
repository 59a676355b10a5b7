/**
 * What a container may do, seen from inside containers of a real engine that the host's script released. That the targets give
 * the script these settings is for tests/components; that ECS is given them is for ecs.test.ts.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type HostSettings,
  hostIdentity,
  releaseSettings,
} from "../../components/targets/host/hostSettings";
import { hostScript } from "../../components/targets/host/hostScript";
import { environment } from "./harness";

jest.setTimeout(90_000);

const run = `t${randomBytes(3).toString("hex")}`;
const { env: toolEnv, baseImage } = environment();
const env: NodeJS.ProcessEnv = { ...process.env, ...toolEnv };
let image: string;

const docker = async (...args: string[]) =>
  (await promisify(execFile)("docker", args, { env })).stdout.trim();

beforeAll(async () => {
  await docker("pull", "--quiet", baseImage);
  image = await docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", baseImage);
});
afterAll(async () => {
  const mine = (await docker("ps", "-aq", "--filter", `name=${run}`)).split("\n").filter(Boolean);
  if (mine.length > 0) await docker("rm", "-fv", ...mine);
});

type Settings = Partial<HostSettings>;

/** Releases an app that sleeps. */
function release(name: string, settings: Settings = {}, path?: string, options: string[] = []) {
  const identity = hostIdentity(run, "test", name);
  const all: HostSettings = {
    ...{ image, command: ["sleep", "1000"], health: { seconds: 0 }, stopTimeout: 1 },
    ...settings,
  };
  const machine = options.length > 0 ? { options } : {};
  const child = spawn("sh", ["-s", "--", "release"], {
    env: { ...env, ...(path && { PATH: `${path}:${env.PATH}` }) },
  });
  let stderr = "";
  child.stdout.resume();
  child.stderr.on("data", (data) => (stderr += data));
  child.stdin.end(releaseSettings(identity, all, [], machine) + hostScript("release"));
  return new Promise<{ code: number | null; stderr: string; container: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, stderr, container: identity.container })),
  );
}

/** What a command in the container prints, whether or not it succeeds. */
const inside = (container: string, command: string) =>
  promisify(execFile)("docker", ["exec", container, "sh", "-c", command], { env }).then(
    ({ stdout }) => stdout.trim(),
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`.trim(),
  );
const inspect = (container: string, format: string) =>
  docker("container", "inspect", "--format", format, container);
const limits = "{{json .HostConfig.LogConfig}} {{.HostConfig.PidsLimit}}";

/** A folder with a `docker` that does something else for one command, and passes all others on. */
function shim(cases: string): string {
  const folder = mkdtempSync(join(tmpdir(), "hardening-"));
  shims.push(folder);
  const real = `PATH='${env.PATH ?? ""}' exec docker "$@"`;
  writeFileSync(join(folder, "docker"), `#!/bin/sh\ncase $1 in ${cases} esac\n${real}\n`);
  chmodSync(join(folder, "docker"), 0o755);
  return folder;
}
const shims: string[] = [];
afterAll(() => shims.forEach((folder) => rmSync(folder, { recursive: true })));

describe("a hardened container", () => {
  let container: string;
  beforeAll(async () => {
    const released = await release("hard", {
      readOnlyRootFilesystem: true,
      tmpfs: [{ target: "/tmp", size: 1 }],
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      ...{ noNewPrivileges: true, pidsLimit: 30 },
    });
    expect(released).toMatchObject({ code: 0 });
    container = released.container;
  });

  it("can't write to its root file system", async () => {
    expect(await inside(container, "touch /canary")).toContain("Read-only file system");
  });
  it("can write to a tmpfs, up to its size, and start nothing from it", async () => {
    expect(await inside(container, "touch /tmp/canary && echo written")).toBe("written");
    const large = "dd if=/dev/zero of=/tmp/large bs=1M count=2";
    expect(await inside(container, large)).toContain("No space left on device");
    expect(await inside(container, "grep ' /tmp ' /proc/mounts")).toMatch(/noexec/);
  });
  it("has the capabilities that were added, and no others", async () => {
    // NET_BIND_SERVICE is bit 10. The app, not only what `docker exec` starts:
    const app = 'grep CapEff "/proc/$(pidof sleep)/status"';
    expect(await inside(container, app)).toBe("CapEff:\t0000000000000400");
    expect(await inside(container, "chown 1 /tmp/canary")).toContain("Operation not permitted");
  });
  it("can't gain privileges", async () => {
    const app = 'grep NoNewPrivs "/proc/$(pidof sleep)/status"';
    expect(await inside(container, app)).toBe("NoNewPrivs:\t1");
  });
  it("can't start more processes than its limit", async () => {
    expect(await inspect(container, "{{.HostConfig.PidsLimit}}")).toBe("30");
    const many = "i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i + 1)); done";
    expect(await inside(container, many)).toMatch(/can't fork|Resource temporarily unavailable/);
  });
  it("is released again by a changed option, and not by the same ones", async () => {
    const id = await inspect(container, "{{.Id}}");
    const settings: Settings = {
      readOnlyRootFilesystem: true,
      tmpfs: [{ target: "/tmp", size: 1 }],
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      ...{ noNewPrivileges: true, pidsLimit: 30 },
    };
    await release("hard", settings);
    expect(await inspect(container, "{{.Id}}")).toBe(id);
    await release("hard", { ...settings, pidsLimit: 31 });
    expect(await inspect(container, "{{.Id}}")).not.toBe(id);
  });
});

describe("init", () => {
  it("is process 1 by default", async () => {
    const { container } = await release("init");
    expect(await inside(container, "tr '\\0' ' ' </proc/1/cmdline")).toMatch(/init.* sleep 1000/);
  });
  it("is off on request: the app is process 1", async () => {
    const { code, container } = await release("noinit", { init: false });
    expect(code).toBe(0);
    expect(await inside(container, "tr '\\0' ' ' </proc/1/cmdline")).toBe("sleep 1000");
  });
});

describe("defaults", () => {
  it("limit processes and rotate the log, and leave all else to the engine", async () => {
    const { code, stderr, container } = await release("defaults");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("WARNING") });
    const [log, pids] = (await inspect(container, limits)).split(" ");
    expect(JSON.parse(log!)).toEqual({
      Type: await docker("info", "--format", "{{.LoggingDriver}}"),
      Config: { "max-file": "3", "max-size": "10m" },
    });
    expect(pids).toBe("8192");
    const rest =
      "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
    expect(await inspect(container, rest)).toBe("false [] []");
  });

  it.each([
    ["keeps logs in the journal", "info) echo journald true; exit ;;", "{} 8192"],
    [
      "can't limit processes",
      "info) echo local false; exit ;;",
      '{"max-file":"3","max-size":"10m"} <nil>',
    ],
    ["doesn't know the question, as Podman", "info) exit 125 ;;", "{} <nil>"],
  ])("are left out where the engine %s", async (_, cases, expected) => {
    const name = `engine-${expected.length}`;
    const { code, container } = await release(name, {}, shim(cases));
    expect(code).toBe(0);
    const format = "{{json .HostConfig.LogConfig.Config}} {{.HostConfig.PidsLimit}}";
    expect(await inspect(container, format)).toBe(expected);
  });

  it("don't release anew where the engine's answer changes", async () => {
    const { container } = await release("stable");
    const id = await inspect(container, "{{.Id}}");
    const again = await release("stable", {}, shim("info) echo journald false; exit ;;"));
    expect(again).toMatchObject({ code: 0, stderr: "this release serves already\n" });
    expect(await inspect(container, "{{.Id}}")).toBe(id);
  });

  it("have no log options where the target has a log driver of its own, as on EC2", async () => {
    const driver = ["--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:9"];
    const { code, container } = await release("driver", {}, undefined, driver);
    expect(code).toBe(0);
    const [log, pids] = (await inspect(container, limits)).split(" ");
    expect(JSON.parse(log!)).toMatchObject({
      Type: "syslog",
      Config: { "syslog-address": "udp://127.0.0.1:9" },
    });
    expect(log).not.toContain("max-size");
    expect(pids).toBe("8192");
  });

  // The kernel here has the pids controller, so the warning is written by a stand-in for the client, as Docker's own words it.
  it("show a limit that the engine discards, and release all the same", async () => {
    const warning =
      "WARNING: Your kernel does not support pids limit capabilities or the cgroup is not mounted. PIDs limit discarded.";
    const path = shim(`create) echo '${warning}' >&2 ;;`);
    const { code, stderr } = await release("discarded", { pidsLimit: 100 }, path);
    expect(code).toBe(0);
    expect(stderr).toContain(`the engine reports: ${warning}\n`);
  });
});
