/**
 * The stand-in `aws` plugin's EC2 and SSM, on the real engine: what the official provider does in
 * place, what it replaces, and what AWS refuses. What there is afterwards is asked from the emulator.
 */
import {
  DescribeAddressesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { DescribeDocumentCommand, GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { client } from "./awsProject";
import {
  createProject,
  environment,
  NOTHING,
  type Project,
  type RunResult,
  type Step,
} from "./harness";

/** PHASE 1 creates, PHASE 2 changes what can be changed in place, PHASE 3 needs the other architecture. */
const program = `
  const ec2 = require("@pulumi/aws/ec2/index.js");
  const vpc = require("@pulumi/aws/vpc/index.js");
  const ssm = require("@pulumi/aws/ssm/index.js");
  const iam = require("@pulumi/aws/iam/index.js");
  const phase = Number(process.env.PHASE);
  const later = phase > 1;
  const architecture = phase === 3 ? "arm64" : "x86_64";
  const image = ssm.getParameterOutput({
    name: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-" + architecture,
  }).insecureValue;
  const network = ec2.getVpcOutput({ default: true });
  const subnets = ec2.getSubnetsOutput({ filters: [{ name: "vpc-id", values: [network.id] }] });
  const role = new iam.Role("role", { assumeRolePolicy: JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  }) });
  const profile = new iam.InstanceProfile("profile", { role: role.name });
  const group = new ec2.SecurityGroup("group", { vpcId: network.id, description: "web" });
  new vpc.SecurityGroupIngressRule("http", {
    securityGroupId: group.id, ipProtocol: "tcp", fromPort: 80, toPort: later ? 81 : 80, cidrIpv4: "10.0.0.0/8",
  });
  new vpc.SecurityGroupEgressRule("out", { securityGroupId: group.id, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" });
  const instance = new ec2.Instance("web", {
    ami: image,
    instanceType: { 1: "t3.small", 2: "t3.large", 3: "t4g.small" }[phase],
    subnetId: subnets.ids[0],
    vpcSecurityGroupIds: [group.id],
    iamInstanceProfile: profile.name,
    userData: "#!/bin/sh\\n# 1\\n",
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: later ? 2 : 1 },
    rootBlockDevice: { encrypted: true, volumeSize: later ? 20 : 16, volumeType: "gp3" },
    tags: { Name: "web", ...(later ? { phase: "later" } : {}) },
  }, { ignoreChanges: phase === 2 ? ["ami"] : [] });
  const address = new ec2.Eip("address", { domain: "vpc" });
  new ec2.EipAssociation("address", { allocationId: address.id, instanceId: instance.id });
  const document = new ssm.Document("release", {
    documentType: "Command",
    content: JSON.stringify({
      schemaVersion: "2.2",
      description: later ? "second" : "first",
      parameters: { image: { type: "String" } },
      mainSteps: [],
    }),
  });
  const association = new ssm.Association("release", {
    name: document.name,
    targets: [{ key: "InstanceIds", values: [instance.id] }],
    parameters: { image: later ? "image-2" : "image-1" },
    waitForSuccessTimeoutSeconds: 20,
  });
  exports.instance = instance.id;
  exports.instanceIp = instance.publicIp;
  exports.address = address.publicIp;
  exports.group = group.id;
  exports.document = document.name;
  exports.association = association.associationId;
  exports.managed = ssm.getInstancesOutput({ filters: [{ name: "InstanceIds", values: [instance.id] }] }).ids;
  exports.architectures = ec2.getInstanceTypeOutput({ instanceType: "t4g.small" }).supportedArchitectures;
  exports.zone = ec2.getSubnetOutput({ id: subnets.ids[0] }).availabilityZone;
  exports.newest = ec2.getAmiOutput({
    owners: ["amazon"], mostRecent: true,
    filters: [{ name: "architecture", values: ["arm64"] }, { name: "name", values: ["al2023-ami-2023*"] }],
  }).architecture;
`;

const ec2 = () => client("ec2", EC2Client);
const ssm = () => client("ssm", SSMClient);

interface Outputs {
  instance: string;
  instanceIp: string;
  address: string;
  group: string;
  document: string;
  association: string;
  managed: string[];
  architectures: string[];
  zone: string;
  newest: string;
}

/** What EC2 and SSM hold, by the ids of the stack's outputs. */
async function look(outputs: Outputs) {
  const { instance, group, document, association, address } = outputs;
  const { Reservations } = await ec2().send(
    new DescribeInstancesCommand({ InstanceIds: [instance] }),
  );
  const found = Reservations![0]!.Instances![0]!;
  const groups = await ec2().send(new DescribeSecurityGroupsCommand({ GroupIds: [group] }));
  const rules = await ec2().send(
    new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: "group-id", Values: [group] }] }),
  );
  const volumes = await ec2().send(
    new DescribeVolumesCommand({ VolumeIds: [found.BlockDeviceMappings![0]!.Ebs!.VolumeId!] }),
  );
  const userData = await ec2().send(
    new DescribeInstanceAttributeCommand({ InstanceId: instance, Attribute: "userData" }),
  );
  const addresses = await ec2().send(new DescribeAddressesCommand({ PublicIps: [address] }));
  const kept = await ssm().send(
    new GetParameterCommand({ Name: `/stand-in/associations/${association}` }),
  );
  return {
    instance: found,
    group: groups.SecurityGroups![0]!,
    rules: rules.SecurityGroupRules!,
    volume: volumes.Volumes![0]!,
    userData: Buffer.from(userData.UserData!.Value!, "base64").toString(),
    address: addresses.Addresses![0]!,
    document: (await ssm().send(new DescribeDocumentCommand({ Name: document }))).Document!,
    association: JSON.parse(kept.Parameter!.Value!) as Record<string, unknown>,
  };
}

let project: Project;
const runs: Record<string, RunResult> = {};
const outputs: Record<string, Outputs> = {};
const states: Record<string, Awaited<ReturnType<typeof look>>> = {};

/** The changes of a run, with what of them replaces. */
function changesOf({ events }: RunResult): Record<string, string> {
  const shown = events.filter(
    ({ op, type }) => ["update", "replace", "create"].includes(op) && type.startsWith("aws:"),
  );
  const detail = ({ diffs, replaces }: Step) =>
    [...diffs].sort().join(",") + (replaces.length > 0 ? `!${replaces.join(",")}` : "");
  return Object.fromEntries(
    shown.map((step) => [`${step.type.split(":").at(-1)} ${step.name}`, detail(step)]),
  );
}

beforeAll(async () => {
  const { config } = environment().aws;
  project = await createProject({
    name: "aws-ec2",
    program,
    config: config as Record<string, string>,
  });
  for (const [phase, name] of [
    ["1", "first"],
    ["2", "changed"],
    ["3", "flipped"],
  ] as const) {
    const env = { PHASE: phase };
    runs[`${name} preview`] = await project.preview({ env });
    runs[name] = await project.up({ env });
    outputs[name] = (await project.outputs()) as unknown as Outputs;
    states[name] = await look(outputs[name]);
    runs[`${name} again`] = await project.preview({ env });
  }
  runs.refreshed = await project.refresh({ env: { PHASE: "3" } });
  runs.destroyed = await project.destroy({ env: { PHASE: "3" } });
});

afterAll(() => project.dispose());

test.each(["first", "changed", "flipped"])("%s: nothing to do right after it", (name) => {
  const { same, ...rest } = runs[`${name} again`]!.summary;
  expect({ ...rest, same: 0 }).toEqual(NOTHING);
  expect(same).toBe(10);
});

test("a refresh finds what there is", () => {
  expect(runs.refreshed!.summary).toMatchObject({ create: 0, delete: 0, replace: 0, update: 0 });
});

describe("created", () => {
  test("an instance that runs, as asked for", () => {
    const { instance, volume, userData } = states.first!;
    expect(instance).toMatchObject({
      InstanceType: "t3.small",
      Architecture: "x86_64",
      State: { Name: "running" },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      Tags: [{ Key: "Name", Value: "web" }],
    });
    expect(volume).toMatchObject({ Encrypted: true, Size: 16, VolumeType: "gp3" });
    expect(userData).toBe("#!/bin/sh\n# 1\n");
  });
  test("a security group with its rules only, without AWS's own egress rule", () => {
    const { rules } = states.first!;
    const shown = rules.map(({ IsEgress, IpProtocol, FromPort, CidrIpv4 }) =>
      [IsEgress ? "out" : "in", IpProtocol, FromPort, CidrIpv4].join(" "),
    );
    expect(shown.sort()).toEqual(["in tcp 80 10.0.0.0/8", "out -1 -1 0.0.0.0/0"]);
  });
  test("an address on the instance", () => {
    expect(states.first!.address.InstanceId).toBe(outputs.first!.instance);
  });
  test("an association that waited for the instance", () => {
    expect(states.first!.association).toMatchObject({
      Overview: { Status: "Success" },
      AssociationVersion: "1",
      Parameters: { image: ["image-1"] },
    });
  });
  test("lookups", () => {
    expect(outputs.first).toMatchObject({
      managed: [outputs.first!.instance],
      architectures: ["arm64"],
      zone: "us-east-1a",
      newest: "arm64",
    });
  });
});

describe("changed", () => {
  test("in place, as the preview said", () => {
    for (const run of ["changed preview", "changed"]) {
      const { "Instance web": instance, ...others } = changesOf(runs[run]!);
      expect(instance).toContain("instanceType");
      expect(instance).not.toContain("!"); // nothing of it replaces
      expect(others).toEqual({
        "SecurityGroupIngressRule http": "toPort",
        "Document release": "content",
        "Association release": "parameters.image",
      });
    }
  });
  test("the same instance, of another type", () => {
    expect(outputs.changed!.instance).toBe(outputs.first!.instance);
    expect(states.changed!.instance).toMatchObject({
      InstanceType: "t3.large",
      State: { Name: "running" },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
    });
    expect(states.changed!.volume.Size).toBe(20);
    expect(states.changed!.instance.Tags).toContainEqual({ Key: "phase", Value: "later" });
  });
  test("a new default version of the document, and of the association", () => {
    expect(states.changed!.document).toMatchObject({ DefaultVersion: "2", Description: "second" });
    expect(states.changed!.association).toMatchObject({
      AssociationVersion: "2",
      Parameters: { image: ["image-2"] },
    });
  });
});

describe("another architecture", () => {
  test("replaces the instance, and what has its id", () => {
    for (const run of ["flipped preview", "flipped"]) {
      const changes = changesOf(runs[run]!);
      expect(changes["Instance web"]).toMatch(/!.*ami/);
      expect(changes["Instance web"]).toMatch(/!.*instanceType/);
      expect(changes["EipAssociation address"]).toContain("!instanceId");
    }
    expect(states.flipped!.instance).toMatchObject({
      Architecture: "arm64",
      InstanceType: "t4g.small",
    });
    expect(outputs.flipped!.address).toBe(outputs.first!.address);
    expect(states.flipped!.address.InstanceId).toBe(outputs.flipped!.instance);
  });
  test("ends the old one", async () => {
    const { Reservations } = await ec2().send(
      new DescribeInstancesCommand({ InstanceIds: [outputs.first!.instance] }),
    );
    expect(Reservations![0]!.Instances![0]!.State!.Name).toBe("terminated");
  });
});

test("destroy leaves nothing", async () => {
  const { group, document, association, address, instance } = outputs.flipped!;
  const gone = (work: Promise<unknown>) => work.then(() => "there").catch((e: Error) => e.name);
  const { Reservations } = await ec2().send(
    new DescribeInstancesCommand({ InstanceIds: [instance] }),
  );
  expect(Reservations![0]!.Instances![0]!.State!.Name).toBe("terminated");
  const groups = new DescribeSecurityGroupsCommand({ GroupIds: [group] });
  expect(await gone(ec2().send(groups))).toBe("InvalidGroup.NotFound");
  const addresses = new DescribeAddressesCommand({ PublicIps: [address] });
  expect(await gone(ec2().send(addresses))).toBe("InvalidAddress.NotFound");
  expect(await gone(ssm().send(new DescribeDocumentCommand({ Name: document })))).toBe(
    "InvalidDocument",
  );
  const kept = new GetParameterCommand({ Name: `/stand-in/associations/${association}` });
  expect(await gone(ssm().send(kept))).toBe("ParameterNotFound");
});

test("refuses what AWS refuses, in its words", async () => {
  const refused = await createProject({
    name: "aws-ec2-refused",
    program: `
      const ec2 = require("@pulumi/aws/ec2/index.js");
      const ssm = require("@pulumi/aws/ssm/index.js");
      const ami = ssm.getParameterOutput({
        name: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
      }).insecureValue;
      new ec2.Instance("other architecture", { ami, instanceType: "t4g.small" });
      new ec2.Instance("no such type", { ami, instanceType: "t9.small" });
      new ec2.Instance("no such image", { ami: "ami-12345678", instanceType: "t3.small" });
      new ec2.Instance("no such profile", { ami, instanceType: "t3.small", iamInstanceProfile: "nobody" });
      const document = new ssm.Document("document", { documentType: "Command", content: JSON.stringify({
        schemaVersion: "2.2", description: "", parameters: { image: { type: "String" } }, mainSteps: [],
      }) });
      const targets = [{ key: "InstanceIds", values: ["i-00000000"] }];
      new ssm.Association("no parameter", { name: document.name, targets });
      new ssm.Association("nobody there", {
        name: document.name, targets, parameters: { image: "x" }, waitForSuccessTimeoutSeconds: 1,
      });
    `,
    config: environment().aws.config as Record<string, string>,
  });
  const args = ["--continue-on-error"];
  const { output } = await refused.up({ expectFailure: true, args });
  for (const text of [
    "creating EC2 Instance: InvalidParameterValue: The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64' of the specified AMI.",
    "creating EC2 Instance: InvalidParameterValue: Invalid value 't9.small' for InstanceType.",
    "creating EC2 Instance: InvalidAMIID.NotFound: The image id '[ami-12345678]' does not exist",
    "creating EC2 Instance: InvalidParameterValue: Value (nobody) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    "InvalidParameters: Parameters of",
    "timeout while waiting for state to become 'Success' (last state: 'Pending', timeout: 1s)",
  ]) {
    expect(output).toContain(text);
  }
  await refused.dispose();
});

// The SDK itself drops a property that it doesn't know, unless it is in an object.
test.each([
  [
    "instanceType",
    "ec2.getInstanceType({ instanceType: 't9.small' })",
    "reading EC2 Instance Type (t9.small): InvalidInstanceType: The following supplied instance types do not exist: [t9.small]",
  ],
  [
    "property",
    "new ec2.Instance('web', { ami: 'a', instanceType: 't3.small', metadataOptions: { httptokens: 'x' } })",
    'an argument named "httptokens" is not expected in aws:ec2/instance:Instance',
  ],
])("a wrong %s fails the preview", async (_, code, text) => {
  const wrong = await createProject({
    name: "aws-ec2-wrong",
    program: `
      const ec2 = require("@pulumi/aws/ec2/index.js");
      module.exports = async () => { await ${code}; };
    `,
    config: environment().aws.config as Record<string, string>,
  });
  const { output } = await wrong.preview({ expectFailure: true });
  expect(output).toContain(text);
  await wrong.dispose();
});
