/**
 * Stands in for the official `command` plugin (@pulumi/command 1.2.1) where that can't be had: the
 * engine downloads it from GitHub, and no package registry serves it. `command:local:Command`,
 * `command:remote:Command` and the invoke `command:local:run` are here, with the semantics of the
 * official *provider*; the other resources refuse with a sentence.
 *
 * Sources: pulumi/pulumi-command v1.2.1 (provider/pkg/provider/local and remote) and its framework,
 * pulumi/pulumi-go-provider v1.3.0 (infer/resource.go, provider.go, middleware/cancel).
 */
"use strict";

const { randomBytes } = require("node:crypto");
const {
  Empty,
  cancellable,
  checkFailure,
  configured,
  diffResponse,
  nameOf,
  provider,
  read,
  serve,
  statusLog,
  typeOf,
  unary,
  withoutIgnored,
  write,
} = require("../provider.js");
const { changes, isObject, markUnknowns, plain, unwrap } = require("../values.js");
const { REMOTE_INPUTS, checkedConnection, runRemote } = require("./remote.js");
const { run } = require("./shell.js");

/** @typedef {import("../provider").Call} Call */
/** @typedef {import("../types").Properties} Properties */
/** @typedef {import("../types").Value} Value */
/** @typedef {import("./shell").Inputs} Inputs */
/** @typedef {import("./shell").Outputs} Outputs */
const VERSION = "1.2.1";
const REMOTE = "command:remote:Command";

/**
 * The inputs and their Go types (local/base.go, common/inputs.go), which the error texts name.
 *
 * @type {Record<string, string>}
 */
const BASE_INPUTS = {
  stdin: "string",
  logging: "local.Logging",
  interpreter: "[]string",
  dir: "string",
  environment: "map[string]string",
  assetPaths: "[]string",
  archivePaths: "[]string",
  addPreviousOutputInEnv: "bool",
};
/** @type {Record<string, string>} */
const COMMAND_INPUTS = {
  triggers: "[]interface {}",
  create: "string",
  update: "string",
  delete: "string",
  ...BASE_INPUTS,
};

/** What each resource takes, and who runs its commands. */
const kinds = {
  "command:local:Command": { inputs: COMMAND_INPUTS, struct: "local.CommandInputs", run },
  [REMOTE]: { inputs: REMOTE_INPUTS, struct: "remote.CommandInputs", run: runRemote },
};

/** @param {string} urn */
function kindOf(urn) {
  const type = typeOf(urn);
  const kind = kinds[/** @type {keyof typeof kinds} */ (type)];
  if (kind === undefined) {
    throw new Error(
      `${type} is not in this stand-in for the command plugin, which runs commands only: ` +
        "use the official plugin (pulumi plugin install resource command 1.2.1)",
    );
  }
  return kind;
}

/**
 * Runs a command for a resource, with its lines in the engine's display while it runs.
 *
 * @param {string} urn
 * @param {string} command
 * @param {Properties} properties
 * @param {Outputs} previous
 * @param {AbortSignal} signal
 */
async function runLogged(urn, command, properties, previous, signal) {
  const { log, written } = statusLog(urn);
  const inputs = /** @type {Inputs} */ (plain(properties));
  const execute = urn === "" ? run : kindOf(urn).run; // the invoke has no URN
  try {
    return await execute(command, inputs, previous, log, signal);
  } finally {
    await written();
  }
}

/**
 * What the state says of the last run.
 *
 * @param {Properties} state
 * @returns {Outputs}
 */
function outputsIn(state) {
  const { stdout, stderr, assets, archive } = /** @type {Properties} */ (plain(state));
  return /** @type {Outputs} */ ({
    stdout: stdout ?? "",
    stderr: stderr ?? "",
    ...(assets === undefined ? {} : { assets }),
    ...(archive === undefined ? {} : { archive }),
  });
}

/** @param {Properties} inputs @param {string} name */
function textOf(inputs, name) {
  const value = plain(inputs[name]);
  return typeof value === "string" ? value : undefined;
}

/**
 * The inputs must fit the Go structs (`decodeCheckingMapErrors`; the texts are those of
 * sdk/v3 util/mapper/errors.go). An unknown fits everything.
 *
 * @param {Properties} properties
 * @param {Record<string, string>} types
 * @param {string} struct
 */
function failuresOf(properties, types, struct) {
  /** @type {import("@pulumi/pulumi/proto/provider_pb").CheckFailure[]} */
  const failures = [];
  /** @param {string} property @param {string} reason */
  const fail = (property, reason) => failures.push(checkFailure(property, reason));
  /** @param {string} field @param {Value | undefined} wrapped @param {string} type */
  const check = (field, wrapped, type) => {
    const { value, known } = unwrap(wrapped);
    if (!known || value === undefined || type === "interface {}") {
      return;
    }
    const element = type.replace(/^(\[\]|map\[string\])/, "");
    if (type.startsWith("[]") && Array.isArray(value)) {
      value.forEach((item, index) => check(`${field}[${index}]`, item, element));
    } else if (type.startsWith("map") && isObject(value)) {
      Object.entries(value).forEach(([key, item]) =>
        check(`${field}[${key}] value`, item, element),
      );
    } else if (
      goType(value) !== type &&
      !(type.endsWith(".Logging") && goType(value) === "string")
    ) {
      const got = goType(value);
      fail(field, `Field '${field}' on '${struct}' must be a '${type}'; got '${got}' instead`);
    }
  };
  Object.entries(types).forEach(([name, type]) => check(name, properties[name], type));
  for (const name of Object.keys(properties).filter((name) => !(name in types))) {
    fail(name, `Unrecognized field '${name}' on '${struct}'`);
  }
  return failures;
}

/** @param {Value} value */
function goType(value) {
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "number") return "float64";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "map[string]interface {}";
}

/** @param {import("@pulumi/pulumi/proto/provider_pb").CheckRequest} request */
function check(request) {
  const { inputs: types, struct } = kindOf(request.getUrn());
  const inputs = read(request.getNews());
  const response = new provider.CheckResponse();
  const failures = failuresOf(inputs, types, struct);
  const { value, known } = unwrap(inputs.connection);
  if (types === REMOTE_INPUTS && value === undefined && known) {
    const reason = `Missing required field 'connection' on '${struct}'`;
    failures.push(checkFailure("connection", reason));
  }
  if (known && isObject(value)) inputs.connection = checkedConnection(value);
  response.setInputs(write(inputs));
  response.setFailuresList(failures);
  return response;
}

/**
 * Old inputs against new ones (infer/resource.go, `diff`).
 *
 * Only `triggers` forces a replacement, and only when it comes or goes as a whole: the framework
 * looks the *path* of a change up in the schema, and `triggers[0]` is no property. That a changed
 * element replaces too is the SDK's doing (`replaceOnChanges: ["triggers[*]"]` in every language).
 * deleteBeforeReplace is never set: the new one is created first, the old one's delete runs last.
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").DiffRequest} request
 */
function diff(request) {
  const state = read(request.getOlds());
  const news = withoutIgnored(read(request.getNews()), state, request.getIgnorechangesList());
  // The engine's own additions.
  for (const name of Object.keys(news)) {
    if (name === "version" || name.startsWith("__")) {
      delete news[name];
    }
  }
  return diffResponse(changes(read(request.getOldInputs()), news), (path) => path === "triggers");
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").CreateRequest} request
 * @param {Call} call
 */
async function create(request, call) {
  const { inputs: types } = kindOf(request.getUrn());
  const inputs = read(request.getProperties());
  /** @type {Outputs} */
  const nothing = { stdout: "", stderr: "" };
  const response = new provider.CreateResponse();
  // resource.NewUniqueHex(name, 8, 0)
  response.setId(nameOf(request.getUrn()) + randomBytes(4).toString("hex"));
  if (request.getPreview()) {
    const outputs = { ...inputs, ...nothing };
    const names = Object.keys(types);
    response.setProperties(write(markUnknowns(outputs, inputs, undefined, names)));
    return response;
  }
  const command = textOf(inputs, "create");
  const outputs =
    command === undefined
      ? nothing
      : await cancellable(call, request.getTimeout(), (signal) =>
          runLogged(request.getUrn(), command, inputs, nothing, signal),
        );
  response.setProperties(write({ ...inputs, ...outputs }));
  return response;
}

/**
 * `update`, else `create`, is run with the new inputs and the outputs of the last run; with
 * neither, the new inputs are recorded and the old outputs stay (commandController.go, `Update`).
 * An output is never secret by itself, whatever the inputs are (`ensureDefaultSecrets`: only an
 * output that repeats an input inherits).
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").UpdateRequest} request
 * @param {Call} call
 */
async function update(request, call) {
  const state = read(request.getOlds());
  const inputs = withoutIgnored(read(request.getNews()), state, request.getIgnorechangesList());
  const previous = outputsIn(state);
  const response = new provider.UpdateResponse();
  if (request.getPreview()) {
    const names = Object.keys(kindOf(request.getUrn()).inputs);
    const outputs = markUnknowns({ ...inputs, ...previous }, inputs, state, names);
    response.setProperties(write(outputs));
    return response;
  }
  const command = textOf(inputs, "update") ?? textOf(inputs, "create");
  const outputs =
    command === undefined
      ? previous
      : await cancellable(call, request.getTimeout(), (signal) =>
          runLogged(request.getUrn(), command, inputs, previous, signal),
        );
  response.setProperties(write({ ...inputs, ...outputs }));
  return response;
}

/**
 * Everything comes from the state: a `delete` that the program changed and that never went through
 * an update is not the one that runs.
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").DeleteRequest} request
 * @param {Call} call
 */
async function remove(request, call) {
  const state = read(request.getProperties());
  const command = textOf(state, "delete");
  if (command !== undefined) {
    await cancellable(call, request.getTimeout(), (signal) =>
      runLogged(request.getUrn(), command, state, outputsIn(state), signal),
    );
  }
  return new Empty();
}

/**
 * A command has nothing to look at: a refresh gives back what the state holds.
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").ReadRequest} request
 */
function readBack(request) {
  const response = new provider.ReadResponse();
  response.setId(request.getId());
  response.setProperties(request.getProperties());
  response.setInputs(request.getInputs());
  return response;
}

/**
 * `command:local:run` runs at once, in previews too (runController.go).
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").InvokeRequest} request
 * @param {Call} call
 */
async function invoke(request, call) {
  if (request.getTok() !== "command:local:run") {
    throw new Error(`Invoke '${request.getTok()}' not found`);
  }
  const args = read(request.getArgs());
  const response = new provider.InvokeResponse();
  const types = { ...BASE_INPUTS, command: "string" };
  const failures = failuresOf(args, types, "local.RunInputs");
  if (args.command === undefined) {
    const reason = "Missing required field 'command' on 'local.RunInputs'";
    failures.push(checkFailure("command", reason));
  }
  if (failures.length > 0) {
    response.setFailuresList(failures);
    return response;
  }
  const nothing = { stdout: "", stderr: "" };
  const outputs = await cancellable(call, 0, (signal) =>
    runLogged("", textOf(args, "command") ?? "", args, nothing, signal),
  );
  response.setReturn(write({ ...args, ...outputs }));
  return response;
}

// What is missing answers "unimplemented", as the official plugin does: Handshake, CheckConfig and
// DiffConfig (it has no configuration), Construct, Call.
serve(VERSION, {
  configure: unary(() => configured()),
  check: unary(check),
  diff: unary(diff),
  create: unary(create),
  read: unary(readBack),
  update: unary(update),
  delete: unary(remove),
  invoke: unary(invoke),
});
