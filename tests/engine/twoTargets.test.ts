import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { ListImagesCommand } from "@aws-sdk/client-ecr";
import {
  type AwsApp,
  changes,
  client,
  createAwsApp,
  digestOf,
  ecr,
  deployedService,
  type EcsService,
} from "./awsProject";

// One image on machines of two architectures, and a second service of the same image.

let app: AwsApp;
const targets = `ec2: { instanceType: "t3.small" }, ecs: { architecture: "arm64", steadyStateTimeout: 3 }`;
const nightly = `exports.nightly = new multiarch.EcsTarget("nightly", {
  image: app.image, architecture: "arm64", clusterArn: app.ecs.clusterArn, command: ["sleep", "1000"], steadyStateTimeout: 3,
});
`;

beforeAll(async () => {
  app = await createAwsApp("two", targets);
});

async function task(where: EcsService) {
  const { service, task: found } = await deployedService(where);
  return {
    cpu: found?.runtimePlatform?.cpuArchitecture,
    image: found?.containerDefinitions?.[0]?.image?.split("@")[1],
    running: service?.runningCount,
  };
}

it("an x86_64 instance and an arm64 service make two platforms, built once, each with its own digest", async () => {
  app.set(targets, {}, nightly);
  const run = await app.project.up();
  expect(run.output).toContain(
    "platforms: linux/amd64 (ec2.instanceType), linux/arm64 (ecs.architecture)",
  );
  expect(
    changes(run)
      .filter((change) => /Image web-linux/.test(change))
      .sort(),
  ).toEqual(["create Image web-linux-amd64", "create Image web-linux-arm64"]);
  const outputs = await app.project.outputs();
  const arm = { cpu: "ARM64", image: await digestOf(app, "linux/arm64"), running: 1 };
  expect(await task(outputs.ecs as EcsService)).toEqual(arm);
  expect(await task(outputs.nightly as EcsService)).toEqual(arm);
  const { instanceIds } = outputs.ec2 as { instanceIds: string[] };
  const { Reservations } = await client("ec2", EC2Client).send(
    new DescribeInstancesCommand({ InstanceIds: instanceIds }),
  );
  expect(Reservations?.[0]?.Instances?.[0]?.Architecture).toBe("x86_64");
});

it("the repository holds the index, its two images and a cache for each platform", async () => {
  const { imageUri } = await app.project.outputs();
  const repositoryName = (imageUri as string).split("@")[0]!.split("/")[1];
  const { imageIds } = await ecr().send(new ListImagesCommand({ repositoryName }));
  const tags = (imageIds ?? []).flatMap(({ imageTag }) => imageTag ?? []).sort();
  expect(tags).toEqual([
    "cache-web-test-linux-amd64",
    "cache-web-test-linux-arm64",
    expect.stringMatching(/^sha-[0-9a-f]{24}$/),
  ]);
  const digests = (imageIds ?? []).map(({ imageDigest }) => imageDigest);
  expect(digests).toContain((imageUri as string).split("@")[1]);
});

it("keepReleases tags what the stack runs, after its targets run it", async () => {
  app.project.write(
    "index.js",
    (await import("node:fs"))
      .readFileSync(`${app.project.directory}/index.js`, "utf8")
      .replace("forceDelete: true", "forceDelete: true, keepReleases: 3"),
  );
  const run = await app.project.up();
  expect(changes(run)).toContain("create Command web-live");
  const { imageUri } = await app.project.outputs();
  const repositoryName = (imageUri as string).split("@")[0]!.split("/")[1];
  const { imageIds } = await ecr().send(new ListImagesCommand({ repositoryName }));
  const live = imageIds?.find(({ imageTag }) => imageTag === "live-two-web-test");
  expect(live?.imageDigest).toBe((imageUri as string).split("@")[1]);
});

it("a target taken away leaves the other as it is, and the platform goes from the next index", async () => {
  app.set(targets.replace(/, ecs: .*/, ""), {});
  const run = await app.project.up();
  expect(changes(run).filter((change) => /Instance |Association /.test(change))).toEqual([]);
  expect(changes(run)).toContain("delete Service web");
  expect((await app.project.outputs()).platforms).toEqual(["linux/amd64"]);
  await app.project.destroy();
  await app.project.dispose();
});
