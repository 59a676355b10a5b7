import * as pulumi from "@pulumi/pulumi";
import { HostTarget } from "../../components";

// Everything here is refused before any resource is registered.

const ref = `ghcr.io/team/web@sha256:${"a".repeat(64)}`;
const hostKey = `ssh-ed25519 ${"AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k"}`;
const host = { address: "203.0.113.7", hostKey };
const privateKey =
  "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----\n";

type Change = Record<string, unknown>;
const ssh = (change: Change) => ({ hosts: { one: host }, ...change });
const one = (change: Change) => ({ hosts: { one: { ...host, ...change } } });
const bastion = (change: Change) => ssh({ bastion: { ...host, ...change } });

/** What is wrong, and how the one line of the error starts. */
const table: [string, unknown, string][] = [
  ["a text", "203.0.113.7", "ssh: must be an object"],
  ["an unknown field", ssh({ host: "203.0.113.7" }), "ssh.host: is not a field"],
  ["no hosts", {}, "ssh.hosts: is missing"],
  ["a list of hosts", { hosts: [host] }, "ssh.hosts: must map names to hosts"],
  ["an empty map of hosts", { hosts: {} }, "ssh.hosts: names no host"],
  [
    "hosts that are known later",
    { hosts: pulumi.output({ one: host }) },
    "ssh.hosts: is an output",
  ],
  ["a name in capitals", { hosts: { One: host } }, "ssh.hosts.One: is no name for a host"],
  ["a name of another resource", { hosts: { "a-pull": host } }, "ssh.hosts.a-pull: is no name"],
  ["a host that is a text", { hosts: { one: "203.0.113.7" } }, "ssh.hosts.one: must be an object"],
  ["no address", one({ address: undefined }), "ssh.hosts.one.address: is missing"],
  [
    "an address with a user",
    one({ address: "root@203.0.113.7" }),
    `ssh.hosts.one.address: must be a host name or an IP address, got "root@203.0.113.7"; give the user`,
  ],
  [
    "an address with a port",
    one({ address: "203.0.113.7:22" }),
    `ssh.hosts.one.address: must be a host name or an IP address, got "203.0.113.7:22"; give the port`,
  ],
  [
    "an address with a scheme",
    one({ address: "ssh://203.0.113.7" }),
    "ssh.hosts.one.address: must be a host name",
  ],
  [
    "an address that is an option",
    one({ address: "-oProxyCommand=x" }),
    "ssh.hosts.one.address: must be a host name",
  ],
  [
    "a port that is no primitive value",
    one({ port: Object.create(null) as unknown }),
    "ssh.hosts.one.port: must be a whole number from 1 to 65535",
  ],
  ["a port of 0", one({ port: 0 }), "ssh.hosts.one.port: must be a whole number from 1 to 65535"],
  ["a port as text", one({ port: "22" }), "ssh.hosts.one.port: must be a whole number"],
  [
    "no host key",
    one({ hostKey: undefined, port: 2222 }),
    "ssh.hosts.one.hostKey: is missing, so whatever answers at the address would be trusted; `ssh-keyscan -t ed25519 -p 2222 203.0.113.7` prints it",
  ],
  [
    "no host key and no acceptance of any",
    one({ hostKey: undefined, acceptAnyHostKey: false }),
    "ssh.hosts.one.hostKey: is missing",
  ],
  [
    "both ways to know a host",
    one({ acceptAnyHostKey: true }),
    "ssh.hosts.one.acceptAnyHostKey: is true next to ssh.hosts.one.hostKey",
  ],
  [
    "an acceptance that is a text",
    one({ hostKey: undefined, acceptAnyHostKey: "yes" }),
    "ssh.hosts.one.acceptAnyHostKey: must be true or false",
  ],
  [
    "a line of known_hosts",
    one({ hostKey: `203.0.113.7 ${hostKey}` }),
    `ssh.hosts.one.hostKey: starts with a host; leave that out: it starts with "ssh-ed25519"`,
  ],
  [
    "a fingerprint",
    one({ hostKey: "SHA256:abc" }),
    `ssh.hosts.one.hostKey: must be one line such as "ssh-ed25519 AAAA…"`,
  ],
  [
    "an RSA host key",
    one({ hostKey: "ssh-rsa AAAAB3NzaC1yc2E=" }),
    "ssh.hosts.one.hostKey: is an RSA key",
  ],
  ["a private host key", one({ hostKey: privateKey }), "ssh.hosts.one.hostKey: is a private key"],
  [
    "one host twice",
    { hosts: { one: host, two: { ...host, port: 22 } } },
    "ssh.hosts.two.address: is 203.0.113.7:22, as that of ssh.hosts.one",
  ],
  ["a user with an option", ssh({ user: "-oX=y" }), "ssh.user: must be the name of a user"],
  [
    "the path of a private key",
    ssh({ privateKey: "~/.ssh/canary" }),
    "ssh.privateKey: is no private key, but perhaps the path of one",
  ],
  ["a public key", ssh({ privateKey: `${hostKey} canary` }), "ssh.privateKey: is a public key"],
  ["a private key of bytes", ssh({ privateKey: [1, 2] }), "ssh.privateKey: must be a text, got"],
  [
    "a password of no key",
    ssh({ privateKeyPassword: "canary" }),
    "ssh.privateKeyPassword: is given without privateKey",
  ],
  [
    "a key and an agent",
    ssh({ privateKey, agentSocket: "/tmp/agent" }),
    "ssh.agentSocket: is given next to ssh.privateKey",
  ],
  ["no attempt", ssh({ attempts: 0 }), "ssh.attempts: must be a whole number of tries from 1"],
  ["a bastion that is a text", ssh({ bastion: "b" }), "ssh.bastion: must be an object"],
  [
    "a bastion without host key",
    bastion({ hostKey: undefined }),
    "ssh.bastion.hostKey: is missing",
  ],
  ["an unknown field of a bastion", bastion({ host: "b" }), "ssh.bastion.host: is not a field"],
];

it.each(table)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new HostTarget("web", { ref, ssh: args } as ConstructorParameters<typeof HostTarget>[1]);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
  expect(lines[0]).not.toContain("canary");
});
