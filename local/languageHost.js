/**
 * Stands in for `pulumi-language-nodejs` where the official one can't be had (it comes with the
 * official CLI, and no package registry serves it). An executable of that name starts this file;
 * the engine gives its own address as the last argument and reads the port from our first line.
 *
 * What it does is what the official host does, and nothing more: start the program's *own*
 * `@pulumi/pulumi/cmd/run`, which talks to the engine by itself, hooks and components included.
 * Facts are from pulumi/pulumi, sdk/nodejs/cmd/pulumi-language-nodejs/main.go (2026-08), named
 * below by function.
 */
/* global clearInterval, setInterval */
"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const net = require("node:net");
const path = require("node:path");

// grpc is @pulumi/pulumi's dependency, not ours: ask where that package finds it.
const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
/** @type {typeof import("@grpc/grpc-js")} */
const grpc = sdk("@grpc/grpc-js");
/** @type {{ LanguageRuntimeService: import("@grpc/grpc-js").ServiceDefinition }} */
const { LanguageRuntimeService } = sdk("@pulumi/pulumi/proto/language_grpc_pb");
/** @type {typeof import("@pulumi/pulumi/proto/language_pb")} */
const language = sdk("@pulumi/pulumi/proto/language_pb");
/** @type {typeof import("@pulumi/pulumi/proto/plugin_pb")} */
const plugin = sdk("@pulumi/pulumi/proto/plugin_pb");
/** @type {typeof import("google-protobuf/google/protobuf/empty_pb")} */
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */
/** @typedef {Record<string, unknown>} Options `runtime.options` of Pulumi.yaml */

/** The program's exit code for "the user has been told already" (@pulumi/pulumi/cmd/run). */
const BAIL = 32;

let engineAddress = process.argv.at(-1) ?? "";
/** What runs now, so that Cancel and a vanished engine can end it. @type {Set<ChildProcess>} */
const running = new Set();

/**
 * Runs a handler of one request and one answer; a throw becomes the gRPC error that the engine
 * shows.
 *
 * @template Request, Response
 * @param {(request: Request, call: import("@grpc/grpc-js").ServerUnaryCall<Request, Response>)
 *   => Response | Promise<Response>} handle
 * @returns {import("@grpc/grpc-js").handleUnaryCall<Request, Response>}
 */
function unary(handle) {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, call));
    } catch (error) {
      callback({ code: grpc.status.UNKNOWN, details: messageOf(error) });
    }
  };
}

/**
 * @template Request, Response
 * @param {(call: import("@grpc/grpc-js").ServerWritableStream<Request, Response>)
 *   => Promise<void>} handle
 * @returns {import("@grpc/grpc-js").handleServerStreamingCall<Request, Response>}
 */
function streaming(handle) {
  return async (call) => {
    try {
      await handle(call);
      call.end();
    } catch (error) {
      call.emit("error", { code: grpc.status.UNKNOWN, details: messageOf(error) });
    }
  };
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Finds a module of the program's own SDK, as `locateModule` does: never this checkout's.
 *
 * @param {string} name
 * @param {string} directory
 */
function locate(name, directory) {
  try {
    return createRequire(path.join(directory, "program.js")).resolve(name);
  } catch {
    throw new Error(
      "It looks like the Pulumi SDK has not been installed. Have you run pulumi install?",
    );
  }
}

/**
 * `parseOptions`: TypeScript is on unless it is turned off.
 *
 * @param {import("@pulumi/pulumi/proto/language_pb").ProgramInfo | undefined} info
 */
function optionsOf(info) {
  const options = /** @type {Options} */ (info?.getOptions()?.toJavaScript() ?? {});
  /** @type {Record<string, string>} */
  const env = {};
  if (options.typescript !== undefined && typeof options.typescript !== "boolean") {
    throw new Error("typescript option must be a boolean");
  }
  if (options.typescript !== false) {
    env.PULUMI_NODEJS_TYPESCRIPT = "true";
  }
  if (options.tsconfig !== undefined) {
    env.PULUMI_NODEJS_TSCONFIG_PATH = String(options.tsconfig);
  }
  const nodeArgs = options.nodeargs === undefined ? [] : words(String(options.nodeargs));
  return { env, nodeArgs, packageManager: options.packagemanager };
}

/**
 * Splits `nodeargs` as a shell would: blanks separate, quotes hold together.
 *
 * @param {string} text
 */
function words(text) {
  const found = text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  return found.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

/**
 * Starts a program, tells its output to `onOutput`, and waits until it has ended and both pipes
 * are drained: what it printed last must reach the user before we answer.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {{ cwd?: string, env: NodeJS.ProcessEnv }} options
 * @param {(channel: "stdout" | "stderr", chunk: Buffer) => void} onOutput
 * @param {(stop: () => void) => void} onStarted
 * @returns {Promise<number>} the exit code, -1 when a signal ended it (as Go says it)
 */
function run(file, args, options, onOutput, onStarted) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    child.stdout.on("data", (chunk) => onOutput("stdout", chunk));
    child.stderr.on("data", (chunk) => onOutput("stderr", chunk));
    child.on("error", (error) => {
      running.delete(child);
      reject(error);
    });
    child.on("close", (code) => {
      running.delete(child);
      resolve(code ?? -1);
    });
    onStarted(() => interrupt(child));
  });
}

/**
 * SIGINT, and SIGKILL if that was not heard within 5 s (`cmd.Cancel` and `WaitDelay` of
 * `execRuntime`).
 *
 * @param {ChildProcess} child
 */
function interrupt(child) {
  child.kill("SIGINT");
  setTimeout(() => child.kill("SIGKILL"), 5000).unref();
}

/**
 * `execRuntime`. What the program prints goes to our own stdout and stderr, where the engine
 * picks it up line by line and shows it to the user.
 *
 * @param {import("@pulumi/pulumi/proto/language_pb").RunRequest} request
 * @param {import("@grpc/grpc-js").ServerUnaryCall<unknown, unknown>} call
 */
async function runProgram(request, call) {
  const response = new language.RunResponse();
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getPwd();
  try {
    const { env, nodeArgs } = optionsOf(info);
    const entry = locate("@pulumi/pulumi/cmd/run", directory);
    /** @param {string} name @param {string | undefined} value */
    const flag = (name, value) => (value ? [`--${name}`, value] : []);
    const args = [
      ...nodeArgs,
      entry,
      ...flag("monitor", request.getMonitorAddress()),
      ...flag("engine", engineAddress),
      ...flag("organization", request.getOrganization()),
      ...flag("project", request.getProject()),
      ...flag("root-directory", info?.getRootDirectory()),
      ...flag("stack", request.getStack()),
      ...flag("pwd", directory),
      ...(request.getDryrun() ? ["--dry-run"] : []),
      ...flag("parallel", String(request.getParallel())),
      info?.getEntryPoint() || request.getProgram() || ".",
      ...request.getArgsList(),
    ];
    const code = await run(
      process.execPath,
      args,
      {
        env: {
          ...process.env,
          ...env,
          PULUMI_CONFIG: configOf(request),
          PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        },
      },
      (channel, chunk) => process[channel].write(chunk),
      (stop) => call.on("cancelled", stop),
    );
    if (code === BAIL) {
      response.setBail(true);
    } else if (code !== 0) {
      response.setError(`Program exited with non-zero exit code: ${code}`);
    }
  } catch (error) {
    response.setError(messageOf(error));
  }
  return response;
}

/**
 * `constructConfig`: the engine says `namespace:name`; SDKs of any age understand
 * `namespace:config:name`.
 *
 * @param {import("@pulumi/pulumi/proto/language_pb").RunRequest} request
 */
function configOf(request) {
  /** @type {Record<string, string>} */
  const config = {};
  request.getConfigMap().forEach((value, key) => {
    const [namespace, ...name] = key.replace(/:config:/, ":").split(":");
    config[`${namespace}:config:${name.join(":")}`] = value;
  });
  return JSON.stringify(config);
}

/**
 * `RunPlugin`: a provider or component package written in Node. Its output is streamed back; the
 * engine reads the plugin's port from it.
 *
 * @param {import("@grpc/grpc-js").ServerWritableStream<
 *   import("@pulumi/pulumi/proto/language_pb").RunPluginRequest, unknown>} call
 */
async function runPlugin(call) {
  const request = call.request;
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getProgram();
  const { env, nodeArgs } = optionsOf(info);
  const isPolicy = request.getKind() === "analyzer";
  const entry = locate(
    `@pulumi/pulumi/cmd/${isPolicy ? "run-policy-pack" : "run-plugin"}`,
    directory,
  );
  const args = request.getArgsList(); // the engine's address comes first
  const code = await run(
    process.execPath,
    [...nodeArgs, entry, ...(isPolicy ? [...args, directory] : [directory, ...args])],
    // A policy pack reads its version in the folder that it is started in.
    {
      cwd: (!isPolicy && request.getPwd()) || directory,
      env: { ...environmentOf(request), ...env },
    },
    (channel, chunk) => {
      const response = new language.RunPluginResponse();
      if (channel === "stdout") {
        response.setStdout(chunk);
      } else {
        response.setStderr(chunk);
      }
      call.write(response);
    },
    (stop) => call.on("cancelled", stop),
  );
  if (code !== 0) {
    throw new Error(`Program exited with non-zero exit code: ${code}`);
  }
}

/** @param {import("@pulumi/pulumi/proto/language_pb").RunPluginRequest} request */
function environmentOf(request) {
  const pairs = request.getEnvList().map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return pairs.length > 0 ? Object.fromEntries(pairs) : process.env;
}

/**
 * @param {import("@grpc/grpc-js").ServerWritableStream<
 *   import("@pulumi/pulumi/proto/language_pb").InstallDependenciesRequest, unknown>} call
 */
async function installDependencies(call) {
  const info = call.request.getInfo();
  const directory = info?.getProgramDirectory() || call.request.getDirectory();
  const { packageManager } = optionsOf(info);
  const lockfiles = { pnpm: "pnpm-lock.yaml", yarn: "yarn.lock", bun: "bun.lock" };
  const found = Object.entries(lockfiles).find(([, file]) =>
    fs.existsSync(path.join(directory, file)),
  );
  const manager =
    packageManager === undefined || packageManager === "auto"
      ? (found?.[0] ?? "npm")
      : String(packageManager);
  const code = await run(
    manager,
    ["install"],
    { cwd: directory, env: process.env },
    (channel, chunk) => {
      const response = new language.InstallDependenciesResponse();
      if (channel === "stdout") {
        response.setStdout(chunk);
      } else {
        response.setStderr(chunk);
      }
      call.write(response);
    },
    (stop) => call.on("cancelled", stop),
  );
  if (code !== 0) {
    throw new Error(`${manager} install failed: exit status ${code}`);
  }
}

/**
 * The packages that the program declares, with the versions that are installed (`pulumi about`).
 *
 * @param {import("@pulumi/pulumi/proto/language_pb").GetProgramDependenciesRequest} request
 */
function programDependencies(request) {
  const directory = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const response = new language.GetProgramDependenciesResponse();
  const seen = new Set();
  const queue = [manifestIn(directory)];
  for (let manifest = queue.shift(); manifest !== undefined; manifest = queue.shift()) {
    const own = seen.size === 0 ? manifest.devDependencies : {};
    for (const name of Object.keys({ ...own, ...manifest.dependencies })) {
      const installed = manifestIn(path.join(directory, "node_modules", name));
      if (installed === undefined || seen.has(name)) {
        continue;
      }
      seen.add(name);
      const dependency = new language.DependencyInfo();
      dependency.setName(name);
      dependency.setVersion(String(installed.version));
      response.addDependencies(dependency);
      if (request.getTransitivedependencies()) {
        queue.push(installed);
      }
    }
  }
  return response;
}

/**
 * @param {string} directory
 * @returns {{ version?: string, dependencies?: object, devDependencies?: object } | undefined}
 */
function manifestIn(directory) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}

/** @param {import("@pulumi/pulumi/proto/language_pb").LanguageHandshakeRequest} request */
function handshake(request) {
  engineAddress = request.getEngineAddress() || engineAddress;
  return new language.LanguageHandshakeResponse();
}

function about() {
  const response = new language.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(process.version);
  response.getMetadataMap().set("language host", "multiarch's stand-in");
  return response;
}

function pluginInfo() {
  const response = new plugin.PluginInfo();
  response.setVersion(sdk("@pulumi/pulumi/package.json").version);
  return response;
}

function cancel() {
  running.forEach(interrupt);
  return new Empty();
}

/**
 * A killed engine says no goodbye. The official host asks after it every five minutes
 * (`Handshake`); a look at its port costs nothing, so we look more often.
 */
function watchEngine() {
  const [host, port] = engineAddress.split(":");
  const timer = setInterval(() => {
    const socket = net.connect({ host, port: Number(port) });
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => {
      clearInterval(timer);
      running.forEach((child) => child.kill("SIGKILL"));
      process.exit(1);
    });
  }, 10_000);
  timer.unref();
}

const server = new grpc.Server({
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
});
server.addService(LanguageRuntimeService, {
  handshake: unary(handshake),
  getPluginInfo: unary(pluginInfo),
  // Empty on purpose: whoever starts this host has installed the plugins it needs, and a list of
  // all SDKs in node_modules would make the engine download those that no resource uses.
  getRequiredPlugins: unary(() => new language.GetRequiredPluginsResponse()),
  getRequiredPackages: unary(() => new language.GetRequiredPackagesResponse()),
  run: unary(runProgram),
  runPlugin: streaming(runPlugin),
  installDependencies: streaming(installDependencies),
  getProgramDependencies: unary(programDependencies),
  about: unary(about),
  runtimeOptionsPrompts: unary(() => new language.RuntimeOptionsResponse()),
  template: unary(() => new language.TemplateResponse()),
  cancel: unary(cancel),
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
