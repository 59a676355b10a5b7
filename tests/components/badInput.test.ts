import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { App, Image } from "../../components";
import { imageProblems } from "../../components/image/imageProblems";
import { checkedLate } from "../../components/late";

// Everything here is refused before any resource is registered. tests/engine/refused.test.ts shows what a user sees.

const good = {
  image: { context: "app", registry: { address: "ghcr.io", repository: "team/web" } },
  host: { ports: [{ container: 8080 }] },
};
const digest = `sha256:${"a".repeat(64)}`;

const circular: Record<string, unknown> = {};
circular.self = circular;
const outputs = {
  repositoryUrl: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
  ...{
    repositoryName: "web",
    arn: "arn:aws:ecr:eu-west-1:123456789012:repository/web",
    username: "AWS",
    password: "token",
  },
};

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
    `image.registry.address: "https://ghcr.io" must be a host, without a scheme or a path; write "ghcr.io"`,
  ],
  ["a registry with a path", registry({ address: "ghcr.io/team" }), "image.registry.address:"],
  [
    "a registry that is not a valid host",
    registry({ address: "registry" }),
    `image.registry.address: "registry" is not a valid host`,
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
    "image.buildArgs.N: must be a string",
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
  [
    "a list with a hole",
    // eslint-disable-next-line no-sparse-arrays
    image({ tags: ["a", , "b"] }),
    "image.tags[1]: is nothing",
  ],
  [
    "a load balancer's subnet that is no text",
    {
      ...good,
      ecs: {
        containerPort: 80,
        loadBalancer: { ingressCidrs: ["0.0.0.0/0"], subnetIds: ["a", 7] },
      },
    },
    "ecs.loadBalancer.subnetIds[1]: must be a text",
  ],
  ["a BigInt", image({ target: 10n }), "image.target: must be a text that isn't empty, got 10"],
  ["a target that is a Date", { ...good, host: new Date(0) }, "host: must be an object"],
  ["a Map", image({ labels: new Map([["a", "b"]]) }), "image.labels: must map names to texts"],
  [
    "a value with a line break in it",
    registry({ address: "ghcr.io\n" }),
    `image.registry.address: "ghcr.io\\n"`,
  ],
  ["NaN", host({ memory: NaN }), "host.memory: must be a whole number of MiB, at least 6, got NaN"],
  [
    "what refers to itself",
    image({ target: circular }),
    "image.target: must be a text that isn't empty, got an object",
  ],
  ["a field with a line break in its name", image({ "a\nb": 1 }), "image.a\\nb: is not a field"],
  [
    "credentials in a list too many, which aren't shown",
    image({ pullCredentials: [[{ address: "ghcr.io", username: "me", password: "canary" }]] }),
    "image.pullCredentials[0]: must be an object, got a list; its fields",
  ],
  [
    "secrets in a list, which aren't shown",
    image({ secrets: ["canary"] }),
    "image.secrets: must map names to texts, got a list; write",
  ],
  [
    "credentials for base images where the App makes the repository",
    {
      image: { context: "app", pullCredentials: [{ username: "me", password: "x" }] },
      ecs: {},
      repository: {},
    },
    "image.pullCredentials[0].address: is missing",
  ],
  [
    "a repository's outputs without one",
    image({ registry: undefined, repository: { ...outputs, arn: undefined } }),
    "image.repository.arn: is missing",
  ],
  [
    "a repository's output that is no text",
    image({ registry: undefined, repository: { ...outputs, repositoryUrl: {} } }),
    "image.repository.repositoryUrl: must be a text",
  ],
  [
    "a command's word that is nothing",
    { ...good, ecs: { command: ["serve", 7] } },
    "ecs.command[1]: must be a text",
  ],
  [
    "a secret of ECS that is no text",
    { ...good, ecs: { pullSecretArn: {} } },
    "ecs.pullSecretArn: must be a text",
  ],
  [
    "a name that Pulumi's SDK fails on",
    image({ labels: { toString: "a" } }),
    "image.labels.toString: is a name",
  ],
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

it.each([
  [
    "is nothing",
    { context: "app", secrets: { npm: pulumi.output(undefined) } },
    "image.secrets.npm: must be a string, got undefined; write a string",
  ],
  [
    "is a folder that isn't there",
    { context: Promise.resolve("nowhere") },
    `image.context: there is no folder "nowhere"; write`,
  ],
  [
    "is a secret, which isn't shown",
    { copyOf: pulumi.secret("canary") },
    "image.copyOf: is not valid (value hidden because it is secret); check the value",
  ],
])("what is known later and %s gives the same error then", async (_, change, start) => {
  const args = { ...good, image: { registry: good.image.registry, ...change } };
  const checked = checkedLate("web", args, (known) => imageProblems(known.image, "image"));
  const image = checked.image as Record<string, unknown> & { secrets?: { npm: unknown } };
  const found = [image.copyOf, image.context, image.secrets?.npm].find(pulumi.Output.isInstance);
  const { promise, allResources, isKnown, isSecret } = found as unknown as {
    promise(): Promise<unknown>;
    allResources(): Promise<unknown>;
    isKnown: Promise<boolean>;
    isSecret: Promise<boolean>;
  };
  // All of them end with the error, and each wants to be caught.
  void Promise.allSettled([allResources.call(found), isKnown, isSecret]);
  const error: unknown = await promise.call(found).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(pulumi.RunError);
  expect((error as Error).message).toContain(`web: ${start}`);
  expect((error as Error).message).not.toContain("canary");
});

it("an Image alone names its fields without a prefix, and must be told its platforms", () => {
  expect(() => new Image("web", good.image)).toThrow(
    /^web: platforms: is absent, and no target says/,
  );
});

it("the table has at least 40 rows", () => {
  expect(table.length).toBeGreaterThanOrEqual(40);
});
