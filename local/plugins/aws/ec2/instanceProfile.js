/**
 * Instance profiles are made in ministack's IAM, and instances run in moto, which looks a profile up
 * in its own. So that one that isn't there is still refused, a profile is asked for where it was
 * made, and then made known to moto by the same name. README.md lists this as emulated.
 */
"use strict";

const {
  CreateInstanceProfileCommand,
  GetInstanceProfileCommand,
  IAMClient,
} = require("@aws-sdk/client-iam");
const { ifFound } = require("../errors.js");
const { hasCode, refusal } = require("../sdk.js");

/**
 * Gives the name, or undefined where none was asked for.
 *
 * @param {import("../types").Context} context
 * @param {string | undefined} name
 */
async function mirrorProfile(context, name) {
  if (!name) {
    return undefined;
  }
  const look = new GetInstanceProfileCommand({ InstanceProfileName: name });
  const found = await ifFound(
    context.client("iam", IAMClient).send(look),
    "NoSuchEntityException",
    "NoSuchEntity",
  );
  if (!found) {
    throw refusal(
      "InvalidParameterValue",
      `Value (${name}) for parameter iamInstanceProfile.name is invalid. ` +
        "Invalid IAM Instance Profile name",
    );
  }
  // moto tells its services apart by the signature, so its IAM answers at EC2's address.
  const make = new CreateInstanceProfileCommand({ InstanceProfileName: name });
  try {
    await context.client("ec2", IAMClient).send(make);
  } catch (error) {
    if (!hasCode(error, "EntityAlreadyExists", "EntityAlreadyExistsException")) {
      throw error;
    }
  }
  return name;
}

module.exports = { mirrorProfile };
