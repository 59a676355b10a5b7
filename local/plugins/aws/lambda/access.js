/**
 * aws:lambda/alias:Alias, functionUrl:FunctionUrl and permission:Permission. Source:
 * terraform-provider-aws, internal/service/lambda/alias.go, function_url.go and permission.go.
 */
"use strict";

const lambda = require("@aws-sdk/client-lambda");
const { attempt, ifFound, made } = require("../errors.js");
const { hasCode } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

const GONE = "ResourceNotFoundException";

/** @param {Context} context */
const client = (context) => context.client("lambda", lambda.LambdaClient);

/** A function's name, also from its ARN. @param {string} text */
const nameOf = (text) => (text.startsWith("arn:") ? (text.split(":")[6] ?? text) : text);

/** @param {any} inputs */
function aliasOf(inputs) {
  const weights = inputs.routingConfig?.additionalVersionWeights;
  return {
    Description: inputs.description ?? "",
    FunctionName: inputs.functionName,
    FunctionVersion: inputs.functionVersion,
    Name: inputs.name,
    // An empty one takes back the old weights.
    RoutingConfig: { AdditionalVersionWeights: weights ?? {} },
  };
}

/**
 * @param {Context} context
 * @param {import("@aws-sdk/client-lambda").AliasConfiguration} alias
 */
function aliasState({ partition, region }, alias) {
  const arn = alias.AliasArn ?? "";
  const path = `functions/${arn}/invocations`;
  return {
    arn,
    description: alias.Description ?? "",
    functionVersion: alias.FunctionVersion,
    invokeArn: `arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/${path}`,
    name: alias.Name,
  };
}

/** @type {import("../types").Resource} */
const alias = {
  inputs: {
    description: "string",
    functionName: "string",
    functionVersion: "string",
    name: "string",
    routingConfig: { object: { additionalVersionWeights: { map: "number" } } },
  },
  required: ["functionName", "functionVersion"],
  autoname: "name",
  outputs: ["arn", "invokeArn"],
  forceNew: ["functionName", "name"],
  diff: (olds, news) => ({
    // suppressEquivalentFunctionNameOrARN
    same: nameOf(olds.functionName) === nameOf(news.functionName ?? "") ? ["functionName"] : [],
  }),
  async create(context, inputs) {
    const command = new lambda.CreateAliasCommand(aliasOf(inputs));
    const work = client(context).send(command);
    const outputs = aliasState(
      context,
      await attempt(`creating Lambda Alias (${inputs.name})`, work),
    );
    return { id: outputs.arn, outputs };
  },
  async read(context, _, state) {
    const which = { FunctionName: state.functionName, Name: state.name };
    const found = await ifFound(client(context).send(new lambda.GetAliasCommand(which)), GONE);
    return found && { ...state, ...aliasState(context, found) };
  },
  async update(context, id, inputs) {
    const work = client(context).send(new lambda.UpdateAliasCommand(aliasOf(inputs)));
    return aliasState(context, await attempt(`updating Lambda Alias (${id})`, work));
  },
  async delete(context, id, state) {
    const which = { FunctionName: state.functionName, Name: state.name };
    const work = client(context).send(new lambda.DeleteAliasCommand(which));
    await attempt(
      `deleting Lambda Alias (${id})`,
      ifFound(/** @type {Promise<unknown>} */ (work), GONE),
    );
  },
};

/** @param {any} inputs */
function urlOf({ authorizationType, cors, functionName, invokeMode, qualifier }) {
  return {
    AuthType: authorizationType,
    Cors: cors && {
      AllowCredentials: cors.allowCredentials,
      AllowHeaders: cors.allowHeaders,
      AllowMethods: cors.allowMethods,
      AllowOrigins: cors.allowOrigins,
      ExposeHeaders: cors.exposeHeaders,
      MaxAge: cors.maxAge,
    },
    FunctionName: functionName,
    InvokeMode: invokeMode,
    Qualifier: qualifier,
  };
}

/** @param {{ FunctionArn?: string, FunctionUrl?: string, AuthType?: string }} found */
function urlState({ AuthType, FunctionArn, FunctionUrl = "" }) {
  return {
    authorizationType: AuthType,
    functionArn: FunctionArn,
    functionUrl: FunctionUrl,
    urlId: new URL(FunctionUrl).hostname.split(".")[0],
  };
}

/** A URL that anybody may call needs a permission, which the official provider adds by itself. */
async function allowPublic(/** @type {Context} */ context, /** @type {any} */ inputs) {
  const command = new lambda.AddPermissionCommand({
    Action: "lambda:InvokeFunctionUrl",
    FunctionName: inputs.functionName,
    FunctionUrlAuthType: "NONE",
    Principal: "*",
    Qualifier: inputs.qualifier,
    StatementId: "FunctionURLAllowPublicAccess",
  });
  try {
    await client(context).send(command);
  } catch (error) {
    if (!hasCode(error, "ResourceConflictException")) {
      throw error;
    }
  }
}

/** @param {any} inputs */
const urlId = ({ functionName, qualifier }) =>
  qualifier ? `${functionName}/${qualifier}` : functionName;

/** @type {import("../types").Resource} */
const functionUrl = {
  inputs: {
    authorizationType: "string",
    cors: {
      object: {
        allowCredentials: "boolean",
        allowHeaders: { set: "string" },
        allowMethods: { set: "string" },
        allowOrigins: { set: "string" },
        exposeHeaders: { set: "string" },
        maxAge: "number",
      },
    },
    functionName: "string",
    invokeMode: "string",
    qualifier: "string",
  },
  required: ["authorizationType", "functionName"],
  defaults: { invokeMode: "BUFFERED" },
  outputs: ["functionArn", "functionUrl", "urlId"],
  forceNew: ["functionName", "qualifier"],
  check: ({ authorizationType = "NONE" }) =>
    ["NONE", "AWS_IAM"].includes(authorizationType)
      ? undefined
      : {
          authorizationType: `expected authorization_type to be one of ["NONE" "AWS_IAM"], got ${authorizationType}`,
        },
  diff: (olds, news) => ({
    same: nameOf(olds.functionName) === nameOf(news.functionName ?? "") ? ["functionName"] : [],
  }),
  async create(context, inputs) {
    const id = urlId(inputs);
    const work = client(context).send(new lambda.CreateFunctionUrlConfigCommand(urlOf(inputs)));
    const outputs = urlState(await attempt(`creating Lambda Function URL (${id})`, work));
    if (inputs.authorizationType === "NONE") {
      await attempt(`adding Lambda Function URL (${id}) permission`, () =>
        allowPublic(context, inputs),
      ).catch((error) => {
        throw made(error, { id, outputs });
      });
    }
    return { id, outputs };
  },
  async read(context, _, state) {
    const which = { FunctionName: state.functionName, Qualifier: state.qualifier };
    const work = client(context).send(new lambda.GetFunctionUrlConfigCommand(which));
    const found = await ifFound(work, GONE);
    return found && { ...state, ...urlState(found) };
  },
  // The permission of a public URL is neither added nor taken away here: so does function_url.go.
  async update(context, id, inputs) {
    const work = client(context).send(new lambda.UpdateFunctionUrlConfigCommand(urlOf(inputs)));
    return urlState(await attempt(`updating Lambda Function URL (${id})`, work));
  },
  async delete(context, id, state) {
    const which = { FunctionName: state.functionName, Qualifier: state.qualifier };
    const work = client(context).send(new lambda.DeleteFunctionUrlConfigCommand(which));
    await attempt(
      `deleting Lambda Function URL (${id})`,
      ifFound(/** @type {Promise<unknown>} */ (work), GONE),
    );
  },
};

/** @type {import("../types").Kind} */
const text = "string";
const PERMISSION = {
  action: text,
  eventSourceToken: text,
  function: text,
  functionUrlAuthType: text,
  principal: text,
  principalOrgId: text,
  qualifier: text,
  sourceAccount: text,
  sourceArn: text,
  statementId: text,
};

/** @type {import("../types").Resource} */
const permission = {
  inputs: { ...PERMISSION, invokedViaFunctionUrl: "boolean" },
  required: ["action", "function", "principal"],
  autoname: "statementId",
  autonameMax: 100,
  forceNew: [...Object.keys(PERMISSION), "invokedViaFunctionUrl"],
  async create(context, inputs) {
    const command = new lambda.AddPermissionCommand({
      Action: inputs.action,
      EventSourceToken: inputs.eventSourceToken,
      FunctionName: inputs.function,
      FunctionUrlAuthType: inputs.functionUrlAuthType,
      InvokedViaFunctionUrl: inputs.invokedViaFunctionUrl,
      Principal: inputs.principal,
      PrincipalOrgID: inputs.principalOrgId,
      Qualifier: inputs.qualifier,
      SourceAccount: inputs.sourceAccount,
      SourceArn: inputs.sourceArn,
      StatementId: inputs.statementId,
    });
    const what = `adding Lambda Permission (${inputs.function}/${inputs.statementId})`;
    await attempt(what, client(context).send(command));
    return { id: inputs.statementId, outputs: {} };
  },
  async read(context, id, state) {
    const which = { FunctionName: state.function, Qualifier: state.qualifier };
    const found = await ifFound(client(context).send(new lambda.GetPolicyCommand(which)), GONE);
    /** @type {{ Sid: string }[]} */
    const statements = JSON.parse(found?.Policy ?? "{}").Statement ?? [];
    return statements.some(({ Sid }) => Sid === id) ? state : undefined;
  },
  async delete(context, id, state) {
    const work = client(context).send(
      new lambda.RemovePermissionCommand({
        FunctionName: state.function,
        Qualifier: state.qualifier,
        StatementId: id,
      }),
    );
    await attempt(
      `removing Lambda Permission (${state.function}/${id})`,
      ifFound(/** @type {Promise<unknown>} */ (work), GONE),
    );
  },
};

module.exports = {
  "aws:lambda/alias:Alias": alias,
  "aws:lambda/functionUrl:FunctionUrl": functionUrl,
  "aws:lambda/permission:Permission": permission,
};
