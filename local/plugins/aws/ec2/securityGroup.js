/**
 * aws:ec2/securityGroup:SecurityGroup. Source of the rules: terraform-provider-aws,
 * internal/service/ec2/vpc_security_group.go.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, canonical, hasCode, uniqueName, waitFor } = require("../sdk.js");
const { specifications, updateTags } = require("./tags.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("../types").Kind} Kind */

/** What AWS gives every new group. */
const ALL_EGRESS = [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }];

/** @param {Context} context */
const client = (context) => context.client("ec2", ec2.EC2Client);

/**
 * @param {Context} context
 * @param {string} id
 */
async function find(context, id) {
  const work = client(context).send(new ec2.DescribeSecurityGroupsCommand({ GroupIds: [id] }));
  return (await ifFound(work, "InvalidGroup.NotFound"))?.SecurityGroups?.[0];
}

/**
 * One inline rule as EC2 takes it.
 *
 * @param {any} rule
 * @param {string} own
 */
function permissionOf(rule, own) {
  const Description = rule.description || undefined;
  const groups = [...(rule.securityGroups ?? []), ...(rule.self ? [own] : [])];
  const all = rule.protocol === "-1" || rule.protocol === "all";
  return {
    IpProtocol: all ? "-1" : rule.protocol,
    ...(all ? {} : { FromPort: rule.fromPort, ToPort: rule.toPort }),
    IpRanges: (rule.cidrBlocks ?? []).map((/** @type {string} */ CidrIp) => ({
      CidrIp,
      Description,
    })),
    Ipv6Ranges: (rule.ipv6CidrBlocks ?? []).map((/** @type {string} */ CidrIpv6) => ({
      CidrIpv6,
      Description,
    })),
    PrefixListIds: (rule.prefixListIds ?? []).map((/** @type {string} */ PrefixListId) => ({
      PrefixListId,
      Description,
    })),
    UserIdGroupPairs: groups.map((GroupId) => ({ GroupId, Description })),
  };
}

/**
 * Revokes what is gone, then authorises what is new. Rules that aren't stated are left alone.
 *
 * @param {Context} context
 * @param {string} id
 * @param {"ingress" | "egress"} direction
 * @param {any[]} olds
 * @param {any[] | undefined} news
 */
async function updateRules(context, id, direction, olds, news) {
  if (news === undefined) {
    return;
  }
  const lacking = (/** @type {any[]} */ from, /** @type {any[]} */ others) =>
    from.filter((rule) => !others.some((other) => canonical(other) === canonical(rule)));
  const gone = lacking(olds, news).map((rule) => permissionOf(rule, id));
  const added = lacking(news, olds).map((rule) => permissionOf(rule, id));
  const ingress = direction === "ingress";
  if (gone.length > 0) {
    const change = { GroupId: id, IpPermissions: gone };
    await attempt(
      `revoking Security Group (${id}) ${direction} rules`,
      ingress
        ? client(context).send(new ec2.RevokeSecurityGroupIngressCommand(change))
        : client(context).send(new ec2.RevokeSecurityGroupEgressCommand(change)),
    );
  }
  if (added.length > 0) {
    const change = { GroupId: id, IpPermissions: added };
    await attempt(
      `authorizing Security Group (${id}) ${direction} rules`,
      ingress
        ? client(context).send(new ec2.AuthorizeSecurityGroupIngressCommand(change))
        : client(context).send(new ec2.AuthorizeSecurityGroupEgressCommand(change)),
    );
  }
}

/**
 * @param {Context} context
 * @param {import("@aws-sdk/client-ec2").SecurityGroup} group
 * @param {any} inputs
 */
function stateOf(context, group, inputs) {
  const { accountId, partition, region } = context;
  return {
    arn: `arn:${partition}:ec2:${region}:${accountId}:security-group/${group.GroupId}`,
    description: group.Description,
    egress: inputs.egress ?? [],
    ingress: inputs.ingress ?? [],
    name: group.GroupName,
    ownerId: group.OwnerId,
    tagsAll: allTags(context, inputs.tags),
    vpcId: group.VpcId,
  };
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 * @param {any} old
 */
async function applyRules(context, id, inputs, old) {
  await updateRules(context, id, "ingress", old.ingress ?? [], inputs.ingress);
  await updateRules(context, id, "egress", old.egress ?? [], inputs.egress);
  const group = await find(context, id);
  if (group === undefined) {
    throw new Error(`reading Security Group (${id}): couldn't find resource`);
  }
  return stateOf(context, group, inputs);
}

/** @type {Kind} */
const strings = { set: "string" };
/** @type {Kind} */
const rules = {
  set: {
    object: {
      cidrBlocks: { list: "string" },
      description: "string",
      fromPort: "number",
      ipv6CidrBlocks: { list: "string" },
      prefixListIds: { list: "string" },
      protocol: "string",
      securityGroups: strings,
      self: "boolean",
      toPort: "number",
    },
  },
};

/** @type {import("../types").Resource} */
const securityGroup = {
  inputs: {
    description: "string",
    egress: rules,
    ingress: rules,
    name: "string",
    namePrefix: "string",
    revokeRulesOnDelete: "boolean",
    tags: { map: "string" },
    vpcId: "string",
  },
  autoname: "name",
  autonameMax: 255,
  // Pulumi's own default text (pulumi-aws, provider/resources.go).
  defaults: { description: "Managed by Pulumi", revokeRulesOnDelete: false },
  outputs: ["arn", "egress", "ingress", "name", "ownerId", "vpcId"],
  forceNew: ["description", "name", "namePrefix", "vpcId"],
  async create(context, inputs) {
    const name = inputs.name ?? uniqueName(inputs.namePrefix);
    const id = await attempt(`creating Security Group (${name})`, async () => {
      const command = new ec2.CreateSecurityGroupCommand({
        Description: inputs.description ?? "Managed by Pulumi",
        GroupName: name,
        TagSpecifications: specifications(context, "security-group", inputs.tags),
        VpcId: inputs.vpcId,
      });
      return (await client(context).send(command)).GroupId ?? "";
    });
    try {
      // "AWS defaults all Security Groups to have an ALLOW ALL egress rule. Here we revoke that rule, so
      // users don't unknowingly have/use it": also where no rules are stated.
      const revoke = { GroupId: id, IpPermissions: ALL_EGRESS };
      await attempt(
        `revoking default IPv4 egress rule for Security Group (${id})`,
        client(context).send(new ec2.RevokeSecurityGroupEgressCommand(revoke)),
      );
      return { id, outputs: await applyRules(context, id, inputs, {}) };
    } catch (error) {
      throw made(error, { id, outputs: { name } });
    }
  },
  async read(context, id, state) {
    const group = await find(context, id);
    return group && stateOf(context, group, state);
  },
  async update(context, id, inputs, old) {
    await updateTags(context, id, inputs, old);
    return applyRules(context, id, inputs, old);
  },
  async delete(context, id) {
    const command = new ec2.DeleteSecurityGroupCommand({ GroupId: id });
    // It may still be in use for a while: 15 minutes, the default timeout of the delete.
    await attempt(`deleting Security Group (${id})`, () =>
      waitFor(context, { state: "deleted", seconds: 900 }, async () => {
        try {
          await ifFound(client(context).send(command), "InvalidGroup.NotFound");
          return true;
        } catch (error) {
          if (hasCode(error, "DependencyViolation", "InvalidGroup.InUse")) {
            return undefined;
          }
          throw error;
        }
      }),
    );
  },
};

module.exports = {
  resources: { "aws:ec2/securityGroup:SecurityGroup": securityGroup },
  invokes: {},
};
