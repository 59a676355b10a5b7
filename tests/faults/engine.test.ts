import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginePing } from "../../local/docker";
import { waitFor } from "../../local/exec";
import { createApp, type AppProject } from "../engine/appProject";

// The host's engine, one of the test's own on a disk of 64 MB and a bridge of its own: nothing of it is seen by another test.

const folder = mkdtempSync(join(tmpdir(), "multiarch-faults-engine-"));
const disk = join(folder, "disk");
const socket = join(folder, "s.sock");
const bridge = `mafl${process.pid % 100_000}`;
const options = { env: { DOCKER_HOST: `unix://${socket}` } };
let engine: ChildProcess | undefined;
let app: AppProject;

beforeAll(async () => {
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "none", disk]);
  execFileSync("ip", ["link", "add", bridge, "type", "bridge"]);
  execFileSync("ip", ["addr", "add", "172.31.251.1/24", "dev", bridge]);
  execFileSync("ip", ["link", "set", bridge, "up"]);
  const at = ["--data-root", join(disk, "data"), "--exec-root", join(folder, "exec")];
  const rest = ["--pidfile", join(folder, "pid"), "--bridge", bridge, "--iptables=false"];
  engine = spawn("dockerd", [...at, ...rest, "--host", `unix://${socket}`], { stdio: "ignore" });
  expect(await waitFor(async () => ((await enginePing(socket)) ? true : undefined), 30_000)).toBe(
    true,
  );
  app = await createApp("faults-engine");
  app.project.write(
    "app/Dockerfile",
    `ARG BASE
FROM \${BASE}
RUN mkdir -p /www
COPY --chmod=755 serve.sh /serve.sh
COPY RELEASE layer /
CMD ["/serve.sh"]
`,
  );
  release("release one");
  await app.project.up(options);
});
afterAll(async () => {
  await app?.project.destroy(options).catch(() => undefined);
  await app?.dispose();
  const running = engine;
  if (running?.exitCode === null) {
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGTERM");
    await gone;
  }
  // Each by itself: what wasn't made can't be removed, and the rest must be.
  spawnSync("umount", ["--recursive", "--lazy", disk]);
  spawnSync("ip", ["link", "delete", bridge]);
  rmSync(folder, { recursive: true, force: true });
});

function release(text: string): void {
  app.project.write("app/RELEASE", text);
  writeFileSync(`${app.project.directory}/app/layer`, randomBytes(8 * 1024 * 1024));
}

it("an engine whose disk is full says so with the way to free it; the old release serves, and with room the next up finishes", async () => {
  const filler = join(disk, "filler");
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 4 * 1024 * 1024, 1));
  release("release two");
  const failed = await app.project.up({ ...options, expectFailure: true });
  console.info(`disk full: the up fails after ${failed.seconds} s`);
  expect(failed.output).toContain("no space left on device");
  expect(failed.output).toContain(
    "the disk of the container engine is full: `docker system df` shows what fills it, `docker system prune` frees what nothing uses",
  );
  expect(await app.page()).toBe("release one on x86_64");
  rmSync(filler);
  await app.project.up(options);
  expect(await app.page()).toBe("release two on x86_64");
});
