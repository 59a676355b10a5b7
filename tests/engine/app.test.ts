import { cpSync } from "node:fs";
import { createApp, registry, type AppProject } from "./appProject";
import { NOTHING, type RunResult } from "./harness";

// One App through its life, on the real engine, BuildKit, registry and container engine. The tests build on each other.

let app: AppProject;
beforeAll(async () => {
  app = await createApp("life", { image: { platforms: ["linux/amd64", "linux/arm64"] } });
});
afterAll(() => app.dispose());

/** Steps that did something, as `op type`. */
const changes = (run: RunResult) =>
  run.events
    .filter(({ op, type }) => op !== "same" && op !== "read" && !type.startsWith("pulumi:"))
    .map(({ op, type, name }) => `${op} ${type} ${name}`);

/** The front's requests, without those that only ask whether TLS or authentication is there. */
const requests = () => app.front.takeRecords().map(({ method, path }) => `${method} ${path}`);

async function index(uri: string) {
  const { body } = await registry("GET", `${app.repository}/manifests/${uri.split("@")[1]}`);
  return JSON.parse(body) as {
    manifests: { digest: string; platform: { os: string; architecture: string } }[];
  };
}

it("the first up builds, pushes, verifies and runs; the registry holds exactly the planned platforms", async () => {
  const run = await app.project.up();
  expect(run.output).toContain(
    "platforms: linux/amd64 (host.architecture, image.platforms), linux/arm64 (image.platforms)",
  );
  expect(run.output).toMatch(/building linux\/arm64 on builder \S+ \(may need emulation\)/);
  expect(run.output).toContain("first build for linux/arm64: there is no cache yet");
  const outputs = await app.project.outputs();
  expect(outputs.imageUri).toMatch(
    new RegExp(`^${app.front.address}/${app.repository}@sha256:[0-9a-f]{64}$`),
  );
  expect(outputs.platforms).toEqual(["linux/amd64", "linux/arm64"]);
  const { manifests } = await index(outputs.imageUri as string);
  expect(manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`).sort()).toEqual(
    ["linux/amd64", "linux/arm64"],
  );
  const images = outputs.images as {
    platform: string;
    digest: string;
    size: number;
    ref: string;
  }[];
  expect(images.map(({ digest }) => digest).sort()).toEqual(
    manifests.map(({ digest }) => digest).sort(),
  );
  for (const { size } of images) expect(size).toBeGreaterThan(100_000);
  expect(await app.page()).toBe("release one on x86_64");
  expect(outputs.url).toBe(`http://127.0.0.1:${app.port}`);
});

it("a second preview and a second up change nothing, build nothing, and make one request each", async () => {
  const before = app.containers();
  for (const command of ["preview", "up"] as const) {
    app.front.takeRecords();
    const run = await app.project[command]();
    expect(changes(run)).toEqual([]);
    expect(run.output).not.toContain("building linux");
    expect(requests()).toEqual([expect.stringMatching(/^HEAD \/v2\/.*\/manifests\/sha256:/)]);
  }
  expect(app.containers()).toEqual(before);
});

it("nothing changes from a copy of the checkout at another path", async () => {
  const directory = app.project.directory;
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true });
  const run = await app.project.preview({ args: ["--cwd", copy, "--stack", "test"] });
  expect(changes(run)).toEqual([]);
  expect(run.summary).toEqual({ ...NOTHING, same: run.summary.same });
});

it("an edited source file is previewed without a wrong value, and released", async () => {
  app.project.write("app/RELEASE", "release two");
  const preview = await app.project.preview({ diff: true });
  expect(preview.output).toMatch(/~ docker-build:index:Image: \(update\)/);
  expect(preview.output).not.toMatch(/=> ""/);
  expect(preview.output).not.toContain("invalid reference");
  expect(await app.page()).toBe("release one on x86_64");

  app.front.takeRecords();
  const run = await app.project.up();
  expect(run.output).not.toContain("first build");
  expect(await app.page()).toBe("release two on x86_64");
  const pushed = app.front
    .takeRecords()
    .filter(
      ({ method, path }) =>
        ["PUT", "PATCH", "POST"].includes(method) && path.includes(app.repository),
    );
  const bytes = pushed.reduce((sum, { requestBytes }) => sum + requestBytes, 0);
  const manifests = pushed
    .filter(({ path }) => path.includes("/manifests/"))
    .reduce((sum, { requestBytes }) => sum + requestBytes, 0);
  // Per platform: the one small layer and the configuration; the cache's own configuration; nothing of the base image.
  expect(manifests).toBeGreaterThan(0);
  expect(bytes - manifests).toBeLessThan(40_000);
});

it("the same again changes nothing", async () => {
  expect(changes(await app.project.up())).toEqual([]);
});

it("a platform removed and added shows on the component with its reason, and leaves the target alone", async () => {
  const containers = app.containers();
  const before = (await app.project.outputs()).imageUri as string;
  app.set({ image: { platforms: ["linux/amd64"] } });
  const removed = await app.project.preview({ diff: true });
  expect(removed.output).toMatch(/- linux\/arm64: "image\.platforms"/);
  const removal = await app.project.up();
  expect(
    changes(removal).filter((change) => /HostTarget|Command web(-pull)?$/.test(change)),
  ).toEqual([]);
  expect((await app.project.outputs()).platforms).toEqual(["linux/amd64"]);
  expect((await index(before)).manifests).toHaveLength(2);

  app.set({ image: { platforms: ["linux/amd64", "linux/arm64"] } });
  const added = await app.project.preview({ diff: true });
  expect(added.output).toMatch(/\+ linux\/arm64: "image\.platforms"/);
  const addition = await app.project.up();
  expect(
    changes(addition).filter((change) => /HostTarget|Command web(-pull)?$/.test(change)),
  ).toEqual([]);
  expect((await app.project.outputs()).platforms).toEqual(["linux/amd64", "linux/arm64"]);
  for (const { digest } of (await index(before)).manifests) {
    expect((await registry("HEAD", `${app.repository}/manifests/${digest}`)).status).toBe(200);
  }
  expect(app.containers()).toEqual(containers);
});

it("no absolute path of the project is in the state", async () => {
  const { text } = await app.project.state();
  expect(text).not.toContain(app.project.directory);
});

it("an App whose place a HostTarget of its name takes hands the container over, and gets it back", async () => {
  const { imageUri, images } = await app.project.outputs();
  const [{ ref }] = images as [{ ref: string }];
  app.project.write(
    "index.js",
    `const multiarch = require("multiarch");
const target = new multiarch.HostTarget("web", ${JSON.stringify({
      ref,
      ports: [{ container: 8080, host: app.port }],
      health: { path: "/", timeout: 20 },
    })});
exports.imageUri = ${JSON.stringify(imageUri)};
`,
  );
  await app.project.up();
  expect(await app.page()).toBe("release two on x86_64");
  app.set({ image: { platforms: ["linux/amd64", "linux/arm64"] } });
  await app.project.up();
  expect(await app.page()).toBe("release two on x86_64");
});

it("after destroy nothing of it runs, and the registry still holds what was released", async () => {
  const { imageUri } = await app.project.outputs();
  await app.project.destroy();
  expect(app.containers()).toEqual([]);
  await expect(app.page()).rejects.toThrow();
  expect((await index(imageUri as string)).manifests).toHaveLength(2);
});
