import fs from "node:fs";
import path from "node:path";
import { createProject, environment, NOTHING } from "./harness";

// Each program that the documentation shows, on the real engine. A preview builds nothing, so neither base images nor
// credentials are needed; what an `up` does is app.test.ts's matter.

const checkout = path.resolve(__dirname, "../..");
const read = (file: string) => fs.readFileSync(path.join(checkout, file), "utf8");

/** The files of a folder, with the path that each is to have in the project. */
function folder(from: string, to: string): Record<string, string> {
  const names = fs
    .readdirSync(path.join(checkout, from), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [path.join(to, name), read(`${from}/${name}`)]));
}

/** The files of an example, with those of the app in it. */
const example = (name: string) => ({
  ...folder(`examples/${name}`, ""),
  ...folder(`examples/${name}/app`, "app"),
});

/** The first program that a page shows. */
function firstProgram(page: string): string {
  const [, program] = /```ts\n([^]*?)```/.exec(read(page)) ?? [];
  if (program === undefined) throw new Error(`${page} shows no program`);
  return program;
}

// App, Image, its one platform, the command that pushes and verifies the index, HostTarget, its identity, pull and release.
const one = { ...NOTHING, create: 8 };

/** An example in a folder of its own. */
const projectOf = (name: string, config: Record<string, unknown> = {}) =>
  createProject({
    name: `multiarch-${name}`,
    program: "",
    files: example(name),
    config: {
      registryAddress: environment().registry.address,
      repository: `examples/${name}`,
      builder: JSON.stringify({ name: environment().builder }),
      ...config,
    },
  });

it("examples/host is previewed: one platform, which follows from the architecture", async () => {
  const project = await projectOf("host");
  const { output, summary } = await project.preview();
  expect(output).toContain("platforms: linux/amd64 (host.architecture)");
  expect(output).toContain("building linux/amd64 natively on builder");
  expect(summary).toEqual(one);

  await project.pulumi(["config", "set", "architecture", "arm64"]);
  const arm = await project.preview();
  expect(arm.output).toContain("platforms: linux/arm64 (host.architecture)");
  expect(arm.output).toMatch(/building linux\/arm64 on builder \S+ \(may need emulation\)/);

  await project.pulumi(["config", "rm", "repository"]);
  const missing = await project.preview({ expectFailure: true });
  expect(missing.output).toContain("'repository'");
  await project.dispose();
});

it("examples/caddy is previewed: an app that only the host itself reaches (what Caddy does with it is faults/swap.test.ts's matter)", async () => {
  const project = await projectOf("caddy");
  expect((await project.preview()).summary).toEqual(one);
  await project.dispose();
  const [, port] = /host: (\d+)/.exec(read("examples/caddy/index.ts"))!;
  expect(read("examples/caddy/Caddyfile")).toContain(`{$UPSTREAM:127.0.0.1:${port}}`);
});

it("examples/ssh is previewed without a connection: three commands for each service on each host", async () => {
  const hostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
  const project = await projectOf("ssh", {
    hosts: {
      one: { address: "203.0.113.7", hostKey },
      two: { address: "203.0.113.8", hostKey },
    },
  });
  await project.pulumi(["config", "set", "--secret", "sshKey", "an OPENSSH PRIVATE KEY-----"]);
  const { events, stdout } = await project.preview();
  const names = events
    .filter(({ type }) => type === "command:remote:Command")
    .map(({ op, name }) => `${op} ${name}`);
  const of = (name: string) => [`create ${name}`, `create ${name}-pull`, `create ${name}-removal`];
  expect(names.sort()).toEqual(
    ["canary-one", "canary-two", "web-one", "web-two"].flatMap(of).sort(),
  );
  expect(stdout).toContain('url        : "http://203.0.113.7:80"');
  await project.dispose();
});

it("examples/promotion is previewed: one stack builds for both architectures, the other runs that by reference", async () => {
  const hostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
  const staging = await createProject({
    name: "multiarch-staging",
    program: "",
    files: example("promotion/staging"),
    config: {
      registryAddress: environment().registry.address,
      repository: "examples/promotion",
      builder: JSON.stringify({ name: environment().builder }),
    },
  });
  const production = await createProject({
    name: "multiarch-production",
    program: "",
    files: folder("examples/promotion/production", ""),
    config: {
      staging: "organization/multiarch-staging/test",
      hosts: { one: { address: "203.0.113.7", hostKey } },
    },
  });
  await production.pulumi(["config", "set", "--secret", "sshKey", "an OPENSSH PRIVATE KEY-----"]);
  const built = await staging.preview();
  expect(built.output).toContain(
    "platforms: linux/amd64 (host.architecture, image.platforms), linux/arm64 (image.platforms)",
  );

  // What an `up` of staging leaves, in the backend that production reads.
  const state = path.join(path.dirname(production.directory), "state");
  const env = { PULUMI_BACKEND_URL: `file://${state}` };
  const web = {
    urn: "urn:pulumi:test::multiarch-staging::multiarch:index:App::web",
    imageUri: `${environment().registry.address}/examples/promotion@sha256:${"a".repeat(64)}`,
    url: "http://127.0.0.1:8080",
  };
  staging.write("index.ts", `export const web = ${JSON.stringify(web)};`);
  await staging.pulumi(["stack", "init", "test"], { env });
  await staging.up({ env });

  const { output, events } = await production.preview();
  expect(output).toContain("platforms: linux/arm64 (host.architecture)");
  expect(output).toContain(`testedAt: "${web.url}"`);
  const types = events.map(({ op, type }) => `${op} ${type}`);
  expect(types).toContain("create command:remote:Command");
  expect(types.join()).not.toContain("docker-build");
  await production.dispose();
  await staging.dispose();
});

/** What each example on AWS is planned for, and what it makes there. */
it.each([
  ["ec2", "linux/amd64 (ec2.instanceType)", ["Instance", "Association", "EipAssociation"]],
  ["ecs", "linux/amd64 (ecs.architecture)", ["Service", "LoadBalancer", "TaskDefinition"]],
  ["lambda", "linux/amd64 (lambda.architecture)", ["Function", "Alias", "FunctionUrl"]],
  [
    "ci",
    "linux/amd64 (image.platforms), linux/arm64 (ecs.architecture, image.platforms)",
    ["Service", "LoadBalancer"],
  ],
  [
    "two-targets",
    "linux/amd64 (ec2.instanceType), linux/arm64 (ecs.architecture)",
    ["Instance", "Service"],
  ],
])("examples/%s is previewed on the emulated AWS", async (name, platforms, made) => {
  const project = await createProject({
    name: `multiarch-${name}`,
    program: "",
    files: example(name),
    config: {
      ...environment().aws.config,
      builder: JSON.stringify({ name: environment().builder }),
      ...(name === "ecs" || name === "lambda" ? { architecture: "x86_64" } : {}),
    },
  });
  const { output, events } = await project.preview();
  expect(output).toContain(`platforms: ${platforms}`);
  const types = events.map(({ op, type }) => `${op} ${type.split(":").at(-1)}`);
  for (const type of ["Repository", "Command", ...made]) expect(types).toContain(`create ${type}`);
  if (name === "ci") {
    // What the pipelines with native runners hand in.
    const digest = `sha256:${"a".repeat(64)}`;
    const image = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/web@${digest}`;
    const sources = JSON.stringify({ "linux/amd64": image, "linux/arm64": image });
    const joined = await project.preview({ env: { IMAGE_SOURCES: sources } });
    expect(joined.output).toContain(`platforms: ${platforms}`);
    const planned = joined.events.map(({ op, type }) => `${op} ${type}`);
    expect(planned).toContain("create command:local:Command");
    expect(planned).not.toContain("create docker-build:index:Image");
  }
  await project.dispose();
});

it("the first program of docs/aws.md is previewed as it stands there", async () => {
  const program = firstProgram("docs/aws.md");
  expect(program).toContain("nightly");
  const project = await createProject({
    name: "docs-aws",
    program: "",
    files: {
      ...folder("examples/web", "app"),
      "index.ts": program,
      "package.json": `{ "name": "docs-aws", "main": "index.ts" }`,
      "Pulumi.yaml": "name: docs-aws\nruntime: nodejs\nmain: index.ts\n",
    },
    config: environment().aws.config,
  });
  const { output } = await project.preview();
  expect(output).toContain(
    "platforms: linux/amd64 (ec2.instanceType), linux/arm64 (ecs.architecture)",
  );
  await project.dispose();
});

it.each([
  ["README.md", "linux/arm64 (host.architecture)"],
  ["docs/getting-started.md", "linux/amd64 (host.architecture)"],
])("the first program of %s is previewed as it stands there", async (page, platforms) => {
  const project = await createProject({
    name: "docs-host",
    program: "",
    files: {
      ...folder("examples/web", "app"),
      "index.ts": firstProgram(page),
      "package.json": `{ "name": "docs-host", "main": "index.ts" }`,
      "Pulumi.yaml": "name: docs-host\nruntime: nodejs\nmain: index.ts\n",
    },
    config: { registryPassword: "none" },
  });
  const { output, summary } = await project.preview();
  expect(output).toContain(`platforms: ${platforms}`);
  expect(summary).toEqual(one);
  await project.dispose();
});
