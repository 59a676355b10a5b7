import * as pulumi from "@pulumi/pulumi";
import { Ec2Target, type Ec2TargetArgs } from "../../components/targets/ec2/ec2";
import { machineProblem } from "../../components/targets/ec2/confirm";
import { userData } from "../../components/targets/ec2/ec2Release";
import { register, type Registered, valueOf, verified } from "./mocks";

// Mocks prove what the providers are given. That AWS then holds it is for tests/engine/ec2.test.ts.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const digest = `sha256:${"a".repeat(64)}`;
const instances = "arn:aws:ec2:eu-west-1:123456789012:instance/*";
const secretArn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf";

function answer({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
  const answers: Record<string, Record<string, unknown>> = {
    getRegion: { region: "eu-west-1" },
    getVpc: { id: "vpc-default" },
    getSubnets: { ids: ["subnet-b", "subnet-a"] },
    getParameter: { insecureValue: `ami-of-${(inputs as { name?: string }).name}` },
    getAuthorizationToken: { userName: "AWS", password: "canary-token" },
  };
  return answers[token.split(":").at(-1)!] ?? (inputs as Record<string, unknown>);
}

async function make(args: Partial<Ec2TargetArgs> = {}, opts: pulumi.ComponentResourceOptions = {}) {
  const options: Record<string, pulumi.CustomResourceOptions> = {};
  let target: Ec2Target | undefined;
  const all = await register(
    () => {
      target = new Ec2Target(
        "web",
        { ref: `${repository}@${digest}`, instanceType: "t3.small", ...args },
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
    (resource) =>
      resource.name.endsWith("-verified")
        ? verified(resource, repository, digest)
        : {
            arn: `arn:aws:logs:eu-west-1:123456789012:${resource.name}`,
            name: resource.inputs.name ?? `${resource.name}-1`,
            publicIp: "192.0.2.1",
            allocationId: "eipalloc-1",
            dnsName: "lb.example",
          },
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
    .map(({ type, name }) => `${type.split(":").at(-1)} ${name}`)
    .sort();
const statements = (text: unknown) =>
  (JSON.parse(text as string) as { Statement: unknown[] }).Statement;
const commandsOf = (made: Awaited<ReturnType<typeof make>>) =>
  (made.of("ssm/association:Association", "web-release").parameters as { commands: string })
    .commands;

/** The texts that the commands carry in base64. */
const scriptsIn = (commands: string) =>
  [...commands.matchAll(/printf %s '([A-Za-z0-9+/=]+)' \| base64 -d/g)]
    .map(([, text]) => Buffer.from(text!, "base64").toString())
    .join("\n");

it("without a port makes an instance, its role, profile, group, logs and release, and nothing else", async () => {
  const { all, target } = await make();
  expect(listed(all)).toEqual([
    "Association web-release",
    "Instance web-1",
    "InstanceProfile web",
    "LogGroup web",
    "Role web",
    "RolePolicy web",
    "SecurityGroup web-instances",
    "SecurityGroupEgressRule web-instances-out",
  ]);
  expect(await valueOf(target.url)).toBe("");
});

it("the instance has IMDSv2 with one hop, an encrypted volume, and user data that installs the engine alone", async () => {
  const made = await make();
  expect(made.of("ec2/instance:Instance", "web-1")).toEqual({
    instanceType: "t3.small",
    ami: "ami-of-/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    vpcSecurityGroupIds: ["web-instances-id"],
    iamInstanceProfile: "web-1",
    metadataOptions: {
      httpEndpoint: "enabled",
      httpTokens: "required",
      httpPutResponseHopLimit: 1,
    },
    rootBlockDevice: { encrypted: true, volumeType: "gp3", volumeSize: 16 },
    userData,
    userDataReplaceOnChange: false,
    tags: { Name: "web-1" },
  });
  expect(userData).not.toContain(repository);
});

it("a newer AMI replaces nothing, the user's own does; each is of the type's architecture", async () => {
  const own = await make({ instanceType: "t4g.small", ami: "ami-mine" });
  expect(own.of("ec2/instance:Instance", "web-1").ami).toBe("ami-mine");
  expect(own.options["aws:ec2/instance:Instance web-1"]?.ignoreChanges).toEqual(["userData"]);
  const newest = await make({ instanceType: "t4g.small" });
  expect(newest.of("ec2/instance:Instance", "web-1").ami).toMatch(/-arm64$/);
  expect(newest.options["aws:ec2/instance:Instance web-1"]?.ignoreChanges).toEqual([
    "userData",
    "ami",
  ]);
});

it("the role may pull from this one repository, log to this one group, read the secrets named and be managed by SSM, and nothing else", async () => {
  const made = await make({ secrets: { TOKEN: secretArn } });
  expect(statements(made.of("iam/rolePolicy:RolePolicy", "web").policy)).toEqual([
    { Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: ["*"] },
    {
      Effect: "Allow",
      Action: [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
      ],
      Resource: ["arn:aws:ecr:eu-west-1:123456789012:repository/team/web"],
    },
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: ["arn:aws:logs:eu-west-1:123456789012:web:*"],
    },
    { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [secretArn] },
    {
      Effect: "Allow",
      Action: ["ssm:UpdateInstanceInformation", "ssm:ListInstanceAssociations"],
      Resource: [instances],
    },
    {
      Effect: "Allow",
      Action: ["ssm:UpdateInstanceAssociationStatus"],
      Resource: [instances, "arn:aws:ssm:eu-west-1:123456789012:association/*"],
    },
    {
      Effect: "Allow",
      Action: ["ssm:GetDocument"],
      Resource: ["arn:aws:ssm:eu-west-1:*:document/AWS-RunShellScript"],
    },
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
    {
      Effect: "Allow",
      Action: [
        "ec2messages:AcknowledgeMessage",
        "ec2messages:DeleteMessage",
        "ec2messages:FailMessage",
        "ec2messages:GetEndpoint",
        "ec2messages:GetMessages",
        "ec2messages:SendReply",
      ],
      Resource: ["*"],
    },
  ]);
  expect(made.of("iam/rolePolicy:RolePolicy", "web").policy).not.toContain("ssm:GetParameter");
});

it("the role may read the parameters named, and no others", async () => {
  const parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/web/token";
  const made = await make({ secrets: { TOKEN: parameter } });
  const all = statements(made.of("iam/rolePolicy:RolePolicy", "web").policy);
  expect(all.filter((one) => JSON.stringify(one).includes("Parameter"))).toEqual([
    { Effect: "Allow", Action: ["ssm:GetParameter"], Resource: [parameter] },
  ]);
});

it("the role trusts EC2 without a condition, for AWS documents none for instance profiles", async () => {
  const made = await make();
  expect(statements(made.of("iam/role:Role", "web").assumeRolePolicy)).toEqual([
    { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
  ]);
});

it("container hardening reaches the release in the words of docker", async () => {
  const made = await make({
    readOnlyRootFilesystem: pulumi.output(true),
    tmpfs: [{ target: "/tmp", size: pulumi.output(64) }],
    capabilities: { add: ["NET_RAW"], drop: [pulumi.output("ALL")] },
    ...{ noNewPrivileges: true, pidsLimit: 200, init: false },
  });
  const texts = scriptsIn(commandsOf(made));
  expect(texts).toContain(
    `'--init=false' '--label' 'multiarch.app=project/stack/web' '--label' 'multiarch.resource=web-1-id'`,
  );
  expect(texts).toContain(
    `'--read-only' '--mount' 'type=tmpfs,target=/tmp,tmpfs-size=64m' '--cap-drop' 'ALL' '--cap-add' 'NET_RAW' '--security-opt' 'no-new-privileges' '--pids-limit' '200'`,
  );
});

it("lets nobody in unless asked, opens no SSH, and gives one instance an address that stays", async () => {
  const made = await make({ containerPort: 8080, ingressCidrs: ["203.0.113.0/24"] });
  const rules = made.all.filter(({ type }) => type.endsWith("SecurityGroupIngressRule"));
  expect(rules.map(({ inputs }) => inputs)).toEqual([
    {
      securityGroupId: "web-instances-id",
      ipProtocol: "tcp",
      fromPort: 80,
      toPort: 80,
      cidrIpv4: "203.0.113.0/24",
    },
  ]);
  expect(made.of("ec2/eipAssociation:EipAssociation", "web")).toEqual({
    allocationId: "eipalloc-1",
    instanceId: "web-1-id",
    allowReassociation: true,
  });
  const [after] = made.options["aws:ec2/eipAssociation:EipAssociation web"]!
    .dependsOn as pulumi.Resource[];
  expect(await valueOf(after!.urn)).toContain("web-release");
  expect(await valueOf(made.target.url)).toBe("http://192.0.2.1");
  const without = await make({
    containerPort: 8080,
    hostPort: 8080,
    ingressCidrs: ["203.0.113.0/24"],
    elasticIp: false,
  });
  expect(listed(without.all).filter((one) => one.startsWith("Eip"))).toEqual([]);
  expect(await valueOf(without.target.url)).toBe("http://192.0.2.1:8080");
});

it("several instances stand behind the load balancer, which alone reaches them", async () => {
  const made = await make({
    instances: 2,
    containerPort: 8080,
    loadBalancer: { ingressCidrs: ["0.0.0.0/0"] },
  });
  expect(listed(made.all).filter((one) => /^(Instance|TargetGroupAttachment) /.test(one))).toEqual([
    "Instance web-1",
    "Instance web-2",
    "TargetGroupAttachment web-1",
    "TargetGroupAttachment web-2",
  ]);
  const own = await make({ instances: 2, vpcId: "vpc-1", subnetIds: ["subnet-1", "subnet-2"] });
  expect(own.of("ec2/instance:Instance", "web-2").subnetId).toBe("subnet-2");
  const rule = made.of(
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "web-instances-8080",
  );
  expect(rule).toMatchObject({ referencedSecurityGroupId: "web-lb-id", fromPort: 8080 });
  expect(await valueOf(made.target.url)).toBe("http://lb.example");
});

it("the release is one association for each change, on one instance after another", async () => {
  const made = await make({ releaseTimeout: 5, environment: { LEVEL: "info" } });
  expect(made.of("ssm/association:Association", "web-release")).toEqual({
    name: "AWS-RunShellScript",
    targets: [{ key: "InstanceIds", values: ["web-1-id"] }],
    parameters: { commands: expect.any(String), executionTimeout: "300" },
    maxConcurrency: "1",
    maxErrors: "0",
    waitForSuccessTimeoutSeconds: 300,
  });
  expect(made.options["aws:ssm/association:Association web-release"]).toMatchObject({
    replaceOnChanges: ["parameters", "targets", "#initerror"],
    protect: false,
  });
  expect(commandsOf(made)).toContain(`# multiarch: ${repository}@${digest}\n`);
  expect(commandsOf(made)).not.toContain("{{");
});

it("neither the registry's token nor anything else secret is in what the association says", async () => {
  const { all } = await make({ secrets: { TOKEN: secretArn } });
  for (const { name, inputs } of all.filter(({ name }) => !name.endsWith("-verified")))
    expect([name, JSON.stringify(inputs)]).toEqual([name, expect.not.stringContaining("canary")]);
});

it("tags reach everything that takes some", async () => {
  const made = await make({
    tags: { team: "web" },
    containerPort: 80,
    ingressCidrs: ["10.0.0.0/8"],
  });
  for (const { type, inputs, name } of made.all) {
    if (/:(RolePolicy|RolePolicyAttachment|EipAssociation|Image|Ec2Target|Command)$/.test(type))
      continue;
    expect([name, inputs.tags]).toEqual([name, expect.objectContaining({ team: "web" })]);
  }
});

it("outputs name the exact commands", async () => {
  const { target } = await make();
  expect(await valueOf(target.logsCommand)).toBe("aws logs tail web-1 --follow --region eu-west-1");
  expect(await valueOf(target.shellCommand)).toBe(
    "aws ssm start-session --target web-1-id --region eu-west-1",
  );
});

describe("what AWS says of type and AMI", () => {
  const path = (field: string) => `ec2.${field}`;
  const asked = { instanceType: "x9z.large", architecture: "arm64" as const };

  it("fits, or is told with both settings", () => {
    expect(machineProblem({ supportedArchitectures: ["arm64"] }, asked, path)).toBeUndefined();
    expect(machineProblem({ supportedArchitectures: ["i386", "x86_64"] }, asked, path)).toMatch(
      /^ec2\.instanceType: x9z\.large has i386, x86_64, as AWS says, and the image is built for arm64; set ec2\.architecture/,
    );
    const facts = { supportedArchitectures: ["arm64"], amiArchitecture: "x86_64" };
    expect(machineProblem(facts, { ...asked, ami: "ami-1" }, path)).toMatch(
      /^ec2\.ami: ami-1 is an AMI for x86_64, and ec2\.instanceType x9z\.large is arm64; /,
    );
  });
});

const bad: [string, Record<string, unknown>, string][] = [
  ["no instance type", { instanceType: undefined }, "instanceType: is missing"],
  ["a type without a size", { instanceType: "t3" }, `instanceType: "t3" is no instance type`],
  ["a type that is a number", { instanceType: 3 }, "instanceType: 3 is no instance type"],
  ["a Mac", { instanceType: "mac2.metal" }, "instanceType: mac2.metal runs macOS"],
  [
    "a family that nobody knows",
    { instanceType: "x9z.large" },
    "architecture: is missing, and x9z is no family",
  ],
  [
    "another architecture than the type's",
    { architecture: "arm64" },
    "architecture: is arm64, but instanceType t3.small is x86_64",
  ],
  [
    "an architecture that isn't one",
    { architecture: "amd46" },
    `architecture: "amd46" is not an architecture`,
  ],
  ["no image", { ref: undefined }, "image: is missing"],
  ["a misspelt field", { instanceTyp: "t3.small" }, "instanceTyp: is not a field"],
  ["no instance", { instances: 0 }, "instances: must be a whole number of instances"],
  [
    "several that callers can't tell apart",
    { instances: 2, containerPort: 80, ingressCidrs: ["10.0.0.0/8"] },
    "instances: is 2, and callers",
  ],
  [
    "a port that nobody could reach",
    { containerPort: 80 },
    "containerPort: is given, but nobody could reach it",
  ],
  [
    "blocks without a port",
    { ingressCidrs: ["10.0.0.0/8"] },
    "containerPort: is missing, but ingressCidrs is there",
  ],
  ["a host port without a container's", { hostPort: 80 }, "hostPort: needs containerPort"],
  [
    "a fixed address behind a load balancer",
    { elasticIp: true, containerPort: 80, loadBalancer: { ingressCidrs: ["10.0.0.0/8"] } },
    "elasticIp: is for one instance",
  ],
  ["a health path that nobody could ask", { health: { path: "/" } }, "health.path: needs a port"],
  [
    "two kinds of health check",
    { containerPort: 80, ingressCidrs: ["10.0.0.0/8"], health: { path: "/", seconds: 3 } },
    "health: has path and seconds",
  ],
  ["a strategy that isn't one", { strategy: "blue-green" }, "strategy: must be one of"],
  [
    "too small a volume",
    { rootVolumeSize: 2 },
    "rootVolumeSize: must be a whole number of GiB from 8",
  ],
  ["a secret in the open", { secrets: { TOKEN: "hunter2" } }, "secrets.TOKEN: is no ARN"],
  [
    "a secret that the engine's client would read",
    { secrets: { DOCKER_HOST: secretArn } },
    "secrets.DOCKER_HOST: is a name",
  ],
  ["a VPC without subnets", { vpcId: "vpc-1" }, "subnetIds: is missing, but vpcId is there"],
  [
    "a policy that isn't one",
    { policyArns: ["admin"] },
    `policyArns[0]: "admin" is no policy's ARN`,
  ],
];

it.each(bad)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    const all = { ref: `${repository}@${digest}`, instanceType: "t3.small", ...args };
    new Ec2Target("web", all as Ec2TargetArgs);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
  expect(lines[0]).not.toContain("hunter2");
});
