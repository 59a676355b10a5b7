/**
 * The stand-in `aws` plugin's ECS: real containers from ECR's emulated registry, the provider's waits, and what
 * it says after a rollback. One project goes from release to release, in order.
 */
import { DescribeServicesCommand, ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { execFileSync } from "node:child_process";
import http from "node:http";
import { client } from "./awsProject";
import { createProject, environment, NOTHING, type Project, type RunResult } from "./harness";

/** A task that ends when it is stopped. As process 1, `sleep` alone would be killed after five seconds. */
const sleeping = (seconds: number) => `trap exit TERM; sleep ${seconds} & wait`;

/** Variables change the program: what the task does, and how the definition is written. */
const program = `
  const pulumi = require("@pulumi/pulumi");
  const aws = require("@pulumi/aws");
  const docker = require("@pulumi/docker-build");
  const { COMMAND = "${sleeping(1000)}", COUNT = "1", TAG = "1", SWAP, MEMORY = "512", BUILDER, BASE } = process.env;
  const repository = new aws.ecr.Repository("app", { forceDelete: true });
  const token = aws.ecr.getAuthorizationTokenOutput();
  const registries = [{ address: token.proxyEndpoint, username: token.userName, password: token.password }];
  const image = new docker.Image("image", {
    push: true, buildOnPreview: false, builder: { name: BUILDER }, platforms: ["linux/amd64", "linux/arm64"],
    tags: [pulumi.interpolate\`\${repository.repositoryUrl}:one\`],
    dockerfile: { inline: "FROM " + BASE + "\\nCMD [\\"sh\\"]\\n" }, context: { location: "." },
    registries,
  }, { ignoreChanges: ["registries"] });
  const index = new docker.Index("index", {
    tag: pulumi.interpolate\`\${repository.repositoryUrl}:both\`, sources: [image.ref], push: true,
    registry: registries[0],
  }, { ignoreChanges: ["registry"] });
  const log = new aws.cloudwatch.LogGroup("log", { retentionInDays: 7 });
  const role = new aws.iam.Role("role", { assumeRolePolicy: { Version: "2012-10-17", Statement: [
    { Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" } ] } });
  const cluster = new aws.ecs.Cluster("cluster", {});
  new aws.ecs.ClusterCapacityProviders("providers", { clusterName: cluster.name, capacityProviders: ["FARGATE", "FARGATE_SPOT"] });
  const environment = [{ name: "B", value: "2" }, { name: "A", value: "1" }];
  const options = { "awslogs-group": log.name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web" };
  const task = new aws.ecs.TaskDefinition("task", {
    family: "family", requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "256", memory: MEMORY,
    executionRoleArn: role.arn, runtimePlatform: { cpuArchitecture: "X86_64", operatingSystemFamily: "LINUX" },
    containerDefinitions: pulumi.jsonStringify([{ name: "web", image: index.ref, ...(SWAP ? { essential: true } : {}),
      environment: SWAP ? environment.reverse() : environment,
      command: ["sh", "-c", COMMAND], logConfiguration: { logDriver: "awslogs", options } }]),
    tags: { tag: TAG },
  });
  const service = new aws.ecs.Service("service", {
    cluster: cluster.arn, taskDefinition: task.arn, desiredCount: Number(COUNT), launchType: "FARGATE",
    waitForSteadyState: true,
    networkConfiguration: { subnets: SWAP ? ["subnet-2", "subnet-1"] : ["subnet-1", "subnet-2"], assignPublicIp: true },
    deploymentCircuitBreaker: { enable: true, rollback: true },
    tags: { tag: TAG },
  });
  exports.cluster = cluster.arn;
  exports.service = service.arn;
  exports.repository = repository.name;
  exports.ref = index.ref;
  exports.task = task.arn;
  exports.runs = service.id.apply(() =>
    aws.ecs.getServiceOutput({ clusterArn: cluster.arn, serviceName: service.name }));
`;

interface Outputs {
  cluster: string;
  service: string;
  repository: string;
  ref: string;
  task: string;
  runs: {
    taskDefinition: string;
    deployments: { status: string }[];
    events: { message: string }[];
  };
}

describe("the stand-in aws plugin's ECS", () => {
  let project: Project;
  const outputs = async () => (await project.outputs()) as unknown as Outputs;
  const env = (more: Record<string, string> = {}) => {
    const { builder, baseImage } = environment();
    return { BUILDER: builder, BASE: baseImage, ...more };
  };
  const now = async () => {
    const { cluster, service } = await outputs();
    const request = { cluster, services: [service] };
    const { services } = await client("ecs", ECSClient).send(new DescribeServicesCommand(request));
    return services?.[0];
  };
  const revision = (arn = "") => Number(arn.split(":").at(-1));
  const changes = (run: RunResult) =>
    run.events
      .filter(({ op, type }) => !["same", "read", "refresh"].includes(op) && /^aws:/.test(type))
      .map(({ op, name }) => `${op} ${name}`);
  const containers = () =>
    execFileSync(
      environment().docker,
      ["ps", "--format", "{{.Image}} {{.Command}}", "--no-trunc"],
      {
        env: { ...process.env, ...environment().env },
        encoding: "utf8",
      },
    );

  beforeAll(async () => {
    project = await createProject({ name: "ecsplugin", program, config: environment().aws.config });
  });

  afterAll(() => project.dispose());

  it("runs a task as a real container of the image that was pushed with the token", async () => {
    const first = await project.up({ env: env() });
    expect(first.summary).toEqual({ ...NOTHING, create: 9 });
    const { cluster, repository, ref, runs, task } = await outputs();
    expect(runs.taskDefinition).toBe(task);
    expect(await now()).toMatchObject({ runningCount: 1, taskDefinition: task });
    const { taskArns } = await client("ecs", ECSClient).send(new ListTasksCommand({ cluster }));
    expect(taskArns).toHaveLength(1);
    expect(containers()).toContain(`${environment().aws.registry}/${repository}`);
    const { imageDetails } = await client("ecr", ECRClient).send(
      new DescribeImagesCommand({ repositoryName: repository }),
    );
    const tagged = imageDetails?.find(({ imageTags }) => imageTags?.includes("both"));
    expect(ref).toBe(`${environment().aws.registry}/${repository}:both@${tagged?.imageDigest}`);
  });

  it("gives nothing of the registry to who has no login", async () => {
    const { repository } = await outputs();
    const url = `http://${environment().aws.registry}/v2/${repository}/manifests/both`;
    const status = await new Promise((resolve, reject) => {
      http.get(url, (reply) => resolve(reply.resume().statusCode)).on("error", reject);
    });
    expect(status).toBe(401);
  });

  it("has nothing to do for what means the same", async () => {
    const run = await project.preview({ env: env({ SWAP: "1" }) });
    expect(changes(run)).toEqual([]);
  });

  it("changes tags in place, without a new deployment", async () => {
    const run = await project.up({ env: env({ TAG: "2" }) });
    expect(changes(run)).toEqual(["update task", "update service"]);
    expect((await now())?.deployments).toHaveLength(1);
  });

  it("scales in place", async () => {
    const run = await project.up({ env: env({ TAG: "2", COUNT: "2" }) });
    expect(changes(run)).toEqual(["update service"]);
    expect(await now()).toMatchObject({ desiredCount: 2, runningCount: 2 });
    await project.up({ env: env({ TAG: "2" }) });
  });

  it("makes a new revision for a release, waits for it, and takes the old one away", async () => {
    const before = revision((await outputs()).task);
    const run = await project.up({ env: env({ TAG: "2", COMMAND: sleeping(1001) }) });
    expect(changes(run)).toEqual([
      ...["create-replacement task", "replace task", "update service", "delete-replaced task"],
    ]);
    expect(revision((await now())?.taskDefinition)).toBe(before + 1);
    expect(containers()).toContain("sleep 1001");
  });

  it("fails with ECS's reason when the circuit breaker rolls a release back", async () => {
    const good = (await outputs()).task;
    const bad = { TAG: "2", COMMAND: "exit 3" };
    const failed = await project.up({ env: env(bad), expectFailure: true });
    expect(failed.output).toMatch(
      /waiting for ECS Service \(arn:aws:ecs:.*\) update: ECS deployment circuit breaker was triggered/,
    );
    expect((await now())?.taskDefinition).toBe(good);
    // The provider's defect: its state says that the release is there, so the next up has nothing to do …
    const again = await project.up({ env: env(bad) });
    expect(again.summary.update).toBe(1);
    expect((await now())?.taskDefinition).toBe(good);
    const { runs, task } = await outputs();
    expect(runs.taskDefinition).not.toBe(task);
    expect(runs.events.map(({ message }) => message).join()).toContain("rolled back");
    expect(runs.deployments.map(({ status }) => status)).toEqual(["PRIMARY"]);
    // … and only a refresh tells.
    const preview = await project.preview({ env: env(bad), args: ["--refresh"] });
    expect(changes(preview)).toEqual(["update service"]);
  });

  it("reports success after a rollback when this machine's clock is ahead of AWS's", async () => {
    const more = { TAG: "2", COMMAND: "exit 4", MULTIARCH_AWS_CLOCK_AHEAD: "1" };
    const run = await project.up({ env: env(more) });
    expect(changes(run)).toContain("update service");
    const { task } = await outputs();
    expect((await now())?.taskDefinition).not.toBe(task);
  });

  it("gets a good release running after that", async () => {
    await project.up({ env: env({ TAG: "2", COMMAND: sleeping(1002) }), args: ["--refresh"] });
    const { task } = await outputs();
    expect(await now()).toMatchObject({ taskDefinition: task, runningCount: 1 });
  });

  it("refuses what AWS refuses", async () => {
    const { output } = await project.up({
      env: env({ TAG: "2", MEMORY: "4096" }),
      expectFailure: true,
    });
    expect(output).toContain(
      "creating ECS Task Definition (family): ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory.",
    );
  });

  it("leaves nothing behind", async () => {
    const { cluster, repository } = await outputs();
    await project.destroy({ env: env() });
    const { taskArns } = await client("ecs", ECSClient)
      .send(new ListTasksCommand({ cluster }))
      .catch(() => ({ taskArns: [] }));
    expect(taskArns).toEqual([]);
    expect(containers()).not.toContain(repository);
  });
});

describe("a first release that never runs", () => {
  it("is a failed up, and the service is in the state", async () => {
    const project = await createProject({
      name: "ecscrash",
      program: `
        const aws = require("@pulumi/aws");
        const cluster = new aws.ecs.Cluster("cluster", {});
        const task = new aws.ecs.TaskDefinition("task", { family: "crash", memory: "64", cpu: "64",
          containerDefinitions: JSON.stringify([{ name: "web", image: process.env.BASE, command: ["sh", "-c", "exit 5"] }]) });
        new aws.ecs.Service("service", { cluster: cluster.name, taskDefinition: task.arn, desiredCount: 1,
          waitForSteadyState: process.env.WAIT !== "no",
          deploymentCircuitBreaker: process.env.BREAKER === "no" ? undefined : { enable: true, rollback: true },
        }, { customTimeouts: { create: process.env.TIMEOUT ?? "5m" } });
      `,
      config: environment().aws.config,
    });
    const env = { BASE: environment().baseImage };
    const failed = await project.up({ env, expectFailure: true });
    expect(failed.output).toMatch(/waiting for ECS Service .* create: ECS deployment circuit/);
    const { resources } = await project.state();
    expect(resources.map(({ type }) => type)).toContain("aws:ecs/service:Service");
    await project.destroy({ env });
    const late = await project.up({
      env: { ...env, BREAKER: "no", TIMEOUT: "4s" },
      expectFailure: true,
    });
    expect(late.output).toContain(
      "timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING', timeout: 4s)",
    );
    await project.destroy({ env });
    await project.dispose();
  });
});
