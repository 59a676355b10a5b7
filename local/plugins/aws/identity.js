/** Who and where: the invokes of `aws:index`. */
"use strict";

const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { attempt } = require("./errors.js");

/** @type {Record<string, import("./types").Invoke>} */
const invokes = {
  "aws:index/getCallerIdentity:getCallerIdentity": {
    inputs: { id: "string" },
    async call(context) {
      const sts = context.client("sts", STSClient);
      const { Account, Arn, UserId } = await attempt("reading STS Caller Identity", () =>
        sts.send(new GetCallerIdentityCommand()),
      );
      return { id: Account, accountId: Account, arn: Arn, userId: UserId };
    },
  },
  "aws:index/getRegion:getRegion": {
    inputs: { id: "string", name: "string", endpoint: "string" },
    async call(context, { name = context.region }) {
      const endpoint = `ec2.${name}.amazonaws.com`;
      return { id: name, name, region: name, endpoint, description: name };
    },
  },
  "aws:index/getPartition:getPartition": {
    inputs: { id: "string" },
    async call({ partition }) {
      const [dnsSuffix, reverseDnsPrefix] = ["amazonaws.com", "com.amazonaws"];
      return { id: partition, partition, dnsSuffix, reverseDnsPrefix };
    },
  },
};

module.exports = { invokes };
