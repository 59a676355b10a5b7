import * as pulumi from "@pulumi/pulumi";
import { ecsProblems, EcsTarget, type EcsTargetArgs } from "../../components/targets/ecs/ecs";
import { register, type Registered, valueOf, verified } from "./mocks";

// Mocks prove what the providers are given. That ECS then runs it is for tests/engine/ecs.test.ts.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const repositoryArn = "arn:aws:ecr:eu-west-1:123456789012:repository/team/web";
const logGroup = "arn:aws:logs:eu-west-1:123456789012:log-group:";
const digest = `sha256:${"a".repeat(64)}`;
const secretOf = (name: string) =>
  `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-AbCdEf`;

function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  if (name.endsWith("-verified")) return verified({ type, name, inputs }, repository, digest);
  const arn = `arn:${type.split(":")[2]}/${name}`;
  return {
    arn: type.endsWith("LogGroup") ? `${logGroup}${name}` : arn,
    name: inputs.name ?? `${name}-1`,
    dnsName: `${name}.example`,
    cluster: inputs.cluster,
  };
}

function answer({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
  if (token.endsWith("getRegion")) return { region: "eu-west-1" };
  if (token.endsWith("getVpc")) return { id: "vpc-default" };
  if (token.endsWith("getSubnets")) return { ids: ["subnet-b", "subnet-a"] };
  if (token.endsWith("getAuthorizationToken")) return { userName: "AWS", password: "canary-token" };
  if (token.endsWith("getService")) return { taskDefinition: "arn:TaskDefinition/web", events: [] };
  return inputs as Record<string, unknown>;
}

interface Made {
  all: Registered[];
  target: EcsTarget;
  options: Record<string, pulumi.CustomResourceOptions>;
  of(type: string, name: string): Record<string, unknown>;
}

async function make(
  args: Partial<EcsTargetArgs> = {},
  opts: pulumi.ComponentResourceOptions = {},
): Promise<Made> {
  const options: Made["options"] = {};
  let target: EcsTarget | undefined;
  const all = await register(
    () => {
      target = new EcsTarget(
        "web",
        { ref: `${repository}@${digest}`, ...args },
        {
          ...opts,
          transformations: [
            (resource) => {
              options[`${resource.type} ${resource.name}`] = resource.opts;
              return undefined;
            },
          ],
        },
      );
    },
    provider,
    answer,
  );
  const of = (type: string, name: string) => {
    const found = all.find((one) => one.type === `aws:${type}` && one.name === name);
    if (found === undefined) throw new Error(`no ${type} ${name} among ${listed(all).join(", ")}`);
    return found.inputs;
  };
  return { all, target: target!, options, of };
}

const listed = (all: Registered[]) =>
  all
    .filter(({ type }) => type.startsWith("aws:"))
    .map(({ type, name }) => `${type} ${name}`)
    .sort();
const containers = (made: Made) =>
  JSON.parse(
    made.of("ecs/taskDefinition:TaskDefinition", "web").containerDefinitions as string,
  ) as [Record<string, unknown>];
const policyOf = (made: Made, name: string) =>
  JSON.parse(made.of("iam/rolePolicy:RolePolicy", name).policy as string) as {
    Statement: { Action: string[]; Resource: string[] }[];
  };

it("makes a cluster, a service, its revision, roles, logs and a security group, and nothing else", async () => {
  const { all } = await make();
  expect(listed(all)).toEqual([
    "aws:cloudwatch/logGroup:LogGroup web",
    "aws:ec2/securityGroup:SecurityGroup web-tasks",
    "aws:ecs/cluster:Cluster web",
    "aws:ecs/service:Service web",
    "aws:ecs/taskDefinition:TaskDefinition web",
    "aws:iam/role:Role web-execution",
    "aws:iam/role:Role web-task",
    "aws:iam/rolePolicy:RolePolicy web-execution",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule web-tasks-out",
  ]);
});

it.each([
  [undefined, "X86_64"],
  ["arm64" as const, "ARM64"],
])("on Fargate architecture %s is always written, as %s", async (architecture, cpuArchitecture) => {
  const made = await make({ architecture });
  expect(made.of("ecs/taskDefinition:TaskDefinition", "web")).toMatchObject({
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    family: "project-stack-web",
    runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture },
  });
});

it("on the EC2 launch type a placement constraint says the architecture, and the platform isn't written", async () => {
  const clusterArn = "arn:aws:ecs:eu-west-1:123456789012:cluster/mine";
  const made = await make({ launchType: "EC2", clusterArn, architecture: "arm64" });
  expect(made.of("ecs/taskDefinition:TaskDefinition", "web")).not.toHaveProperty("runtimePlatform");
  expect(made.of("ecs/service:Service", "web")).toMatchObject({
    cluster: clusterArn,
    launchType: "EC2",
    placementConstraints: [
      { type: "memberOf", expression: "attribute:ecs.cpu-architecture == arm64" },
    ],
    networkConfiguration: { assignPublicIp: false },
  });
  expect(listed(made.all)).not.toContain("aws:ecs/cluster:Cluster web");
});

it("the container is given the platform's digest and logs to its group", async () => {
  const made = await make({ environment: { B: "2", A: "1" }, command: ["serve"] });
  expect(containers(made)).toEqual([
    {
      name: "web",
      image: `${repository}@${digest}`,
      essential: true,
      environment: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
      secrets: [],
      command: ["serve"],
      linuxParameters: { initProcessEnabled: true },
      logConfiguration: {
        logDriver: "awslogs",
        options: {
          "awslogs-group": "web-1",
          "awslogs-region": "eu-west-1",
          "awslogs-stream-prefix": "web",
        },
      },
    },
  ]);
  expect(made.of("cloudwatch/logGroup:LogGroup", "web")).toEqual({ retentionInDays: 30 });
});

it("a pull secret that another stack gives and that comes to nothing is none, in the container and in the role", async () => {
  const made = await make({
    pullSecretArn: pulumi.output(undefined) as unknown as pulumi.Output<string>,
  });
  const [container] = containers(made) as [object];
  expect(container).not.toHaveProperty("repositoryCredentials");
  const policy = made.of("iam/rolePolicy:RolePolicy", "web-execution").policy as string;
  expect(policy).not.toContain("secretsmanager");
  expect(policy).toContain("logs:PutLogEvents");
});

it("the execution role may pull from this one repository, write to this one log group and read the secrets named", async () => {
  const made = await make({
    secrets: {
      TOKEN: `${secretOf("token")}:key::`,
      OTHER: "arn:aws:ssm:eu-west-1:123456789012:parameter/x",
    },
  });
  expect(policyOf(made, "web-execution").Statement).toEqual([
    { Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: ["*"] },
    {
      Effect: "Allow",
      Action: [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
      ],
      Resource: [repositoryArn],
    },
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: [`${logGroup}web:*`],
    },
    { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [secretOf("token")] },
    {
      Effect: "Allow",
      Action: ["ssm:GetParameters"],
      Resource: ["arn:aws:ssm:eu-west-1:123456789012:parameter/x"],
    },
  ]);
  expect(containers(made)[0].secrets).toEqual([
    { name: "OTHER", valueFrom: "arn:aws:ssm:eu-west-1:123456789012:parameter/x" },
    { name: "TOKEN", valueFrom: `${secretOf("token")}:key::` },
  ]);
});

it("ECS Exec is off unless it is requested, and then the app's role may use its message channels and nothing else", async () => {
  for (const made of [await make(), await make({ executeCommand: false })]) {
    expect(listed(made.all)).not.toContain("aws:iam/rolePolicy:RolePolicy web-shell");
    expect(made.of("ecs/service:Service", "web").enableExecuteCommand).toBe(false);
    expect(await valueOf(made.target.shellCommand)).toBe("");
  }
  const made = await make({ executeCommand: true });
  expect(made.of("ecs/service:Service", "web").enableExecuteCommand).toBe(true);
  expect(policyOf(made, "web-shell").Statement).toEqual([
    {
      Effect: "Allow",
      Action: [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ],
      Resource: ["*"],
    },
  ]);
});

it("only ECS acting for this account and region may assume the app's role; the execution role has no condition, for AWS documents none", async () => {
  const made = await make();
  const trusted = (name: string) =>
    (
      JSON.parse(made.of("iam/role:Role", name).assumeRolePolicy as string) as {
        Statement: unknown;
      }
    ).Statement;
  const statement = {
    Effect: "Allow",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  expect(trusted("web-task")).toEqual([
    {
      ...statement,
      Condition: {
        ArnLike: { "aws:SourceArn": "arn:aws:ecs:eu-west-1:123456789012:*" },
        StringEquals: { "aws:SourceAccount": "123456789012" },
      },
    },
  ]);
  expect(trusted("web-execution")).toEqual([statement]);
});

describe("container hardening", () => {
  const onInstances = {
    launchType: "EC2",
    clusterArn: "arn:aws:ecs:eu-west-1:123456789012:cluster/mine",
  } as const;
  const later = <T>(value: T) => pulumi.output(value);

  it("is written as the container definition's own properties, known early or late", async () => {
    for (const known of [<T>(value: T) => value, later]) {
      const made = await make({
        ...onInstances,
        readOnlyRootFilesystem: known(true),
        tmpfs: [{ target: known("/tmp"), size: known(64) }],
        capabilities: { add: [known("NET_BIND_SERVICE")], drop: [known("ALL")] },
        noNewPrivileges: known(true),
        init: known(false),
      });
      expect(containers(made)[0]).toMatchObject({
        readonlyRootFilesystem: true,
        dockerSecurityOptions: ["no-new-privileges"],
        linuxParameters: {
          initProcessEnabled: false,
          capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
          tmpfs: [{ containerPath: "/tmp", size: 64 }],
        },
      });
    }
  });

  it("on Fargate passes on what Fargate supports", async () => {
    const made = await make({
      readOnlyRootFilesystem: true,
      capabilities: { add: ["SYS_PTRACE"], drop: ["NET_RAW"] },
      noNewPrivileges: false,
      tmpfs: [{ target: "/tmp", size: 64 }],
    });
    expect(containers(made)[0]).toMatchObject({
      readonlyRootFilesystem: true,
      linuxParameters: {
        initProcessEnabled: true,
        capabilities: { add: ["SYS_PTRACE"], drop: ["NET_RAW"] },
        tmpfs: [{ containerPath: "/tmp", size: 64 }],
      },
    });
    expect(containers(made)[0]).not.toHaveProperty("dockerSecurityOptions");
  });

  it("that comes to nothing later leaves the defaults", async () => {
    const nothing = pulumi.output(undefined) as unknown as pulumi.Output<boolean>;
    const made = await make({ init: nothing, noNewPrivileges: nothing, tmpfs: [] });
    expect(containers(made)[0].linuxParameters).toEqual({ initProcessEnabled: true });
    expect(containers(made)[0]).not.toHaveProperty("dockerSecurityOptions");
  });

  it.each([
    [{ noNewPrivileges: true }, "ecs.noNewPrivileges: is not supported on Fargate"],
    [
      { capabilities: { add: ["NET_ADMIN"] } },
      `ecs.capabilities.add[0]: "NET_ADMIN" can't be added on Fargate`,
    ],
    [{ pidsLimit: 100 }, "ecs.pidsLimit: is not supported by ECS"],
    [{ ...onInstances, pidsLimit: 100 }, "ecs.pidsLimit: is not supported by ECS"],
    [{ pidsLimit: later(100) }, "ecs.pidsLimit: is not supported by ECS"],
    [
      { executeCommand: true, readOnlyRootFilesystem: true },
      "ecs.executeCommand: can't be combined with ecs.readOnlyRootFilesystem",
    ],
  ])("%j is rejected with the reason", (args, expected) => {
    const problems = ecsProblems(args, "ecs").map(({ path, what }) => `${path}: ${what}`);
    expect(problems).toEqual([expect.stringContaining(expected)]);
  });
});

it("the service rolls back what doesn't get healthy, waits for it, and depends on the policies", async () => {
  const made = await make({ desiredCount: 3, steadyStateTimeout: 5 });
  expect(made.of("ecs/service:Service", "web")).toEqual({
    cluster: "arn:Cluster/web",
    taskDefinition: "arn:TaskDefinition/web",
    desiredCount: 3,
    launchType: "FARGATE",
    networkConfiguration: {
      subnets: ["subnet-a", "subnet-b"],
      securityGroups: ["web-tasks-id"],
      assignPublicIp: true,
    },
    deploymentCircuitBreaker: { enable: true, rollback: true },
    deploymentMinimumHealthyPercent: 100,
    deploymentMaximumPercent: 200,
    waitForSteadyState: true,
    enableExecuteCommand: false,
    propagateTags: "SERVICE",
  });
  const options = made.options["aws:ecs/service:Service web"]!;
  expect(options.customTimeouts).toEqual({ create: "5m", update: "5m" });
  const urns = await Promise.all(
    (options.dependsOn as pulumi.Resource[]).map(({ urn }) => valueOf(urn)),
  );
  expect(urns.map((urn) => urn.split("::").at(-1))).toEqual(["web-execution"]);
  expect(made.options["aws:ecs/taskDefinition:TaskDefinition web"]).toMatchObject({
    retainOnDelete: true,
    protect: false,
  });
});

it("lets nobody in unless asked, and then the stated blocks only", async () => {
  const closed = await make();
  expect(listed(closed.all).filter((one) => one.includes("Ingress"))).toEqual([]);
  const made = await make({
    containerPort: 8080,
    ingressCidrs: ["203.0.113.0/24", "2001:db8::/32"],
  });
  const rules = made.all.filter(({ type }) => type.endsWith("SecurityGroupIngressRule"));
  expect(rules.map(({ inputs }) => inputs)).toEqual([
    {
      securityGroupId: "web-tasks-id",
      ipProtocol: "tcp",
      fromPort: 8080,
      toPort: 8080,
      cidrIpv4: "203.0.113.0/24",
    },
    {
      securityGroupId: "web-tasks-id",
      ipProtocol: "tcp",
      fromPort: 8080,
      toPort: 8080,
      cidrIpv6: "2001:db8::/32",
    },
  ]);
  expect(containers(made)[0].portMappings).toEqual([{ containerPort: 8080, protocol: "tcp" }]);
});

it("behind a load balancer only that reaches the tasks, and its address is the url", async () => {
  const made = await make({
    containerPort: 8080,
    loadBalancer: { ingressCidrs: ["0.0.0.0/0"], healthPath: "/health" },
  });
  const rules = made.all.filter(({ type }) => type.endsWith("SecurityGroupIngressRule"));
  expect(rules.map(({ inputs }) => inputs)).toEqual([
    {
      securityGroupId: "web-lb-id",
      ipProtocol: "tcp",
      fromPort: 80,
      toPort: 80,
      cidrIpv4: "0.0.0.0/0",
    },
    {
      securityGroupId: "web-tasks-id",
      ipProtocol: "tcp",
      fromPort: 8080,
      toPort: 8080,
      referencedSecurityGroupId: "web-lb-id",
    },
  ]);
  expect(made.of("lb/targetGroup:TargetGroup", "web-lb")).toMatchObject({
    targetType: "ip",
    healthCheck: { path: "/health" },
  });
  expect(made.of("ecs/service:Service", "web").loadBalancers).toEqual([
    { targetGroupArn: "arn:TargetGroup/web-lb", containerName: "web", containerPort: 8080 },
  ]);
  expect(await valueOf(made.target.url)).toBe("http://web-lb.example");
});

it("on spot capacity names the provider in place of the launch type", async () => {
  const made = await make({ spot: true });
  // A name of its own: tests/changes/ecs.test.ts shows what the provider says to a strategy that changes.
  const service = made.of("ecs/service:Service", "web-spot");
  expect(service).not.toHaveProperty("launchType");
  expect(service.capacityProviderStrategies).toEqual([
    { capacityProvider: "FARGATE_SPOT", weight: 1 },
  ]);
  expect(
    made.of("ecs/clusterCapacityProviders:ClusterCapacityProviders", "web").capacityProviders,
  ).toEqual(["FARGATE", "FARGATE_SPOT"]);
});

it("a container health check is run without a shell", async () => {
  const made = await make({ health: { command: ["/healthy", "--fast"], retries: 5 } });
  expect(containers(made)[0].healthCheck).toEqual({
    command: ["CMD", "/healthy", "--fast"],
    interval: 10,
    timeout: 5,
    retries: 5,
    startPeriod: 10,
  });
});

it("tags reach everything that takes some, and protection what would be lost", async () => {
  const made = await make({ tags: { team: "web" } }, { protect: true });
  for (const { type, inputs, name } of made.all) {
    if (/:(RolePolicy|ClusterCapacityProviders|Image|EcsTarget|Command)$/.test(type)) continue;
    expect([name, inputs.tags]).toEqual([name, { team: "web" }]);
  }
  expect(made.options["aws:ecs/taskDefinition:TaskDefinition web"]?.protect).toBe(false);
});

it("a token of the registry is nowhere in what is recorded", async () => {
  const { all } = await make();
  for (const { name, inputs } of all.filter(({ name }) => !name.endsWith("-verified")))
    expect([name, JSON.stringify(inputs)]).toEqual([name, expect.not.stringContaining("canary")]);
});

it("outputs name the exact commands", async () => {
  const { target } = await make({ executeCommand: true });
  expect(await valueOf(target.logsCommand)).toBe("aws logs tail web-1 --follow --region eu-west-1");
  expect(await valueOf(target.shellCommand)).toBe(
    `aws ecs execute-command --region eu-west-1 --cluster arn:Cluster/web --task "$(aws ecs list-tasks --region eu-west-1 --cluster arn:Cluster/web --service-name web-1 --query 'taskArns[0]' --output text)" --container web --interactive --command /bin/sh`,
  );
});

const bad: [string, Record<string, unknown>, string][] = [
  ["no image", { ref: undefined }, "image: is missing"],
  ["a tag", { ref: "ghcr.io/team/web:1" }, "ref: "],
  ["an unknown field", { contanerPort: 80 }, "contanerPort: is not a field"],
  [
    "an unknown architecture",
    { architecture: "amd46" },
    `architecture: "amd46" is not an architecture`,
  ],
  ["a launch type that isn't one", { launchType: "EXTERNAL" }, `launchType: is "EXTERNAL"`],
  ["EC2 without a cluster", { launchType: "EC2" }, "clusterArn: is missing"],
  [
    "spot on EC2",
    { launchType: "EC2", clusterArn: "arn:aws:ecs:eu-west-1:123456789012:cluster/c", spot: true },
    "spot: is for Fargate",
  ],
  ["cpu as a text", { cpu: "256" }, "cpu: must be a whole number of CPU units"],
  ["no memory", { memory: 0 }, "memory: must be a whole number of MiB"],
  ["a negative count", { desiredCount: -1 }, "desiredCount: must be a whole number of tasks"],
  [
    "a port that nobody could reach",
    { containerPort: 80 },
    "containerPort: is given, but nobody could reach it",
  ],
  [
    "a port out of range",
    { containerPort: 0, ingressCidrs: ["10.0.0.0/8"] },
    "containerPort: must be a whole number",
  ],
  [
    "blocks without a port",
    { ingressCidrs: ["10.0.0.0/8"] },
    "containerPort: is missing, but ingressCidrs is there",
  ],
  [
    "a block that isn't one",
    { containerPort: 80, ingressCidrs: ["10.0.0.1"] },
    `ingressCidrs[0]: "10.0.0.1" is no block`,
  ],
  [
    "a load balancer that nobody reaches",
    { containerPort: 80, loadBalancer: {} },
    "loadBalancer.ingressCidrs: is missing",
  ],
  [
    "blocks next to a load balancer",
    {
      containerPort: 80,
      ingressCidrs: ["10.0.0.0/8"],
      loadBalancer: { ingressCidrs: ["10.0.0.0/8"] },
    },
    "ingressCidrs: is given next to loadBalancer",
  ],
  [
    "a certificate that isn't one",
    { containerPort: 80, loadBalancer: { ingressCidrs: ["10.0.0.0/8"], certificateArn: "mine" } },
    `loadBalancer.certificateArn: "mine" is no ARN`,
  ],
  ["a health path that nobody asks", { health: { path: "/" } }, "health.path: is asked by nobody"],
  ["a health check without command", { health: {} }, "health.command: must be a list"],
  [
    "an interval too short",
    { health: { command: ["x"], interval: 1 } },
    "health.interval: must be",
  ],
  ["a secret in the open", { secrets: { TOKEN: "hunter2" } }, "secrets.TOKEN: is no ARN"],
  [
    "a variable twice",
    { environment: { A: "1" }, secrets: { A: secretOf("a") } },
    "secrets.A: is in environment too",
  ],
  [
    "a variable's name",
    { environment: { "A-B": "1" } },
    `environment["A-B"]: is no name of a variable`,
  ],
  ["a VPC without subnets", { vpcId: "vpc-1" }, "subnetIds: is missing, but vpcId is there"],
  ["no subnet", { vpcId: "vpc-1", subnetIds: [] }, "subnetIds: is empty"],
  [
    "a retention that CloudWatch lacks",
    { logRetentionDays: 10 },
    "logRetentionDays: 10 is no number of days",
  ],
  ["a pull secret that isn't one", { pullSecretArn: "arn:aws:ssm:x" }, "pullSecretArn: is no ARN"],
];

it.each(bad)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new EcsTarget("web", { ref: `${repository}@${digest}`, ...args } as EcsTargetArgs);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
  expect(lines[0]).not.toContain("hunter2");
});
