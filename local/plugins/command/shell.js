/**
 * Runs one command as the official provider does (pulumi-command v1.2.1,
 * provider/pkg/provider/local/commandOutputs.go, `run`; what Go's os/exec adds is named where it
 * matters).
 */
"use strict";

const { spawn } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
/** @type {typeof import("@pulumi/pulumi/runtime/rpc")} */
const rpc = sdk("@pulumi/pulumi/runtime/rpc.js");

/**
 * @typedef {object} Inputs what a command is run with, all marks taken off
 * @property {string} [stdin]
 * @property {"stdout" | "stderr" | "stdoutAndStderr" | "none"} [logging]
 * @property {string[]} [interpreter]
 * @property {string} [dir]
 * @property {Record<string, string>} [environment]
 * @property {string[]} [assetPaths]
 * @property {string[]} [archivePaths]
 * @property {boolean} [addPreviousOutputInEnv]
 *
 * @typedef {{ [key: string]: import("../types").Value }} Asset
 *
 * @typedef {object} Outputs
 * @property {string} stdout
 * @property {string} stderr
 * @property {Record<string, Asset>} [assets]
 * @property {Asset} [archive]
 */

/** How Go names signals (syscall.Signal.String on Linux). @type {Record<string, string>} */
const SIGNALS = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
};

/**
 * @param {string} command
 * @param {Inputs} inputs
 * @param {Outputs} previous the outputs of the last create or update; empty on create
 * @param {(line: string) => void} log is given every line while the command runs
 * @param {AbortSignal} cancelled kills the command's process, as Go's CommandContext does: by
 *   SIGKILL, and that process only. What it started goes on, and is waited for while it holds the
 *   pipes.
 * @returns {Promise<Outputs>}
 */
async function run(command, inputs, previous, log, cancelled) {
  const interpreter = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const directory = inputs.dir ?? process.cwd();
  const { stdout, stderr, all, failure } = await execute(
    [...interpreter, command],
    directory,
    environment(inputs, previous),
    inputs,
    log,
    cancelled,
  );
  if (failure !== undefined) {
    throw new Error(`${failure}: running ${quote(command)}:\n${all}`);
  }
  /** @type {Outputs} */
  const outputs = {
    // Assets of the last run stay when the globs are gone: `run` sets them only when asked to.
    ...previous,
    stdout: stdout.replace(/\n$/, ""),
    stderr: stderr.replace(/\n$/, ""),
  };
  if (inputs.assetPaths) {
    outputs.assets = assetsIn(directory, inputs.assetPaths);
  }
  if (inputs.archivePaths) {
    outputs.archive = {
      [rpc.specialSigKey]: rpc.specialArchiveSig,
      assets: assetsIn(directory, inputs.archivePaths),
    };
  }
  return outputs;
}

/**
 * The environment: the plugin's own, then the user's, then the previous outputs where they aren't
 * empty. The last one wins.
 *
 * @param {Inputs} inputs
 * @param {Outputs} previous
 * @returns {NodeJS.ProcessEnv}
 */
function environment(inputs, previous) {
  const env = { ...process.env, ...inputs.environment };
  if (inputs.addPreviousOutputInEnv !== false) {
    if (previous.stdout !== "") {
      env.PULUMI_COMMAND_STDOUT = previous.stdout;
    }
    if (previous.stderr !== "") {
      env.PULUMI_COMMAND_STDERR = previous.stderr;
    }
  }
  return env;
}

/**
 * @param {string[]} args
 * @param {string} directory
 * @param {NodeJS.ProcessEnv} env
 * @param {Inputs} inputs
 * @param {(line: string) => void} log
 * @param {AbortSignal} cancelled
 * @returns {Promise<{ stdout: string, stderr: string, all: string, failure?: string }>}
 */
async function execute(args, directory, env, inputs, log, cancelled) {
  const file = lookPath(args[0] ?? "");
  const early = file === undefined ? notFound(args[0] ?? "") : cannotStart(file, directory);
  if (cancelled.aborted || early !== undefined) {
    return { stdout: "", stderr: "", all: "", failure: early ?? "context canceled" };
  }
  const logging = inputs.logging ?? "stdoutAndStderr";
  const logged = {
    stdout: logging === "stdout" || logging === "stdoutAndStderr",
    stderr: logging === "stderr" || logging === "stdoutAndStderr",
  };
  /** @type {{ stdout: Buffer[], stderr: Buffer[], all: Buffer[] }} */
  const output = { stdout: [], stderr: [], all: [] };
  // One reader for both streams, as the official provider has it, so that lines keep their order.
  const lines = lineReader(log);
  // Go's Wait then waits forever, whatever becomes of the process.
  let blocked = false;

  return new Promise((resolve) => {
    // No process group of its own: the command shares the plugin's, so the engine's clean-up of a
    // plugin reaches what the command has left running, as it does with the official one.
    const child = spawn(/** @type {string} */ (file), args.slice(1), {
      argv0: args[0],
      cwd: directory,
      env,
      stdio: [inputs.stdin ? "pipe" : "ignore", "pipe", "pipe"],
    });
    const kill = () => child.kill("SIGKILL");
    cancelled.addEventListener("abort", kill);
    /** @param {string} [failure] */
    const finish = (failure) => {
      if (blocked) return;
      cancelled.removeEventListener("abort", kill);
      lines.end();
      /** @param {Buffer[]} chunks */
      const text = (chunks) => Buffer.concat(chunks).toString("utf8");
      const { stdout, stderr, all } = output;
      resolve({ stdout: text(stdout), stderr: text(stderr), all: text(all), failure });
    };
    for (const channel of /** @type {const} */ (["stdout", "stderr"])) {
      child[channel]?.on("data", (/** @type {Buffer} */ chunk) => {
        output[channel].push(chunk);
        output.all.push(chunk);
        if (logged[channel] && !lines.write(chunk)) {
          blocked = true;
          child[channel]?.pause();
        }
      });
    }
    // A command that doesn't read its stdin to the end is no failure (os/exec skips EPIPE).
    child.stdin?.on("error", () => {});
    child.stdin?.end(inputs.stdin);
    child.on("error", (error) => finish(error.message));
    // "close" comes after both pipes are at their end, as with Go's Wait: a background process
    // that holds the command's stdout holds up the resource.
    child.on("close", (code, signal) => {
      if (signal !== null) {
        finish(`signal: ${SIGNALS[signal] ?? signal}`);
      } else {
        finish(code === 0 ? undefined : `exit status ${code}`);
      }
    });
  });
}

/**
 * Go looks the program up on the *plugin's* PATH, not on the one in `environment`.
 *
 * @param {string} name
 */
function lookPath(name) {
  if (name.includes("/")) {
    return name;
  }
  return (process.env.PATH ?? "")
    .split(path.delimiter)
    .map((directory) => path.join(directory, name))
    .find((file) => {
      try {
        fs.accessSync(file, fs.constants.X_OK);
        return fs.statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

/** @param {string} name */
function notFound(name) {
  return `exec: ${quote(name)}: executable file not found in $PATH`;
}

/**
 * Node reports a missing directory as a missing program, so both are looked at first.
 *
 * @param {string} file
 * @param {string} directory
 */
function cannotStart(file, directory) {
  if (!fs.existsSync(directory)) {
    return `chdir ${directory}: no such file or directory`;
  }
  if (!fs.existsSync(path.resolve(directory, file))) {
    return `fork/exec ${file}: no such file or directory`;
  }
  return undefined;
}

/** The most bytes of a line, its end included, that the official plugin reads (bufio.MaxScanTokenSize). */
const LONGEST_LINE = 64 * 1024;

/**
 * Cuts output into lines as Go's bufio.Scanner does: without the line end and a "\r" before it, and with the rest at the end
 * if it isn't empty.
 *
 * Like the official plugin (util.go, `LogOutput`), it stops at a line that is too long. Every later write then blocks forever, and
 * so does the command.
 *
 * @param {(line: string) => void} log
 */
function lineReader(log) {
  /** @type {Buffer} */
  let rest = Buffer.alloc(0);
  let stopped = false;
  /** @param {Buffer} line */
  const tell = (line) => log(line.toString("utf8").replace(/\r$/, ""));
  return {
    /** @param {Buffer} chunk @returns {boolean} false: the writer blocks forever */
    write(chunk) {
      if (stopped) return false;
      rest = Buffer.concat([rest, chunk]);
      for (let end; (end = rest.indexOf("\n")) >= 0 && end < LONGEST_LINE;) {
        tell(rest.subarray(0, end));
        rest = rest.subarray(end + 1);
      }
      stopped = rest.length >= LONGEST_LINE;
      return rest.length <= LONGEST_LINE;
    },
    end() {
      if (rest.length > 0 && !stopped) tell(rest);
    },
  };
}

/**
 * Go's %q (strconv.Quote), which the error texts use.
 *
 * @param {string} text
 */
function quote(text) {
  /** @type {Record<string, string>} */
  const short = {
    "\x07": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
  };
  const escaped = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (short[character] !== undefined) {
      return short[character];
    }
    if (code < 0x20 || code === 0x7f) {
      return `\\x${code.toString(16).padStart(2, "0")}`;
    }
    return character;
  });
  return `"${escaped.join("")}"`;
}

/**
 * The files below a directory that the globs choose, by their relative path (`globAssets`): every
 * file passes all globs in order, a later `!glob` takes away what an earlier one gave.
 *
 * @param {string} directory
 * @param {string[]} globs
 * @returns {Record<string, Asset>}
 */
function assetsIn(directory, globs) {
  const rules = globs.map((glob) => {
    const exclude = glob.startsWith("!");
    return { exclude, pattern: globPattern(exclude ? glob.slice(1) : glob) };
  });
  /** @type {Record<string, Asset>} */
  const assets = {};
  for (const file of filesIn(directory, "")) {
    const last = rules.filter(({ pattern }) => pattern.test(file)).at(-1);
    if (last !== undefined && !last.exclude) {
      const location = path.join(directory, file);
      assets[file] = {
        [rpc.specialSigKey]: rpc.specialAssetSig,
        hash: createHash("sha256").update(fs.readFileSync(location)).digest("hex"),
        path: location,
      };
    }
  }
  return assets;
}

/**
 * @param {string} directory
 * @param {string} prefix
 * @returns {string[]}
 */
function filesIn(directory, prefix) {
  const entries = fs.readdirSync(path.join(directory, prefix), { withFileTypes: true });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = prefix + entry.name;
      return entry.isDirectory() ? filesIn(directory, `${name}/`) : [name];
    });
}

/**
 * The globs of github.com/gobwas/glob with the separator "/": `*` and `?` stop at it, `**` does
 * not; `[a-z]`, `[!a-z]` and `{a,b}`.
 *
 * @param {string} glob
 */
function globPattern(glob) {
  const tokens = glob.match(/\*\*|\\.|\[!?[^\]]+\]|[^]/gu) ?? [];
  let depth = 0;
  const source = tokens.map((token) => {
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token === "{") return (depth++, "(?:");
    if (token === "}" && depth > 0) return (depth--, ")");
    if (token === "," && depth > 0) return "|";
    if (/^\[.+\]$/u.test(token)) return token.replace(/^\[!/, "[^");
    return (token.length > 1 ? token.slice(1) : token).replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "su");
}

module.exports = { lineReader, quote, run };
