/**
 * The stand-in `aws` plugin's Lambda and load balancing, on the real engine. The images are real ones
 * in the emulated ECR's registry, small enough to be written here; nothing runs them.
 */
import { createHash } from "node:crypto";
import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTagsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionUrlConfigCommand,
  GetPolicyCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import { client } from "./awsProject";
import { createProject, environment, NOTHING, type Project, type RunResult } from "./harness";

const REPOSITORY = "aws-plugin-lambda";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const root = () => `http://${environment().aws.registry}/v2/${REPOSITORY}`;

let authorization = "";

async function send(
  place: string | URL,
  method: string,
  body = "",
  type = "application/octet-stream",
) {
  const headers = { authorization, "content-type": type };
  const answer = await fetch(place, { method, headers, ...(body && { body }) });
  expect([201, 202]).toContain(answer.status);
  return answer.headers;
}

async function pushBlob(text: string) {
  const headers = await send(`${root()}/blobs/uploads/`, "POST");
  const place = new URL(headers.get("location")!, root());
  place.searchParams.set("digest", digestOf(text));
  await send(place, "PUT", text);
  return { digest: digestOf(text), size: text.length };
}

async function pushManifest(mediaType: string, manifest: object) {
  const text = JSON.stringify({ schemaVersion: 2, mediaType, ...manifest });
  const digest = digestOf(text);
  await send(`${root()}/manifests/${digest}`, "PUT", text, mediaType);
  return { mediaType, digest, size: text.length };
}

async function pushImage(architecture: string, layerType = "tar+gzip") {
  const config = JSON.stringify({ architecture, os: "linux", config: {} });
  return pushManifest(MANIFEST, {
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...(await pushBlob(config)),
    },
    layers: [
      {
        mediaType: `application/vnd.oci.image.layer.v1.${layerType}`,
        ...(await pushBlob("layer")),
      },
    ],
  });
}

/** PHASE 1 creates, PHASE 2 changes all that is changed in place, PHASE 3 tags alone. */
const program = `
  const ec2 = require("@pulumi/aws/ec2/index.js");
  const iam = require("@pulumi/aws/iam/index.js");
  const lambda = require("@pulumi/aws/lambda/index.js");
  const lb = require("@pulumi/aws/lb/index.js");
  const { AMD64, ARM64 } = process.env;
  const phase = Number(process.env.PHASE);
  const later = phase > 1;
  const tags = { phase: String(phase) };

  const role = new iam.Role("role", { assumeRolePolicy: JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
  }) });
  const fn = new lambda.Function("web", {
    packageType: "Image",
    imageUri: later ? ARM64 : AMD64,
    architectures: [later ? "arm64" : "x86_64"],
    environment: { variables: { MODE: later ? "second" : "first" } },
    imageConfig: { commands: ["serve"] },
    loggingConfig: { logFormat: "Text", logGroup: "/web" },
    memorySize: later ? 512 : 256,
    publish: true,
    role: role.arn,
    tags,
    timeout: 10,
  });
  const alias = new lambda.Alias("live", { functionName: fn.name, functionVersion: fn.version, name: "live" });
  const url = new lambda.FunctionUrl("web", {
    functionName: fn.name, qualifier: alias.name, authorizationType: "NONE",
    cors: { allowOrigins: later ? ["https://example.com"] : ["*"] },
  });
  new lambda.Permission("elb", {
    action: "lambda:InvokeFunction", function: fn.name, principal: "elasticloadbalancing.amazonaws.com",
    qualifier: alias.name,
  });

  const vpc = ec2.getVpcOutput({ default: true });
  const subnets = ec2.getSubnetsOutput({ filters: [{ name: "vpc-id", values: [vpc.id] }] }).ids;
  const group = new ec2.SecurityGroup("balancer", { vpcId: vpc.id });
  const balancer = new lb.LoadBalancer("web", {
    securityGroups: [group.id], subnets: subnets.apply((ids) => ids.slice(0, later ? 3 : 2)),
    idleTimeout: later ? 120 : 60, tags,
  });
  const target = new lb.TargetGroup("web", {
    port: 8080, protocol: "HTTP", targetType: "ip", vpcId: vpc.id, deregistrationDelay: later ? 10 : 5,
    healthCheck: { path: later ? "/ready" : "/health", interval: 10, timeout: 5, matcher: "200-299" },
  });
  const certificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/a";
  const listener = new lb.Listener("http", {
    loadBalancerArn: balancer.arn, port: 80, protocol: "HTTP",
    defaultActions: later
      ? [{ type: "redirect", redirect: { port: "443", protocol: "HTTPS", statusCode: "HTTP_301" } }]
      : [{ type: "forward", targetGroupArn: target.arn }],
  });
  const secure = new lb.Listener("https", {
    loadBalancerArn: balancer.arn, port: 443, protocol: "HTTPS", certificateArn,
    defaultActions: [{ type: "forward", targetGroupArn: target.arn }],
  });
  new lb.TargetGroupAttachment("web", {
    targetGroupArn: target.arn, targetId: later ? "172.31.0.11" : "172.31.0.10", port: 8080,
  });
  Object.assign(exports, {
    name: fn.name, version: fn.version, qualifiedArn: fn.qualifiedArn, url: url.functionUrl, alias: alias.arn,
    balancer: balancer.arn, dnsName: balancer.dnsName, suffix: balancer.arnSuffix, target: target.arn,
    listener: listener.arn, secure: secure.arn,
  });
`;

type Outputs = Record<
  "name" | "version" | "qualifiedArn" | "balancer" | "target" | "listener" | "secure" | "url",
  string
>;

let project: Project;
let images: { amd64: string; arm64: string; index: string; zstd: string };
const runs: Record<string, RunResult> = {};
const outputs: Record<string, Outputs> = {};
const states: Record<string, Awaited<ReturnType<typeof look>>> = {};
const functions = () => client("lambda", LambdaClient);
const balancers = () => client("elbv2", ElasticLoadBalancingV2Client);

/** What Lambda and the load balancing hold. */
async function look({ name, balancer, target, listener, secure }: Outputs) {
  const found = await functions().send(new GetFunctionCommand({ FunctionName: name }));
  const which = { FunctionName: name, Qualifier: "live" };
  const listeners = await balancers().send(
    new DescribeListenersCommand({ ListenerArns: [listener, secure] }),
  );
  const attributes = await balancers().send(
    new DescribeTargetGroupAttributesCommand({ TargetGroupArn: target }),
  );
  const health = new DescribeTargetHealthCommand({ TargetGroupArn: target });
  const tags = await balancers().send(new DescribeTagsCommand({ ResourceArns: [balancer] }));
  return {
    function: found,
    alias: await functions().send(new GetAliasCommand({ FunctionName: name, Name: "live" })),
    url: await functions().send(new GetFunctionUrlConfigCommand(which)),
    policy: (await functions().send(new GetPolicyCommand(which))).Policy!,
    balancer: (
      await balancers().send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [balancer] }))
    ).LoadBalancers![0]!,
    target: (await balancers().send(new DescribeTargetGroupsCommand({ TargetGroupArns: [target] })))
      .TargetGroups![0]!,
    delay: attributes.Attributes!.find(({ Key }) => Key!.startsWith("deregistration_delay"))?.Value,
    targets: (await balancers().send(health)).TargetHealthDescriptions!.map(
      ({ Target }) => Target!.Id,
    ),
    listeners: listeners.Listeners!.sort((a, b) => a.Port! - b.Port!),
    tags: tags.TagDescriptions![0]!.Tags,
  };
}

const ops = ({ events }: RunResult) =>
  events
    .filter(
      ({ op, type }) => ["update", "replace", "create"].includes(op) && type.startsWith("aws:"),
    )
    .map(({ op, type, name }) => `${op} ${type.split(":").at(-1)} ${name}`)
    .sort();

beforeAll(async () => {
  const { registry, config } = environment().aws;
  const ecr = client("ecr", ECRClient);
  await ecr
    .send(new CreateRepositoryCommand({ repositoryName: REPOSITORY }))
    .catch(() => undefined);
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  authorization = `Basic ${authorizationData![0]!.authorizationToken}`;
  const amd64 = await pushImage("amd64");
  const arm64 = await pushImage("arm64");
  const index = await pushManifest(INDEX, { manifests: [amd64, arm64] });
  const zstd = await pushImage("amd64", "tar+zstd");
  const at = ({ digest }: { digest: string }) => `${registry}/${REPOSITORY}@${digest}`;
  images = { amd64: at(amd64), arm64: at(arm64), index: at(index), zstd: at(zstd) };

  project = await createProject({
    name: "aws-lambda",
    program,
    config: config as Record<string, string>,
  });
  for (const [phase, name] of [
    ["1", "first"],
    ["2", "changed"],
    ["3", "tagged"],
  ] as const) {
    const env = { PHASE: phase, AMD64: images.amd64, ARM64: images.arm64 };
    runs[`${name} preview`] = await project.preview({ env });
    runs[name] = await project.up({ env });
    outputs[name] = (await project.outputs()) as Outputs;
    states[name] = await look(outputs[name]);
    runs[`${name} again`] = await project.preview({ env });
  }
  runs.destroyed = await project.destroy();
});

afterAll(async () => {
  await project?.dispose();
  const repository = { repositoryName: REPOSITORY, force: true };
  await client("ecr", ECRClient).send(new DeleteRepositoryCommand(repository));
});

test.each(["first", "changed", "tagged"])("%s: nothing to do right after it", (name) => {
  const { same, ...rest } = runs[`${name} again`]!.summary;
  expect({ ...rest, same: 0 }).toEqual(NOTHING);
  expect(same).toBe(11);
});

describe("created", () => {
  test("a function that is active, with a version, an alias and a public URL", () => {
    const { function: found, alias, url, policy } = states.first!;
    expect(found.Configuration).toMatchObject({
      State: "Active",
      Architectures: ["x86_64"],
      PackageType: "Image",
      MemorySize: 256,
      Timeout: 10,
      Environment: { Variables: { MODE: "first" } },
      ImageConfigResponse: { ImageConfig: { Command: ["serve"] } },
      LoggingConfig: { LogGroup: "/web" },
    });
    expect(found.Code!.ImageUri).toBe(images.amd64);
    expect(outputs.first!.version).toBe("1");
    expect(outputs.first!.qualifiedArn).toMatch(/:function:web-[0-9a-f]{7}:1$/);
    expect(alias.FunctionVersion).toBe("1");
    expect(url).toMatchObject({ AuthType: "NONE", Cors: { AllowOrigins: ["*"] } });
    expect(url.FunctionUrl).toBe(outputs.first!.url);
    const statements = (JSON.parse(policy) as { Statement: { Sid: string }[] }).Statement;
    expect(statements.map(({ Sid }) => Sid.replace(/-\w{7}$/, "")).sort()).toEqual([
      "FunctionURLAllowPublicAccess",
      "elb",
    ]);
  });
  test("a load balancer with its targets and listeners", () => {
    const { balancer, target, targets, delay, listeners, tags } = states.first!;
    expect(balancer).toMatchObject({ Scheme: "internet-facing", State: { Code: "active" } });
    expect(balancer.AvailabilityZones).toHaveLength(2);
    expect(balancer.SecurityGroups).toHaveLength(1);
    expect(target).toMatchObject({
      TargetType: "ip",
      Port: 8080,
      HealthCheckPath: "/health",
      HealthCheckIntervalSeconds: 10,
      Matcher: { HttpCode: "200-299" },
    });
    expect(delay).toBe("5");
    expect(targets).toEqual(["172.31.0.10"]);
    expect(listeners.map(({ Port, Protocol }) => `${Protocol} ${Port}`)).toEqual([
      "HTTP 80",
      "HTTPS 443",
    ]);
    expect(listeners[0]!.DefaultActions![0]).toMatchObject({
      Type: "forward",
      TargetGroupArn: outputs.first!.target,
    });
    expect(tags).toEqual([{ Key: "phase", Value: "1" }]);
  });
});

describe("changed", () => {
  test("in place, as the preview said, but for the attachment", () => {
    const expected = [
      "replace TargetGroupAttachment web",
      "update Alias live",
      "update Function web",
      "update FunctionUrl web",
      "update Listener http",
      "update LoadBalancer web",
      "update TargetGroup web",
    ];
    expect(ops(runs["changed preview"]!)).toEqual(expected);
    expect(ops(runs.changed!)).toEqual(expected);
  });
  test("the preview doesn't know the version, and the alias follows it", () => {
    const previewed = runs["changed preview"]!.events.find(({ type }) =>
      type.endsWith(":Function"),
    );
    expect(previewed!.outputs).toMatchObject({
      version: "[unknown]",
      qualifiedArn: "[unknown]",
      lastModified: "[unknown]",
      arn: expect.stringContaining(":function:web-") as string,
    });
    expect(outputs.changed!.version).toBe("2");
    expect(states.changed!.alias.FunctionVersion).toBe("2");
  });
  test("architecture, image and configuration of the same function", () => {
    expect(outputs.changed!.name).toBe(outputs.first!.name);
    expect(states.changed!.function.Configuration).toMatchObject({
      Architectures: ["arm64"],
      LastUpdateStatus: "Successful",
      MemorySize: 512,
      Environment: { Variables: { MODE: "second" } },
      ImageConfigResponse: { ImageConfig: { Command: ["serve"] } },
    });
    expect(states.changed!.function.Code!.ImageUri).toBe(images.arm64);
    expect(states.changed!.url.Cors!.AllowOrigins).toEqual(["https://example.com"]);
  });
  test("the same load balancer", () => {
    const { balancer, target, targets, delay, listeners } = states.changed!;
    expect(outputs.changed!.balancer).toBe(outputs.first!.balancer);
    expect(balancer.AvailabilityZones).toHaveLength(3);
    expect(target.HealthCheckPath).toBe("/ready");
    expect(delay).toBe("10");
    expect(targets).toEqual(["172.31.0.11"]);
    expect(listeners[0]!.DefaultActions![0]).toMatchObject({
      Type: "redirect",
      RedirectConfig: { Port: "443", Protocol: "HTTPS", StatusCode: "HTTP_301" },
    });
  });
});

test("new tags alone publish no version", () => {
  expect(ops(runs.tagged!)).toEqual(["update Function web", "update LoadBalancer web"]);
  const previewed = runs["tagged preview"]!.events.find(({ type }) => type.endsWith(":Function"));
  expect(previewed!.outputs).toMatchObject({ version: "2" });
  expect(outputs.tagged!.version).toBe("2");
  expect(states.tagged!.function.Tags).toEqual({ phase: "3" });
  expect(states.tagged!.tags).toEqual([{ Key: "phase", Value: "3" }]);
});

test("destroy leaves nothing", async () => {
  const { name, balancer, target } = outputs.tagged!;
  const gone = (work: Promise<unknown>) => work.then(() => "there").catch((e: Error) => e.name);
  expect(await gone(functions().send(new GetFunctionCommand({ FunctionName: name })))).toBe(
    "ResourceNotFoundException",
  );
  const look = new DescribeLoadBalancersCommand({ LoadBalancerArns: [balancer] });
  expect(await gone(balancers().send(look))).toMatch(/^LoadBalancerNotFound/);
  const groups = new DescribeTargetGroupsCommand({ TargetGroupArns: [target] });
  expect(await gone(balancers().send(groups))).toMatch(/^TargetGroupNotFound/);
});

test("refuses what AWS refuses, in its words", async () => {
  const refused = await createProject({
    name: "aws-lambda-refused",
    program: `
      const ec2 = require("@pulumi/aws/ec2/index.js");
      const lambda = require("@pulumi/aws/lambda/index.js");
      const lb = require("@pulumi/aws/lb/index.js");
      const images = ${JSON.stringify(images)};
      const role = "arn:aws:iam::123456789012:role/lambda";
      const fn = (name, imageUri, more) =>
        new lambda.Function(name, { name, packageType: "Image", imageUri, role, ...more });
      fn("an-index", images.index);
      fn("other-architecture", images.arm64);
      fn("zstd", images.zstd);
      fn("missing", images.amd64.replace(/.{4}$/, "0000"));
      const subnets = ec2.getSubnetsOutput({}).ids;
      const balancer = (name, count) =>
        new lb.LoadBalancer(name, { name, subnets: subnets.apply((ids) => ids.slice(0, count)) });
      balancer("one-zone", 1);
      new lb.TargetGroup("no-port", { name: "no-port", targetType: "ip" });
      new lb.Listener("no certificate", {
        loadBalancerArn: balancer("fine", 2).arn, port: 443, protocol: "HTTPS",
        defaultActions: [{ type: "fixed-response", fixedResponse: { contentType: "text/plain" } }],
      });
    `,
    config: environment().aws.config as Record<string, string>,
  });
  const args = ["--continue-on-error"];
  const { output } = await refused.up({ expectFailure: true, args });
  const unsupported = (name: string, image: string) =>
    `creating Lambda Function (${name}): InvalidParameterValueException: The image manifest, config or layer media type for the source image ${image} is not supported.`;
  for (const text of [
    unsupported("an-index", images.index),
    unsupported("other-architecture", images.arm64),
    unsupported("zstd", images.zstd),
    "creating Lambda Function (missing): InvalidParameterValueException: Source image",
    "creating ELBv2 application Load Balancer (one-zone): ValidationError: At least two subnets in two different Availability Zones must be specified",
    'Attribute "port" must be specified when "targetType" is "ip"',
    "ValidationError: A certificate must be specified for HTTPS listeners",
  ]) {
    expect(output).toContain(text);
  }
  await refused.dispose();
});
