import type * as ec2 from "@pulumi/aws/ec2/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws } from "../../aws";

/** Who may reach one TCP port: blocks of addresses, or the members of another security group. */
export interface Ingress {
  readonly port: number;
  readonly cidrs?: readonly pulumi.Input<string>[];
  readonly from?: ec2.SecurityGroup;
}

/** A security group that lets in what is stated and nothing else, and lets out everything over IPv4: pulls, logs, the app's own calls. */
export function securityGroup(
  name: string,
  args: {
    vpcId: pulumi.Input<string>;
    description: string;
    ingress: readonly Ingress[];
    tags?: Record<string, pulumi.Input<string>>;
  },
  opts: pulumi.CustomResourceOptions,
): ec2.SecurityGroup {
  const { vpcId, description, tags } = args;
  const group = new aws.ec2.SecurityGroup(name, { vpcId, description, tags }, opts);
  // Rules of their own: inline ones and others would undo each other in every run.
  for (const { port, cidrs, from } of args.ingress) {
    const rule = {
      securityGroupId: group.id,
      ipProtocol: "tcp",
      fromPort: port,
      toPort: port,
      tags,
    };
    if (from !== undefined) {
      new aws.vpc.SecurityGroupIngressRule(
        `${name}-${port}`,
        { ...rule, referencedSecurityGroupId: from.id },
        opts,
      );
    }
    cidrs?.forEach((block, index) => {
      // Of a block that is known later only its value tells which of the two it is.
      const only = (v6: boolean) =>
        pulumi.output(block).apply((text) => (text.includes(":") === v6 ? text : undefined));
      const address =
        typeof block !== "string"
          ? { cidrIpv4: only(false), cidrIpv6: only(true) }
          : block.includes(":")
            ? { cidrIpv6: block }
            : { cidrIpv4: block };
      new aws.vpc.SecurityGroupIngressRule(
        `${name}-${port}-${typeof block === "string" ? block : index}`,
        { ...rule, ...address },
        opts,
      );
    });
  }
  new aws.vpc.SecurityGroupEgressRule(
    `${name}-out`,
    { securityGroupId: group.id, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0", tags },
    opts,
  );
  return group;
}
