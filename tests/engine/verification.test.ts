import { copyFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { appFiles, createApp, docker, type AppProject, type Settings } from "./appProject";
import { environment, NOTHING, type RunResult } from "./harness";

// The depths of verification, on the real builder, registry and engine. One App serves through all of it.

interface Report {
  images: { platform: string; digest: string; size: number; code?: object }[];
  downloaded?: number;
  warnings?: string[];
}

let app: AppProject;
const platforms = ["linux/amd64", "linux/arm64"];

/** The gate, as the state has it. */
async function gate() {
  const { resources } = await app.project.state();
  const { inputs, outputs } = resources.find(({ urn }) => urn.endsWith("::web-verified"))!;
  return { inputs: inputs!, report: JSON.parse(outputs!.stdout as string) as Report };
}

function write(dockerfile: string, folder = ""): void {
  app.project.write(`${folder}app/Dockerfile`, dockerfile);
}

async function up(image: Record<string, unknown>, options = {}): Promise<RunResult> {
  app.set({ image: { platforms, ...image } });
  return app.project.up(options);
}

/** Runs `up`, sees it fail, and finds the release before serving. */
async function refused(image: Record<string, unknown>): Promise<string> {
  const [containers, page] = [app.containers(), await app.page()];
  const { output } = await up(image, { expectFailure: true });
  expect(app.containers()).toEqual(containers);
  expect(await app.page()).toBe(page);
  return output;
}

/** What is left of trials in the engine. */
function leftovers(): string {
  return docker(environment().env, "ps", "--all", "--quiet", "--filter", "label=multiarch.verify");
}

beforeAll(async () => {
  app = await createApp("verification", { image: { platforms } });
  await app.project.up();
});
afterAll(() => app.dispose());

describe("entrypoint, the default", () => {
  it("tells what each platform starts, and where its program lies", async () => {
    const { inputs, report } = await gate();
    expect(report.images.map(({ code }) => code)).toEqual([
      { file: "/bin/busybox", architecture: "amd64" },
      { file: "/bin/busybox", architecture: "arm64" },
    ]);
    expect(report.warnings).toEqual([]);
    const { MULTIARCH_PROGRAM } = inputs.environment as Record<string, string>;
    expect(MULTIARCH_PROGRAM).toMatch(/dist\/components\/verification\/main\.js$/);
    expect(isAbsolute(MULTIARCH_PROGRAM!)).toBe(false);
  });

  it("stops an image whose code is another platform's, before the target", async () => {
    write(appFiles["app/Dockerfile"].replace("FROM ", "FROM --platform=linux/amd64 "));
    const output = await refused({});
    expect(output).toContain(
      "linux/arm64: /bin/busybox, which runs /serve.sh, holds code for x86_64 (ELF machine 62) and can't run on linux/arm64: " +
        "build it again, without a fixed --platform in FROM and from a base image that has the platform",
    );
    expect(output).not.toMatch(/^\s+at /m);
  });

  it("stops it with layers of zstd too", async () => {
    expect(await refused({ compression: "zstd" })).toContain("linux/arm64: /bin/busybox, which");
  });

  it("manifest lets it pass, and reads no layers", async () => {
    await up({ verify: { depth: "manifest" } });
    const { report } = await gate();
    expect(report.images.map(({ code }) => code)).toEqual([undefined, undefined]);
    expect(report.downloaded).toBeUndefined();
    expect(await app.page()).toBe("release one on x86_64");
  });

  it("a change of the depth alone looks again, from wherever the program lies", async () => {
    // By `main`, the program's folder is another one than the project's, and the path to the verification with it.
    app.set({ image: { platforms, verify: { depth: "manifest" } } });
    for (const [file, text] of Object.entries(appFiles)) app.project.write(`deep/${file}`, text);
    write(appFiles["app/Dockerfile"].replace("FROM ", "FROM --platform=linux/amd64 "), "deep/");
    const move = (settings: Settings) => {
      app.set(settings);
      app.project.write("deep/index.js", 'require("../index.js");');
    };
    const runtime = { name: "nodejs", options: { typescript: false } };
    const yaml = (main: string) =>
      app.project.write("Pulumi.yaml", JSON.stringify({ name: "verification", runtime, main }));
    yaml("deep/index.js");
    move({ image: { platforms, verify: { depth: "manifest" } } });
    expect((await app.project.up()).summary).toMatchObject({
      ...NOTHING,
      same: expect.any(Number),
    });
    move({ image: { platforms } });
    const { output } = await app.project.up({ expectFailure: true });
    expect(output).toContain("linux/arm64: /bin/busybox, which runs /serve.sh, holds code for");
    yaml("index.js");
  });

  it("a dynamically linked program FROM scratch is a warning with the reason, and the host explains its failure", async () => {
    copyFileSync("/bin/true", join(app.project.directory, "app/true"));
    write(`FROM scratch\nCOPY --chmod=755 true /true\nCMD ["/true"]\n`);
    const output = await refused({ platforms: ["linux/amd64"] });
    expect(output).toMatch(
      /web: linux\/amd64: \/true is dynamically linked and needs \/lib\S+, which does not exist in the image: starting \/true fails with "no such file or directory", although it exists\. Link it statically/,
    );
    expect(output).toContain("the image lacks the command or what starts it: the program in a");
  });

  it("a volume that the image declares and nothing mounts is a warning, in the run after too", async () => {
    write(`${appFiles["app/Dockerfile"]}VOLUME /data\n`);
    const warning = "host: the image declares the volume /data, which is not mounted: each release";
    expect((await up({})).output).toContain(warning);
    expect((await app.project.preview()).output).toContain(warning);
    app.set({ image: { platforms }, host: { tmpfs: [{ target: "/data", size: 1 }] } });
    expect((await app.project.preview()).output).not.toContain("the volume /data");
  });

  it("a doubt is a warning, in the run after too", async () => {
    write(`ARG BASE\nFROM \${BASE}\nCMD ["/mounted/app"]\n`);
    app.set({ image: { platforms }, host: null });
    const warning = "web: linux/amd64: /mounted/app does not exist in the image. Copy it";
    expect((await app.project.up()).output).toContain(warning);
    expect((await app.project.preview()).output).toContain(warning);
  });

  it("reads no layer further than it must", async () => {
    write(`ARG BASE\nFROM \${BASE}\nRUN cp /bin/busybox /app\nCMD ["/app", "true"]\n`);
    await app.project.up();
    const { report } = await gate();
    expect(report.images.map(({ code }) => code)).toEqual([
      { file: "/app", architecture: "amd64" },
      { file: "/app", architecture: "arm64" },
    ]);
    // Of a program of more than a megabyte, and of the base image beneath it.
    expect(report.downloaded).toBeGreaterThan(0);
    expect(report.downloaded).toBeLessThan(300_000);
    write(appFiles["app/Dockerfile"]);
    await up({});
  });
});

describe("run", () => {
  const run = (rest: object = {}) => ({ verify: { depth: "run", ...rest } });

  it("starts the image of each platform, and leaves nothing of it", async () => {
    app.project.write("app/RELEASE", "release two");
    await up(run({ seconds: 2 }));
    expect(await app.page()).toBe("release two on x86_64");
    expect(leftovers()).toBe("");
    const { report } = await gate();
    // The engine is shared, and another test's image of the same content has the same digest.
    const format = "{{.Repository}}@{{.Digest}}";
    const held = docker(environment().env, "image", "ls", "--digests", "--format", format);
    const repository = `${app.front.address}/${app.repository}`;
    expect(held).toContain(`${repository}@${report.images[0]!.digest}`); // the host's own
    expect(held).not.toContain(`${repository}@${report.images[1]!.digest}`);
  });

  it("or a command of it", async () => {
    await up(run({ command: ["/bin/sh", "-c", "exit 0"] }));
  });

  it("whose failure stops the deployment, with its exit code and last lines", async () => {
    app.project.write("app/RELEASE", "release three");
    const output = await refused(run({ command: ["/bin/sh", "-c", "uname -m; exit 3"] }));
    for (const [platform, machine] of [
      ["linux/amd64", "x86_64"],
      ["linux/arm64", "aarch64"],
    ])
      expect(output).toMatch(
        new RegExp(
          `App web: ${platform}: verify\\.command \\(/bin/sh -c uname -m; exit 3\\) ended with exit code 3; its last lines:\\s+App web:   \\| ${machine}\\s`,
        ),
      );
    expect(leftovers()).toBe("");
  });

  it("that doesn't end in time is killed and told", async () => {
    const output = await refused(run({ command: ["sleep", "600"], seconds: 2 }));
    expect(output).toContain(
      "web: linux/arm64: verify.command (sleep 600) didn't end within 2 s: give it more verify.seconds",
    );
    expect(leftovers()).toBe("");
  });

  it("that is interrupted leaves nothing either", async () => {
    app.set({ image: { platforms, ...run({ command: ["sleep", "600"], seconds: 2 }) } });
    const running = app.project.start("up");
    while (leftovers() === "") await new Promise((resolve) => setTimeout(resolve, 100));
    running.kill("SIGINT");
    expect((await running.done).code).not.toBe(0);
    expect(leftovers()).toBe("");
  });

  it("a script with Windows line endings is explained, with the file and the fix", async () => {
    write(
      `ARG BASE\nFROM \${BASE}\nRUN printf '#!/bin/sh\\r\\n' > /run && chmod 755 /run\nCMD ["/run"]\n`,
    );
    const output = await refused({ ...run(), platforms: ["linux/amd64"] });
    expect(output).toContain("linux/amd64: the image lacks the command or what starts it: ");
    expect(output).toContain("/run has Windows line endings: the carriage return becomes part of");
    expect(leftovers()).toBe("");
  });

  it("an image that lies behind a shell is found by running it", async () => {
    // The header of a program for BPF, for which there is no emulator that could be registered here.
    const header =
      "\\\\177ELF\\\\002\\\\002\\\\001\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\002\\\\0\\\\367";
    write(
      appFiles["app/Dockerfile"].replace(
        /CMD.*/,
        `RUN printf '${header.replaceAll("\\\\", "\\")}' > /app && chmod 755 /app\nCMD /app`,
      ),
    );
    const output = await refused(run());
    expect(output).toMatch(/web: linux\/amd64: the image's own command ended with exit code 12\d/);
    expect(output).toContain("without network and settings; verify.command");
    expect(leftovers()).toBe("");
  });
});
