import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  App,
  Ec2Target,
  EcsTarget,
  type HostArgs,
  HostTarget,
  Image,
  LambdaTarget,
  Repository,
} from "../../components";
import { describeProblems } from "../../components/errors";
import { checkedLate, withoutNulls } from "../../components/late";
import { workloadsOf } from "../../components/policy/workloads";
import { mockPreview, stripped, watchRegistrations } from "../fuzz/mocked";
import { alwaysRejected, placesIn, root } from "../fuzz/schema";
import { fieldsOf, promisesIn, withField } from "../hostile/fields";

// Mocks prove which inputs the children get, and nothing about providers. The fuzz sets fields at every depth of an App to null.

// Each promise of Pulumi's records where it was made, which takes time.
Error.stackTraceLimit = 0;

// No request leaves this host. The answer only decides about a warning.
jest.mock("../../components/registry/client", () => ({
  ...jest.requireActual<object>("../../components/registry/client"),
  exists: () => Promise.resolve("present"),
}));

jest.mock("../../components/outputs/local", () => ({ keepLocal: () => undefined }));

type Component = new (name: string, args: never) => pulumi.ComponentResource;
const components: Readonly<Record<string, Component>> = {
  app: App,
  host: HostTarget,
  ec2: Ec2Target,
  ecs: EcsTarget,
  lambda: LambdaTarget,
  image: Image,
  repository: Repository,
};

/** The inputs of each resource, by its type and name. */
async function inputsOf(component: string, args: unknown): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  await mockPreview();
  watchRegistrations(({ type, name, inputs }) => {
    found[`${type} ${name}`] = stripped(inputs);
  });
  await pulumi.runtime.runInPulumiStack(() => {
    new components[component]!("web", args as never);
    return Promise.resolve({});
  });
  await pulumi.runtime.disconnect();
  return found;
}

/** The message of the error that the arguments cause. */
function errorOf(component: string, args: unknown): string {
  try {
    new components[component]!("web", args as never);
  } catch (error) {
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    return (error as Error).message;
  }
  throw new Error("the arguments are accepted");
}

const { resources } = JSON.parse(
  readFileSync(join(__dirname, "../../components/schema.json"), "utf8"),
) as { resources: Record<string, { inputProperties: object }> };
const ref = `registry.example.com/team/web@sha256:${"a".repeat(64)}`;
const ecr = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:${"a".repeat(64)}`;

const cases = Object.entries(fieldsOf).flatMap(([component, { fields }]) =>
  fields
    // ECS rejects every process limit, also one that is not known yet.
    .filter((field) => `${component} ${field}` !== "ecs pidsLimit")
    .map((field) => [component, field] as const),
);

it.each(cases)(
  "null in a field of %s, now or later, has the result of leaving it out, or one error: %s",
  async (component, field) => {
    const { base, problems } = fieldsOf[component]!;
    const args = (one: unknown) => withField(base(field), field, one);
    const later = args(pulumi.output(null));
    const checked = promisesIn(checkedLate("web", withoutNulls(later), problems));
    const ended = (await Promise.allSettled(checked)).at(-1)!;
    const found = problems(args(undefined));
    if (found.length > 0) {
      const text = describeProblems("web", found);
      expect(errorOf(component, args(null))).toBe(text);
      expect(ended).toMatchObject({ reason: { message: text } });
      return;
    }
    const absent = await inputsOf(component, args(undefined));
    expect(Object.keys(absent).length).toBeGreaterThan(1);
    expect(await inputsOf(component, args(null))).toEqual(absent);
    if (ended.status === "fulfilled") expect(await inputsOf(component, later)).toEqual(absent);
    else
      expect(ended.reason).toMatchObject({
        message: `web: ${field}: is an Output without a value; leave the field out instead, because it decides what is created`,
      });
  },
);

const app = {
  image: { context: "tests", dockerfileInline: "FROM scratch" },
  ec2: { instanceType: "t3.small" },
  ecs: { containerPort: 80, loadBalancer: { ingressCidrs: ["0.0.0.0/0"] } },
  lambda: {},
  host: { ports: [{ container: 80 }] },
};

it("null in all other fields of an App and of what it contains changes nothing", async () => {
  const args = JSON.parse(JSON.stringify(app)) as Record<string, unknown>;
  const absent = placesIn(args, root).filter(
    ({ field, holder, key }) => holder[key] === undefined && !alwaysRejected.includes(field ?? ""),
  );
  for (const { holder, key } of absent) holder[key] = null;
  expect(absent.length).toBeGreaterThan(120);
  expect(await inputsOf("app", args)).toEqual(await inputsOf("app", app));
});

it.each([
  ["image", "Image", { platforms: ["linux/amd64"], ref }],
  ["repository", "Repository", {}],
  ["host", "HostTarget", { ref }],
  ["ec2", "Ec2Target", { ref, instanceType: "t3.small" }],
  ["ecs", "EcsTarget", { ref }],
  ["lambda", "LambdaTarget", { ref: ecr }],
])("null in all other fields of %s changes nothing", async (component, type, args) => {
  const fields = Object.keys(resources[`multiarch:index:${type}`]!.inputProperties);
  const nulls = Object.fromEntries(fields.map((field) => [field, null]));
  expect(fields.length).toBeGreaterThan(10);
  expect(await inputsOf(component, { ...nulls, ...args })).toEqual(await inputsOf(component, args));
});

it.each([`https://git.example.com/web.git#${"a".repeat(40)}`, "./examples/web"])(
  "a Dockerfile that turns out to be null is the default one of %s",
  async (context) => {
    const image = (more: object) => ({ ...app, image: { context, ...more } });
    const absent = await inputsOf("app", image({}));
    expect(Object.keys(absent)).toContain("docker-build:index:Image web-linux-amd64");
    expect(await inputsOf("app", image({ dockerfile: pulumi.output(null) }))).toEqual(absent);
  },
);

it("null in place of arguments, or of an image, is an error that names what is missing", () => {
  expect(errorOf("app", null)).toBe(errorOf("app", undefined));
  expect(errorOf("app", { image: null })).toBe(errorOf("app", {}));
  expect(errorOf("image", null)).toBe(errorOf("image", undefined));
  for (const target of ["host", "ec2", "ecs", "lambda"])
    expect(errorOf(target, null)).toBe(errorOf(target, undefined));
});

it("a list and a map with null are rejected with the path of the entry", () => {
  expect(errorOf("app", { ...app, image: { ...app.image, tags: ["a", null] } })).toMatch(
    /^web: image\.tags\[1\]: /,
  );
  expect(errorOf("app", { ...app, host: { environment: { A: null } } })).toMatch(
    /^web: host\.environment\.A: /,
  );
});

it("null in a resource's properties is the same as leaving it out for the policy pack", () => {
  const task = (runtimePlatform: unknown, requiresCompatibilities: unknown) =>
    workloadsOf("aws:ecs/taskDefinition:TaskDefinition", {
      ...{ runtimePlatform, requiresCompatibilities },
      containerDefinitions: JSON.stringify([{ image: ref }]),
    });
  const nulls = { cpuArchitecture: null, operatingSystemFamily: null };
  for (const compatibilities of [["EC2"], ["FARGATE"], null]) {
    const absent = task(undefined, compatibilities ?? undefined);
    expect(absent).toHaveLength(String(compatibilities) === "FARGATE" ? 1 : 0);
    expect(task(null, compatibilities)).toEqual(absent);
    expect(task(nulls, compatibilities)).toEqual(absent);
  }
  const lambda = { imageUri: ref, architectures: null };
  expect(workloadsOf("aws:lambda/function:Function", lambda)).toMatchObject([
    { architecture: "x86_64" },
  ]);
});

it("TypeScript rejects null", () => {
  // @ts-expect-error -- null is not assignable to SshHostArgs
  const args: HostArgs = { ssh: null };
  expect(args).toEqual({ ssh: null });
});
