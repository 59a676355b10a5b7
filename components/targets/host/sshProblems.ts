import { isIP } from "node:net";
import { type Checker, type Fields, isFields, isLater } from "../../check";
import { show } from "../../errors";
import type { SshAddressArgs, SshBastionArgs, SshHostArgs } from "./sshArgs";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
const addressFields: Readonly<Record<keyof SshAddressArgs, true>> = {
  address: true,
  port: true,
  hostKey: true,
  acceptAnyHostKey: true,
};
const bastionFields: Readonly<Record<keyof SshBastionArgs, true>> = {
  ...addressFields,
  user: true,
  privateKey: true,
  privateKeyPassword: true,
};
const sshFields: Readonly<Record<keyof SshHostArgs, true>> = {
  hosts: true,
  user: true,
  privateKey: true,
  privateKeyPassword: true,
  agentSocket: true,
  bastion: true,
  attempts: true,
};

/** Names of resources are made of it, beside `-pull` and `-removal`. */
const hostName = /^(?!.*-(pull|removal)$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const dnsName = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?$/;
const publicKey =
  /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/]+={0,3}( [^\r\n]*)?$/;

/** Checks `host.ssh`. No value of a private key is ever shown. */
export function sshProblems(checker: Checker, ssh: unknown, path: string): void {
  if (!checker.fields(ssh ?? undefined, path, Object.keys(sshFields))) return;
  const args = ssh as Fields;
  userProblem(checker, args.user, `${path}.user`);
  keyProblems(checker, args, path);
  checker.text(args.agentSocket ?? undefined, `${path}.agentSocket`, `"/run/user/1000/agent"`);
  if (isGiven(args.agentSocket) && isGiven(args.privateKey))
    checker.add(
      `${path}.agentSocket`,
      `is given next to ${path}.privateKey`,
      "keep one of them: the key, or the agent that holds it",
    );
  checker.whole(args.attempts ?? undefined, `${path}.attempts`, 1, 1000, "tries");

  const bastion = args.bastion ?? undefined;
  if (checker.fields(bastion, `${path}.bastion`, Object.keys(bastionFields))) {
    addressProblems(checker, bastion as Fields, `${path}.bastion`);
    userProblem(checker, (bastion as Fields).user, `${path}.bastion.user`);
    keyProblems(checker, bastion as Fields, `${path}.bastion`);
  }

  const at = `${path}.hosts`;
  const example = `{ one: { address: "203.0.113.7", hostKey: "ssh-ed25519 AAAA…" } }`;
  if (!isGiven(args.hosts)) {
    checker.add(at, "is missing", `write ${example}`);
    return;
  }
  if (!checker.plain(args.hosts, at)) return;
  if (!isFields(args.hosts)) {
    checker.add(at, `must map names to hosts, got ${show(args.hosts)}`, `write ${example}`);
    return;
  }
  const hosts = Object.entries(args.hosts);
  if (hosts.length === 0) checker.add(at, "names no host", `write ${example}`);
  const seen = new Map<string, string>();
  for (const [name, host] of hosts) {
    const field = `${at}.${name}`;
    if (!hostName.test(name))
      checker.add(
        field,
        "is no name for a host",
        'use lower-case letters, digits and hyphens, a letter first, and no "-pull" or "-removal" at the end',
      );
    if (!checker.fields(host ?? null, field, Object.keys(addressFields))) continue;
    addressProblems(checker, host as Fields, field);
    const place = placeOf(host as Fields);
    const other = place && seen.get(place);
    if (other)
      checker.add(
        `${field}.address`,
        `is ${place}, as that of ${at}.${other}`,
        "name each host once; for a second service on one host, give it a component of its own",
      );
    else if (place) seen.set(place, name);
  }
}

/** `address:port` of a host where both are known, else undefined. */
export function placeOf(host: unknown): string | undefined {
  const { address, port } = (isFields(host) ? host : {}) as Fields;
  return typeof address === "string" && (!isGiven(port) || typeof port === "number")
    ? `${address.toLowerCase()}:${port ?? 22}`
    : undefined;
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

function addressProblems(checker: Checker, host: Fields, path: string): void {
  const { address, port, hostKey, acceptAnyHostKey } = host;
  const at = `${path}.address`;
  const example = `"203.0.113.7" or "web.example.com"`;
  if (!isGiven(address)) checker.add(at, "is missing", `write ${example}`);
  else if (checker.text(address, at, example) && isIP(address) === 0 && !dnsName.test(address))
    checker.add(
      at,
      `must be a host name or an IP address, got ${show(address)}`,
      /^ssh:|\//.test(address)
        ? `leave the scheme and the path out: ${example}`
        : address.includes("@")
          ? "give the user by itself, as user"
          : /:\d+$/.test(address)
            ? `give the port by itself: ${path}.port`
            : `write ${example}`,
    );
  if (isGiven(port) && !isLater(port))
    if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
      checker.add(
        `${path}.port`,
        `must be a whole number from 1 to 65535, got ${show(port)}`,
        "write the SSH server's port, or leave it out for 22",
      );
  const any = checker.flag(acceptAnyHostKey ?? undefined, `${path}.acceptAnyHostKey`);
  if (isGiven(hostKey)) {
    hostKeyProblem(checker, hostKey, `${path}.hostKey`, scan(host));
    if (any && acceptAnyHostKey === true)
      checker.add(
        `${path}.acceptAnyHostKey`,
        `is true next to ${path}.hostKey`,
        "keep the key, and leave this out",
      );
  } else if (acceptAnyHostKey !== true && (any || !isGiven(acceptAnyHostKey)))
    checker.add(
      `${path}.hostKey`,
      "is missing, so whatever answers at the address would be trusted",
      `\`${scan(host)}\` prints it: compare that with what the machine's console shows (/etc/ssh/ssh_host_ed25519_key.pub), and write the part from "ssh-ed25519" on; or ask for acceptAnyHostKey: true`,
    );
}

/** The command that prints a host's key. */
function scan({ address, port }: Fields): string {
  const option = typeof port === "number" && port !== 22 ? ` -p ${port}` : "";
  const known = typeof address === "string" && /^[\w:][\w.:-]*$/.test(address);
  return `ssh-keyscan -t ed25519${option} ${known ? address : "ADDRESS"}`;
}

function hostKeyProblem(checker: Checker, value: unknown, path: string, how: string): void {
  if (!checker.text(value, path, `"ssh-ed25519 AAAA…"`) || publicKey.test(value)) return;
  const [first = "", second = ""] = value.trim().split(/\s+/);
  if (value.includes("PRIVATE KEY")) {
    checker.add(path, "is a private key", `give the host's public key, which \`${how}\` prints`);
  } else if (first === "ssh-rsa") {
    checker.add(
      path,
      "is an RSA key, whose SHA-1 signatures OpenSSH gave up",
      `give the host's ed25519 key, which \`${how}\` prints`,
    );
  } else if (/^(ssh|ecdsa|sk)-/.test(second)) {
    checker.add(path, "starts with a host", `leave that out: it starts with "${second}"`);
  } else {
    checker.add(
      path,
      `must be one line such as "ssh-ed25519 AAAA…", got ${show(value)}`,
      `\`${how}\` prints it`,
    );
  }
}

function userProblem(checker: Checker, user: unknown, path: string): void {
  if (!checker.text(user ?? undefined, path, `"root"`)) return;
  if (!userName.test(user as string))
    checker.add(path, `must be the name of a user, got ${show(user)}`, `write "root"`);
}

/** The values are never shown. */
function keyProblems(checker: Checker, args: Fields, path: string): void {
  const { privateKey, privateKeyPassword } = args;
  const at = `${path}.privateKey`;
  const fix = `give the text of the file, as a secret: config.requireSecret("sshKey")`;
  if (isGiven(privateKey) && !isLater(privateKey)) {
    if (typeof privateKey !== "string")
      checker.add(at, `must be a text, got ${typeof privateKey}`, fix);
    else if (/^(ssh|ecdsa|sk)-\S+ AAAA/.test(privateKey))
      checker.add(at, "is a public key", `${fix}, without .pub`);
    else if (!privateKey.includes("PRIVATE KEY-----"))
      checker.add(
        at,
        /^[\w~./\\:-]{1,200}$/.test(privateKey)
          ? "is no private key, but perhaps the path of one"
          : "is no private key in OpenSSH's or PEM form",
        fix,
      );
  }
  if (!isGiven(privateKeyPassword)) return;
  if (!isLater(privateKeyPassword) && typeof privateKeyPassword !== "string")
    checker.add(
      `${path}.privateKeyPassword`,
      `must be a text, got ${typeof privateKeyPassword}`,
      "write it as a text",
    );
  if (!isGiven(privateKey))
    checker.add(`${path}.privateKeyPassword`, "is given without privateKey", "give both, or none");
}
