import { resolve } from "node:path";
import { version } from "../../package.json";
import { FakeRegistry } from "../unit/fakeRegistry";
import { createProject, environment, type Project } from "./harness";

// `pulumi preview --policy-pack` with the published pack: programs by hand, and this package's own targets, against a registry of the test.

const pack = resolve(__dirname, "../../dist/components/policy");
const one = { os: "linux", architecture: "amd64" };
const other = { os: "linux", architecture: "arm64" };
const role = "arn:aws:iam::123456789012:role/any";

/** One program contains all cases, because each preview takes seconds. Each case has an image of its own, by which its violations are known. */
interface Case {
  /** The case as a sentence. */
  readonly title: string;
  /** Statements that declare resources which run `image`. `name` is unique. */
  readonly program: (name: string) => string;
  /** The image: of amd64 alone, of arm64 alone, an index of both, or a reference. */
  readonly image: (registry: FakeRegistry, salt: string) => string;
  /** What the rule says, a line for each violation, without the image and what is to be done. */
  readonly violations: readonly string[];
}

const intel: Case["image"] = (registry, salt) =>
  registry.reference(registry.image(one, { salt }).digest);
const arm64: Case["image"] = (registry, salt) =>
  registry.reference(registry.image(other, { salt }).digest);
const index: Case["image"] = (registry, salt) =>
  registry.reference(
    registry.index([registry.image(one, { salt }), registry.image(other, { salt })]).digest,
  );

const task =
  (architecture: string, containers = "[{ name: 'web', image }]") =>
  (name: string) => `
new aws.ecs.TaskDefinition("${name}-task", {
  family: "web", requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "256", memory: "512",
  runtimePlatform: ${architecture}, containerDefinitions: pulumi.jsonStringify(${containers}),
});`;
const lambda =
  (architectures: string, uri = "image") =>
  (name: string) => `
new aws.lambda.Function("${name}-function", { role: "${role}", packageType: "Image", imageUri: ${uri}, architectures: ${architectures} });`;
const onInstances = (compatibilities: string) => (name: string) => `
new aws.ecs.TaskDefinition("${name}-task", {
  family: "web", ${compatibilities} containerDefinitions: JSON.stringify([{ name: "web", image, memory: 64 }]),
});`;
const app = (name: string) => `
new multiarch.App("${name}", {
  image: { ref: image },
  ecs: { architecture: "arm64", launchType: "EC2", clusterArn: "arn:aws:ecs:eu-west-1:123456789012:cluster/any" },
  lambda: { architecture: "arm64" },
  host: { architecture: "arm64" },
});`;
const all =
  (...programs: Case["program"][]): Case["program"] =>
  (name) =>
    programs.map((program) => program(name)).join("");

const arm = `{ cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" }`;
const lacksArm64 = (field: string) => `holds linux/amd64, and ${field} asks for linux/arm64`;
const oneContainer = lacksArm64("runtimePlatform.cpuArchitecture");

const cases: readonly Case[] = [
  ...(
    [
      ["a task definition", task(arm), "runtimePlatform.cpuArchitecture"],
      ["a function", lambda(`["arm64"]`), "architectures"],
    ] as const
  ).map(([what, program, field]) => ({
    title: `${what} of arm64 with an image of amd64 alone is a violation, and fails nothing`,
    ...{ program, image: intel, violations: [lacksArm64(field)] },
  })),
  {
    title: "each container of a task is checked by itself",
    program: task(
      arm,
      `[{ name: "web", image }, { name: "side", image: both }, { name: "third", image }]`,
    ),
    image: intel,
    violations: [oneContainer, oneContainer],
  },
  ...(
    [
      ["an image with the platform", all(task("undefined"), lambda("undefined")), intel],
      ["an index of both", task(arm), index],
      ["Windows", task(`{ operatingSystemFamily: "WINDOWS_SERVER_2022_CORE" }`), intel],
      [
        "an image that is not known yet",
        all(task(arm, "[{ image: later }]"), lambda(`["arm64"]`, "later")),
        intel,
      ],
      [
        "an image that does not exist",
        lambda(`["arm64"]`),
        (registry: FakeRegistry) => registry.reference("nothing"),
      ],
      ["a registry that cannot be reached", lambda(`["arm64"]`), () => "localhost:9/team/web:1"],
      ["an App in its first preview", app, arm64],
    ] as const
  ).map(([what, program, image]) => ({
    title: `${what} is not a violation`,
    ...{ program, image, violations: [] },
  })),
  ...(
    [
      ["for EC2", onInstances(`requiresCompatibilities: ["EC2"],`)],
      ["for either launch type", onInstances(`requiresCompatibilities: ["EC2", "FARGATE"],`)],
      ["for no launch type in particular", onInstances("")],
    ] as const
  ).map(([what, program]) => ({
    title: `a task definition ${what} that states no architecture asks for none: its instances decide`,
    ...{ program, image: arm64, violations: [] },
  })),
  {
    title: "a task definition for Fargate alone that states no architecture asks for X86_64",
    program: task("undefined"),
    image: arm64,
    violations: ["holds linux/arm64, and runtimePlatform.cpuArchitecture asks for linux/amd64"],
  },
];

let registry: FakeRegistry;
let project: Project;
let images: string[];
let output: string;

beforeAll(async () => {
  registry = await FakeRegistry.start();
  images = cases.map(({ image }, nth) => image(registry, `case ${nth}`));
  const blocks = cases.map(
    ({ program }, nth) =>
      `{\nconst image = ${JSON.stringify(images[nth])};${program(`case${nth}`)}\n}`,
  );
  const program = `const aws = require("@pulumi/aws"), pulumi = require("@pulumi/pulumi"), multiarch = require("multiarch");
const both = ${JSON.stringify(index(registry, "both"))};
const later = new aws.ecr.Repository("later").repositoryUrl; // not known in a preview
${blocks.join("\n")}`;
  project = await createProject({ name: "policy", program, config: environment().aws.config });
  // A violation of an advisory rule fails nothing, or this would throw.
  ({ output } = await project.preview({ args: ["--policy-pack", pack] }));
});
afterAll(async () => {
  await project?.dispose();
  await registry?.stop();
});

it("the published pack is used, and reports nothing besides the violations below", () => {
  expect(output).toContain(`multiarch@v${version}`);
  const expected = cases.flatMap(({ violations }) => violations);
  expect(output.replace(/\s+/g, " ").match(/ holds .+?, and \S+ asks for /g)).toHaveLength(
    expected.length,
  );
});

it.each(cases.map((one, nth) => [one.title, one, nth] as const))("%s", (_, { violations }, nth) => {
  const found = output.replace(/\s+/g, " ").matchAll(/(\S+) (holds .+?, and \S+ asks for \S+?):/g);
  expect([...found].filter(([, of]) => of === images[nth]).map(([, , text]) => text)).toEqual(
    violations,
  );
});
