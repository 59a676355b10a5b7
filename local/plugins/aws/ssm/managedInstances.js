/**
 * aws:ssm/getInstances:getInstances. moto has no DescribeInstanceInformation, so this is emulated: a
 * running EC2 instance that has an instance profile counts as known to SSM, and as online at once.
 */
"use strict";

const { DescribeInstancesCommand, EC2Client } = require("@aws-sdk/client-ec2");
const { attempt } = require("../errors.js");

/** @typedef {import("../types").Context} Context */

/** What every instance of this account answers to these filters of AWS. */
const COMMON = {
  PingStatus: "Online",
  PlatformTypes: "Linux",
  ResourceType: "EC2Instance",
};

/**
 * The ids of the managed instances that fit all filters (`InstanceIds`, `tag:…` and those above).
 *
 * @param {Context} context
 * @param {{ name: string, values: string[] }[]} filters
 */
async function managedInstances(context, filters) {
  const Filters = [{ Name: "instance-state-name", Values: ["running"] }];
  let possible = true;
  /** @type {string[] | undefined} */
  let wanted;
  for (const { name, values } of filters) {
    if (name in COMMON) {
      possible &&= values.includes(COMMON[/** @type {keyof typeof COMMON} */ (name)]);
    } else if (name === "InstanceIds") {
      wanted = values;
    } else if (name.startsWith("tag:")) {
      Filters.push({ Name: name, Values: values });
    } else {
      throw new Error(`the stand-in knows no filter ${name} for managed instances`);
    }
  }
  if (!possible) {
    return [];
  }
  const command = new DescribeInstancesCommand({ Filters });
  const { Reservations = [] } = await context.client("ec2", EC2Client).send(command);
  return Reservations.flatMap(({ Instances = [] }) => Instances)
    .filter(({ IamInstanceProfile }) => IamInstanceProfile !== undefined)
    .map(({ InstanceId = "" }) => InstanceId)
    .filter((id) => wanted?.includes(id) ?? true);
}

/** @type {import("../types").Invoke} */
const getInstances = {
  inputs: {
    filters: { list: { object: { name: "string", values: { list: "string" } } } },
    region: "string",
  },
  call: (context, args) =>
    attempt("reading SSM Instances", async () => ({
      ...args,
      id: context.region,
      ids: await managedInstances(context, args.filters ?? []),
      region: context.region,
    })),
};

module.exports = {
  resources: {},
  invokes: { "aws:ssm/getInstances:getInstances": getInstances },
  managedInstances,
};
