/**
 * Runs one command over SSH as the official provider does (pulumi-command v1.2.1,
 * provider/pkg/provider/remote: connection.go, commandOutputs.go; the error texts are those of Go's
 * golang.org/x/crypto/ssh v0.48.0 and net). The connection itself is that of the ssh2 package.
 */
"use strict";

const net = require("node:net");
const { Client, utils } = require("ssh2");
const { isObject, secret, unwrap } = require("../values.js");
const { lineReader, quote } = require("./shell.js");

/** @typedef {import("../types").Value} Value */

/** @typedef {import("./shell").Outputs} Outputs */
/**
 * @typedef {object} Hop
 * @property {string} host
 * @property {number} port
 * @property {string} user
 * @property {string} [hostKey]
 * @property {string} [password]
 * @property {string} [privateKey]
 * @property {string} [privateKeyPassword]
 * @property {string} [agentSocketPath]
 * @property {number} dialErrorLimit
 * @property {number} perDialTimeout
 *
 * @typedef {Hop & { proxy?: Hop }} Connection
 *
 * @typedef {import("./shell").Inputs & { connection: Connection }} RemoteInputs
 */

/** The inputs and their Go types (remote/command.go). @type {Record<string, string>} */
const REMOTE_INPUTS = {
  triggers: "[]interface {}",
  create: "string",
  update: "string",
  delete: "string",
  stdin: "string",
  logging: "remote.Logging",
  connection: "interface {}", // its fields are checked by the connection itself
  environment: "map[string]string",
  addPreviousOutputInEnv: "bool",
};

/**
 * The session isn't told of a cancellation (`session.Run` knows no context): a command that runs is
 * waited for. Dialling ends with it.
 *
 * @param {string} command
 * @param {import("./shell").Inputs} given
 * @param {Outputs} previous
 * @param {(line: string) => void} log
 * @param {AbortSignal} cancelled
 * @returns {Promise<Outputs>}
 */
async function runRemote(command, given, previous, log, cancelled) {
  const inputs = /** @type {RemoteInputs} */ (given);
  if (Object.keys(inputs.environment ?? {}).length > 0) {
    // ssh2 doesn't ask the server whether it took a variable, on which the official one fails.
    throw new Error("environment of a remote command is not in this stand-in: use stdin");
  }
  /** @type {Client[]} */
  const clients = [];
  try {
    const client = await dial(inputs.connection, clients, log, cancelled);
    return await runIn(client, command, inputs, previous, log);
  } finally {
    clients.reverse().forEach((client) => client.destroy());
  }
}

/**
 * @param {Client} client
 * @param {string} command
 * @param {RemoteInputs} inputs
 * @param {Outputs} previous
 * @param {(line: string) => void} log
 * @returns {Promise<Outputs>}
 */
function runIn(client, command, inputs, previous, log) {
  const logging = inputs.logging ?? "stdoutAndStderr";
  const lines = lineReader(log);
  /** @type {{ stdout: Buffer[], stderr: Buffer[], all: Buffer[] }} */
  const output = { stdout: [], stderr: [], all: [] };
  /** @param {Buffer[]} chunks */
  const text = (chunks) => Buffer.concat(chunks).toString("utf8");
  // A server that doesn't take them is a warning, and no failure (`logAndWrapSetenvErr`).
  const { stdout, stderr } = previous;
  const env =
    inputs.addPreviousOutputInEnv === false
      ? {}
      : {
          ...(stdout && { PULUMI_COMMAND_STDOUT: stdout }),
          ...(stderr && { PULUMI_COMMAND_STDERR: stderr }),
        };
  return new Promise((resolve, reject) => {
    /** @param {string} failure */
    const fail = (failure) => {
      lines.end();
      reject(new Error(`${failure}: running ${quote(command)}:\n${text(output.all)}`));
    };
    // session.go, `ExitMissingError`: all that a cut connection leaves to say.
    const missing = "wait: remote command exited without exit status or exit signal";
    let ended = false;
    let blocked = false; // session.Wait then waits forever
    client.on("close", () => ended || blocked || fail(missing));
    client.on("error", () => {});
    client.exec(command, { env }, (error, stream) => {
      if (error) return reject(error);
      /** @param {"stdout" | "stderr"} channel */
      const take = (channel) => (/** @type {Buffer} */ chunk) => {
        output[channel].push(chunk);
        output.all.push(chunk);
        if (logging !== channel && logging !== "stdoutAndStderr") return;
        if (lines.write(chunk)) return;
        blocked = true;
        (channel === "stdout" ? stream : stream.stderr).pause();
      };
      stream.on("data", take("stdout"));
      stream.stderr.on("data", take("stderr"));
      stream.on("error", () => {});
      // Commands get an empty stdin where there is none.
      stream.end(inputs.stdin ?? "");
      stream.on(
        "close",
        (/** @type {number | null | undefined} */ code, /** @type {string} */ signal) => {
          ended = true;
          if (blocked) return;
          // session.go, `Waitmsg.String` and `wait`: a signal without a status counts from 128.
          if (signal)
            return fail(
              `Process exited with status ${statusOf(signal)} from signal ${signal.replace(/^SIG/, "")}`,
            );
          if (code === undefined || code === null) return fail(missing);
          if (code !== 0) return fail(`Process exited with status ${code}`);
          lines.end();
          resolve({
            stdout: text(output.stdout).replace(/\n$/, ""),
            stderr: text(output.stderr).replace(/\n$/, ""),
          });
        },
      );
    });
  });
}

/** @param {string} signal */
function statusOf(signal) {
  const { signals } = require("node:os").constants;
  return 128 + (signals[/** @type {"SIGTERM"} */ (`SIG${signal.replace(/^SIG/, "")}`)] ?? 0);
}

/**
 * `Connection.Dial`: the host; or the bastion, from there the host's port, and on that one
 * connection the handshake with the host, however often it is tried.
 *
 * @param {Connection} connection
 * @param {Client[]} clients
 * @param {(line: string) => void} log
 * @param {AbortSignal} cancelled
 * @returns {Promise<Client>}
 */
async function dial(connection, clients, log, cancelled) {
  await config(connection);
  const { proxy, dialErrorLimit: limit } = connection;
  /** @template T @param {string} what @param {number} most @param {() => Promise<T>} attempt */
  const retried = (what, most, attempt) => withRetry(what, most, attempt, log, cancelled);
  if (proxy === undefined) {
    return retried("Dial", limit, async () =>
      handshake(connection, await tcp(connection), clients),
    );
  }
  try {
    await config(proxy);
    const bastion = await retried("Dial proxy", proxy.dialErrorLimit, async () =>
      handshake(proxy, await tcp(proxy), clients),
    );
    const stream = await retried("Dial from proxy", limit, () => forward(bastion, connection));
    return await retried("Dial", limit, () => handshake(connection, stream, clients));
  } catch (error) {
    throw new Error(`proxy: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * `dialWithRetry`, with the delays of retry.Until: 100 ms, then half as much again each time, at
 * most 5 s.
 *
 * @template T
 * @param {string} what
 * @param {number} limit -1: none
 * @param {() => Promise<T>} attempt
 * @param {(line: string) => void} log
 * @param {AbortSignal} cancelled
 * @returns {Promise<T>}
 */
async function withRetry(what, limit, attempt, log, cancelled) {
  for (let tried = 0, delay = 100; ; tried++, delay = Math.min(delay * 1.5, 5000)) {
    try {
      return await attempt();
    } catch (error) {
      if (limit > -1 && tried + 1 > limit) {
        throw new Error(`after ${tried} failed attempts: ${messageOf(error)}`, { cause: error });
      }
    }
    log(`${what} ${tried + 1}/${limit === -1 ? "inf" : limit} failed: retrying`);
    await new Promise((resolve) => {
      setTimeout(resolve, delay);
      cancelled.addEventListener("abort", resolve);
    });
    if (cancelled.aborted) throw new Error("context canceled");
  }
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * `SSHConfig`: what is wrong with the keys or the agent is told before anything is dialled.
 *
 * @param {Hop} hop
 */
async function config(hop) {
  if (hop.hostKey !== undefined) {
    const key = utils.parseKey(hop.hostKey.trim());
    if (key instanceof Error) throw new Error("failed to parse host key: ssh: no key found");
  }
  if (hop.privateKey !== undefined) {
    const key = utils.parseKey(hop.privateKey, hop.privateKeyPassword);
    if (key instanceof Error) {
      if (!/passphrase|integrity|decrypt/i.test(key.message)) throw new Error("ssh: no key found");
      throw new Error(
        hop.privateKeyPassword === undefined
          ? "ssh: this private key is passphrase protected"
          : "x509: decryption password incorrect",
      );
    }
  }
  const agent = hop.agentSocketPath ?? process.env.SSH_AUTH_SOCK;
  if (!agent) return;
  await new Promise((resolve, reject) => {
    const socket = net.connect(agent, () => resolve(socket.destroy()));
    socket.on("error", (error) =>
      reject(new Error(`dial unix ${agent}: connect: ${systemText(error)}`)),
    );
  });
}

/** How Go words what the system says. @param {Error & { code?: string }} error */
function systemText({ code, message }) {
  /** @type {Record<string, string>} */
  const texts = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection reset by peer",
    EHOSTUNREACH: "no route to host",
    ENETUNREACH: "network is unreachable",
    ENOENT: "no such file or directory",
    ETIMEDOUT: "connection timed out",
  };
  return texts[code ?? ""] ?? message;
}

/** @param {Hop} hop @returns {Promise<net.Socket>} */
function tcp({ host, port, perDialTimeout }) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const at = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    /** @param {string} text */
    const fail = (text) => {
      socket.destroy();
      reject(new Error(`dial tcp${text}`));
    };
    if (perDialTimeout > 0) {
      socket.setTimeout(perDialTimeout * 1000, () => fail(` ${at}: i/o timeout`));
    }
    socket.on("connect", () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.on("error", (/** @type {Error & { code?: string }} */ error) =>
      fail(
        error.code === "ENOTFOUND"
          ? `: lookup ${host}: no such host`
          : ` ${at}: connect: ${systemText(error)}`,
      ),
    );
  });
}

/**
 * @param {Client} bastion
 * @param {Hop} to
 * @returns {Promise<import("node:stream").Duplex>}
 */
function forward(bastion, { host, port }) {
  return new Promise((resolve, reject) =>
    bastion.forwardOut("127.0.0.1", 0, host, port, (error, stream) => {
      if (!error) return resolve(stream);
      const reason = error.message.replace(/^.*Channel open failure: ?/, "");
      reject(new Error(`ssh: rejected: connect failed (${reason})`));
    }),
  );
}

/**
 * `ssh.NewClientConn`. The client asks for the type of key that it was told (`HostKeyAlgorithms`).
 *
 * @param {Hop} hop
 * @param {import("node:stream").Duplex} stream
 * @param {Client[]} clients
 * @returns {Promise<Client>}
 */
function handshake(hop, stream, clients) {
  const expected = hop.hostKey?.trim().split(/\s+/);
  const methods = [
    "none",
    ...(hasKeys(hop) ? ["publickey"] : []),
    ...(hop.password ? ["password"] : []),
  ];
  return new Promise((resolve, reject) => {
    let mismatch = false;
    const client = new Client();
    clients.push(client);
    /** @param {string} text */
    const fail = (text) => reject(new Error(`ssh: handshake failed: ${text}`));
    client.on("ready", () => resolve(client));
    client.on("error", (/** @type {Error & { level?: string }} */ error) => {
      if (mismatch) fail("ssh: host key mismatch");
      else if (error.level === "client-authentication")
        fail(
          `ssh: unable to authenticate, attempted methods [${methods.join(" ")}], no supported methods remain`,
        );
      else if (/no matching host key format/i.test(error.message))
        fail("ssh: no common algorithm for host key");
      else fail("EOF");
    });
    client.on("close", () => fail("EOF"));
    client.connect({
      sock: /** @type {import("node:stream").Readable} */ (stream),
      username: hop.user,
      password: hop.password,
      privateKey: hop.privateKey,
      passphrase: hop.privateKeyPassword,
      agent: hop.agentSocketPath ?? process.env.SSH_AUTH_SOCK,
      readyTimeout: 0, // none: `Timeout` is that of the TCP connection
      ...(expected && {
        algorithms: { serverHostKey: [/** @type {"ssh-ed25519"} */ (expected[0])] },
        hostVerifier: (/** @type {Buffer} */ key) => {
          mismatch = key.toString("base64") !== expected[1];
          return !mismatch;
        },
      }),
    });
  });
}

/** @param {Hop} hop */
const hasKeys = (hop) =>
  hop.privateKey !== undefined || Boolean(hop.agentSocketPath ?? process.env.SSH_AUTH_SOCK);

/**
 * A connection as Check gives it back (connection.go, proxyConnection.go): with its defaults (`SetDefault`), which every SDK sets
 * as well, and as a secret with secrets in it (`provider:"secret"`; infer/apply_secrets.go).
 *
 * @param {Value} connection
 * @returns {Value}
 */
function checkedConnection(connection) {
  return secret(checkedHop(connection));
}

/** @param {Value} given @returns {Value} */
function checkedHop(given) {
  const { value, known, secret: isSecret } = unwrap(given);
  if (!known || !isObject(value)) return given;
  const defaults = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
  /** @type {import("../types").Properties} */
  const hop = { ...defaults, ...value };
  for (const name of ["password", "privateKey", "privateKeyPassword"])
    if (hop[name] !== undefined) hop[name] = secret(unwrap(hop[name]).value ?? hop[name]);
  if (hop.proxy !== undefined) hop.proxy = checkedHop(hop.proxy);
  return isSecret ? secret(hop) : hop;
}

module.exports = { REMOTE_INPUTS, checkedConnection, runRemote };
