/** What EC2 says of the architecture of instance types and AMIs. */
"use strict";

const {
  DescribeImagesCommand,
  DescribeInstanceTypesCommand,
  EC2Client,
} = require("@aws-sdk/client-ec2");
const { ifFound } = require("../errors.js");
const { hasCode, refusal } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

/**
 * The instance type's data, or undefined where there is no such type.
 *
 * @param {Context} context
 * @param {string} name
 */
async function findInstanceType(context, name) {
  const type = /** @type {import("@aws-sdk/client-ec2")._InstanceType} */ (name);
  const command = new DescribeInstanceTypesCommand({ InstanceTypes: [type] });
  const work = context.client("ec2", EC2Client).send(command);
  return (await ifFound(work, "InvalidInstanceType"))?.InstanceTypes?.[0];
}

/**
 * The official provider replaces an instance for another type only when the two types have no
 * architecture in common; a type that it can't look up replaces nothing.
 * Source: terraform-provider-aws, internal/service/ec2/ec2_instance.go, CustomizeDiff.
 *
 * @param {Context} context
 * @param {unknown} before
 * @param {unknown} after
 */
async function typeReplaces(context, before, after) {
  if (typeof before !== "string" || typeof after !== "string" || before === after) {
    return false;
  }
  const look = (/** @type {string} */ name) =>
    findInstanceType(context, name).catch(() => undefined);
  const [old, now] = await Promise.all([look(before), look(after)]);
  const architectures = now?.ProcessorInfo?.SupportedArchitectures ?? [];
  const common = old?.ProcessorInfo?.SupportedArchitectures?.some((one) =>
    architectures.includes(one),
  );
  return old !== undefined && now !== undefined && !common;
}

/**
 * RunInstances' own refusals, in AWS's words; moto starts anything. Gives the AMI.
 *
 * @param {Context} context
 * @param {string} imageId
 * @param {string} typeName
 */
async function checkLaunch(context, imageId, typeName) {
  const images = context
    .client("ec2", EC2Client)
    .send(new DescribeImagesCommand({ ImageIds: [imageId] }))
    .catch((error) => {
      throw hasCode(error, "InvalidAMIID.NotFound")
        ? refusal("InvalidAMIID.NotFound", `The image id '[${imageId}]' does not exist`)
        : error;
    });
  const [{ Images }, type] = await Promise.all([images, findInstanceType(context, typeName)]);
  if (type === undefined) {
    throw refusal("InvalidParameterValue", `Invalid value '${typeName}' for InstanceType.`);
  }
  const architectures = type.ProcessorInfo?.SupportedArchitectures ?? [];
  const own = Images?.[0]?.Architecture;
  if (own !== undefined && !architectures.some((one) => one === own)) {
    throw refusal(
      "InvalidParameterValue",
      `The architecture '${architectures.join(",")}' of the specified instance type does not ` +
        `match the architecture '${own}' of the specified AMI. Specify an instance type and an ` +
        "AMI that have matching architectures, and try again. You can use " +
        "'describe-instance-types' or 'describe-images' to discover the architecture of the " +
        "instance type or AMI.",
    );
  }
  return Images?.[0];
}

module.exports = { checkLaunch, findInstanceType, typeReplaces };
