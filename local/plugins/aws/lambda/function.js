/**
 * aws:lambda/function:Function, of images only. Source: terraform-provider-aws,
 * internal/service/lambda/function.go: nothing but name and package type is ForceNew, the configuration
 * is updated before the code, and a published version follows any of the two.
 */
"use strict";

const lambda = require("@aws-sdk/client-lambda");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, tagChanges, waitFor } = require("../sdk.js");
const { CODE, CONFIGURATION, DEFAULTS, configurationOf, isChanged } = require("./configuration.js");
const { checkImage } = require("./image.js");

/** @typedef {import("../types").Context} Context */

/** @param {Context} context */
const client = (context) => context.client("lambda", lambda.LambdaClient);

/** @param {Context} context @param {string} name */
async function find(context, name) {
  const work = client(context).send(new lambda.GetFunctionCommand({ FunctionName: name }));
  return ifFound(work, "ResourceNotFoundException");
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {"State" | "LastUpdateStatus"} field
 * @param {string} wanted
 */
function waitForField(context, name, field, wanted) {
  /** @type {string | undefined} */
  let seen;
  return waitFor(context, { state: wanted, seconds: 600, last: () => seen }, async () => {
    const configuration = (await find(context, name))?.Configuration;
    seen = configuration?.[field];
    if (seen === "Failed") {
      const reason = configuration?.[`${field}Reason`];
      throw new Error(
        `unexpected state 'Failed', wanted target '${wanted}'. last error: ${reason}`,
      );
    }
    return seen === wanted ? true : undefined;
  });
}

/** How API Gateway calls it. @param {Context} context @param {string} arn */
function invokeArn({ partition, region }, arn) {
  return `arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${arn}/invocations`;
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 */
async function stateOf(context, name, inputs) {
  const found = await find(context, name);
  const configuration = found?.Configuration;
  if (!configuration) {
    return undefined;
  }
  const arn = configuration.FunctionArn ?? "";
  // "List is sorted from oldest to latest."
  const versions = new lambda.ListVersionsByFunctionCommand({ FunctionName: name });
  const latest = (await client(context).send(versions)).Versions?.at(-1);
  // ministack names $LATEST last too, and its ARN without the qualifier.
  const version = latest?.Version ?? "$LATEST";
  const qualifiedArn = `${arn}:${version}`;
  const logging = configuration.LoggingConfig;
  return {
    architectures: configuration.Architectures ?? ["x86_64"],
    arn,
    codeSha256: configuration.CodeSha256 ?? "",
    imageUri: found.Code?.ImageUri ?? inputs.imageUri,
    invokeArn: invokeArn(context, arn),
    lastModified: configuration.LastModified,
    loggingConfig: logging && {
      applicationLogLevel: logging.ApplicationLogLevel ?? "",
      logFormat: logging.LogFormat,
      logGroup: logging.LogGroup,
      systemLogLevel: logging.SystemLogLevel ?? "",
    },
    memorySize: configuration.MemorySize,
    name,
    packageType: configuration.PackageType,
    qualifiedArn,
    qualifiedInvokeArn: invokeArn(context, qualifiedArn),
    role: configuration.Role,
    sourceCodeSize: configuration.CodeSize ?? 0,
    tagsAll: allTags(context, inputs.tags),
    timeout: configuration.Timeout,
    version,
  };
}

/**
 * @param {Context} context
 * @param {any} inputs
 */
async function create(context, inputs) {
  const { name } = inputs;
  await attempt(`creating Lambda Function (${name})`, async () => {
    await checkImage(context, inputs.imageUri, inputs.architectures?.[0] ?? "x86_64");
    const { ImageConfig, ...configuration } = configurationOf(inputs);
    const command = new lambda.CreateFunctionCommand({
      ...configuration,
      ...(inputs.imageConfig && { ImageConfig }),
      Architectures: inputs.architectures,
      Code: { ImageUri: inputs.imageUri },
      FunctionName: name,
      PackageType: "Image",
      Publish: inputs.publish ?? false,
      Tags: allTags(context, inputs.tags),
    });
    await client(context).send(command);
  });
  try {
    await attempt(
      `waiting for Lambda Function (${name}) create`,
      waitForField(context, name, "State", "Active"),
    );
    await updateConcurrency(context, name, inputs, {});
    return { id: name, outputs: (await stateOf(context, name, inputs)) ?? {} };
  } catch (error) {
    throw made(error, { id: name, outputs: { name } });
  }
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 * @param {any} old
 */
async function updateConcurrency(context, name, inputs, old) {
  const [before, after] = [old, inputs].map((one) => one.reservedConcurrentExecutions ?? -1);
  if (before === after) {
    return;
  }
  const which = { FunctionName: name };
  await attempt(
    `setting Lambda Function (${name}) concurrency`,
    after >= 0
      ? client(context).send(
          new lambda.PutFunctionConcurrencyCommand({
            ...which,
            ReservedConcurrentExecutions: after,
          }),
        )
      : /** @type {Promise<any>} */ (
          client(context).send(new lambda.DeleteFunctionConcurrencyCommand(which))
        ),
  );
}

/**
 * @param {Context} context
 * @param {string} name
 * @param {any} inputs
 * @param {any} old
 */
async function update(context, name, inputs, old) {
  const which = { FunctionName: name };
  const updated = () => waitForField(context, name, "LastUpdateStatus", "Successful");
  const configured = isChanged(old, inputs, CONFIGURATION);
  if (configured) {
    const change = { ...which, ...configurationOf(inputs) };
    await attempt(
      `updating Lambda Function (${name}) configuration`,
      client(context).send(new lambda.UpdateFunctionConfigurationCommand(change)),
    );
    await attempt(`waiting for Lambda Function (${name}) configuration update`, updated());
  }
  const coded = isChanged(old, inputs, CODE);
  if (coded) {
    await attempt(`updating Lambda Function (${name}) code`, async () => {
      const architectures = inputs.architectures ?? old.architectures;
      await checkImage(context, inputs.imageUri, architectures?.[0] ?? "x86_64");
      const change = {
        ...which,
        // Sent only where it has changed: left out, the old one stays.
        Architectures: isChanged(old, inputs, ["architectures"]) ? inputs.architectures : undefined,
        ImageUri: inputs.imageUri,
      };
      await client(context).send(new lambda.UpdateFunctionCodeCommand(change));
    });
    await attempt(`waiting for Lambda Function (${name}) code update`, updated());
  }
  await updateConcurrency(context, name, inputs, old);
  if (inputs.publish && (configured || coded || !old.publish)) {
    await attempt(
      `publishing Lambda Function (${name}) version`,
      client(context).send(new lambda.PublishVersionCommand(which)),
    );
  }
  await updateTags(context, old.arn, inputs, old);
  const state = await stateOf(context, name, inputs);
  if (state === undefined) {
    throw new Error(`reading Lambda Function (${name}): couldn't find resource`);
  }
  return state;
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 * @param {any} old
 */
async function updateTags(context, arn, inputs, old) {
  const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
  if (removed.length > 0) {
    const change = { Resource: arn, TagKeys: removed };
    await client(context).send(new lambda.UntagResourceCommand(change));
  }
  if (Object.keys(written).length > 0) {
    await client(context).send(new lambda.TagResourceCommand({ Resource: arn, Tags: written }));
  }
}

/** @type {import("../types").Resource} */
const functionResource = {
  inputs: {
    architectures: { list: "string" },
    deadLetterConfig: { object: { targetArn: "string" } },
    description: "string",
    environment: { object: { variables: { map: "string" } } },
    ephemeralStorage: { object: { size: "number" } },
    imageConfig: {
      object: {
        commands: { list: "string" },
        entryPoints: { list: "string" },
        workingDirectory: "string",
      },
    },
    imageUri: "string",
    kmsKeyArn: "string",
    loggingConfig: {
      object: {
        applicationLogLevel: "string",
        logFormat: "string",
        logGroup: "string",
        systemLogLevel: "string",
      },
    },
    memorySize: "number",
    name: "string",
    packageType: "string",
    publish: "boolean",
    reservedConcurrentExecutions: "number",
    role: "string",
    skipDestroy: "boolean",
    tags: { map: "string" },
    timeout: "number",
    tracingConfig: { object: { mode: "string" } },
    vpcConfig: {
      object: {
        ipv6AllowedForDualStack: "boolean",
        securityGroupIds: { set: "string" },
        subnetIds: { set: "string" },
      },
    },
  },
  required: ["role"],
  autoname: "name",
  autonameMax: 64,
  defaults: {
    ...DEFAULTS,
    packageType: "Zip",
    publish: false,
    reservedConcurrentExecutions: -1,
    skipDestroy: false,
  },
  outputs: [
    "architectures",
    "arn",
    "codeSha256",
    "invokeArn",
    "lastModified",
    "loggingConfig",
    "qualifiedArn",
    "qualifiedInvokeArn",
    "sourceCodeSize",
    "version",
  ],
  forceNew: ["name", "packageType"],
  // updateComputedAttributesOnPublish
  unstable(olds, news) {
    const coded = isChanged(olds, news, CODE);
    const configured = isChanged(olds, news, CONFIGURATION);
    const published = news.publish && (coded || configured || !olds.publish);
    return [
      ...(coded ? ["lastModified"] : []),
      ...(published ? ["version", "qualifiedArn", "qualifiedInvokeArn"] : []),
    ];
  },
  check({ architectures, memorySize = 128, packageType = "Zip", timeout = 3 }) {
    /** @type {Record<string, string>} */
    const failures = {};
    if (packageType === "Zip") {
      // checkHandlerRuntimeForZipFunction; the stand-in has no such inputs, as it has images only.
      failures.packageType = "handler and runtime must be set when PackageType is Zip";
    }
    if (architectures?.length > 1) {
      failures.architectures = "Too many list items: no more than 1 items are allowed";
    }
    const strange = architectures?.find(
      (/** @type {string} */ one) => !["x86_64", "arm64"].includes(one),
    );
    if (strange !== undefined) {
      failures.architectures = `expected architectures to be one of ["x86_64" "arm64"], got ${strange}`;
    }
    if (memorySize < 128 || memorySize > 10240) {
      failures.memorySize = `expected memory_size to be in the range (128 - 10240), got ${memorySize}`;
    }
    if (timeout < 1 || timeout > 900) {
      failures.timeout = `expected timeout to be in the range (1 - 900), got ${timeout}`;
    }
    return failures;
  },
  create,
  read: (context, id, state) => stateOf(context, id, state),
  update,
  async delete(context, id, state) {
    if (state.skipDestroy) {
      return;
    }
    const work = client(context).send(new lambda.DeleteFunctionCommand({ FunctionName: id }));
    await attempt(
      `deleting Lambda Function (${id})`,
      ifFound(/** @type {Promise<unknown>} */ (work), "ResourceNotFoundException"),
    );
  },
};

module.exports = { "aws:lambda/function:Function": functionResource };
