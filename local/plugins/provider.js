/**
 * What every stand-in plugin needs: a provider's gRPC server, the messages to and from the engine,
 * and calls that end when the engine, its timeout or the user wants them to.
 *
 * A plugin is run as `node main.js <engine address>` and prints its port.
 */
/* global AbortController, setInterval */
"use strict";

const { createRequire } = require("node:module");
const net = require("node:net");
const { withoutNulls } = require("./values.js");

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
/** @type {typeof import("@pulumi/pulumi/proto/status_pb")} */
const { Status } = sdk("@pulumi/pulumi/proto/status_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/engine_grpc_pb")} */
const { EngineClient } = sdk("@pulumi/pulumi/proto/engine_grpc_pb.js");
/** @type {typeof import("@pulumi/pulumi/proto/engine_pb")} */
const engine = sdk("@pulumi/pulumi/proto/engine_pb.js");
/** @type {typeof import("google-protobuf/google/protobuf/any_pb")} */
const { Any } = sdk("google-protobuf/google/protobuf/any_pb.js");
/** @type {typeof import("google-protobuf/google/protobuf/empty_pb")} */
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");
/** @type {typeof import("google-protobuf/google/protobuf/struct_pb")} */
const { Struct } = sdk("google-protobuf/google/protobuf/struct_pb.js");

/** @typedef {import("./types").Properties} Properties */
/** @typedef {import("google-protobuf/google/protobuf/struct_pb").Struct} Message */
/** A running gRPC call, as far as `cancellable` needs it. */
/** @typedef {{ on(event: "cancelled", listener: () => void): unknown }} Call */

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
 * Shows lines in the engine's display, in order, while a resource is worked on. They are status
 * messages (`LogStatus`, util.go `LogOutput`): shown beside the resource, and gone when it is done,
 * unless it fails.
 *
 * @param {string} urn
 */
function statusLog(urn) {
  let written = Promise.resolve();
  return {
    /** @param {string} line */
    log(line) {
      const request = new engine.LogRequest();
      request.setSeverity(engine.LogSeverity.INFO);
      request.setUrn(urn);
      request.setMessage(line);
      request.setEphemeral(true);
      // In order, and never a reason to fail.
      written = written.then(
        () => new Promise((resolve) => engineClient.log(request, () => resolve())),
      );
    },
    written: () => written,
  };
}

/** @param {string} property @param {string} reason */
function checkFailure(property, reason) {
  const failure = new provider.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

/** @param {string} urn */
function typeOf(urn) {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

/** @param {string} urn */
function nameOf(urn) {
  return urn.split("::").slice(3).join("::");
}

/**
 * New inputs, with the old values of what the user wants ignored (`ignoreChanges`).
 *
 * @param {Properties} news
 * @param {Properties} olds
 * @param {string[]} ignored
 */
function withoutIgnored(news, olds, ignored) {
  const kept = ignored.flatMap((name) => {
    const old = olds[name];
    return old === undefined ? [] : [[name, old]];
  });
  return { ...news, ...Object.fromEntries(kept) };
}

/**
 * The detailed diff that the engine shows and acts on.
 *
 * @param {Map<string, "ADD" | "DELETE" | "UPDATE">} changes by property path
 * @param {(path: string) => boolean} replaces
 */
function diffResponse(changes, replaces) {
  const response = new provider.DiffResponse();
  const kinds = provider.PropertyDiff.Kind;
  const diffs = new Set();
  changes.forEach((kind, path) => {
    const property = new provider.PropertyDiff();
    const replacing = replaces(path);
    property.setKind(replacing ? kinds[/** @type {const} */ (`${kind}_REPLACE`)] : kinds[kind]);
    response.getDetaileddiffMap().set(path, property);
    diffs.add(path.split(/[.[]/)[0]);
    if (replacing) {
      response.addReplaces(path);
    }
  });
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  response.setDiffsList([...diffs]);
  response.setChanges(changes.size > 0 ? DIFF_SOME : DIFF_NONE);
  response.setHasdetaileddiff(true);
  return response;
}

/**
 * The answer to Configure of a provider that knows secrets and previews.
 *
 * @param {{ outputs: boolean }} [accepts] outputs: whether a value may come with what it depends on
 */
function configured({ outputs } = { outputs: true }) {
  const response = new provider.ConfigureResponse();
  response.setAcceptsecrets(true);
  response.setSupportspreview(true);
  response.setAcceptresources(true);
  response.setAcceptoutputs(outputs);
  return response;
}

/** Something exists, but not as it was wanted: the engine keeps it in the state, and fails. */
class InitFailed extends Error {
  /** @param {string} message @param {string} id @param {Properties} properties @param {Properties} inputs */
  constructor(message, id, properties, inputs) {
    super(message);
    this.id = id;
    this.properties = properties;
    this.inputs = inputs;
  }

  /** As dynamic providers do it (cmd/dynamic-provider, `grpcResponseFromError`). */
  metadata() {
    const detail = new provider.ErrorResourceInitFailed();
    detail.setId(this.id);
    detail.setProperties(write(this.properties));
    detail.setInputs(write(this.inputs));
    detail.setReasonsList([this.message]);
    const any = new Any();
    any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new Status();
    status.setCode(grpc.status.UNKNOWN);
    status.setMessage(this.message);
    status.addDetails(any);
    const metadata = new grpc.Metadata();
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
    return metadata;
  }
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
      const metadata = error instanceof InitFailed ? error.metadata() : undefined;
      callback({ code: grpc.status.UNKNOWN, details, metadata });
    }
  };
}

function cancel() {
  calls.cancelled = true;
  calls.running.forEach((controller) => controller.abort());
  return new Empty();
}

/**
 * A killed engine doesn't say goodbye. The official plugins look for it every five minutes and end if it is gone
 * (sdk/go rpcutil.Healthcheck). A stand-in looks more often, and ends before five minutes only if no call runs.
 */
function watchEngine() {
  const [host, port] = engineAddress.split(":");
  let missed = 0;
  setInterval(() => {
    const socket = net.connect({ host, port: Number(port) });
    socket.on("connect", () => {
      missed = 0;
      socket.destroy();
    });
    socket.on("error", () => {
      missed += 1;
      if (calls.running.size === 0 || missed >= 30) process.exit(1);
    });
  }, 10_000).unref();
}

/**
 * Starts the server. What is missing among the handlers answers "unimplemented".
 *
 * @param {string} version
 * @param {Partial<import("@pulumi/pulumi/proto/provider_grpc_pb").IResourceProviderServer>} handlers
 */
function serve(version, handlers) {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  const pluginInfo = () => {
    const response = new plugin.PluginInfo();
    response.setVersion(version);
    return response;
  };
  server.addService(ResourceProviderService, {
    cancel: unary(cancel),
    getPluginInfo: unary(pluginInfo),
    ...handlers,
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
}

module.exports = {
  Empty,
  InitFailed,
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
};
