import { createHash } from "node:crypto";
import type * as ec2 from "@pulumi/aws/ec2/index.js";
import type * as lb from "@pulumi/aws/lb/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws } from "../../aws";
import type { Checker } from "../../check";
import { show } from "../../errors";
import { orElse } from "../../late";
import type { LoadBalancerArgs } from "./loadBalancerArgs";
import { cidrProblems, type Network } from "./network";
import { securityGroup } from "./securityGroup";

const fields: Readonly<Record<keyof LoadBalancerArgs, true>> = {
  ingressCidrs: true,
  certificateArn: true,
  healthPath: true,
  internal: true,
  subnetIds: true,
};

export function loadBalancerProblems(check: Checker, args: unknown, path: string): void {
  if (!check.fields(args, path, Object.keys(fields))) return;
  if (args.ingressCidrs === undefined) {
    check.add(
      `${path}.ingressCidrs`,
      "is missing, so nobody could reach it",
      `write ["203.0.113.0/24"], or ["0.0.0.0/0"] for everybody`,
    );
  }
  cidrProblems(check, args.ingressCidrs, `${path}.ingressCidrs`);
  check.flag(args.internal, `${path}.internal`);
  healthPathProblem(check, args.healthPath, `${path}.healthPath`);
  const subnets = `${path}.subnetIds`;
  if (check.list(args.subnetIds, subnets, `["subnet-…", "subnet-…"]`)) {
    if (args.subnetIds.length < 2)
      check.add(subnets, "must be in two availability zones at least", "name two subnets or more");
    args.subnetIds.forEach((id, index) =>
      check.text(id ?? null, `${subnets}[${index}]`, `"subnet-…"`),
    );
  }
  if (
    check.text(args.certificateArn, `${path}.certificateArn`, `"arn:aws:acm:…"`) &&
    !/^arn:[a-z-]+:(acm|iam):/.test(args.certificateArn)
  ) {
    check.add(
      `${path}.certificateArn`,
      `${show(args.certificateArn)} is no ARN of a certificate`,
      `write "arn:aws:acm:region:account:certificate/…"`,
    );
  }
}

export function healthPathProblem(check: Checker, value: unknown, path: string): void {
  if (!check.text(value, path, `"/health"`) || /^\/[\x21-\x7e]*$/.test(value)) return;
  check.add(path, `${show(value)} is no path`, `write "/health"`);
}

/** What a target registers with, and the address in front of it. */
export interface Balanced {
  readonly targetGroup: lb.TargetGroup;
  /** The group whose members may reach the target's port. */
  readonly group: ec2.SecurityGroup;
  /** Whoever registers targets waits for them: a group without a listener takes none. */
  readonly listeners: lb.Listener[];
  readonly url: pulumi.Output<string>;
}

export function loadBalancer(
  name: string,
  args: LoadBalancerArgs & {
    network: Network;
    targetType: "ip" | "instance";
    tags?: Record<string, pulumi.Input<string>>;
  },
  opts: pulumi.CustomResourceOptions,
): Balanced {
  const { network, targetType, tags, certificateArn } = args;
  const ports = certificateArn === undefined ? [80] : [80, 443];
  // AWS takes 32 characters, of which the provider's own ending has 8.
  const hash = createHash("sha256").update(name).digest("hex");
  const short = name.length > 21 ? `${name.slice(0, 12)}-${hash.slice(0, 8)}` : name;
  const group = securityGroup(
    `${name}-lb`,
    {
      vpcId: network.vpcId,
      description: `load balancer of ${name}`,
      ingress: ports.map((one) => ({ port: one, cidrs: args.ingressCidrs })),
      tags,
    },
    opts,
  );
  const balancer = new aws.lb.LoadBalancer(
    `${short}-lb`,
    {
      loadBalancerType: "application",
      internal: args.internal ?? false,
      securityGroups: [group.id],
      subnets: args.subnetIds ?? network.subnetIds,
      dropInvalidHeaderFields: true,
      tags,
    },
    // Another group is one of another VPC, to which no load balancer can move.
    { ...opts, replaceOnChanges: ["securityGroups"] },
  );
  const targetGroup = new aws.lb.TargetGroup(
    `${short}-lb`,
    {
      vpcId: network.vpcId,
      // A default that nobody takes, for each target is registered with its port; and another one would be another, empty group.
      port: 80,
      protocol: "HTTP",
      targetType,
      // AWS waits 300 s before it lets go of a target; what a swap waits for is its requests, which rarely take half a minute.
      deregistrationDelay: 30,
      healthCheck: { path: orElse(args.healthPath, "/"), matcher: "200-399", interval: 10 },
      tags,
    },
    opts,
  );
  const forward = [{ type: "forward", targetGroupArn: targetGroup.arn }];
  const listener = (suffix: string, rest: Partial<lb.ListenerArgs>, actions = forward) =>
    new aws.lb.Listener(
      `${name}-${suffix}`,
      { loadBalancerArn: balancer.arn, defaultActions: actions, tags, ...rest },
      // A target group stands behind one load balancer at a time.
      { ...opts, deleteBeforeReplace: true },
    );
  const redirect = [
    { type: "redirect", redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" } },
  ];
  const listeners =
    certificateArn === undefined
      ? [listener("http", { port: 80, protocol: "HTTP" })]
      : [
          listener("https", {
            port: 443,
            protocol: "HTTPS",
            certificateArn,
            // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
            sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
          }),
          listener("http", { port: 80, protocol: "HTTP" }, redirect as never),
        ];
  const scheme = certificateArn === undefined ? "http" : "https";
  const url = pulumi.interpolate`${scheme}://${balancer.dnsName}`;
  return { targetGroup, group, listeners, url };
}

/** Who reaches a target's machines: their security group, and the load balancer before them where one is asked for. */
export function frontOf(
  name: string,
  args: {
    loadBalancer?: LoadBalancerArgs;
    ingressCidrs?: pulumi.Input<string>[];
    tags?: Record<string, pulumi.Input<string>>;
  },
  machines: {
    network: Network;
    /** The port that they are reached on, if any. */
    port?: number;
    targetType: "ip" | "instance";
    /** `tasks`, `instances`: the group's suffix. */
    kind: string;
  },
  opts: pulumi.CustomResourceOptions,
): { group: ec2.SecurityGroup; balanced?: Balanced } {
  const { tags, ingressCidrs: cidrs } = args;
  const { network, port, targetType, kind } = machines;
  const balanced =
    args.loadBalancer &&
    loadBalancer(name, { ...args.loadBalancer, network, targetType, tags }, opts);
  const ingress = port === undefined ? [] : [{ port, cidrs, from: balanced?.group }];
  const description = `${kind} of ${name}`;
  const { vpcId } = network;
  const group = securityGroup(`${name}-${kind}`, { vpcId, description, ingress, tags }, opts);
  return { group, balanced };
}
