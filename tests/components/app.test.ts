import * as pulumi from "@pulumi/pulumi";
import { App, type AppArgs } from "../../components";
import { register, type Registered, secretMark, valueOf, verified } from "./mocks";

// Which resources an App makes of which targets. That they work together is for the engine tests.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web";
const digests: Record<string, string> = {
  "web-linux-amd64": `sha256:${"a".repeat(64)}`,
  "web-linux-arm64": `sha256:${"b".repeat(64)}`,
};
const index = `sha256:${"c".repeat(64)}`;

function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  if (type === "docker-build:index:Image") return { digest: digests[name] };
  if (type === "aws:ecr/repository:Repository")
    return {
      repositoryUrl: repository,
      arn: "arn:aws:ecr:eu-west-1:123456789012:repository/web",
      name: "web",
    };
  if (name.endsWith("-verified")) return verified({ type, name, inputs }, repository, index);
  return { arn: `arn:${name}`, name: `${name}-1`, dnsName: "lb.example", publicIp: "192.0.2.1" };
}

function answer({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
  const answers: Record<string, Record<string, unknown>> = {
    getRegion: { region: "eu-west-1" },
    getVpc: { id: "vpc-1" },
    getSubnets: { ids: ["subnet-1"] },
    getParameter: { insecureValue: "ami-1" },
    getAuthorizationToken: { userName: "AWS", password: "canary-token" },
    getService: { taskDefinition: "arn:web", events: [] },
  };
  return answers[token.split(":").at(-1)!] ?? (inputs as Record<string, unknown>);
}

async function make(args: Partial<AppArgs>, opts: pulumi.ComponentResourceOptions = {}) {
  let app: App | undefined;
  const seen: Record<string, pulumi.CustomResourceOptions> = {};
  const transformations: pulumi.ResourceTransformation[] = [
    (resource) => {
      seen[`${resource.type} ${resource.name}`] = resource.opts;
      return undefined;
    },
  ];
  const all = await register(
    () => {
      app = new App(
        "web",
        { image: { context: "./examples/web" }, ...args },
        { ...opts, transformations },
      );
    },
    provider,
    answer,
  );
  return { app: app!, all, seen };
}

const names = (all: Registered[], type: string) =>
  all.filter((one) => one.type.endsWith(type)).map(({ name }) => name);

it("with a target on AWS makes a repository of ECR, and pushes there with a token that is recorded nowhere", async () => {
  const { all, app } = await make({ ecs: {} });
  expect(names(all, "ecr/repository:Repository")).toEqual(["web"]);
  const { inputs } = all.find(({ name }) => name === "web-linux-amd64")!;
  // The whole list is secret, for the token in it.
  expect(inputs.registries).toMatchObject({
    ...secretMark,
    value: [{ address: repository.split("/")[0], username: "AWS", password: "canary-token" }],
  });
  expect(inputs.exports).toEqual([{ image: expect.objectContaining({ names: [repository] }) }]);
  expect(await valueOf(app.imageUri)).toBe(`${repository}@${index}`);
  for (const one of all.filter(({ type }) => type.startsWith("multiarch:")))
    expect(JSON.stringify(one.inputs)).not.toContain("canary");
});

it("makes none where the image names a registry, or is a finished one", async () => {
  const registry = { address: "ghcr.io", repository: "team/web" };
  const named = await make({ image: { context: "./examples/web", registry }, ecs: {} });
  expect(names(named.all, "ecr/repository:Repository")).toEqual([]);
  const finished = await make({ image: { ref: `ghcr.io/team/web@${index}` }, ecs: {} });
  expect(names(finished.all, "ecr/repository:Repository")).toEqual([]);
});

it("keeps the repository that it made where the image becomes an earlier release in it, and makes none for somebody else's", async () => {
  const within = (name: string) => `123456789012.dkr.ecr.eu-west-1.amazonaws.com/${name}@${index}`;
  const back = await make({ image: { ref: within("web-0a1b2c3") }, ecs: {} });
  expect(names(back.all, "ecr/repository:Repository")).toEqual(["web"]);
  const other = await make({ image: { ref: within("team/web") }, ecs: {} });
  expect(names(other.all, "ecr/repository:Repository")).toEqual([]);
});

it("builds the union of what its targets need, once, and gives each its own platform's digest", async () => {
  const { all, app } = await make({
    ec2: { instanceType: "t3.small" },
    ecs: { architecture: "arm64" },
    lambda: { architecture: "arm64" },
  });
  expect(names(all, "docker-build:index:Image")).toEqual(["web-linux-amd64", "web-linux-arm64"]);
  const recorded = all.find(({ type }) => type === "multiarch:index:App")!.inputs;
  expect((recorded.image as Record<string, unknown>).platforms).toEqual({
    "linux/amd64": "ec2.instanceType",
    "linux/arm64": "ecs.architecture, lambda.architecture",
  });
  const arm = `${repository}@${digests["web-linux-arm64"]}`;
  const task = all.find(({ type }) => type.endsWith(":TaskDefinition"))!.inputs;
  expect(task.containerDefinitions).toContain(`"image":"${arm}"`);
  expect(all.find(({ type }) => type.endsWith(":Function"))!.inputs.imageUri).toBe(arm);
  const release = all.find(({ type }) => type.endsWith(":Association"))!.inputs;
  expect(JSON.stringify(release.parameters)).toContain(
    `# multiarch: ${repository}@${digests["web-linux-amd64"]}`,
  );
  expect(await valueOf(app.platforms)).toEqual(["linux/amd64", "linux/arm64"]);
});

it("lets Lambda pull where there is a Lambda target, and the image's own tags move", async () => {
  const image = { context: "./examples/web", tags: ["latest"] };
  const { all } = await make({ image, lambda: {} });
  const inputs = all.find(({ type }) => type.endsWith("ecr/repository:Repository"))!.inputs;
  const filters = inputs.imageTagMutabilityExclusionFilters as { filter: string }[];
  expect(filters.map(({ filter }) => filter)).toEqual(["cache-*", "live-*", "latest"]);
  expect(names(all, "RepositoryPolicy")).toEqual(["web-pull"]);
  expect(names((await make({ ecs: {} })).all, "RepositoryPolicy")).toEqual([]);
});

it("with keepReleases marks what the stack runs, once its targets run it", async () => {
  const { all, seen } = await make({ ecs: {}, repository: { keepReleases: 5 } });
  const live = all.find(({ name }) => name === "web-live")!;
  expect(live.inputs.triggers).toEqual([
    `${repository}@${index}`,
    `${repository}:live-project-web-stack`,
  ]);
  const [after] = seen["command:local:Command web-live"]!.dependsOn as pulumi.Resource[];
  expect(await valueOf(after!.urn)).toContain("multiarch:index:EcsTarget::web");
  expect(names((await make({ ecs: {} })).all, "command:local:Command")).toEqual(["web-verified"]);
});

it("protection reaches what would be lost, and not what each release replaces", async () => {
  const { seen } = await make(
    { ecs: {}, ec2: { instanceType: "t3.small" }, lambda: {} },
    { protect: true },
  );
  const replaced = /:(TaskDefinition|Association|Command) /;
  for (const [name, options] of Object.entries(seen)) {
    if (!replaced.test(name) || !/^(aws|docker-build|command):/.test(name)) continue;
    expect([name, options.protect]).toEqual([name, false]);
  }
});

const bad: [string, Record<string, unknown>, string][] = [
  [
    "a repository next to a registry",
    {
      repository: {},
      image: { context: "./examples/web", registry: { address: "ghcr.io", repository: "a/b" } },
      host: {},
    },
    "image.registry: is given next to repository",
  ],
  ["a repository that is a text", { repository: "web", ecs: {} }, "repository: must be an object"],
  [
    "a repository's name that ECR refuses",
    { repository: { name: "Web" }, ecs: {} },
    `repository.name: "Web" is no name`,
  ],
  [
    "a list that lacks a target's platform",
    {
      image: { context: "./examples/web", platforms: ["linux/arm64"] },
      ec2: { instanceType: "t3.small" },
    },
    "image.platforms: holds linux/arm64, but ec2.instanceType is x86_64",
  ],
  [
    "another target's platform missing",
    {
      image: { context: "./examples/web", platforms: ["linux/amd64"] },
      ecs: { architecture: "arm64" },
      ec2: { instanceType: "t3.small" },
    },
    "image.platforms: holds linux/amd64, but ecs.architecture is arm64",
  ],
  ["an ECS target that is a text", { ecs: "fargate" }, "ecs: must be an object"],
  ["an EC2 target without instance type", { ec2: {} }, "ec2.instanceType: is missing"],
  ["an ECS field that is misspelt", { ecs: { cpus: 1 } }, "ecs.cpus: is not a field"],
  [
    "an image in a target of an App",
    { ecs: { ref: `ghcr.io/a@${index}` } },
    "ecs.ref: is not a field",
  ],
  [
    "Lambda and another registry",
    {
      lambda: {},
      image: { context: "./examples/web", registry: { address: "ghcr.io", repository: "a/b" } },
    },
    "image.registry: is ghcr.io, and Lambda pulls from ECR only",
  ],
  [
    "an ECS port that nobody reaches",
    { ecs: { containerPort: 80 } },
    "ecs.containerPort: is given, but nobody could reach it",
  ],
  ["a misspelt target", { esc: {}, ecs: {} }, "esc: is not a field"],
  ["a host without a registry", { host: {} }, "image.registry: is missing"],
];

it.each(bad)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new App("web", { image: { context: "./examples/web" }, ...args } as unknown as AppArgs);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
});
