import {
  createApp,
  docker,
  dockerfileWith,
  freePort,
  get,
  registry,
  type AppProject,
} from "../engine/appProject";
import { environment, type RunResult } from "../engine/harness";

// Two stacks of one project in one repository, and a hand that moves its tags.

let app: AppProject;
let otherPort: number;
const other = { args: ["--stack", "other"] };

beforeAll(async () => {
  app = await createApp("faults-together");
  otherPort = await freePort();
  app.set({
    hostCode: `{ ports: [{ container: 8080, host: pulumi.getStack() === "test" ? ${app.port} : ${otherPort} }] }`,
  });
  app.project.write("app/Dockerfile", dockerfileWith('echo "built now" && mkdir -p /www'));
  await app.project.pulumi(["stack", "init", "other"]);
  await app.project.pulumi(["stack", "select", "test"]);
});
let destroyed = false;
afterAll(async () => {
  if (!destroyed) await app.project.destroy(other).catch(() => undefined);
  await app.dispose();
});

const both = () => Promise.all([app.project.up(), app.project.up(other)]);
const pages = () => Promise.all([app.page(), get(otherPort)]);
const tags = async (): Promise<string[]> =>
  (
    JSON.parse((await registry("GET", `${app.repository}/tags/list`)).body) as { tags: string[] }
  ).tags.sort();
const steps = (run: RunResult) =>
  run.events.filter(({ op }) => !["same", "read", "refresh"].includes(op)).map(({ op }) => op);

interface Released {
  imageUri: string;
  images: { ref: string }[];
}
const released = async () => (await app.project.outputs()) as unknown as Released;
const digest = (reference: string) => reference.split("@")[1]!;

it("two stacks that deploy to one repository at once have a cache each, and both serve", async () => {
  await both();
  expect(await pages()).toEqual(Array(2).fill("release one on x86_64"));
  app.project.write("app/RELEASE", "release two");
  const runs = await both();
  console.info(`both at once: ${runs.map(({ seconds }) => `${seconds} s`).join(", ")}`);
  expect(await pages()).toEqual(Array(2).fill("release two on x86_64"));
  expect(await tags()).toEqual(
    expect.arrayContaining(["cache-web-other-linux-amd64", "cache-web-test-linux-amd64"]),
  );
  for (const run of await both()) expect(steps(run)).toEqual([]);
});

it("a stack that is destroyed takes nothing with it that the other one runs, though it is the same digest", async () => {
  const { imageUri, images } = await released();
  const { stdout } = await app.project.pulumi(["stack", "output", "--json"], other);
  expect((JSON.parse(stdout) as Released).images).toEqual(images);
  await app.project.destroy(other);
  destroyed = true;
  expect(docker(environment().env, "ps", "-aq", "--filter", "name=^faults-together-other")).toBe(
    "",
  );
  for (const reference of [imageUri, ...images.map(({ ref }) => ref)]) {
    const { status } = await registry("HEAD", `${app.repository}/manifests/${digest(reference)}`);
    expect(status).toBe(200);
  }
  const run = await app.project.up();
  expect(steps(run)).toEqual([]);
  expect(run.output).not.toContain("no longer in the registry");
  expect(await app.page()).toBe("release two on x86_64");
});

it("a tag that somebody moved to another image changes nothing", async () => {
  const before = await released();
  const { body } = await registry("GET", `${app.repository}/manifests/${digest(before.imageUri)}`);
  const names = (await tags()).filter((tag) => tag.startsWith("sha-"));
  // To an index of another content: the same one with an annotation.
  const moved = JSON.stringify({ ...(JSON.parse(body) as object), annotations: { moved: "yes" } });
  for (const tag of names) {
    const url = `http://${environment().registry.address}/v2/${app.repository}/manifests/${tag}`;
    const headers = { "content-type": "application/vnd.oci.image.index.v1+json" };
    expect((await fetch(url, { method: "PUT", headers, body: moved })).status).toBe(201);
  }
  expect(names.length).toBeGreaterThan(0);
  const containers = app.containers();
  for (const run of [await app.project.preview(), await app.project.up()]) {
    expect(steps(run)).toEqual([]);
    expect(run.output).not.toContain("warning");
  }
  expect(await released()).toEqual(before);
  expect(app.containers()).toEqual(containers);
});
