import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp, dockerfileWith, type AppProject } from "../engine/appProject";
import { runDocker } from "../engine/dockerClient";
import type { RunOptions } from "../engine/harness";
import { startBuildkit, type OwnBuildkit } from "../engine/ownBuildkit";
import { startProxy, type Proxy } from "../engine/proxy";

// Faults of the builder, on a BuildKit of the test's own with a disk of 96 MB, and of the way to it. The tests follow one App.

const folder = mkdtempSync(join(tmpdir(), "multiarch-faults-builder-"));
const options: RunOptions = { env: { BUILDX_CONFIG: folder } };
let buildkit: OwnBuildkit;
let proxy: Proxy;
let app: AppProject;

beforeAll(async () => {
  buildkit = await startBuildkit({ emulated: false, disk: "96m" });
  proxy = await startProxy(buildkit.endpoint.replace("unix://", ""));
  app = await createApp("faults-builder", {
    image: {
      builder: { name: "own", driver: "remote", endpoint: `tcp://127.0.0.1:${proxy.port}` },
      cache: { enabled: false },
    },
  });
  build("release one", "true");
  await app.project.up(options);
});
afterAll(async () => {
  await app?.dispose();
  await proxy?.close();
  await buildkit?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a release whose build runs a command. */
function build(release: string, command: string): void {
  app.project.write("app/RELEASE", release);
  app.project.write("app/Dockerfile", dockerfileWith(`mkdir -p /www && ${command}`));
}

/** The command that an explanation names between backquotes. */
const commandIn = (output: string) => /`docker (buildx [^`]*)`/.exec(output)![1]!.split(" ");

it("a builder that is killed in the middle of a build is named with what to do; started again, the next up builds", async () => {
  build("release two", "sleep 5");
  const run = app.project.start("up", options);
  await run.waitFor("sleep 5");
  const began = Date.now();
  await buildkit.kill();
  const { code, output } = await run.done;
  console.info(`builder killed: the up fails after ${Date.now() - began} ms`);
  expect(code).not.toBe(0);
  expect(output).toContain(`the connection to builder "own" broke`);
  expect(output).toContain("then run `pulumi up` again");
  expect(await app.page()).toBe("release one on x86_64");
  await buildkit.start();
  build("release two", "true");
  await app.project.up(options);
  expect(await app.page()).toBe("release two on x86_64");
});

it("a builder to which the connection breaks in the middle of a build is named; nothing has to be started for the next up", async () => {
  build("release three", "sleep 4");
  const run = app.project.start("up", options);
  await run.waitFor("sleep 4");
  proxy.set({ cutAfter: 0 });
  const { code, output } = await run.done;
  expect(code).not.toBe(0);
  expect(output).toContain(`builder "own"`);
  expect(await app.page()).toBe("release two on x86_64");
  proxy.set(undefined);
  await app.project.up(options);
  expect(await app.page()).toBe("release three on x86_64");
});

it("a builder whose disk is too small for a step says how to free it, and after that command the next up builds", async () => {
  // All or nothing, so that BuildKit has room for its records.
  const take = (megabytes: number, nth: number) => `fallocate -l ${megabytes}m /taken && : ${nth}`;
  build("release four", take(60, 1));
  await app.project.up(options);
  expect(await app.page()).toBe("release four on x86_64");
  build("release five", take(60, 2));
  const failed = await app.project.up({ ...options, expectFailure: true });
  expect(failed.output).toContain(`the disk of builder "own" is full`);
  expect(await app.page()).toBe("release four on x86_64");
  await runDocker([...commandIn(failed.output), "--force"], options.env);
  await app.project.up(options);
  expect(await app.page()).toBe("release five on x86_64");
});

it("a builder whose disk is full to the last byte is named with its disk, and with a new one the next up builds", async () => {
  build("release six", "dd if=/dev/zero of=/filler bs=1M count=200");
  const failed = await app.project.up({ ...options, expectFailure: true });
  // BuildKit's own record of the step needs room, too: it is kept in some runs, and in others it isn't.
  const known = failed.output.includes(`the disk of builder "own" is full`);
  console.info(
    `disk full: the up fails after ${failed.seconds} s, ${known ? "with" : "without"} BuildKit's record`,
  );
  if (known) expect(failed.output).toContain("only a new builder frees it");
  else
    expect(failed.output).toMatch(/builder "own" kept no record of the step .* whose disk is full/);
  expect(commandIn(failed.output)).toContain("prune");
  expect(await app.page()).toBe("release five on x86_64");
  build("release six", "true");
  await buildkit.renew();
  await app.project.up(options);
  expect(await app.page()).toBe("release six on x86_64");
});
