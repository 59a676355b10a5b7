import * as pulumi from "@pulumi/pulumi";
import { App, type AppOutputs, appOutputs } from "../../components";
import { type Registered, verified } from "./mocks";

// What Pulumi makes of an exported App, and how another program reads it. What an error looks like, and
// that it is so on the real engine, is in tests/engine/package.test.ts.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web";
const digest = `sha256:${"c".repeat(64)}`;

function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  if (type === "docker-build:index:Image") return { digest };
  if (type === "aws:ecr/repository:Repository") return { repositoryUrl: repository, arn: "arn:r" };
  if (name.endsWith("-verified")) return verified({ type, name, inputs }, repository, digest);
  return { arn: `arn:${name}`, name: `${name}-1` };
}

const answers: Record<string, Record<string, unknown>> = {
  getRegion: { region: "eu-west-1" },
  getVpc: { id: "vpc-1" },
  getSubnets: { ids: ["subnet-1"] },
  getAuthorizationToken: { userName: "AWS", password: "canary-token" },
  getService: { taskDefinition: "arn:web", events: [] },
};

/** Runs a program. Gives its exports, as they come to be stored. */
async function run(
  program: () => Record<string, unknown>,
  outputs: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const registered = { type, name, inputs: inputs as Record<string, unknown> };
        const more =
          type === "pulumi:pulumi:StackReference"
            ? { outputs, secretOutputNames: [] }
            : provider(registered);
        return { id: `${name}-id`, state: { ...inputs, ...more } as object };
      },
      call: ({ token }) => answers[token.split(":").at(-1)!] ?? {},
    },
    "project",
    "stack",
    false,
  );
  const exported = await pulumi.runtime.runInPulumiStack(() => Promise.resolve(program()));
  await pulumi.runtime.disconnect();
  return exported as Record<string, unknown>;
}

const web = () =>
  run(() => ({ web: new App("web", { image: { context: "./examples/web" }, ecs: {} }) }));

it("an App that a program exports is stored with its outputs and parts, and without the repository's token", async () => {
  const exported = await web();
  expect(exported.web).toMatchObject({
    imageUri: `${repository}@${digest}`,
    platforms: ["linux/amd64"],
    image: { digest, images: [{ platform: "linux/amd64", ref: `${repository}@${digest}` }] },
    repository: { repositoryUrl: repository },
    ecs: { serviceName: "web-1" },
  });
  expect(JSON.stringify(exported)).not.toContain("canary");
  expect(JSON.stringify(exported)).not.toContain("AWS");
});

it("another program reads it by the App's own names, each with its type", async () => {
  const seen: unknown[] = [];
  await run(
    () => {
      const stack = new pulumi.StackReference("acme/web/staging");
      const read = appOutputs(stack, "web");
      // The annotations are part of the test: it is compiled.
      const uri: pulumi.Output<string> = read.imageUri;
      const platforms: pulumi.Output<string[]> = read.platforms;
      const ref: pulumi.Output<string> = read.image.images.apply(([one]) => one!.ref);
      const url: pulumi.Output<string | undefined> = read.apply(
        ({ repository }: AppOutputs) => repository?.repositoryUrl,
      );
      const all = pulumi.all([uri, platforms, ref, url]).apply((values) => seen.push(...values));
      return { all };
    },
    await web(),
  );
  expect(seen).toEqual([
    `${repository}@${digest}`,
    ["linux/amd64"],
    `${repository}@${digest}`,
    repository,
  ]);
});
