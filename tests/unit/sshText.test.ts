import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pullSettings } from "../../components/targets/host/hostSettings";
import {
  explainSsh,
  type SshConnection,
  sshCommand,
  sshUrl,
} from "../../components/targets/host/sshText";

describe("the address to open", () => {
  it.each<[string, Parameters<typeof sshUrl>[1], number | undefined, string]>([
    ["is none without ports", undefined, undefined, ""],
    [
      "is none where a port serves the host alone",
      [{ container: 80, host: 1, address: undefined }],
      80,
      "",
    ],
    [
      "is the host's where a port is open to all",
      [{ container: 80, host: undefined, address: "0.0.0.0" }],
      undefined,
      "http://web.example.com:80",
    ],
    [
      "is the port's own where that listens on one address",
      [{ container: 80, host: 8080, address: "192.0.2.7" }],
      undefined,
      "http://192.0.2.7:8080",
    ],
    [
      "is that of the port asked for health",
      [
        { container: 80, host: 1, address: "0.0.0.0" },
        { container: 81, host: 2, address: "::" },
      ],
      81,
      "http://web.example.com:2",
    ],
    [
      "passes over the ports of the host alone",
      [
        { container: 80, host: 1, address: "::1" },
        { container: 81, host: 2, address: "0.0.0.0" },
      ],
      80,
      "http://web.example.com:2",
    ],
  ])("%s", (_, ports, asked, url) => {
    expect(sshUrl("web.example.com", ports, asked)).toBe(url);
  });

  it("brackets an address of IPv6", () => {
    const ports = [{ container: 80, host: undefined, address: "::" }];
    expect(sshUrl("2001:db8::7", ports)).toBe("http://[2001:db8::7]:80");
  });
});

describe("the command for a person", () => {
  const host = { address: "203.0.113.7", port: 22, user: "root" };
  it("is plain for the usual port", () => {
    expect(sshCommand(host, undefined, "docker logs web")).toBe(
      "ssh -t root@203.0.113.7 'docker logs web'",
    );
  });
  it("names another port, and a bastion", () => {
    const bastion = { address: "2001:db8::1", port: 2222, user: "jump" };
    expect(sshCommand({ ...host, port: 2200 }, bastion, "docker logs web")).toBe(
      "ssh -t -p 2200 -J 'jump@[2001:db8::1]:2222' root@203.0.113.7 'docker logs web'",
    );
  });
});

describe("the sentence", () => {
  const connection: SshConnection = {
    host: "203.0.113.7",
    port: 22,
    user: "deploy",
    dialErrorLimit: 0,
  };
  const proxy = { ...connection, host: "203.0.113.1", port: 2222, user: "jump", dialErrorLimit: 1 };
  const place = { path: "host.ssh", host: "one", connection };
  const behind = { ...place, connection: { ...connection, proxy } };
  const mismatch = "ssh: handshake failed: ssh: host key mismatch";

  it.each([
    [
      `after 1 failed attempts: ${mismatch}`,
      "host.ssh.hosts.one.hostKey: 203.0.113.7:22 shows another",
    ],
    [
      'after 1 failed attempts: ssh: handshake failed: ssh: no common algorithm for host key; client offered: ["ssh-ed25519"]',
      "host.ssh.hosts.one.hostKey: 203.0.113.7:22 has no host key of this type",
    ],
    ["failed to parse host key: ssh: no key found", "host.ssh.hosts.one.hostKey: must be one line"],
    [
      "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain",
      "host.ssh.privateKey: 203.0.113.7:22 accepts no key that it was offered for user deploy",
    ],
    ["ssh: no key found", "host.ssh.privateKey: is no private key"],
    ["ssh: this private key is passphrase protected", "host.ssh.privateKeyPassword:"],
    ["dial unix /run/agent: connect: no such file or directory", "host.ssh.agentSocket:"],
    ["dial tcp: lookup web.invalid: no such host", "host.ssh.hosts.one.address: there is no host"],
    ["dial tcp 203.0.113.7:22: connect: connection refused", "host.ssh.hosts.one.address: no SSH"],
    ["dial tcp 203.0.113.7:22: i/o timeout", "host.ssh.hosts.one.address: no SSH server can be"],
    [
      'wait: remote command exited without exit status or exit signal: running "sh -s -- release":\n',
      "the connection to 203.0.113.7:22 was cut",
    ],
  ])("of %j", (raw, start) => {
    expect(explainSsh(raw, place)?.startsWith(start)).toBe(true);
  });

  it("is none for what the script says itself, whatever the app printed", () => {
    const raw = `Process exited with status 1: running "sh -s -- release":\nconnection refused`;
    expect(explainSsh(raw, place)).toBeUndefined();
  });

  it.each([
    [
      `proxy: after 1 failed attempts: ${mismatch}`,
      "host.ssh.bastion.hostKey: 203.0.113.1:2222 shows",
    ],
    [
      `proxy: after 0 failed attempts: ${mismatch}`,
      "host.ssh.hosts.one.hostKey: 203.0.113.7:22 behind the bastion shows",
    ],
    [
      "proxy: after 0 failed attempts: ssh: rejected: connect failed (Connection refused)",
      "host.ssh.hosts.one.address: no SSH server can be reached at 203.0.113.7:22 behind the bastion",
    ],
    [
      "proxy: after 1 failed attempts: ssh: unable to authenticate, attempted methods [none]",
      "host.ssh.bastion.privateKey: 203.0.113.1:2222 accepts no key that it was offered for user jump",
    ],
  ])("tells a bastion from the host behind it: %j", (raw, start) => {
    expect(explainSsh(raw, behind)?.startsWith(start)).toBe(true);
  });
});

it("credentials over SSH are exported by the script's first lines, quoted, and masked like those of the environment", () => {
  const identity = { container: "web", owner: "p/s/web", name: "web" };
  const image = `registry.example.com/web@sha256:${"a".repeat(64)}`;
  const credentials = { username: "robot", password: "it's" };
  const text = pullSettings(identity, image, "arm64", credentials);
  expect(text).toContain(
    "export MULTIARCH_REGISTRY_USERNAME='robot'\nexport MULTIARCH_REGISTRY_PASSWORD='it'\\''s'\n",
  );
  expect(pullSettings(identity, image, "arm64")).not.toContain("export");
});

it("only who deploys over SSH loads ssh2", () => {
  const folder = join(__dirname, "../../components/targets/host");
  expect(readFileSync(join(folder, "sshLook.ts"), "utf8")).not.toMatch(/^import (?!type).*"ssh2"/m);
});
