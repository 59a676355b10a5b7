import {
  DescribeServicesCommand,
  ECSClient,
  ListClustersCommand,
  ListTasksCommand,
} from "@aws-sdk/client-ecs";
import { DescribeRepositoriesCommand } from "@aws-sdk/client-ecr";
import {
  type AwsApp,
  changes,
  client,
  createAwsApp,
  digestOf,
  ecr,
  expectHonest,
  position,
  deployedService,
} from "./awsProject";

// A service of ECS through its life: the tasks are real containers, made by the emulator from its own registry. Each test goes on
// where the one before ended.

const ecs = client("ecs", ECSClient);
let app: AwsApp;
const on = (architecture: string) =>
  `ecs: { architecture: "${architecture}", steadyStateTimeout: 3 }`;

beforeAll(async () => {
  app = await createAwsApp("ecs", on("x86_64"));
});

interface Ecs {
  clusterArn: string;
  serviceName: string;
  taskDefinitionArn: string;
  shellCommand: string;
}
const target = async () => (await app.project.outputs()).ecs as Ecs;

/** What ECS runs: the revision's image and platform, and how many tasks. */
async function running() {
  const where = await target();
  const { clusterArn: cluster, serviceName } = where;
  const { service, task } = await deployedService(where);
  const { taskArns } = await ecs.send(
    new ListTasksCommand({ cluster, serviceName, desiredStatus: "RUNNING" }),
  );
  return {
    image: task?.containerDefinitions?.[0]?.image,
    cpu: task?.runtimePlatform?.cpuArchitecture,
    taskDefinition: service?.taskDefinition,
    tasks: taskArns?.length,
  };
}

it("the first up makes registry, image, index and service, in this order; ECS runs the platform's own digest", async () => {
  const preview = await app.project.preview();
  expect(preview.output).toContain("linux/amd64 (ecs.architecture, image.platforms)");
  const run = await app.project.up();
  expectHonest(preview, run);
  const order = [
    "create Repository web",
    "create Image web-linux-amd64",
    "create Command web-verified",
    "create TaskDefinition web",
    "create Service web",
  ].map((change) => position(run, change));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  const found = await running();
  expect(found).toMatchObject({ cpu: "X86_64", tasks: 1 });
  expect(found.image).toMatch(new RegExp(`@${await digestOf(app, "linux/amd64")}$`));
  const { service } = await deployedService(await target());
  expect(service?.enableExecuteCommand ?? false).toBe(false);
  expect((await target()).shellCommand).toBe("");
  const { repositories } = await ecr().send(new DescribeRepositoriesCommand({}));
  const { imageUri } = await app.project.outputs();
  expect(
    repositories?.some(({ repositoryName }) =>
      (imageUri as string).includes(`/${repositoryName}@`),
    ),
  ).toBe(true);
});

it("a second preview and up change nothing, though the registry's token is another in each run", async () => {
  for (const command of ["preview", "up"] as const) {
    const run = await app.project[command]();
    expect(changes(run)).toEqual([]);
    expect(run.output).not.toContain("building linux");
  }
});

it("a new release is another revision of the same service", async () => {
  const before = await running();
  app.project.write("app/RELEASE", "release two");
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(changes(run)).toContain("update Service web");
  const after = await running();
  expect(after.taskDefinition).not.toBe(before.taskDefinition);
  expect(after.image).toMatch(new RegExp(`@${await digestOf(app, "linux/amd64")}$`));
  expect(after.tasks).toBe(1);
});

it("what the container may do is in the next revision, and what Fargate doesn't support fails the preview", async () => {
  const hardened = `init: false, readOnlyRootFilesystem: pulumi.output(true), capabilities: { drop: ["NET_RAW"] }`;
  app.set(on("x86_64").replace("{", `{ ${hardened}, `));
  const run = await app.project.up();
  expect(changes(run)).toContain("update Service web");
  const { task } = await deployedService(await target());
  expect(task?.containerDefinitions?.[0]).toMatchObject({
    readonlyRootFilesystem: true,
    linuxParameters: { initProcessEnabled: false, capabilities: { drop: ["NET_RAW"] } },
  });
  expect((await running()).tasks).toBe(1);

  app.set(on("x86_64").replace("{", "{ noNewPrivileges: pulumi.output(true), "));
  const { output } = await app.project.preview({ expectFailure: true });
  expect(output).toContain("ecs.noNewPrivileges: is not supported on Fargate");
  app.set(on("x86_64"));
  await app.project.up();
});

it("an architecture flipped shows the platform, who needs it and the target's change; nothing is built for what the index holds", async () => {
  app.set(on("arm64"));
  const preview = await app.project.preview({ diff: true });
  expect(preview.output).toContain("linux/arm64 (ecs.architecture, image.platforms)");
  expect(preview.output).toMatch(
    /linux\/arm64: "image\.platforms"\s+=> "ecs\.architecture, image\.platforms"/,
  );
  expect(preview.output).toMatch(/cpuArchitecture\s*: "X86_64" => "ARM64"/);
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(changes(run).filter((change) => / (Image|Command) web/.test(change))).toEqual([
    "update Image web",
  ]);
  const after = await running();
  expect(after).toMatchObject({ cpu: "ARM64", tasks: 1 });
  expect(after.image).toMatch(new RegExp(`@${await digestOf(app, "linux/arm64")}$`));

  app.set(on("x86_64"));
  const back = await app.project.up();
  expect(back.output).not.toContain("building linux");
  expect(await running()).toMatchObject({ cpu: "X86_64", tasks: 1 });
});

it("a platform that the index lacks is built, pushed and verified before the service changes", async () => {
  app.set(on("x86_64"), {});
  await app.project.up();
  app.set(on("arm64"), {});
  const preview = await app.project.preview({ diff: true });
  expect(preview.output).toMatch(/\+ linux\/arm64: "ecs\.architecture"/);
  expect(preview.output).toMatch(/- linux\/amd64: "ecs\.architecture"/);
  expect(preview.output).toMatch(/building linux\/arm64 on builder \S+ \(may need emulation\)/);
  const run = await app.project.up();
  expectHonest(preview, run);
  const order = [
    "create Image web-linux-arm64",
    "create-replacement Command web-verified",
    "update Service web",
  ].map((change) => position(run, change));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(await running()).toMatchObject({ cpu: "ARM64", tasks: 1 });
  app.set(on("x86_64"));
  await app.project.up();
});

const crashing = (why: string) => `#!/bin/sh\necho ${why}\nexit 3\n`;

it("a release that crashes is rolled back by ECS, up fails and says what to do, and that works", async () => {
  const good = (await running()).taskDefinition;
  const outputs = await app.project.outputs();
  app.project.write("app/serve.sh", crashing("cannot open the database"));
  const failed = await app.project.up({ expectFailure: true });
  expect(failed.output).toContain("ECS deployment circuit breaker was triggered");
  expect(failed.output).toMatch(/What the app said: aws logs tail \S+ --follow --region us-east-1/);
  expect(failed.output).toContain("to try the same again: pulumi up --refresh");
  expect((await running()).taskDefinition).toBe(good);
  expect(await app.project.outputs()).toEqual(outputs);

  app.project.write("app/serve.sh", "#!/bin/sh\necho fine\nexec sleep 1000\n");
  await app.project.up({ args: ["--refresh"] });
  const after = await running();
  expect(after.tasks).toBe(1);
  expect(after.image).toMatch(new RegExp(`@${await digestOf(app, "linux/amd64")}$`));
});

it("a rollback that the provider takes for success fails the up all the same, in every run, until it is mended", async () => {
  const good = (await running()).taskDefinition;
  const outputs = await app.project.outputs();
  // The official provider compares the deployment's time with this machine's clock.
  const env = { MULTIARCH_AWS_CLOCK_AHEAD: "1" };
  app.project.write("app/serve.sh", crashing("still not"));
  for (const run of [
    await app.project.up({ expectFailure: true, env }),
    await app.project.up({ expectFailure: true, env }),
  ]) {
    expect(run.output).toMatch(/web: ECS runs \S+, not \S+, which was asked for/);
    expect(run.output).toMatch(/aws logs tail \S+ --follow --region us-east-1/);
    expect(run.output).toContain("pulumi up --refresh");
    expect(await app.project.outputs()).toEqual(outputs);
    expect(run.output).not.toMatch(/^\s+at /m);
    expect((await running()).taskDefinition).toBe(good);
  }
  app.project.write("app/serve.sh", "#!/bin/sh\necho fine again\nexec sleep 1000\n");
  await app.project.up({ args: ["--refresh"], env });
  const after = await running();
  expect(after.tasks).toBe(1);
  expect(after.image).toMatch(new RegExp(`@${await digestOf(app, "linux/amd64")}$`));
});

it("a secret in the plain environment is refused in preview and in up, before anything is built", async () => {
  app.set(`ecs: { environment: { TOKEN: pulumi.secret("canary-plain") } }`);
  for (const command of ["preview", "up"] as const) {
    const { output } = await app.project[command]({ expectFailure: true });
    expect(output).toContain("ecs.environment.TOKEN: is secret");
    expect(output).not.toContain("canary-plain");
  }
  app.set(on("x86_64"));
  // The components were recorded with the arguments that failed; nothing else was touched.
  const again = changes(await app.project.up());
  expect(again.filter((change) => !/ (App|EcsTarget) web$/.test(change))).toEqual([]);
});

it("a load balancer put in front is the address, and the service is registered with it", async () => {
  app.set(
    `ecs: { architecture: "x86_64", steadyStateTimeout: 3, containerPort: 8080, loadBalancer: { ingressCidrs: ["0.0.0.0/0"] } }`,
  );
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  const { url } = (await app.project.outputs()) as { url: string };
  expect(url).toMatch(/^http:\/\/\S+/);
  const { clusterArn: cluster, serviceName } = await target();
  const { services } = await ecs.send(
    new DescribeServicesCommand({ cluster, services: [serviceName] }),
  );
  expect(services?.[0]?.loadBalancers).toEqual([
    expect.objectContaining({ containerName: "web", containerPort: 8080 }),
  ]);
  expect(await running()).toMatchObject({ tasks: 1 });
  expect(changes(await app.project.up())).toEqual([]);
});

it("after destroy ECS has neither service nor cluster, and ECR no repository", async () => {
  const { clusterArn } = await target();
  const { imageUri } = await app.project.outputs();
  await app.project.destroy();
  const { clusterArns } = await ecs.send(new ListClustersCommand({}));
  expect(clusterArns).not.toContain(clusterArn);
  const { repositories } = await ecr().send(new DescribeRepositoriesCommand({}));
  expect(
    repositories?.filter(({ repositoryName }) =>
      (imageUri as string).includes(`/${repositoryName}@`),
    ),
  ).toEqual([]);
  await app.project.dispose();
});
