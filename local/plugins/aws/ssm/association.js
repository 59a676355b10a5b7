/**
 * aws:ssm/association:Association. moto has no associations at all, so they are emulated: each is kept
 * in a parameter of moto, as JSON in the form that DescribeAssociation has, where the AWS SDK reads it
 * back. **Nothing is executed**: an association counts as successful as soon as a managed instance is
 * behind each of its targets, whatever the document says, and stays pending until then.
 *
 * Source of the rules: terraform-provider-aws, internal/service/ssm/association.go. A new version has
 * all its properties; only a create waits for success.
 */
"use strict";

const { randomUUID } = require("node:crypto");

const ssm = require("@aws-sdk/client-ssm");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, refusal, waitFor } = require("../sdk.js");
const { managedInstances } = require("./managedInstances.js");

/** @typedef {import("../types").Context} Context */

/** Where the emulated associations are. */
const FOLDER = "/stand-in/associations";

/**
 * The parameters of AWS's own documents, of which moto has none.
 *
 * @type {Record<string, any>}
 */
const OWN_DOCUMENTS = {
  "AWS-RunShellScript": {
    commands: {},
    executionTimeout: { default: "3600" },
    workingDirectory: { default: "" },
  },
};

/** @param {Context} context */
const client = (context) => context.client("ssm", ssm.SSMClient);

/**
 * @param {Context} context
 * @param {string} id
 * @returns {Promise<any>}
 */
async function find(context, id) {
  const work = client(context).send(new ssm.GetParameterCommand({ Name: `${FOLDER}/${id}` }));
  const text = (await ifFound(work, "ParameterNotFound"))?.Parameter?.Value;
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * AWS refuses an unknown document, and parameters that the document doesn't have or needs.
 *
 * @param {Context} context
 * @param {any} inputs
 */
async function checkDocument(context, { name, parameters = {} }) {
  const work = client(context).send(new ssm.GetDocumentCommand({ Name: name }));
  const content = (await ifFound(work, "InvalidDocument"))?.Content;
  if (content === undefined && !(name in OWN_DOCUMENTS)) {
    throw refusal("InvalidDocument", `Document with name ${name} does not exist.`);
  }
  const known =
    content === undefined ? OWN_DOCUMENTS[name] : (JSON.parse(content).parameters ?? {});
  const strange = Object.keys(parameters).filter((key) => !(key in known));
  const lacking = Object.keys(known).filter(
    (key) => known[key].default === undefined && parameters[key] === undefined,
  );
  if (strange.length + lacking.length > 0) {
    const parts = [
      strange.length > 0 ? `unexpected: ${strange.join(", ")}` : "",
      lacking.length > 0 ? `missing: ${lacking.join(", ")}` : "",
    ];
    throw refusal(
      "InvalidParameters",
      `Parameters of ${name}: ${parts.filter(Boolean).join("; ")}`,
    );
  }
}

/**
 * Whether every instance that is named is managed, and every other target has one that is.
 *
 * @param {Context} context
 * @param {{ key: string, values: string[] }[]} targets
 */
async function reachesInstances(context, targets) {
  const found = await Promise.all(
    targets.map(async ({ key, values }) => {
      const ids = await managedInstances(context, [{ name: key, values }]);
      return key === "InstanceIds" ? ids.length === new Set(values).size : ids.length > 0;
    }),
  );
  return found.length > 0 && found.every(Boolean);
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 * @param {number} version
 * @param {boolean} success
 */
async function write(context, id, inputs, version, success) {
  const description = {
    ApplyOnlyAtCronInterval: inputs.applyOnlyAtCronInterval,
    AssociationId: id,
    AssociationName: inputs.associationName,
    AssociationVersion: String(version),
    ComplianceSeverity: inputs.complianceSeverity,
    DocumentVersion: inputs.documentVersion ?? "$DEFAULT",
    MaxConcurrency: inputs.maxConcurrency,
    MaxErrors: inputs.maxErrors,
    Name: inputs.name,
    OutputLocation: inputs.outputLocation && {
      S3Location: {
        OutputS3BucketName: inputs.outputLocation.s3BucketName,
        OutputS3KeyPrefix: inputs.outputLocation.s3KeyPrefix,
        OutputS3Region: inputs.outputLocation.s3Region,
      },
    },
    Overview: { Status: success ? "Success" : "Pending" },
    Parameters: Object.fromEntries(
      Object.entries(inputs.parameters ?? {}).map(([key, value]) => [key, [value]]),
    ),
    ScheduleExpression: inputs.scheduleExpression,
    SyncCompliance: inputs.syncCompliance,
    Tags: allTags(context, inputs.tags),
    Targets: (inputs.targets ?? []).map((/** @type {any} */ { key, values }) => ({
      Key: key,
      Values: values,
    })),
  };
  const command = new ssm.PutParameterCommand({
    Name: `${FOLDER}/${id}`,
    Overwrite: true,
    Tier: "Advanced",
    Type: "String",
    Value: JSON.stringify(description),
  });
  await client(context).send(command);
  return description;
}

/**
 * @param {Context} context
 * @param {any} found
 * @param {any} inputs
 */
function stateOf({ accountId, defaultTags, partition, region }, found, inputs) {
  const id = found.AssociationId;
  return {
    arn: `arn:${partition}:ssm:${region}:${accountId}:association/${id}`,
    associationId: id,
    documentVersion: found.DocumentVersion,
    maxConcurrency: found.MaxConcurrency,
    maxErrors: found.MaxErrors,
    name: found.Name,
    parameters: Object.fromEntries(
      Object.entries(found.Parameters).map(([key, values]) => [key, values.join(",")]),
    ),
    targets: found.Targets.map((/** @type {any} */ { Key, Values }) => ({
      key: Key,
      values: Values,
    })),
    tagsAll: { ...defaultTags, ...inputs.tags },
  };
}

/** @type {import("../types").Resource} */
const association = {
  inputs: {
    applyOnlyAtCronInterval: "boolean",
    associationName: "string",
    complianceSeverity: "string",
    documentVersion: "string",
    maxConcurrency: "string",
    maxErrors: "string",
    name: "string",
    outputLocation: {
      object: { s3BucketName: "string", s3KeyPrefix: "string", s3Region: "string" },
    },
    parameters: { map: "string" },
    scheduleExpression: "string",
    syncCompliance: "string",
    tags: { map: "string" },
    targets: { list: { object: { key: "string", values: { list: "string" } } } },
    waitForSuccessTimeoutSeconds: "number",
  },
  // Not autonamed: it is the document's name (pulumi-aws, provider/resources.go). See create.
  defaults: { applyOnlyAtCronInterval: false },
  outputs: ["arn", "associationId", "documentVersion", "parameters", "targets"],
  forceNew: ["name"],
  check({ maxConcurrency, maxErrors, targets }) {
    const text =
      "must be a valid number (e.g. 10) or percentage including the percent sign (e.g. 10%)";
    /** @type {Record<string, string>} */
    const failures = {};
    if (!/^([1-9][0-9]*|[1-9][0-9]?%|100%)$/.test(maxConcurrency ?? "1")) {
      failures.maxConcurrency = text;
    }
    if (!/^([1-9][0-9]*|0|[1-9][0-9]%|[0-9]%|100%)$/.test(maxErrors ?? "1")) {
      failures.maxErrors = text;
    }
    if (targets?.length > 5) {
      failures.targets = "Too many list items: no more than 5 items are allowed";
    }
    return failures;
  },
  async create(context, inputs) {
    const id = randomUUID();
    const targets = inputs.targets ?? [];
    const first = await attempt(`creating SSM Association (${inputs.name})`, async () => {
      await checkDocument(context, inputs);
      return write(context, id, inputs, 1, await reachesInstances(context, targets));
    });
    const seconds = inputs.waitForSuccessTimeoutSeconds;
    if (seconds > 0 && first.Overview.Status !== "Success") {
      try {
        await attempt(`waiting for SSM Association (${id}) create`, () =>
          waitFor(context, { state: "Success", seconds, last: () => "Pending" }, async () =>
            (await reachesInstances(context, targets)) ? true : undefined,
          ),
        );
        await write(context, id, inputs, 1, true);
      } catch (error) {
        throw made(error, { id, outputs: stateOf(context, first, inputs) });
      }
    }
    return { id, outputs: stateOf(context, first, inputs) };
  },
  async read(context, id, state) {
    const found = await find(context, id);
    return found && stateOf(context, found, state);
  },
  update: (context, id, inputs) =>
    attempt(`updating SSM Association (${id})`, async () => {
      const present = await find(context, id);
      if (present === undefined) {
        throw refusal("AssociationDoesNotExist", "The specified association does not exist.");
      }
      await checkDocument(context, inputs);
      const success = await reachesInstances(context, inputs.targets ?? []);
      const version = Number(present.AssociationVersion) + 1;
      return stateOf(context, await write(context, id, inputs, version, success), inputs);
    }),
  async delete(context, id) {
    const work = client(context).send(new ssm.DeleteParameterCommand({ Name: `${FOLDER}/${id}` }));
    await attempt(`deleting SSM Association (${id})`, ifFound(work, "ParameterNotFound"));
  },
};

module.exports = { resources: { "aws:ssm/association:Association": association }, invokes: {} };
