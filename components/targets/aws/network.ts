import * as pulumi from "@pulumi/pulumi";
import { aws, lookedUp } from "../../aws";
import type { Checker } from "../../check";
import { show } from "../../errors";
import { isLater } from "../../check";

/** Where a target's machines are. */
export interface NetworkArgs {
  /**
   * The VPC.
   * @default the region's default VPC
   */
  vpcId?: pulumi.Input<string>;
  /**
   * Subnets, of that VPC. Needed where `vpcId` is given.
   * @default the default subnets, one for each availability zone
   */
  subnetIds?: pulumi.Input<string>[];
}

export interface Network {
  readonly vpcId: pulumi.Output<string>;
  /** Sorted, so that the order in which AWS lists them is no change. */
  readonly subnetIds: pulumi.Output<string[]>;
}

/** The subnets given, else the default VPC's. Asked for with the provider of `parent`. */
export function networkOf(parent: pulumi.Resource, args: NetworkArgs): Network {
  if (args.vpcId !== undefined && args.subnetIds !== undefined)
    return { vpcId: pulumi.output(args.vpcId), subnetIds: pulumi.output(args.subnetIds) };
  const vpcId = lookedUp(aws.ec2.getVpc({ default: true }, { parent })).id;
  const subnetIds = vpcId.apply((id) => {
    const filters = [
      { name: "vpc-id", values: [id] },
      { name: "default-for-az", values: ["true"] },
    ];
    return lookedUp(aws.ec2.getSubnets({ filters }, { parent })).ids;
  });
  return { vpcId, subnetIds: subnetIds.apply((ids) => [...ids].sort()) };
}

/** Checks `vpcId`, `subnetIds` and CIDR blocks. `at` gives the path of a field. */
export function networkProblems(
  check: Checker,
  args: { vpcId?: unknown; subnetIds?: unknown },
  at: (field: string) => string,
): void {
  check.text(args.vpcId, at("vpcId"), `"vpc-0123456789abcdef0"`);
  if (check.list(args.subnetIds, at("subnetIds"), `["subnet-…", "subnet-…"]`)) {
    if (args.subnetIds.length === 0)
      check.add(at("subnetIds"), "is empty", "name one subnet at least, or leave it out");
    args.subnetIds.forEach((id, index) =>
      check.text(id ?? null, at(`subnetIds[${index}]`), `"subnet-…"`),
    );
  }
  if ((args.vpcId === undefined) !== (args.subnetIds === undefined)) {
    const [given, absent] =
      args.vpcId === undefined ? ["subnetIds", "vpcId"] : ["vpcId", "subnetIds"];
    check.add(at(absent), `is missing, but ${at(given)} is there`, "give both, or neither");
  }
}

const cidr = /^(\d{1,3}(\.\d{1,3}){3}\/(\d|[12]\d|3[0-2])|[0-9a-f:]+\/(\d{1,2}|1[01]\d|12[0-8]))$/i;

export function cidrProblems(check: Checker, cidrs: unknown, path: string): void {
  if (!check.list(cidrs, path, `["203.0.113.0/24"]`)) return;
  if (cidrs.length === 0)
    check.add(path, "is empty, so nobody could reach it", `write ["203.0.113.0/24"]`);
  cidrs.forEach((block: unknown, index) => {
    if (isLater(block)) return;
    if (typeof block === "string" && cidr.test(block)) {
      if (cidrs.indexOf(block) < index)
        check.add(`${path}[${index}]`, `${block} is listed twice`, "remove one of them");
      return;
    }
    check.add(
      `${path}[${index}]`,
      `${show(block)} is no block of addresses`,
      `write "203.0.113.0/24", or "0.0.0.0/0" for everybody`,
    );
  });
}
