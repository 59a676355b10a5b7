import { connect } from "node:net";
import type { Client, ConnectConfig } from "ssh2";
import { quote } from "../../quote";
import type { SshConnection } from "./sshText";

/** What a look at a host found. */
export interface Look {
  /** The id of the container that runs, empty where none does; undefined where that can't be told. */
  readonly running?: string;
  /** Why it can't be told. */
  readonly failure?: "host key mismatch" | "unreachable";
}

/** Asks a host over SSH which container runs under a name. It never fails: an unreachable host is an error of the next release. */
export async function lookOverSsh(connection: SshConnection, container: string): Promise<Look> {
  const format = "{{.State.Running}} {{.Id}}";
  const { said, failure } = await inspectOverSsh(connection, format, [container]);
  return said === undefined ? { failure } : { running: parse(said) };
}

/** What `docker container inspect` prints on a host, errors included, or why that is unknown after at most 5 seconds. */
export async function inspectOverSsh(
  connection: SshConnection,
  format: string,
  containers: readonly string[],
): Promise<{ readonly said?: string; readonly failure?: Look["failure"] }> {
  const clients: Client[] = [];
  let mismatch = false;
  const limit = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("no answer")), 5000).unref();
  });
  const work = async () => {
    // Loaded here, so that only those who deploy over SSH pay for it.
    const ssh2 = await import("ssh2");
    const connectTo = (to: SshConnection, through?: ConnectConfig["sock"]) =>
      new Promise<Client>((resolve, reject) => {
        const client = new ssh2.Client();
        clients.push(client);
        client.on("error", reject).on("close", () => reject(new Error("closed")));
        client.on("ready", () => resolve(client));
        client.connect({ ...options(to, () => (mismatch = true)), sock: through });
      });
    const bastion = connection.proxy && (await connectTo(connection.proxy));
    const client = await connectTo(connection, bastion && (await tunnel(bastion, connection)));
    return { said: await output(client, question(format, containers)) };
  };
  try {
    return await Promise.race([work(), limit]);
  } catch {
    return { failure: mismatch ? "host key mismatch" : "unreachable" };
  } finally {
    for (const client of clients.reverse()) client.destroy();
  }
}

/**
 * Whether a server at least greets, as SSH's servers do before anything is asked of them. A machine out of memory takes connections and
 * says nothing, and the provider would wait for ever. What can't be reached is the provider's to tell.
 */
export function isSilent({ host, port }: SshConnection, patience = 15_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const tell = (silent: boolean) => {
      socket.destroy();
      resolve(silent);
    };
    let connected = false;
    socket.setTimeout(patience, () => tell(connected));
    socket.on("connect", () => (connected = true));
    socket
      .on("data", () => tell(false))
      .on("error", () => tell(false))
      .on("close", () => tell(false));
  });
}

function options(to: SshConnection, onMismatch: () => void): ConnectConfig {
  const [type, key] = to.hostKey?.split(" ") ?? [];
  return {
    host: to.host,
    port: to.port,
    username: to.user,
    privateKey: to.privateKey,
    passphrase: to.privateKeyPassword,
    agent: to.agentSocketPath ?? process.env.SSH_AUTH_SOCK,
    readyTimeout: 5000,
    ...(type !== undefined && {
      algorithms: { serverHostKey: [type as "ssh-ed25519"] },
      hostVerifier: (shown: Buffer) => {
        const same = shown.toString("base64") === key;
        if (!same) onMismatch();
        return same;
      },
    }),
  };
}

function tunnel(bastion: Client, { host, port }: SshConnection): Promise<ConnectConfig["sock"]> {
  return new Promise((resolve, reject) =>
    bastion.forwardOut("127.0.0.1", 0, host, port, (error, stream) =>
      error ? reject(error) : resolve(stream),
    ),
  );
}

/** For every shell that a user may have: the words are a POSIX shell's. */
function question(format: string, containers: readonly string[]): string {
  const inspect = `container inspect --format ${quote(format)} ${containers.join(" ")} 2>&1`;
  return `sh -c ${quote(`if command -v docker >/dev/null; then docker ${inspect}; else podman ${inspect}; fi`)}`;
}

/** Characters of a host's answer that are read: IDs and labels. */
const mostOutput = 10_000;

function output(client: Client, command: string): Promise<string> {
  return new Promise((resolve, reject) =>
    client.exec(command, (error, stream) => {
      if (error) return reject(error);
      let text = "";
      stream.on("data", (data: Buffer) => {
        if (text.length < mostOutput) text += data.toString();
      });
      stream.on("error", reject).on("close", () => resolve(text));
      stream.stderr.resume();
    }),
  );
}

/** Undefined where the engine says something else than how the container is. */
function parse(said: string): string | undefined {
  if (/no such (container|object)/i.test(said)) return "";
  const [, running, id] = /^(true|false) ([0-9a-f]+)$/m.exec(said) ?? [];
  return running === undefined ? undefined : running === "true" ? id : "";
}
