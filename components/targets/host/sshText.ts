import { isIP } from "node:net";
import type { HostPortArgs } from "./hostArgs";
import { shellWord } from "../../quote";

/** How a machine is reached, all of it known. */
export interface SshEndpoint {
  readonly address: string;
  readonly port: number;
  readonly user: string;
}

/** How a connection is made: the inputs of Pulumi's command provider. */
export interface SshConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey?: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  readonly agentSocketPath?: string;
  readonly dialErrorLimit: number;
  readonly proxy?: SshConnection;
}

/** An `ssh` command line that runs a command of the engine in a terminal there, for a person to paste. */
export function sshCommand(host: SshEndpoint, bastion: SshEndpoint | undefined, command: string) {
  const port = host.port === 22 ? [] : ["-p", String(host.port)];
  const jump = bastion
    ? [
        "-J",
        `${bastion.user}@${bracket(bastion.address)}${bastion.port === 22 ? "" : `:${bastion.port}`}`,
      ]
    : [];
  const words = ["ssh", "-t", ...port, ...jump, `${host.user}@${host.address}`, command];
  return words.map(shellWord).join(" ");
}

const bracket = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address);

type Ports = readonly { readonly [K in keyof HostPortArgs]: string | number | undefined }[];

/**
 * The address to open: that of the port asked for health where it can be reached from elsewhere, else of the first such port. A port
 * on a loopback address serves the host alone, so it has none.
 */
export function sshUrl(address: string, ports: Ports = [], asked?: number): string {
  const open = ports.filter((port) => !isLoopback(String(port.address ?? "127.0.0.1")));
  const port = open.find(({ container }) => container === asked) ?? open[0];
  if (port === undefined) return "";
  const at = String(port.address);
  const where = at === "0.0.0.0" || at === "::" ? address : at;
  return `http://${bracket(where)}:${port.host ?? port.container}`;
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1";

/** Where a connection went wrong, for the sentence that explains it. */
export interface SshPlace {
  /** The user's fields: `host.ssh` and `host.ssh.hosts.one`. */
  readonly path: string;
  readonly host: string;
  readonly connection: SshConnection;
  /** Whether the app leaves the host. */
  readonly leaving?: boolean;
}

/** What a sentence is told of the machine that it is about. */
interface Told {
  readonly machine: string;
  /** The command that prints its key. */
  readonly key: string;
  readonly field: string;
  readonly user: string;
  readonly place: SshPlace;
}

interface Explanation {
  readonly pattern: RegExp;
  readonly say: (at: Told) => string;
}

/** The raw texts are those of golang.org/x/crypto/ssh, net, and Pulumi's command provider. The first that fits is said. */
const explanations: readonly Explanation[] = [
  {
    pattern: /host key mismatch/,
    say: ({ machine, field, key }) =>
      `${field}.hostKey: ${machine} shows another key than this one, and was given nothing: if it was set up anew, compare what \`${key}\` prints with the machine's console and write that here; if not, something else answers in its place`,
  },
  {
    pattern: /no common algorithm for host key/,
    say: ({ machine, field, key }) =>
      `${field}.hostKey: ${machine} has no host key of this type: \`${key}\` prints one that it has`,
  },
  {
    pattern: /failed to parse host key/,
    say: ({ field, key }) =>
      `${field}.hostKey: must be one line such as "ssh-ed25519 AAAA…": \`${key}\` prints it`,
  },
  {
    pattern: /unable to authenticate/,
    say: ({ machine, user, place }) =>
      `${place.path}.privateKey: ${machine} accepts no key that it was offered for user ${user}: give the key whose public half is in ~${user}/.ssh/authorized_keys there, or load it into the agent (\`ssh-add -l\` lists what that holds)`,
  },
  {
    pattern: /dial unix/,
    say: ({ place }) =>
      `${place.path}.agentSocket: no SSH agent answers at its socket (that of SSH_AUTH_SOCK unless it is given): start one, correct the path, or unset SSH_AUTH_SOCK where ${place.path}.privateKey is given`,
  },
  {
    pattern: /passphrase protected|decryption password incorrect|passphrase/,
    say: ({ place }) =>
      `${place.path}.privateKeyPassword: the private key is encrypted, and this isn't its password or is missing`,
  },
  {
    pattern:
      /ssh: no key found|cannot decode|failed to parse private key|asn1:|unsupported key type/,
    say: ({ place }) =>
      `${place.path}.privateKey: is no private key in OpenSSH's or PEM form: give the text of the file`,
  },
  {
    pattern: /no such host|server misbehaving/,
    say: ({ machine, field }) => `${field}.address: there is no host of the name ${machine}`,
  },
  {
    pattern: /without exit status/,
    say: ({ machine }) =>
      `the connection to ${machine} was cut: what had begun there goes on by itself, or is undone there; \`pulumi up\` again waits for it and finishes`,
  },
  {
    pattern:
      /connection refused|i\/o timeout|no route to host|network is unreachable|connect failed|administratively prohibited|connection reset|handshake failed: EOF|deadline exceeded|connection timed out/,
    say: ({ machine, field, place }) =>
      `${field}.address: no SSH server can be reached at ${machine}: ` +
      (place.leaving
        ? "what runs there is removed by the next `pulumi up` that reaches it; if the host is gone for good, `pulumi state delete` with the URN of the resource, in a terminal, forgets it"
        : "start it, open the firewall for this machine, or correct the address and port"),
  },
];

/** The sentence that fits the provider's raw text, or undefined: what the script says explains itself. */
export function explainSsh(raw: string, place: SshPlace): string | undefined {
  // After the command, the text goes on with what was printed on the host.
  const text = raw.split(/: running "/)[0] ?? "";
  const found = explanations.find(({ pattern }) => pattern.test(text));
  return found?.say(toldOf(place, isBastion(text, place.connection)));
}

/** What to say where the first machine on the way takes a connection and says nothing. */
export function silentSsh(place: SshPlace): string {
  const { field, machine } = toldOf(place, place.connection.proxy !== undefined);
  return `${field}.address: ${machine} takes connections and says nothing: the machine hangs (no memory left, perhaps), or something else than an SSH server listens there`;
}

function toldOf(place: SshPlace, atBastion: boolean): Told {
  const { connection } = place;
  const at = atBastion ? connection.proxy! : connection;
  const port = at.port === 22 ? "" : ` -p ${at.port}`;
  return {
    machine: `${bracket(at.host)}:${at.port}${!atBastion && connection.proxy ? " behind the bastion" : ""}`,
    key: `ssh-keyscan -t ed25519${port} ${shellWord(at.host)}`,
    field: atBastion ? `${place.path}.bastion` : `${place.path}.hosts.${place.host}`,
    user: at.user,
    place: atBastion ? { ...place, path: `${place.path}.bastion` } : place,
  };
}

/**
 * The provider starts every text with "proxy:" where there is a bastion, be it the bastion's fault or that of the host behind it. How
 * often it tried tells them apart: the bastion gets one try more (sshConnection in sshHosts.ts).
 */
function isBastion(text: string, { proxy }: SshConnection): boolean {
  if (proxy === undefined || !/proxy: /.test(text)) return false;
  const tries = /after (\d+) failed attempts/.exec(text)?.[1];
  return tries === undefined || Number(tries) === proxy.dialErrorLimit;
}
