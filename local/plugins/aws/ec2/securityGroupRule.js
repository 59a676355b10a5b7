/**
 * aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule and its egress twin. Source:
 * terraform-provider-aws, internal/service/ec2/vpc_security_group_ingress_rule.go.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt, ifFound } = require("../errors.js");
const { allTags } = require("../sdk.js");
const { specifications, updateTags } = require("./tags.js");

/** @typedef {import("../types").Context} Context */

const SOURCES = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"];

/** @param {any} inputs */
function permissionOf(inputs) {
  const Description = inputs.description;
  const { cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId: group } = inputs;
  return {
    IpProtocol: inputs.ipProtocol,
    FromPort: inputs.fromPort,
    ToPort: inputs.toPort,
    ...(cidrIpv4 && { IpRanges: [{ CidrIp: cidrIpv4, Description }] }),
    ...(cidrIpv6 && { Ipv6Ranges: [{ CidrIpv6: cidrIpv6, Description }] }),
    ...(prefixListId && { PrefixListIds: [{ PrefixListId: prefixListId, Description }] }),
    ...(group && { UserIdGroupPairs: [{ GroupId: group.split("/").pop(), Description }] }),
  };
}

/**
 * @param {Context} context
 * @param {string} id
 */
async function find(context, id) {
  const work = context
    .client("ec2", ec2.EC2Client)
    .send(new ec2.DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [id] }));
  const answer = await ifFound(
    work,
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidSecurityGroupRuleID.NotFound",
    "InvalidGroup.NotFound",
  );
  return answer?.SecurityGroupRules?.[0];
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 */
function stateOf(context, id, inputs) {
  const { accountId, partition, region } = context;
  return {
    arn: `arn:${partition}:ec2:${region}:${accountId}:security-group-rule/${id}`,
    securityGroupRuleId: id,
    tagsAll: allTags(context, inputs.tags),
  };
}

/**
 * @param {boolean} ingress
 * @returns {import("../types").Resource}
 */
function ruleResource(ingress) {
  const title = `VPC Security Group ${ingress ? "Ingress" : "Egress"} Rule`;
  /** @param {Context} context @param {any} change */
  const authorize = async (context, change) => {
    const client = context.client("ec2", ec2.EC2Client);
    const answer = ingress
      ? await client.send(new ec2.AuthorizeSecurityGroupIngressCommand(change))
      : await client.send(new ec2.AuthorizeSecurityGroupEgressCommand(change));
    return answer.SecurityGroupRules?.[0]?.SecurityGroupRuleId ?? "";
  };
  return {
    inputs: {
      cidrIpv4: "string",
      cidrIpv6: "string",
      description: "string",
      fromPort: "number",
      ipProtocol: "string",
      prefixListId: "string",
      referencedSecurityGroupId: "string",
      securityGroupId: "string",
      tags: { map: "string" },
      toPort: "number",
    },
    required: ["ipProtocol", "securityGroupId"],
    outputs: ["arn", "securityGroupRuleId"],
    forceNew: ["securityGroupId"],
    diff(olds, news) {
      // "A security group rule's source or destination can't be changed" to another kind of it.
      const kind = (/** @type {any} */ rule) => SOURCES.find((name) => rule[name]);
      const [before, after] = [kind(olds), kind(news)];
      return { replace: before && after && before !== after ? [before, after] : [] };
    },
    async create(context, inputs) {
      const group = inputs.securityGroupId;
      const change = {
        GroupId: group,
        IpPermissions: [permissionOf(inputs)],
        TagSpecifications: specifications(context, "security-group-rule", inputs.tags),
      };
      const id = await attempt(`creating ${title}`, () => authorize(context, change));
      return { id, outputs: stateOf(context, id, inputs) };
    },
    async read(context, id, state) {
      const rule = await find(context, id);
      return (
        rule && {
          ...stateOf(context, id, state),
          cidrIpv4: rule.CidrIpv4,
          cidrIpv6: rule.CidrIpv6,
          description: rule.Description,
          fromPort: rule.IpProtocol === "-1" ? state.fromPort : rule.FromPort,
          ipProtocol: rule.IpProtocol,
          prefixListId: rule.PrefixListId,
          referencedSecurityGroupId: rule.ReferencedGroupInfo?.GroupId,
          securityGroupId: rule.GroupId,
          toPort: rule.IpProtocol === "-1" ? state.toPort : rule.ToPort,
        }
      );
    },
    async update(context, id, inputs, old) {
      await updateTags(context, id, inputs, old);
      const rule = {
        CidrIpv4: inputs.cidrIpv4,
        CidrIpv6: inputs.cidrIpv6,
        Description: inputs.description,
        FromPort: inputs.fromPort,
        IpProtocol: inputs.ipProtocol,
        PrefixListId: inputs.prefixListId,
        ReferencedGroupId: inputs.referencedSecurityGroupId?.split("/").pop(),
        ToPort: inputs.toPort,
      };
      // Tags alone modify no rule.
      const parts = ["cidrIpv4", "cidrIpv6", "description", "fromPort", "ipProtocol"];
      parts.push("prefixListId", "referencedSecurityGroupId", "toPort");
      if (parts.every((part) => inputs[part] === old[part])) return stateOf(context, id, inputs);
      const command = new ec2.ModifySecurityGroupRulesCommand({
        GroupId: inputs.securityGroupId,
        SecurityGroupRules: [{ SecurityGroupRuleId: id, SecurityGroupRule: rule }],
      });
      const work = context.client("ec2", ec2.EC2Client).send(command);
      await attempt(`updating ${title} (${id})`, work);
      return stateOf(context, id, inputs);
    },
    async delete(context, id, state) {
      const client = context.client("ec2", ec2.EC2Client);
      const rule = { GroupId: state.securityGroupId, SecurityGroupRuleIds: [id] };
      const work = ingress
        ? client.send(new ec2.RevokeSecurityGroupIngressCommand(rule))
        : client.send(new ec2.RevokeSecurityGroupEgressCommand(rule));
      await attempt(
        `deleting ${title} (${id})`,
        ifFound(
          /** @type {Promise<unknown>} */ (work),
          "InvalidSecurityGroupRuleId.NotFound",
          "InvalidPermission.NotFound",
          "InvalidGroup.NotFound",
        ),
      );
    },
  };
}

module.exports = {
  resources: {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ruleResource(true),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ruleResource(false),
  },
  invokes: {},
};
