import net from "node:net";
import { createApp, registry, type AppProject, type Settings } from "./appProject";
import { runDocker, withBuilder } from "./dockerClient";
import { environment, type RunResult } from "./harness";

// What must be stopped before the target is touched. One App serves through all of it: each test tries something bad,
// sees it refused, and finds the old release still serving.

let app: AppProject;
let imageUri: string;
let containers: string[];
const both = { platforms: ["linux/amd64", "linux/arm64"] };

beforeAll(async () => {
  app = await createApp("refused", { image: both });
  await app.project.up();
  imageUri = (await app.project.outputs()).imageUri as string;
  containers = app.containers();
});
afterAll(() => app.dispose());

/** Runs `up` with other settings, sees it fail, and finds everything as it was. */
async function refused(settings: Settings): Promise<string> {
  app.set(settings);
  const { output } = await app.project.up({ expectFailure: true });
  expect(await app.page()).toBe("release one on x86_64");
  expect(app.containers()).toEqual(containers);
  return output;
}

/** The faster of two runs: what a command takes, without this machine's noise. */
async function fastest(run: () => Promise<RunResult>): Promise<RunResult> {
  const [first, second] = [await run(), await run()];
  return first.seconds < second.seconds ? first : second;
}

it("a target of another architecture than this machine's, before anything is pulled", async () => {
  app.front.takeRecords();
  const output = await refused({ image: both, host: { architecture: "arm64" } });
  expect(output).toMatch(/arm64/);
  expect(output).toMatch(/x86_64/);
  const blobs = app.front
    .takeRecords()
    .filter(({ method, path }) => method === "GET" && path.includes("/blobs/"));
  // The verification reads the configurations; no layer is fetched.
  expect(blobs.reduce((sum, { responseBytes }) => sum + responseBytes, 0)).toBeLessThan(50_000);
  // A preview may run on another machine than `up`.
  expect((await app.project.preview()).output).toContain(
    "warning: App web: host.architecture: arm64 is not the architecture of this machine (x86_64), so `pulumi up` fails here",
  );
});

it("a finished index that lacks the needed platform, with what it holds and what is needed", async () => {
  const digest = (platform: string) => `${app.front.address}/${app.repository}@${images[platform]}`;
  const images = Object.fromEntries(
    ((await app.project.outputs()).images as { platform: string; digest: string }[]).map((one) => [
      one.platform,
      one.digest,
    ]),
  );
  await runDocker([
    "buildx",
    "imagetools",
    "create",
    "--tag",
    `${app.front.address}/${app.repository}:arm`,
    digest("linux/arm64"),
  ]);
  const code = `{ ref: ${JSON.stringify(`${app.front.address}/${app.repository}:arm`)}, context: undefined, builder: undefined, buildArgs: undefined }`;
  const output = await refused({ imageCode: code });
  const lacks = `linux/amd64 is needed by host.architecture; ${app.front.address}/${app.repository}:arm holds linux/arm64`;
  expect(output).toContain(lacks);
  const preview = await app.project.preview({ expectFailure: true });
  expect(preview.output).toContain(`App web: image.ref: ${lacks}`);
  expect(preview.output).not.toMatch(/^\s+at /m);
});

it("a finished image in a registry that does not answer is for up to verify: the preview accepts it", async () => {
  const ref = `127.0.0.1:9/web@sha256:${"a".repeat(64)}`;
  app.set({
    imageCode: `{ ref: "${ref}", context: undefined, builder: undefined, buildArgs: undefined, registry: undefined }`,
  });
  const { output } = await app.project.preview();
  expect(output).not.toContain("error:");
});

it("a secret build argument, with the way to pass it", async () => {
  const settings = {
    image: both,
    imageCode: `{ buildArgs: { BASE: ${JSON.stringify(environment().baseImage)}, TOKEN: pulumi.secret("canary-arg") } }`,
  };
  const output = await refused(settings);
  expect(output).toContain("image.buildArgs.TOKEN: is secret");
  expect(output).toContain("image.secrets.TOKEN");
  expect(output).not.toContain("canary-arg");
  const preview = await app.project.preview({ expectFailure: true });
  expect(preview.output).toContain("image.buildArgs.TOKEN: is secret");
});

it("a builder that refuses connections, by its name, in preview and in up", async () => {
  await withBuilder("tcp://127.0.0.1:9", async (name) => {
    app.set({ image: { ...both, builder: { name } } });
    const preview = await app.project.preview({ expectFailure: true });
    expect(preview.output).toContain(
      `image.builder: builder "${name}" doesn't answer at tcp://127.0.0.1:9`,
    );
    expect(await refused({ image: { ...both, builder: { name } } })).toContain(
      `builder "${name}" doesn't answer`,
    );
  });
});

it("a builder that accepts connections and says nothing, after 5 seconds", async () => {
  let held: number[] = [];
  const server = net.createServer((socket) => {
    const began = performance.now();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => held.push(performance.now() - began));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  try {
    await withBuilder(`tcp://127.0.0.1:${port}`, async (name) => {
      app.set({ image: { ...both, builder: { name } } });
      for (const run of [app.project.preview, app.project.up]) {
        held = []; // docker's own `buildx create` waited for 20 s.
        const { output } = await run({ expectFailure: true });
        expect(output).toContain(`builder "${name}" doesn't answer`);
        // How long the connection was held is what the silence costs: 5 s, and more on a busy machine only.
        expect(held.length).toBeGreaterThan(0);
        expect(Math.max(...held)).toBeGreaterThan(4000);
        expect(Math.max(...held)).toBeLessThan(10_000);
      }
    });
  } finally {
    server.close();
  }
});

it("a builder that isn't there is a warning in preview, for machines that only preview, and an error in up", async () => {
  const settings = { image: { ...both, builder: { name: "nobody" } } };
  app.set(settings);
  const preview = await app.project.preview();
  expect(preview.output).toMatch(/warning: image\.builder: there is no builder "nobody"/);
  expect(await refused(settings)).toContain(`image.builder: there is no builder "nobody"`);
});

it("a platform that the builder doesn't offer, with those that it does, in preview", async () => {
  // QEMU's registrations differ from machine to machine; BuildKit knows no emulator of 32-bit big-endian MIPS.
  app.set({ image: { platforms: ["linux/amd64", "linux/mips"] } });
  const preview = await app.project.preview({ expectFailure: true });
  expect(preview.output).toMatch(/doesn't offer linux\/mips, only linux\/amd64/);
  expect(preview.output).toContain("image.builder.installEmulators: true has QEMU registered");
});

it("bad input, in one line, without a stack, as fast as an empty preview", async () => {
  app.project.write("index.js", "");
  const empty = await fastest(() => app.project.preview());
  app.set({ image: { platforms: ["linux/amd46"] } });
  const bad = await fastest(() => app.project.preview({ expectFailure: true }));
  expect(bad.output).toContain(
    `error: web: image.platforms[0]: "linux/amd46" is no platform of a Linux image; write os/`,
  );
  expect(bad.output).not.toMatch(/^\s+at /m);
  // An error with frames of source-mapped files takes 27 s to format (docs/field-notes.md): no stack, no such wait.
  expect(bad.seconds).toBeLessThan(empty.seconds * 3);
});

it("nothing of all this was deployed, and the first settings are still what runs", async () => {
  app.set({ image: both });
  await app.project.up();
  expect(await app.page()).toBe("release one on x86_64");
  expect((await app.project.outputs()).imageUri).toBe(imageUri);
  const { status } = await registry(
    "HEAD",
    `${app.repository}/manifests/${imageUri.split("@")[1]}`,
  );
  expect(status).toBe(200);
});
