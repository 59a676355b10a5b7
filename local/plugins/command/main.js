/**
 * Stands in for the official `command` plugin (@pulumi/command 1.2.1) where that can't be had: the
 * engine downloads it from GitHub, and no package registry serves it. `command:local:Command` and
 * the invoke `command:local:run` are here, with the semantics of the official *provider*; the
 * remote resources refuse with a sentence.
 *
 * Sources: pulumi/pulumi-command v1.2.1 (provider/pkg/provider/local) and its framework,
 * pulumi/pulumi-go-provider v1.3.0 (infer/resource.go, provider.go, middleware/cancel). Run as
 * `node main.js <engine address>`; prints its port.
 */
/* global AbortController, setInterval */
"use strict";

const { randomBytes } = require("node:crypto");
const { createRequire } = require("node:module");
const net = require("node:net");

const { run } = require("./shell.js");
const { changes, isObject, markUnknowns, plain, unwrap, withoutNulls } = require("./values.js");

// grpc is @pulumi/pulumi's dependency, not ours: ask where that package finds it.
const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
/** @type {typeof import("@grpc/grpc-js")} */
const grpc = sdk("@grpc/grpc-js");
/** @type {typeof import("@pulumi/pulumi/proto/provider_grpc_pb")} */
const { ResourceProviderService } = sdk("@pulumi/pulumi/proto/provider_grpc_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/provider_pb")} */
const provider = sdk("@pulumi/pulumi/proto/provider_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/plugin_pb")} */
const plugin = sdk("@pulumi/pulumi/proto/plugin_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/engine_grpc_pb")} */
const { EngineClient } = sdk("@pulumi/pulumi/proto/engine_grpc_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/engine_pb")} */
const engine = sdk("@pulumi/pulumi/proto/engine_pb.js");
/** @type {typeof import("google-protobuf/google/protobuf/empty_pb")} */
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");
/** @type {typeof import("google-protobuf/google/protobuf/struct_pb")} */
const { Struct } = sdk("google-protobuf/google/protobuf/struct_pb.js");

/** @typedef {import("./types").Properties} Properties */
/** @typedef {import("./types").Value} Value */
/** @typedef {import("./shell").Inputs} Inputs */
/** @typedef {import("./shell").Outputs} Outputs */
/** @typedef {import("google-protobuf/google/protobuf/struct_pb").Struct} Message */

const VERSION = "1.2.1";
const COMMAND = "command:local:Command";

/** A running gRPC call, as far as `cancellation` needs it. */
/** @typedef {{ on(event: "cancelled", listener: () => void): unknown }} Call */

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

const engineAddress = process.argv.at(-1) ?? "";
const engineClient = new EngineClient(engineAddress, grpc.credentials.createInsecure());
/** Every call that runs, and whether the engine has said Cancel. */
const calls = { running: new Set(/** @type {AbortController[]} */ ([])), cancelled: false };

/** @param {Message | undefined} message @returns {Properties} */
function read(message) {
  return withoutNulls(/** @type {Properties} */ (message?.toJavaScript() ?? {}));
}

/** @param {Properties} properties */
function write(properties) {
  return Struct.fromJavaScript(/** @type {{ [key: string]: never }} */ (properties));
}

/**
 * Ties one call to everything that ends it: the engine's Cancel, which also ends whatever is asked
 * for later; the call's own timeout (`customTimeouts`); the engine that went away or gave the call
 * up, since grpc-go then cancels the handler's context (middleware/cancel/cancel.go; grpc-go
 * http2_server.go, `Close`).
 *
 * @template T
 * @param {Call} call
 * @param {number} seconds 0: no limit
 * @param {(signal: AbortSignal) => Promise<T>} work
 */
async function cancellable(call, seconds, work) {
  const controller = new AbortController();
  const timer =
    seconds > 0 ? setTimeout(() => controller.abort(), Math.floor(seconds) * 1000) : undefined;
  call.on("cancelled", () => controller.abort());
  calls.running.add(controller);
  if (calls.cancelled) {
    controller.abort();
  }
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    calls.running.delete(controller);
  }
}

/**
 * Runs a command for a resource, with its lines in the engine's display while it runs. They are
 * status messages (`LogStatus`, util.go `LogOutput`): shown beside the resource, and gone when it
 * is done, unless it fails.
 *
 * @param {string} urn
 * @param {string} command
 * @param {Properties} properties
 * @param {Outputs} previous
 * @param {AbortSignal} signal
 */
async function runLogged(urn, command, properties, previous, signal) {
  let written = Promise.resolve();
  /** @param {string} line */
  const log = (line) => {
    const request = new engine.LogRequest();
    request.setSeverity(engine.LogSeverity.INFO);
    request.setUrn(urn);
    request.setMessage(line);
    request.setEphemeral(true);
    // In order, and never a reason to fail.
    written = written.then(
      () => new Promise((resolve) => engineClient.log(request, () => resolve())),
    );
  };
  const inputs = /** @type {Inputs} */ (plain(properties));
  try {
    return await run(command, inputs, previous, log, signal);
  } finally {
    await written;
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
  const fail = (property, reason) => {
    const failure = new provider.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    failures.push(failure);
  };
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
      !(type === "local.Logging" && goType(value) === "string")
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

/**
 * Runs a handler; a throw becomes an error of code Unknown, as every plain Go error does. The
 * engine then shows its text, and keeps the old state (sdk/v3 provider_plugin.go, `parseError`).
 *
 * @template Request, Response
 * @param {(request: Request, call: Call) => Promise<Response> | Response} handle
 * @returns {import("@grpc/grpc-js").handleUnaryCall<Request, Response>}
 */
function unary(handle) {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, call));
    } catch (error) {
      const details = error instanceof Error ? error.message : String(error);
      callback({ code: grpc.status.UNKNOWN, details });
    }
  };
}

/** @param {string} urn */
function refuseOthers(urn) {
  const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
  if (type !== COMMAND) {
    throw new Error(
      `${type} is not in this stand-in for the command plugin, which runs local commands only: ` +
        "use the official plugin (pulumi plugin install resource command 1.2.1)",
    );
  }
}

/** Answers with what the framework answers (provider.go, `Configure`). */
function configure() {
  const response = new provider.ConfigureResponse();
  response.setAcceptsecrets(true);
  response.setSupportspreview(true);
  response.setAcceptresources(true);
  response.setAcceptoutputs(true);
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb").CheckRequest} request */
function check(request) {
  refuseOthers(request.getUrn());
  const inputs = read(request.getNews());
  const response = new provider.CheckResponse();
  response.setInputs(write(inputs));
  response.setFailuresList(failuresOf(inputs, COMMAND_INPUTS, "local.CommandInputs"));
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
  const news = read(request.getNews());
  for (const name of request.getIgnorechangesList()) {
    const old = state[name];
    if (old !== undefined) {
      news[name] = old;
    }
  }
  // The engine's own additions.
  for (const name of Object.keys(news)) {
    if (name === "version" || name.startsWith("__")) {
      delete news[name];
    }
  }
  const response = new provider.DiffResponse();
  const diffs = new Set();
  const found = changes(read(request.getOldInputs()), news);
  found.forEach((kind, path) => {
    const replaces = path === "triggers";
    const kinds = provider.PropertyDiff.Kind;
    const property = new provider.PropertyDiff();
    property.setKind(replaces ? kinds[/** @type {const} */ (`${kind}_REPLACE`)] : kinds[kind]);
    response.getDetaileddiffMap().set(path, property);
    diffs.add(path.split(/[.[]/)[0]);
    if (replaces) {
      response.addReplaces(path);
    }
  });
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  response.setDiffsList([...diffs]);
  response.setChanges(found.size > 0 ? DIFF_SOME : DIFF_NONE);
  response.setHasdetaileddiff(true);
  return response;
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").CreateRequest} request
 * @param {Call} call
 */
async function create(request, call) {
  refuseOthers(request.getUrn());
  const inputs = read(request.getProperties());
  /** @type {Outputs} */
  const nothing = { stdout: "", stderr: "" };
  const response = new provider.CreateResponse();
  const name = request.getUrn().split("::").slice(3).join("::");
  // resource.NewUniqueHex(name, 8, 0)
  response.setId(name + randomBytes(4).toString("hex"));
  if (request.getPreview()) {
    const outputs = { ...inputs, ...nothing };
    const names = Object.keys(COMMAND_INPUTS);
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
  const inputs = read(request.getNews());
  for (const name of request.getIgnorechangesList()) {
    const old = state[name];
    if (old !== undefined) {
      inputs[name] = old;
    }
  }
  const previous = outputsIn(state);
  const response = new provider.UpdateResponse();
  if (request.getPreview()) {
    const names = Object.keys(COMMAND_INPUTS);
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
    const missing = new provider.CheckFailure();
    missing.setProperty("command");
    missing.setReason("Missing required field 'command' on 'local.RunInputs'");
    failures.push(missing);
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

function cancel() {
  calls.cancelled = true;
  calls.running.forEach((controller) => controller.abort());
  return new Empty();
}

function pluginInfo() {
  const response = new plugin.PluginInfo();
  response.setVersion(VERSION);
  return response;
}

/**
 * A killed engine says no goodbye. The official plugin asks after it every five minutes
 * (sdk/go rpcutil.Healthcheck) and then ends; a look at its port costs nothing, so we look more
 * often, and never end while a command still holds on.
 */
function watchEngine() {
  const [host, port] = engineAddress.split(":");
  setInterval(() => {
    const socket = net.connect({ host, port: Number(port) });
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => {
      if (calls.running.size === 0) {
        process.exit(1);
      }
    });
  }, 10_000).unref();
}

const server = new grpc.Server({
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
});
// What is missing answers "unimplemented", as the official plugin does: Handshake, CheckConfig and
// DiffConfig (it has no configuration), Construct, Call.
server.addService(ResourceProviderService, {
  configure: unary(configure),
  check: unary(check),
  diff: unary(diff),
  create: unary(create),
  read: unary(readBack),
  update: unary(update),
  delete: unary(remove),
  invoke: unary(invoke),
  cancel: unary(cancel),
  getPluginInfo: unary(pluginInfo),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    console.error(error.message);
    process.exit(1);
  }
  console.log(port);
  if (engineAddress.includes(":")) {
    watchEngine();
  }
});
