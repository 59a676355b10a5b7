import { resolve } from "node:path";
import { version } from "../../package.json";
import { FakeRegistry } from "../unit/fakeRegistry";
import { createProject, environment, type Project } from "./harness";

// `pulumi preview --policy-pack` with the published pack: programs by hand, and this package's own targets, against a registry of the test.

const pack = resolve(__dirname, "../../dist/components/policy");
const one = { os: "linux", architecture: "amd64" };
const other = { os: "linux", architecture: "arm64" };
const role = "arn:aws:iam::123456789012:role/any";

let registry: FakeRegistry;
let project: Project;
let intel: string;
let index: string;

beforeAll(async () => {
  registry = await FakeRegistry.start();
  intel = registry.reference(registry.image(one).digest);
  index = registry.reference(registry.index([registry.image(one), registry.image(other)]).digest);
  project = await createProject({ name: "policy", program: "", config: environment().aws.config });
});
afterAll(async () => {
  await project?.dispose();
  await registry?.stop();
});

/** What the rule says of a program, a line for each violation, without the image and what is to be done. */
async function violations(program: string, image: string): Promise<string[]> {
  project.write(
    "index.js",
    `const aws = require("@pulumi/aws"), pulumi = require("@pulumi/pulumi"), multiarch = require("multiarch");
const image = ${JSON.stringify(image)};
const later = new aws.ecr.Repository("later").repositoryUrl; // not known in a preview
${program}`,
  );
  // A violation of an advisory rule fails nothing, or this would throw.
  const { output } = await project.preview({ args: ["--policy-pack", pack] });
  expect(output).toContain(`multiarch@v${version}`); // the pack was asked
  return [
    ...output.replace(/\s+/g, " ").matchAll(/(\S+) holds (.+?), and (\S+ asks for \S+?):/g),
  ].map(
    ([, of, holds, asked]) => `${of === image ? "the image" : of} holds ${holds}, and ${asked}`,
  );
}

const task = (architecture: string, containers = "[{ name: 'web', image }]") => `
new aws.ecs.TaskDefinition("by-hand", {
  family: "web", requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "256", memory: "512",
  runtimePlatform: ${architecture}, containerDefinitions: pulumi.jsonStringify(${containers}),
});`;
const lambda = (architectures: string, uri = "image") => `
new aws.lambda.Function("by-hand", { role: "${role}", packageType: "Image", imageUri: ${uri}, architectures: ${architectures} });`;
const host = (architecture: string) => `
new multiarch.HostTarget("mine", { ref: image, architecture: ${architecture} });`;
const ec2 = (type: string) => `
new multiarch.Ec2Target("mine", { ref: image, instanceType: "${type}" });`;

const arm = `{ cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" }`;

it.each([
  ["a task definition", task(arm), "runtimePlatform.cpuArchitecture"],
  ["a function", lambda(`["arm64"]`), "architectures"],
  ["a host", host(`"arm64"`), "architecture"],
  ["instances of EC2", ec2("t4g.small"), "instanceType"],
])(
  "%s of arm64 with an image of amd64 alone is told, and fails nothing",
  async (_, program, field) => {
    expect(await violations(program, intel)).toEqual([
      `the image holds linux/amd64, and ${field} asks for linux/arm64`,
    ]);
  },
);

it("each container of a task is looked at by itself", async () => {
  const two = `[{ name: "web", image }, { name: "side", image: ${JSON.stringify(index)} }, { name: "third", image }]`;
  expect(await violations(task(arm, two), intel)).toHaveLength(2);
});

it.each([
  ["what has its platform", task("undefined") + lambda("undefined"), () => intel],
  ["an index with both", task(arm) + host(`"arm64"`) + ec2("t4g.small"), () => index],
  ["Windows", task(`{ operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" }`), () => intel],
  [
    "an image that isn't known yet",
    task(arm, "[{ image: later }]") + lambda(`["arm64"]`, "later"),
    () => intel,
  ],
  ["an image that isn't there", lambda(`["arm64"]`), () => `${intel.split("@")[0]}:nothing`],
  ["a registry that can't be reached", lambda(`["arm64"]`), () => "localhost:9/team/web:1"],
])("nothing is said of %s", async (_, program, image) => {
  expect(await violations(program, image())).toEqual([]);
});

const onInstances = (compatibilities: string) => `
new aws.ecs.TaskDefinition("by-hand", {
  family: "web", ${compatibilities} containerDefinitions: JSON.stringify([{ name: "web", image, memory: 64 }]),
});`;

it.each([
  ["for EC2", onInstances(`requiresCompatibilities: ["EC2"],`)],
  ["for either launch type", onInstances(`requiresCompatibilities: ["EC2", "FARGATE"],`)],
  ["for no launch type in particular", onInstances("")],
])(
  "a task definition %s that states no architecture asks for none: its instances decide",
  async (_, program) => {
    const arm64 = registry.reference(registry.image(other).digest);
    expect(await violations(program, arm64)).toEqual([]);
  },
);

it("a task definition for Fargate alone that states no architecture asks for X86_64", async () => {
  const arm64 = registry.reference(registry.image(other).digest);
  expect(await violations(task("undefined"), arm64)).toEqual([
    "the image holds linux/arm64, and runtimePlatform.cpuArchitecture asks for linux/amd64",
  ]);
});

it("nothing is said of an App in its first preview", async () => {
  const arm64 = registry.reference(registry.image(other).digest);
  const app = `
new multiarch.App("whole", {
  image: { ref: image },
  ecs: { architecture: "arm64", launchType: "EC2", clusterArn: "arn:aws:ecs:eu-west-1:123456789012:cluster/any" },
  lambda: { architecture: "arm64" },
  host: { architecture: "arm64" },
});`;
  expect(await violations(app, arm64)).toEqual([]);
});
