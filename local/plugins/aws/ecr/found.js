/** A repository as the API shows it. */
"use strict";

const ecr = require("@aws-sdk/client-ecr");
const { attempt, ifFound } = require("../errors.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("@aws-sdk/client-ecr").Repository} Repository */

/** @param {Context} context */
const ecrOf = (context) => context.client("ecr", ecr.ECRClient);

/**
 * `localhost:PORT`, where the emulator's registry answers: AWS's own address leads nowhere from here.
 *
 * @param {Context} context
 */
const registryHost = (context) => new URL(context.endpoint("ecr")).host;

/** @param {Context} context @param {Repository | undefined} repository */
function outputsOf(context, repository) {
  return {
    arn: repository?.repositoryArn,
    registryId: repository?.registryId,
    repositoryUrl: `${registryHost(context)}/${repository?.repositoryName}`,
  };
}

/** @param {Context} context @param {string} name @param {string} [registryId] */
async function find(context, name, registryId) {
  const request = { repositoryNames: [name], registryId };
  const found = await attempt(`reading ECR Repository (${name})`, () =>
    ifFound(
      ecrOf(context).send(new ecr.DescribeRepositoriesCommand(request)),
      "RepositoryNotFoundException",
    ),
  );
  return found?.repositories?.[0];
}

/** @param {Context} context @param {string | undefined} resourceArn */
async function tagsOf(context, resourceArn) {
  const { tags = [] } = await ecrOf(context).send(
    new ecr.ListTagsForResourceCommand({ resourceArn }),
  );
  return Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
}

module.exports = { ecrOf, find, outputsOf, registryHost, tagsOf };
