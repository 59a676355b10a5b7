/**
 * aws:ssm/getParameter:getParameter. moto's public parameters name AMIs that its image list has, with
 * the architecture of the parameter's name. Source: terraform-provider-aws,
 * internal/service/ssm/parameter_data_source.go.
 */
"use strict";

const { GetParameterCommand, SSMClient } = require("@aws-sdk/client-ssm");
const { attempt, ifFound } = require("../errors.js");

/** @type {import("../types").Invoke} */
const getParameter = {
  inputs: { name: "string", region: "string", withDecryption: "boolean" },
  required: ["name"],
  secrets: ["value"],
  call: (context, { name, withDecryption = true }) =>
    attempt(`reading SSM Parameter (${name})`, async () => {
      const command = new GetParameterCommand({ Name: name, WithDecryption: withDecryption });
      const work = context.client("ssm", SSMClient).send(command);
      const found = (await ifFound(work, "ParameterNotFound"))?.Parameter;
      if (found === undefined) {
        throw new Error("couldn't find resource");
      }
      const value = found.Value ?? "";
      return {
        arn: found.ARN,
        id: found.Name,
        insecureValue: found.Type === "SecureString" ? "" : value,
        name: found.Name,
        region: context.region,
        type: found.Type,
        value,
        version: found.Version,
        withDecryption,
      };
    }),
};

module.exports = { resources: {}, invokes: { "aws:ssm/getParameter:getParameter": getParameter } };
