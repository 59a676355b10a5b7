/**
 * aws:ssm/document:Document. Source: terraform-provider-aws, internal/service/ssm/document.go. A new
 * content is a new version, which becomes the default.
 */
"use strict";

const ssm = require("@aws-sdk/client-ssm");
const { attempt, ifFound } = require("../errors.js");
const { allTags, changed, hasCode, tagChanges, tagList } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

/** @param {Context} context */
const client = (context) => context.client("ssm", ssm.SSMClient);

/**
 * @param {Context} context
 * @param {string} name
 */
async function find(context, name) {
  const work = client(context).send(new ssm.DescribeDocumentCommand({ Name: name }));
  return (await ifFound(work, "InvalidDocument"))?.Document;
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 */
async function stateOf(context, name, inputs) {
  const document = await find(context, name);
  if (document === undefined) {
    return undefined;
  }
  const { accountId, partition, region } = context;
  const { Content } = await client(context).send(
    new ssm.GetDocumentCommand({
      DocumentFormat: inputs.documentFormat,
      DocumentVersion: "$LATEST",
      Name: name,
    }),
  );
  return {
    arn: `arn:${partition}:ssm:${region}:${accountId}:document/${name}`,
    content: Content ?? inputs.content,
    createdDate: document.CreatedDate?.toISOString(),
    defaultVersion: document.DefaultVersion,
    description: document.Description ?? "",
    documentType: document.DocumentType,
    documentVersion: document.DocumentVersion,
    hash: document.Hash,
    hashType: document.HashType,
    latestVersion: document.LatestVersion,
    name,
    owner: document.Owner,
    parameters: (document.Parameters ?? []).map((parameter) => ({
      defaultValue: parameter.DefaultValue ?? "",
      description: parameter.Description ?? "",
      name: parameter.Name,
      type: parameter.Type,
    })),
    platformTypes: document.PlatformTypes ?? [],
    schemaVersion: document.SchemaVersion,
    status: document.Status,
    tagsAll: allTags(context, inputs.tags),
  };
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 * @param {any} old
 */
async function updateContent(context, name, inputs, old) {
  const command = new ssm.UpdateDocumentCommand({
    Content: inputs.content,
    DocumentFormat: inputs.documentFormat ?? "JSON",
    // "DocumentVersion: default_version" in document.go is what the new one is made from; moto wants
    // the latest, which it is here.
    DocumentVersion: "$LATEST",
    Name: name,
    TargetType: inputs.targetType,
    VersionName: inputs.versionName,
  });
  let version = old.latestVersion;
  try {
    const { DocumentDescription } = await client(context).send(command);
    version = DocumentDescription?.DocumentVersion;
  } catch (error) {
    if (!hasCode(error, "DuplicateDocumentContent")) {
      throw error;
    }
  }
  const choice = { DocumentVersion: version, Name: name };
  await client(context).send(new ssm.UpdateDocumentDefaultVersionCommand(choice));
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 * @param {any} old
 */
async function updateTags(context, name, inputs, old) {
  const which = { ResourceType: /** @type {const} */ ("Document"), ResourceId: name };
  const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
  if (removed.length > 0) {
    const change = { ...which, TagKeys: removed };
    await client(context).send(new ssm.RemoveTagsFromResourceCommand(change));
  }
  if (Object.keys(written).length > 0) {
    const change = { ...which, Tags: tagList(written) };
    await client(context).send(new ssm.AddTagsToResourceCommand(change));
  }
}

/** @type {import("../types").Resource} */
const document = {
  inputs: {
    content: "string",
    documentFormat: "string",
    documentType: "string",
    name: "string",
    tags: { map: "string" },
    targetType: "string",
    versionName: "string",
  },
  required: ["content", "documentType"],
  autoname: "name",
  autonameMax: 128,
  defaults: { documentFormat: "JSON" },
  outputs: [
    "arn",
    "createdDate",
    "defaultVersion",
    "description",
    "documentVersion",
    "hash",
    "hashType",
    "latestVersion",
    "owner",
    "parameters",
    "platformTypes",
    "schemaVersion",
    "status",
  ],
  forceNew: ["name"],
  unstable: (olds, news) =>
    changed(olds, news, "content").length > 0
      ? ["defaultVersion", "documentVersion", "hash", "latestVersion", "parameters"]
      : [],
  check({ name }) {
    if (name !== undefined && !/^[\w.-]{3,128}$/.test(name)) {
      return {
        name: "must contain only alphanumeric, underscore, hyphen, or period characters (3 to 128)",
      };
    }
    return undefined;
  },
  async create(context, inputs) {
    const { name } = inputs;
    const tags = tagList(allTags(context, inputs.tags));
    const command = new ssm.CreateDocumentCommand({
      Content: inputs.content,
      DocumentFormat: inputs.documentFormat ?? "JSON",
      DocumentType: inputs.documentType,
      Name: name,
      Tags: tags.length > 0 ? tags : undefined,
      TargetType: inputs.targetType,
      VersionName: inputs.versionName,
    });
    await attempt(`creating SSM Document (${name})`, client(context).send(command));
    return { id: name, outputs: (await stateOf(context, name, inputs)) ?? {} };
  },
  read: (context, id, state) => stateOf(context, id, state),
  async update(context, id, inputs, old) {
    await attempt(`updating SSM Document (${id})`, async () => {
      const parts = ["content", "documentFormat", "targetType", "versionName"];
      if (changed(old, inputs, ...parts).length > 0) {
        await updateContent(context, id, inputs, old);
      }
      await updateTags(context, id, inputs, old);
    });
    const state = await stateOf(context, id, inputs);
    if (state === undefined) {
      throw new Error(`reading SSM Document (${id}): couldn't find resource`);
    }
    return state;
  },
  async delete(context, id) {
    const work = client(context).send(new ssm.DeleteDocumentCommand({ Name: id }));
    await attempt(`deleting SSM Document (${id})`, ifFound(work, "InvalidDocument"));
  },
};

module.exports = { resources: { "aws:ssm/document:Document": document }, invokes: {} };
