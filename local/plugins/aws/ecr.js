/**
 * ECR repositories and the documents on them. Rules: terraform-provider-aws v6, internal/service/ecr
 * (repository.go, lifecycle_policy.go, repository_policy.go).
 */
"use strict";

const ecr = require("@aws-sdk/client-ecr");
const { invokes } = require("./ecr/invokes.js");
const { checkExclusions, checkLifecycle, checkName } = require("./ecr/refusals.js");
const { ecrOf, find, outputsOf, tagsOf } = require("./ecr/found.js");
const { attempt, ifFound } = require("./errors.js");
const { allTags, hasCode, tagChanges } = require("./sdk.js");

/** @typedef {import("./types").Context} Context */

const GONE = "RepositoryNotFoundException";

/** @param {Record<string, string>} tags */
const tagList = (tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** @type {import("./types").Resource} */
const repository = {
  inputs: {
    encryptionConfigurations: {
      list: { object: { encryptionType: "string", kmsKey: "string" } },
    },
    forceDelete: "boolean",
    imageScanningConfiguration: { object: { scanOnPush: "boolean" } },
    imageTagMutability: "string",
    imageTagMutabilityExclusionFilters: {
      list: { object: { filter: "string", filterType: "string" } },
    },
    name: "string",
    tags: { map: "string" },
  },
  outputs: ["arn", "name", "registryId", "repositoryUrl"],
  forceNew: ["name", "encryptionConfigurations"],
  defaults: { forceDelete: false, imageTagMutability: "MUTABLE" },
  autoname: "name",
  autonameMax: 256,
  check({ imageTagMutability: mutability, imageTagMutabilityExclusionFilters: filters = [] }) {
    const known = ["IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE", "MUTABLE_WITH_EXCLUSION"];
    /** @type {Record<string, string>} */
    const problems = {};
    if (mutability !== undefined && !known.includes(mutability)) {
      problems.imageTagMutability = `expected imageTagMutability to be one of ${JSON.stringify(known)}, got ${mutability}`;
    }
    // repository.go, validateImageTagMutabilityExclusionFilterUsage
    if (filters.length > 0 && mutability !== undefined && !/_WITH_EXCLUSION$/.test(mutability)) {
      problems.imageTagMutabilityExclusionFilters =
        "image_tag_mutability_exclusion_filter can only be used when image_tag_mutability is set to IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION";
    }
    return problems;
  },
  async create(context, inputs) {
    const { name } = inputs;
    const [encryption] = inputs.encryptionConfigurations ?? [];
    const tags = allTags(context, inputs.tags);
    const { repository: made } = await attempt(`creating ECR Repository (${name})`, async () => {
      checkName(name);
      checkExclusions(inputs);
      return ecrOf(context).send(
        new ecr.CreateRepositoryCommand({
          repositoryName: name,
          imageTagMutability: inputs.imageTagMutability ?? "MUTABLE",
          imageTagMutabilityExclusionFilters: inputs.imageTagMutabilityExclusionFilters,
          imageScanningConfiguration: inputs.imageScanningConfiguration,
          encryptionConfiguration: encryption && {
            encryptionType: encryption.encryptionType ?? "AES256",
            kmsKey: encryption.kmsKey,
          },
          tags: tagList(tags),
        }),
      );
    });
    return { id: name, outputs: outputsOf(context, made) };
  },
  async read(context, id) {
    const found = await find(context, id);
    if (!found) return undefined;
    const tags = await tagsOf(context, found.repositoryArn);
    const own = Object.entries(tags).filter(([key]) => !(key in context.defaultTags));
    const { encryptionConfiguration: encryption } = found;
    return {
      ...outputsOf(context, found),
      name: id,
      imageTagMutability: found.imageTagMutability,
      imageScanningConfiguration: found.imageScanningConfiguration,
      imageTagMutabilityExclusionFilters: found.imageTagMutabilityExclusionFilters,
      encryptionConfigurations: encryption && [encryption],
      tags: Object.fromEntries(own),
      tagsAll: tags,
    };
  },
  async update(context, id, inputs, old) {
    const client = ecrOf(context);
    await attempt(`updating ECR Repository (${id}) image tag mutability`, async () => {
      checkExclusions(inputs);
      await client.send(
        new ecr.PutImageTagMutabilityCommand({
          repositoryName: id,
          imageTagMutability: inputs.imageTagMutability ?? "MUTABLE",
          imageTagMutabilityExclusionFilters: inputs.imageTagMutabilityExclusionFilters,
        }),
      );
    });
    await attempt(`updating ECR Repository (${id}) image scanning configuration`, () =>
      client.send(
        new ecr.PutImageScanningConfigurationCommand({
          repositoryName: id,
          imageScanningConfiguration: inputs.imageScanningConfiguration ?? { scanOnPush: false },
        }),
      ),
    );
    const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
    await attempt(`updating tags for ECR Repository (${id})`, async () => {
      const resourceArn = old.arn;
      if (removed.length > 0) {
        await client.send(new ecr.UntagResourceCommand({ resourceArn, tagKeys: removed }));
      }
      if (Object.keys(written).length > 0) {
        await client.send(new ecr.TagResourceCommand({ resourceArn, tags: tagList(written) }));
      }
    });
    const { arn, registryId, repositoryUrl } = old;
    return { arn, registryId, repositoryUrl };
  },
  async delete(context, id, state) {
    const request = { repositoryName: id, force: state.forceDelete === true };
    try {
      await ifFound(ecrOf(context).send(new ecr.DeleteRepositoryCommand(request)), GONE);
    } catch (error) {
      const full = hasCode(error, "RepositoryNotEmptyException");
      const what = full
        ? `ECR Repository (${id}) not empty, consider using force_delete`
        : `deleting ECR Repository (${id})`;
      await attempt(what, Promise.reject(error));
    }
  },
};

/** @type {import("./types").Resource} */
const lifecyclePolicy = {
  inputs: { policy: "json", repository: "string" },
  required: ["policy", "repository"],
  outputs: ["registryId"],
  forceNew: ["policy", "repository"],
  // pulumi-aws, resources.go: the old one's delete would take the new one with it.
  deleteBeforeReplace: true,
  async create(context, { policy, repository: name }) {
    const { registryId } = await attempt(`creating ECR Lifecycle Policy (${name})`, async () => {
      checkLifecycle(policy);
      const request = { repositoryName: name, lifecyclePolicyText: policy };
      return ecrOf(context).send(new ecr.PutLifecyclePolicyCommand(request));
    });
    return { id: name, outputs: { registryId } };
  },
  async read(context, id) {
    const found = await ifFound(
      ecrOf(context).send(new ecr.GetLifecyclePolicyCommand({ repositoryName: id })),
      GONE,
      "LifecyclePolicyNotFoundException",
    );
    return (
      found && {
        policy: found.lifecyclePolicyText,
        registryId: found.registryId,
        repository: found.repositoryName,
      }
    );
  },
  async delete(context, id) {
    await attempt(`deleting ECR Lifecycle Policy (${id})`, () =>
      ifFound(
        ecrOf(context).send(new ecr.DeleteLifecyclePolicyCommand({ repositoryName: id })),
        GONE,
        "LifecyclePolicyNotFoundException",
      ),
    );
  },
};

/** @param {Context} context @param {any} inputs */
async function putPolicy(context, { policy, repository: name }) {
  const { registryId } = await attempt(`putting ECR Repository Policy (${name})`, () =>
    ecrOf(context).send(
      new ecr.SetRepositoryPolicyCommand({ repositoryName: name, policyText: policy }),
    ),
  );
  return { registryId };
}

/** @type {import("./types").Resource} */
const repositoryPolicy = {
  inputs: { policy: "json", repository: "string" },
  required: ["policy", "repository"],
  outputs: ["registryId"],
  forceNew: ["repository"],
  create: async (context, inputs) => ({
    id: inputs.repository,
    outputs: await putPolicy(context, inputs),
  }),
  async read(context, id) {
    const found = await ifFound(
      ecrOf(context).send(new ecr.GetRepositoryPolicyCommand({ repositoryName: id })),
      GONE,
      "RepositoryPolicyNotFoundException",
    );
    return (
      found && {
        policy: found.policyText,
        registryId: found.registryId,
        repository: found.repositoryName,
      }
    );
  },
  update: (context, _id, inputs) => putPolicy(context, inputs),
  async delete(context, id) {
    await attempt(`deleting ECR Repository Policy (${id})`, () =>
      ifFound(
        ecrOf(context).send(new ecr.DeleteRepositoryPolicyCommand({ repositoryName: id })),
        GONE,
        "RepositoryPolicyNotFoundException",
      ),
    );
  },
};

module.exports = {
  invokes,
  resources: {
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": lifecyclePolicy,
    "aws:ecr/repository:Repository": repository,
    "aws:ecr/repositoryPolicy:RepositoryPolicy": repositoryPolicy,
  },
};
