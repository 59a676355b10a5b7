import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { App, Image } from "../../components";

// Everything here is refused before any resource is registered. tests/engine/refused.test.ts shows what a user sees.

const good = {
  image: { context: "app", registry: { address: "ghcr.io", repository: "team/web" } },
  host: { ports: [{ container: 8080 }] },
};
const digest = `sha256:${"a".repeat(64)}`;

type Change = Record<string, unknown>;
const image = (change: Change) => ({ ...good, image: { ...good.image, ...change } });
const registry = (change: Change) => image({ registry: { ...good.image.registry, ...change } });
const host = (change: Change) => ({ ...good, host: { ...good.host, ...change } });
const finished = (change: Change) => ({
  ...good,
  image: { ref: `ghcr.io/team/web@${digest}`, ...change },
});

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
beforeAll(() => {
  mkdirSync(join(folder, "app"));
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "app/Dockerfile"), "FROM scratch\n");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** What is wrong, and how the one line of the error starts. */
const table: [string, unknown, string][] = [
  ["no arguments", undefined, "image: is missing"],
  ["arguments that are a text", "app", "args: must be an object"],
  ["an unknown target", { ...good, hosts: {} }, "hosts: is not a field"],
  ["no image", { host: {} }, "image: is missing"],
  ["an image that is a text", { ...good, image: "./app" }, "image: must be an object"],
  ["no context", image({ context: undefined }), "image.context: is missing"],
  ["a misspelt field", image({ contxt: "app" }), "image.contxt: is not a field"],
  ["an empty context", image({ context: "" }), "image.context: must be a text"],
  ["a context that is a number", image({ context: 7 }), "image.context: must be a text"],
  [
    "a context that isn't there",
    image({ context: "nowhere" }),
    `image.context: there is no folder "nowhere"`,
  ],
  [
    "a context that is a file",
    image({ context: "app/Dockerfile" }),
    "image.context: there is no folder",
  ],
  [
    "a context without Dockerfile",
    image({ context: "empty" }),
    `image.context: "empty" holds no Dockerfile`,
  ],
  [
    "a Dockerfile that isn't there",
    image({ dockerfile: "Dockerfile" }),
    `image.dockerfile: there is no file "Dockerfile"`,
  ],
  [
    "two Dockerfiles",
    image({ dockerfile: "app/Dockerfile", dockerfileInline: "FROM scratch" }),
    "image.dockerfileInline: is given next to image.dockerfile",
  ],
  [
    "platforms that are a text",
    image({ platforms: "linux/amd64" }),
    "image.platforms: must be a list",
  ],
  ["no platform in the list", image({ platforms: [] }), "image.platforms: is empty"],
  [
    "an unknown platform",
    image({ platforms: ["linux/amd64", "linux/amd46"] }),
    `image.platforms[1]: "linux/amd46" is no platform`,
  ],
  [
    "Windows",
    image({ platforms: ["windows/amd64"] }),
    `image.platforms[0]: "windows/amd64" is no platform`,
  ],
  [
    "a platform twice",
    image({ platforms: ["linux/amd64", "x86_64"] }),
    `image.platforms[1]: "x86_64" is linux/amd64, which image.platforms[0]`,
  ],
  [
    "a list without the target's platform",
    image({ platforms: ["linux/arm64"] }),
    "image.platforms: holds linux/arm64, but host.architecture is x86_64",
  ],
  ["no registry", image({ registry: undefined }), "image.registry: is missing"],
  ["no repository", registry({ repository: undefined }), "image.registry.repository: is missing"],
  ["a repository in capitals", registry({ repository: "Team/Web" }), "image.registry.repository:"],
  [
    "a repository with a tag",
    registry({ repository: "team/web:1" }),
    `image.registry.repository: "team/web:1" holds a tag`,
  ],
  [
    "a registry with a scheme",
    registry({ address: "https://ghcr.io" }),
    `image.registry.address: "https://ghcr.io" holds a scheme`,
  ],
  ["a registry with a path", registry({ address: "ghcr.io/team" }), "image.registry.address:"],
  [
    "a registry that is no host",
    registry({ address: "registry" }),
    `image.registry.address: "registry" is no host`,
  ],
  [
    "Docker's own images",
    registry({ address: undefined, repository: "web" }),
    `image.registry.repository: "web" on Docker Hub`,
  ],
  ["a user without password", registry({ username: "me" }), "image.registry.password: is missing"],
  ["a password without user", registry({ password: "x" }), "image.registry.username: is missing"],
  [
    "private base images without user",
    image({ pullCredentials: [{ address: "docker.io", password: "x" }] }),
    "image.pullCredentials[0].username: is missing",
  ],
  [
    "a build argument that is a number",
    image({ buildArgs: { N: 7 } }),
    "image.buildArgs.N: must be a text",
  ],
  [
    "build arguments as a list",
    image({ buildArgs: ["N=7"] }),
    "image.buildArgs: must map names to texts",
  ],
  ["an unknown network", image({ network: "bridge" }), `image.network: is "bridge"`],
  ["an unknown compression", image({ compression: "lzma" }), `image.compression: is "lzma"`],
  ["an unknown cache mode", image({ cache: { mode: "all" } }), `image.cache.mode: is "all"`],
  [
    "a cache switched off with a text",
    image({ cache: { enabled: "no" } }),
    "image.cache.enabled: must be true or false",
  ],
  [
    "a cache reference that isn't one",
    image({ cache: { from: ["https://x"] } }),
    "image.cache.from[0]:",
  ],
  ["a tag that isn't one", image({ tags: ["v 1"] }), `image.tags[0]: "v 1" is no tag`],
  [
    "a tag with the repository",
    image({ tags: ["team/web:1"] }),
    `image.tags[0]: "team/web:1" is no tag`,
  ],
  ["a tag twice", image({ tags: ["a", "a"] }), `image.tags[1]: "a" is listed twice`],
  [
    "two ways to name builders",
    image({ builder: { name: "a" }, builders: { "linux/amd64": { name: "b" } } }),
    "image.builders: is given next to image.builder",
  ],
  [
    "builders that lack a platform",
    image({ builders: { "linux/arm64": { name: "b" } } }),
    "image.builders: names no builder for linux/amd64",
  ],
  [
    "a builder for no platform",
    image({ builders: { "linux/amd64": { name: "a" }, arm46: { name: "b" } } }),
    `image.builders["arm46"]: is no platform`,
  ],
  [
    "an extra host that isn't one",
    image({ extraHosts: ["db"] }),
    `image.extraHosts[0]: "db" is no host`,
  ],
  [
    "an epoch in the wrong form",
    image({ reproducible: { epoch: "now" } }),
    "image.reproducible.epoch: must be a whole number of seconds",
  ],
  ["an epoch that is missing", image({ reproducible: {} }), "image.reproducible.epoch: is missing"],
  ["SSH without an id", image({ ssh: [{}] }), "image.ssh[0].id: is missing"],
  [
    "a named context that isn't there",
    image({ namedContexts: { shared: "nowhere" } }),
    `image.namedContexts.shared: there is no folder "nowhere"`,
  ],
  [
    "a finished image and a build",
    finished({ context: "app" }),
    "image.context: means nothing next to image.ref",
  ],
  [
    "a reference without tag or digest",
    finished({ ref: "ghcr.io/team/web" }),
    `image.ref: "ghcr.io/team/web" names neither a digest nor a tag`,
  ],
  ["a reference that isn't one", finished({ ref: "https://ghcr.io/web:1" }), "image.ref:"],
  ["a digest cut short", finished({ ref: "ghcr.io/team/web@sha256:abc" }), "image.ref:"],
  ["an unknown architecture", host({ architecture: "amd46" }), "host.architecture:"],
  ["a port out of range", host({ ports: [{ container: 70000 }] }), "host.ports[0].container:"],
  ["a port that is a text", host({ ports: [{ container: "http" }] }), "host.ports[0].container:"],
  ["a host that is a text", { ...good, host: "here" }, "host:"],
];

it.each(table)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new App("web", args as ConstructorParameters<typeof App>[1]);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
});

it("several problems are told at once, a line each", () => {
  const args = { ...image({ context: "nowhere", tags: ["v 1"], platforms: ["linux/arm64"] }) };
  expect(() => new App("web", args as never)).toThrow(
    /there is no folder[^\n]*\n[^\n]*is no tag[^\n]*\n[^\n]*host\.architecture/,
  );
});

it("an Image alone names its fields without a prefix, and must be told its platforms", () => {
  expect(() => new Image("web", good.image)).toThrow(
    /^web: platforms: is absent, and no target says/,
  );
});

it("the table has at least 40 rows", () => {
  expect(table.length).toBeGreaterThanOrEqual(40);
});
