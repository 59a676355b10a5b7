/**
 * What a program asks of ECR. Rules: terraform-provider-aws v6, internal/service/ecr
 * (authorization_token_data_source.go, repository_data_source.go, image_data_source.go).
 */
"use strict";

const { randomBytes } = require("node:crypto");
const ecr = require("@aws-sdk/client-ecr");
const { ecrOf, find, outputsOf, registryHost, tagsOf } = require("./found.js");
const { attempt } = require("../errors.js");

/** @typedef {import("../types").Context} Context */

/** @type {import("../types").Invoke} */
const getAuthorizationToken = {
  inputs: { registryId: "string" },
  secrets: ["authorizationToken", "password"],
  async call(context, { registryId }) {
    const { authorizationData = [] } = await attempt("getting ECR Authorization Token", () =>
      ecrOf(context).send(
        new ecr.GetAuthorizationTokenCommand(registryId ? { registryIds: [registryId] } : {}),
      ),
    );
    const token = Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64").toString();
    const [userName = "AWS", given = ""] = token.split(":");
    // ECR gives another one at every call; ministack's never changes, and its registry takes any.
    const password = `${given}.${randomBytes(24).toString("base64url")}`;
    const expiresAt = authorizationData[0]?.expiresAt ?? new Date(Date.now() + 12 * 3600 * 1000);
    return {
      id: context.region,
      region: context.region,
      authorizationToken: Buffer.from(`${userName}:${password}`).toString("base64"),
      expiresAt: expiresAt.toISOString().replace(/\.\d+Z$/, "Z"),
      password,
      proxyEndpoint: `https://${registryHost(context)}`,
      userName,
    };
  },
};

/** @param {Context} context @param {string} name @param {string} [registryId] */
async function imagesOf(context, name, registryId) {
  const request = { repositoryName: name, registryId };
  const { imageDetails = [] } = await ecrOf(context).send(new ecr.DescribeImagesCommand(request));
  const at = (/** @type {{ imagePushedAt?: Date }} */ image) => Number(image.imagePushedAt ?? 0);
  return imageDetails.sort((a, b) => at(b) - at(a));
}

/** @type {import("../types").Invoke} */
const getRepository = {
  inputs: { name: "string", registryId: "string", tags: { map: "string" } },
  required: ["name"],
  async call(context, { name, registryId }) {
    const found = await find(context, name, registryId);
    if (!found) {
      throw new Error(`reading ECR Repository (${name}): couldn't find resource`);
    }
    const tags = await tagsOf(context, found.repositoryArn);
    const [latest] = await imagesOf(context, name, registryId);
    return {
      ...outputsOf(context, found),
      id: name,
      name,
      region: context.region,
      encryptionConfigurations: [
        {
          encryptionType: found.encryptionConfiguration?.encryptionType ?? "AES256",
          kmsKey: found.encryptionConfiguration?.kmsKey ?? "",
        },
      ],
      imageScanningConfigurations: [
        { scanOnPush: found.imageScanningConfiguration?.scanOnPush ?? false },
      ],
      imageTagMutability: found.imageTagMutability,
      imageTagMutabilityExclusionFilters: found.imageTagMutabilityExclusionFilters ?? [],
      mostRecentImageTags: latest?.imageTags ?? [],
      tags,
    };
  },
};

/** @type {import("../types").Invoke} */
const getImage = {
  inputs: {
    imageDigest: "string",
    imageTag: "string",
    mostRecent: "boolean",
    registryId: "string",
    repositoryName: "string",
  },
  required: ["repositoryName"],
  async call(context, args) {
    const { imageDigest, imageTag, mostRecent, registryId, repositoryName: name } = args;
    if (!imageDigest && !imageTag && !mostRecent) {
      throw new Error("one of `imageDigest,imageTag,mostRecent` must be specified");
    }
    const repository = await find(context, name, registryId);
    const images = await attempt(`reading ECR Images (${name})`, () =>
      imagesOf(context, name, registryId),
    );
    const image = images.find(
      ({ imageDigest: digest, imageTags = [] }) =>
        (!imageDigest || digest === imageDigest) && (!imageTag || imageTags.includes(imageTag)),
    );
    if (!image)
      throw new Error("Your query returned no results. Please change your search criteria");
    const { repositoryUrl } = outputsOf(context, repository);
    return {
      id: image.imageDigest,
      region: context.region,
      imageDigest: image.imageDigest,
      imagePushedAt: Math.floor(Number(image.imagePushedAt) / 1000),
      imageSizeInBytes: image.imageSizeInBytes,
      imageTags: image.imageTags ?? [],
      imageUri: `${repositoryUrl}@${image.imageDigest}`,
      registryId: image.registryId,
    };
  },
};

module.exports = {
  invokes: {
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": getAuthorizationToken,
    "aws:ecr/getImage:getImage": getImage,
    "aws:ecr/getRepository:getRepository": getRepository,
  },
};
