import * as aws from "@pulumi/aws/provider.js";
import * as iam from "@pulumi/aws/iam/index.js";
import * as pulumi from "@pulumi/pulumi";
import { Checker } from "../../components/check";
import { describeProblems } from "../../components/errors";
import { Image } from "../../components/image/image";
import {
  environmentProblems,
  refuseReadableSecrets,
} from "../../components/targets/aws/environment";
import {
  type Balanced,
  loadBalancer,
  loadBalancerProblems,
} from "../../components/targets/aws/loadBalancer";
import type { LoadBalancerArgs } from "../../components/targets/aws/loadBalancerArgs";
import {
  cidrProblems,
  type Network,
  networkOf,
  networkProblems,
} from "../../components/targets/aws/network";
import { attachPolicies } from "../../components/targets/aws/policyAttachments";
import { type Ingress, securityGroup } from "../../components/targets/aws/securityGroup";
import {
  imageProblem,
  type TargetImage,
  targetImage,
  type TargetImageArgs,
} from "../../components/targets/targetImage";
import { register, type Registered, valueOf } from "./mocks";

// What the targets on AWS have in common. Mocks prove what the providers are given.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const digests = {
  index: `sha256:${"c".repeat(64)}`,
  "linux/amd64": `sha256:${"a".repeat(64)}`,
  "linux/arm64": `sha256:${"b".repeat(64)}`,
};

function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  if (name.endsWith("-verified")) {
    const environment = inputs.environment as Record<string, unknown>;
    const settings = (environment.value ?? environment) as { MULTIARCH_VERIFY: string };
    const { reference } = JSON.parse(settings.MULTIARCH_VERIFY) as { reference: string };
    const images = (["linux/amd64", "linux/arm64"] as const).map((platform) => ({
      platform,
      digest: digests[platform],
      size: 1,
    }));
    return { stdout: JSON.stringify({ reference, images }) };
  }
  return {
    arn: `arn:${type.split(":")[2]}/${name}`,
    name: `${name}-1`,
    dnsName: `${name}.example`,
  };
}

interface Made<T> {
  all: Registered[];
  result: T;
  calls: pulumi.runtime.MockCallArgs[];
  of(type: string, name: string): Record<string, unknown>;
}

/** Runs a function within a component, with a provider of the user's own. */
async function within<T>(run: (parent: pulumi.ComponentResource) => T): Promise<Made<T>> {
  const calls: pulumi.runtime.MockCallArgs[] = [];
  let result: T | undefined;
  const all = await register(
    () => {
      const own = new aws.Provider("mine", { region: "eu-west-1" });
      const providers = { aws: own };
      result = run(new pulumi.ComponentResource("test:index:Target", "web", {}, { providers }));
    },
    provider,
    (call) => {
      calls.push(call);
      if (call.token.endsWith("getVpc")) return { id: "vpc-default" };
      if (call.token.endsWith("getSubnets")) return { ids: ["subnet-b", "subnet-a"] };
      return { userName: "AWS", password: "canary-token" };
    },
  );
  const found = all.filter(({ type }) => !/^(pulumi|test):/.test(type));
  const of = (type: string, name: string) =>
    found.find((one) => one.type === `aws:${type}` && one.name === name)!.inputs;
  return { all: found, result: result!, calls, of };
}

const listed = ({ all }: Made<unknown>) => all.map(({ type, name }) => `${type} ${name}`).sort();
const rulesOf = ({ all }: Made<unknown>) =>
  all.filter(({ type }) => type.endsWith("IngressRule")).map(({ name, inputs }) => [name, inputs]);

describe("a security group", () => {
  const make = (ingress: (parent: pulumi.Resource) => Ingress[], tags?: Record<string, string>) =>
    within((parent) =>
      securityGroup(
        "web-tasks",
        { vpcId: "vpc-1", description: "tasks of web", ingress: ingress(parent), tags },
        { parent },
      ),
    );

  it("lets everything out and nobody in that wasn't asked for", async () => {
    const made = await make(() => []);
    expect(listed(made)).toEqual([
      "aws:ec2/securityGroup:SecurityGroup web-tasks",
      "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule web-tasks-out",
    ]);
    expect(made.of("ec2/securityGroup:SecurityGroup", "web-tasks")).toEqual({
      vpcId: "vpc-1",
      description: "tasks of web",
    });
    expect(made.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule", "web-tasks-out")).toEqual(
      { securityGroupId: "web-tasks-id", ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" },
    );
  });

  it("a port without blocks lets nobody in", async () => {
    expect(rulesOf(await make(() => [{ port: 80 }, { port: 81, cidrs: [] }]))).toEqual([]);
  });

  const rule = (port: number, rest: object) => ({
    securityGroupId: "web-tasks-id",
    ipProtocol: "tcp",
    fromPort: port,
    toPort: port,
    ...rest,
  });

  it("lets in the stated blocks, of either kind, known later or not, at the stated port", async () => {
    const made = await make(() => [
      {
        port: 8080,
        cidrs: [
          "203.0.113.0/24",
          "2001:db8::/32",
          pulumi.output("198.51.100.0/24"),
          pulumi.output("2001:db8:1::/48"),
        ],
      },
    ]);
    expect(rulesOf(made)).toEqual([
      ["web-tasks-8080-203.0.113.0/24", rule(8080, { cidrIpv4: "203.0.113.0/24" })],
      ["web-tasks-8080-2001:db8::/32", rule(8080, { cidrIpv6: "2001:db8::/32" })],
      ["web-tasks-8080-2", rule(8080, { cidrIpv4: "198.51.100.0/24" })],
      ["web-tasks-8080-3", rule(8080, { cidrIpv6: "2001:db8:1::/48" })],
    ]);
  });

  it("lets in the members of another group, and tags every rule", async () => {
    const tags = { team: "web" };
    const made = await make((parent) => {
      const args = { vpcId: "vpc-1", description: "load balancer", ingress: [] };
      return [{ port: 8080, from: securityGroup("web-lb", args, { parent }) }];
    }, tags);
    expect(rulesOf(made)).toEqual([
      ["web-tasks-8080", rule(8080, { referencedSecurityGroupId: "web-lb-id", tags })],
    ]);
    for (const { name, inputs } of made.all.filter(({ name }) => name.startsWith("web-tasks")))
      expect([name, inputs.tags]).toEqual([name, tags]);
  });
});

describe("a load balancer", () => {
  const network: () => Network = () => ({
    vpcId: pulumi.output("vpc-1"),
    subnetIds: pulumi.output(["subnet-a", "subnet-b"]),
  });
  const make = (args: Partial<LoadBalancerArgs> & { tags?: Record<string, string> } = {}) =>
    within<Balanced>((parent) =>
      loadBalancer(
        "web",
        {
          ingressCidrs: ["203.0.113.0/24"],
          ...args,
          network: network(),
          targetType: "ip",
        },
        { parent },
      ),
    );
  const ports = (made: Made<unknown>) =>
    rulesOf(made).map(([, inputs]) => (inputs as { fromPort: number }).fromPort);
  const forward = { type: "forward", targetGroupArn: "arn:TargetGroup/web-lb" };

  it("without a certificate listens to HTTP, from the stated blocks", async () => {
    const made = await make();
    expect(listed(made)).toEqual([
      "aws:ec2/securityGroup:SecurityGroup web-lb",
      "aws:lb/listener:Listener web-http",
      "aws:lb/loadBalancer:LoadBalancer web-lb",
      "aws:lb/targetGroup:TargetGroup web-lb",
      "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule web-lb-out",
      "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule web-lb-80-203.0.113.0/24",
    ]);
    expect(made.of("lb/loadBalancer:LoadBalancer", "web-lb")).toEqual({
      loadBalancerType: "application",
      internal: false,
      securityGroups: ["web-lb-id"],
      subnets: ["subnet-a", "subnet-b"],
      dropInvalidHeaderFields: true,
    });
    expect(made.of("lb/targetGroup:TargetGroup", "web-lb")).toEqual({
      vpcId: "vpc-1",
      port: 80,
      protocol: "HTTP",
      targetType: "ip",
      deregistrationDelay: 30,
      healthCheck: { path: "/", matcher: "200-399", interval: 10 },
    });
    expect(made.of("lb/listener:Listener", "web-http")).toEqual({
      loadBalancerArn: "arn:LoadBalancer/web-lb",
      port: 80,
      protocol: "HTTP",
      defaultActions: [forward],
    });
    expect(await valueOf(made.result.url)).toBe("http://web-lb.example");
    expect(made.result.listeners).toHaveLength(1);
  });

  it("with a certificate forwards HTTPS alone, and sends HTTP there", async () => {
    const certificateArn = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
    const made = await make({ certificateArn });
    expect(made.of("lb/listener:Listener", "web-https")).toEqual({
      loadBalancerArn: "arn:LoadBalancer/web-lb",
      port: 443,
      protocol: "HTTPS",
      certificateArn,
      sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
      defaultActions: [forward],
    });
    expect(made.of("lb/listener:Listener", "web-http")).toEqual({
      loadBalancerArn: "arn:LoadBalancer/web-lb",
      port: 80,
      protocol: "HTTP",
      defaultActions: [
        {
          type: "redirect",
          redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" },
        },
      ],
    });
    expect(ports(made)).toEqual([80, 443]);
    expect(await valueOf(made.result.url)).toBe("https://web-lb.example");
    expect(made.result.listeners).toHaveLength(2);
  });

  it("its own options reach it", async () => {
    const tags = { team: "web" };
    const made = await make({
      internal: true,
      subnetIds: ["subnet-x", "subnet-y"],
      healthPath: "/health",
      tags,
    });
    expect(made.of("lb/loadBalancer:LoadBalancer", "web-lb")).toMatchObject({
      internal: true,
      subnets: ["subnet-x", "subnet-y"],
    });
    expect(made.of("lb/targetGroup:TargetGroup", "web-lb")).toMatchObject({
      healthCheck: { path: "/health" },
    });
    for (const { name, inputs } of made.all) expect([name, inputs.tags]).toEqual([name, tags]);
  });
});

describe("the network", () => {
  it("is the default VPC with its subnets, sorted, asked for with the user's provider", async () => {
    const { result, calls } = await within((parent) => networkOf(parent, {}));
    expect(await valueOf(result.vpcId)).toBe("vpc-default");
    expect(await valueOf(result.subnetIds)).toEqual(["subnet-a", "subnet-b"]);
    expect(calls.map(({ token, inputs }) => [token.split(":").at(-1), inputs as unknown])).toEqual([
      ["getVpc", { default: true }],
      [
        "getSubnets",
        {
          filters: [
            { name: "vpc-id", values: ["vpc-default"] },
            { name: "default-for-az", values: ["true"] },
          ],
        },
      ],
    ]);
    for (const { provider } of calls) expect(provider).toContain("::mine::");
  });

  it("is what was given, and then nobody is asked", async () => {
    const given = { vpcId: "vpc-1", subnetIds: ["subnet-2", pulumi.output("subnet-1")] };
    const { result, calls } = await within((parent) => networkOf(parent, given));
    expect(await valueOf(result.vpcId)).toBe("vpc-1");
    expect(await valueOf(result.subnetIds)).toEqual(["subnet-2", "subnet-1"]);
    expect(calls).toEqual([]);
  });
});

describe("the image of a target", () => {
  const ref = `${repository}@${digests.index}`;

  it("of a reference is the platform's own digest, verified as the target's child", async () => {
    const made = await within((parent) => targetImage(parent, "web", { ref }, "arm64"));
    expect(listed(made)).toEqual([
      "command:local:Command web-verified",
      "multiarch:index:Image web",
    ]);
    expect(await valueOf(made.result.ref)).toBe(`${repository}@${digests["linux/arm64"]}`);
    expect(await valueOf(made.result.repositoryArn)).toBe(
      "arn:aws:ecr:eu-west-1:123456789012:repository/team/web",
    );
    expect(made.result.repository).toBeUndefined();
    expect(made.all.find(({ name }) => name === "web")!.inputs).toEqual({
      ref,
      platforms: { "linux/arm64": "architecture" },
    });
    for (const { provider } of made.calls) expect(provider).toContain("::mine::");
    expect(made.calls.length).toBeGreaterThan(0);
  });

  it("of an Image is that one's, without another verification", async () => {
    const platforms = ["linux/amd64", "linux/arm64"];
    const made = await within((parent): [TargetImage, TargetImage] => {
      const image = new Image("shop", { ref, platforms });
      return [
        targetImage(parent, "web", { image }, "x86_64"),
        targetImage(parent, "worker", { image }, "arm64"),
      ];
    });
    expect(listed(made)).toEqual([
      "command:local:Command shop-verified",
      "multiarch:index:Image shop",
    ]);
    expect(await valueOf(made.result[0].ref)).toBe(`${repository}@${digests["linux/amd64"]}`);
    expect(await valueOf(made.result[1].ref)).toBe(`${repository}@${digests["linux/arm64"]}`);
  });

  it("that isn't planned for the target's platform is refused with both named", async () => {
    await within((parent) => {
      const image = new Image("shop", { ref, platforms: ["linux/amd64"] });
      expect(() => targetImage(parent, "web", { image }, "arm64")).toThrow(
        /^shop: platforms: lacks "linux\/arm64", .*planned are linux\/amd64; add it$/,
      );
    });
  });

  it("in another registry has no repository in ECR", async () => {
    const other = `ghcr.io/team/web@${digests.index}`;
    const made = await within((parent) => targetImage(parent, "web", { ref: other }, "x86_64"));
    expect(await valueOf(made.result.repositoryArn)).toBe("");
    expect(made.calls).toEqual([]);
  });
});

describe("policies of a role", () => {
  it("are attached by names that stay when one before them goes", async () => {
    const one = "arn:aws:iam::aws:policy/One";
    const two = "arn:aws:iam::123456789012:policy/team/Two";
    const attached = async (arns: pulumi.Input<string>[]) => {
      const made = await within((parent) => {
        const role = new iam.Role("web", { assumeRolePolicy: "{}" }, { parent });
        attachPolicies("web", role, arns, { parent });
      });
      return made.all
        .filter(({ type }) => type.endsWith("Attachment"))
        .map(({ name, inputs }) => [name, inputs.policyArn]);
    };
    const last = ["web-123456789012-policy-team-Two", two];
    expect(await attached([one, two])).toEqual([["web-aws-policy-One", one], last]);
    expect(await attached([two])).toEqual([last]);
  });
});

describe("values that are secret", () => {
  it("are refused by the field's path, and never shown", async () => {
    const path = (field: string) => `ecs.${field}`;
    const environment = { TOKEN: pulumi.secret("canary") };
    const check = refuseReadableSecrets(environment, { command: undefined }, path, "ecs.secrets");
    await expect(check()).rejects.toThrow(
      /^ecs\.environment\.TOKEN: is secret, .*; put it into .*, and give its ARN in ecs\.secrets$/,
    );
    await expect(check()).rejects.not.toThrow(/canary/);
  });

  it("are found within lists, and nothing else is refused", async () => {
    const check = (fields: Parameters<typeof refuseReadableSecrets>[1]) =>
      refuseReadableSecrets(undefined, fields, (field) => field, "y")();
    await expect(check({ command: [pulumi.secret("x")] })).rejects.toThrow();
    const plain = { command: ["x"], user: pulumi.output("y"), none: undefined };
    await expect(check(plain)).resolves.toBeUndefined();
  });
});

describe("what is wrong with shared arguments", () => {
  const at = (field: string) => field;
  const arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/x";
  const table: [string, (check: Checker) => void, string[]][] = [
    [
      "a block twice",
      (to) => cidrProblems(to, ["10.0.0.0/8", "10.0.0.0/8"], "cidrs"),
      ["cidrs[1]"],
    ],
    ["an address for a block", (to) => cidrProblems(to, ["10.0.0.1"], "cidrs"), ["cidrs[0]"]],
    ["too long a prefix", (to) => cidrProblems(to, ["10.0.0.0/33"], "cidrs"), ["cidrs[0]"]],
    ["a block that is a number", (to) => cidrProblems(to, [10], "cidrs"), ["cidrs[0]"]],
    ["a block for a list", (to) => cidrProblems(to, "10.0.0.0/8", "cidrs"), ["cidrs"]],
    ["a VPC alone", (to) => networkProblems(to, { vpcId: "vpc-1" }, at), ["subnetIds"]],
    ["subnets alone", (to) => networkProblems(to, { subnetIds: ["subnet-1"] }, at), ["vpcId"]],
    ["no network", (to) => networkProblems(to, {}, at), []],
    [
      "no name in the list",
      (to) => networkProblems(to, { vpcId: "vpc-1", subnetIds: [null] }, at),
      ["subnetIds[0]"],
    ],
    ["a load balancer for nobody", (to) => loadBalancerProblems(to, {}, "lb"), ["lb.ingressCidrs"]],
    [
      "a health path that isn't one",
      (to) =>
        loadBalancerProblems(to, { ingressCidrs: ["10.0.0.0/8"], healthPath: "health" }, "lb"),
      ["lb.healthPath"],
    ],
    [
      "a certificate's file",
      (to) =>
        loadBalancerProblems(
          to,
          { ingressCidrs: ["10.0.0.0/8"], certificateArn: "cert.pem" },
          "lb",
        ),
      ["lb.certificateArn"],
    ],
    [
      "a secret in the open",
      (to) => environmentProblems(to, { secrets: { A: "hunter2" } }, at),
      ["secrets.A"],
    ],
    [
      "a variable in both",
      (to) => environmentProblems(to, { environment: { A: "1" }, secrets: { A: arn } }, at),
      ["secrets.A"],
    ],
    ["no image", (to) => imageProblem(to, {}), ["image"]],
    [
      "an image and a reference",
      (to) => imageProblem(to, { image: {} as Image, ref: "x" }),
      ["image"],
    ],
    ["an image of another kind", (to) => imageProblem(to, { image: {} as Image }), ["image"]],
    ["a tag", (to) => imageProblem(to, { ref: "team/web:1" } as TargetImageArgs), ["ref"]],
    ["a reference known later", (to) => imageProblem(to, { ref: pulumi.output("x") }), []],
  ];

  it.each(table)("%s is told with the field's path", (_, run, paths) => {
    const check = new Checker();
    run(check);
    expect(check.problems.map(({ path }) => path)).toEqual(paths);
    expect(describeProblems("web", check.problems)).not.toContain("hunter2");
  });
});
