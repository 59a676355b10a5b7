import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { generate } from "selfsigned";
import { waitFor, which } from "../../local/exec";
import { silentLog } from "../../local/log";
import { installPackages } from "../../local/packages";
import { ensureTool, tools } from "../../local/tools";
import { freePort } from "./appProject";

/** A native BuildKit of a test's own: nothing that is done to it disturbs another test. Needs root. */
export interface OwnBuildkit {
  /** `unix://…`, or `tcp://…` with TLS. */
  readonly endpoint: string;
  /** SIGKILL, as an OOM killer sends it. What it has built stays. */
  kill(): Promise<void>;
  /** Starts it again after that. */
  start(): Promise<void>;
  /** A new one in its place, with nothing on its disk. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  /** The size of the disk that it keeps everything on, as mount's option has it: `64m`. It frees nothing by itself then. */
  disk?: string;
  /** The platform that it lists first, as a machine of that architecture does. */
  platform?: string;
  /** Whether it finds out what the kernel emulates. Without, it offers what is its own and `platform`. */
  emulated: boolean;
  /** Mutual TLS on loopback, in place of a socket. */
  tls?: Certificates;
}

/** Starts one. */
export async function startBuildkit(options: Options): Promise<OwnBuildkit> {
  const programs = await ensureTool(tools.buildkit, silentLog);
  const folder = mkdtempSync(join(tmpdir(), "multiarch-buildkit-"));
  const { tls } = options;
  const endpoint = tls ? `tcp://127.0.0.1:${await freePort()}` : `unix://${join(folder, "s.sock")}`;
  const config = join(folder, "buildkitd.toml");
  const root = join(folder, "root");
  const runc = which("runc") ?? which("crun");
  writeFileSync(
    config,
    `[worker.oci]\n  enabled = true\n  gc = ${!options.disk}\n  binary = ${JSON.stringify(runc)}\n[worker.containerd]\n  enabled = false\n`,
  );
  const command = [
    ...[programs.buildkitd!, "--config", config, "--root", root, "--addr", endpoint],
    ...(options.platform ? ["--oci-worker-platform", options.platform] : []),
    ...(tls ? ["--tlscacert", tls.ca, "--tlscert", tls.server, "--tlskey", tls.serverKey] : []),
  ];
  const temporary = join(folder, "temporary");
  mkdirSync(temporary);
  // It finds out what the kernel emulates by running small programs from its temporary folder: where nothing may be run, it
  // finds nothing. The mount is gone with the process.
  const mount = 'mount -t tmpfs -o noexec none "$TMPDIR" && exec "$@"';
  const wrapper = options.emulated ? [] : ["unshare", "--mount", "sh", "-c", mount, "sh"];
  const [program, ...args] = [...wrapper, ...command] as [string, ...string[]];
  const env = { ...process.env, TMPDIR: temporary };
  const launch = () => spawn(program, args, { stdio: "ignore", env });
  const mountDisk = () => {
    if (!options.disk) return;
    mkdirSync(root, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${options.disk}`, "none", root]);
  };
  const unmountDisk = () => {
    if (options.disk) execFileSync("umount", ["--recursive", "--lazy", root]);
  };
  mountDisk();
  let child = launch();
  const client = tls
    ? ["--tlscacert", tls.ca, "--tlscert", tls.client, "--tlskey", tls.clientKey].concat([
        "--tlsservername",
        tls.name,
      ])
    : [];
  const asked = () => {
    try {
      const workers = ["--addr", endpoint, ...client, "debug", "workers"];
      execFileSync(programs.buildctl!, workers, { stdio: "ignore", timeout: 5000 });
      return Promise.resolve(true);
    } catch {
      return Promise.resolve(undefined);
    }
  };
  const stop = async () => {
    await end(child);
    unmountDisk();
    rmSync(folder, { recursive: true, force: true });
  };
  const started = async () => {
    if (await waitFor(asked, 30_000)) return;
    await stop();
    throw new Error("BuildKit didn't start");
  };
  await started();
  return {
    endpoint,
    async kill() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
    start() {
      child = launch();
      return started();
    },
    async renew() {
      await end(child);
      unmountDisk();
      rmSync(root, { recursive: true, force: true });
      mountDisk();
      child = launch();
      return started();
    },
    stop,
  };
}

/** Paths of PEM files, and the name that they are for. */
export interface Certificates {
  readonly ca: string;
  /** The host's name that the server's is for. */
  readonly name: string;
  readonly server: string;
  readonly serverKey: string;
  readonly client: string;
  readonly clientKey: string;
}

/** An authority, a server's certificate for a name, and a client's. */
export async function makeCertificates(folder: string, name: string): Promise<Certificates> {
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const ca = await generate([{ name: "commonName", value: "test authority" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  const write = (file: string, text: string) => {
    writeFileSync(join(folder, file), text, { mode: 0o600 });
    return join(folder, file);
  };
  const leaf = (usage: { serverAuth: true } | { clientAuth: true }) =>
    generate([{ name: "commonName", value: name }], {
      ...common,
      ca: { key: ca.private, cert: ca.cert },
      extensions: [
        { name: "basicConstraints", cA: false },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", ...usage },
        { name: "subjectAltName", altNames: [{ type: 2, value: name }] },
      ],
    });
  const [server, client] = [await leaf({ serverAuth: true }), await leaf({ clientAuth: true })];
  return {
    name,
    ca: write("ca.pem", ca.cert),
    server: write("server.pem", server.cert),
    serverKey: write("server-key.pem", server.private),
    client: write("client.pem", client.cert),
    clientKey: write("client-key.pem", client.private),
  };
}

/** An sshd of a test's own on loopback, whose commands find `buildctl`. */
export interface OwnSshd {
  /** `root@127.0.0.1:PORT`. */
  readonly address: string;
  /** A folder for PATH, with an `ssh` that knows the host's key and has one of its own. */
  readonly bin: string;
  stop(): Promise<void>;
}

/** Starts one; Debian's openssh-server is installed where there is none. */
export async function startSshd(): Promise<OwnSshd> {
  if (!which("sshd")) await installPackages(["openssh-server"], "a test's own sshd", silentLog);
  const { buildctl } = await ensureTool(tools.buildkit, silentLog);
  const folder = mkdtempSync(join(tmpdir(), "multiarch-sshd-"));
  const port = await freePort();
  const at = (name: string) => join(folder, name);
  for (const key of ["host", "user"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
  // sshd won't start without this folder, which Debian's service makes.
  mkdirSync("/run/sshd", { recursive: true });
  writeFileSync(
    at("sshd_config"),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${at("host")}`,
      `PidFile none`,
      `AuthorizedKeysFile ${at("user.pub")}`,
      "PermitRootLogin prohibit-password",
      "StrictModes no",
      "UsePAM no",
      `SetEnv PATH=${dirname(buildctl!)}:/usr/bin:/bin`,
    ].join("\n"),
  );
  writeFileSync(at("known_hosts"), `[127.0.0.1]:${port} ${readFileSync(at("host.pub"), "utf8")}`);
  mkdirSync(at("bin"));
  const options = `-F none -o BatchMode=yes -o UserKnownHostsFile=${at("known_hosts")} -i ${at("user")}`;
  writeFileSync(at("bin/ssh"), `#!/bin/sh\nexec ${which("ssh")} ${options} "$@"\n`);
  chmodSync(at("bin/ssh"), 0o755);
  const child = spawn(which("sshd")!, ["-D", "-e", "-f", at("sshd_config")], { stdio: "ignore" });
  const address = `root@127.0.0.1:${port}`;
  const answers = () => {
    try {
      const args = ["-p", String(port), "root@127.0.0.1", "buildctl", "--version"];
      execFileSync(at("bin/ssh"), args, { stdio: "ignore", timeout: 5000 });
      return Promise.resolve(true);
    } catch {
      return Promise.resolve(undefined);
    }
  };
  const stop = async () => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  if (!(await waitFor(answers, 20_000))) {
    await stop();
    throw new Error("sshd didn't start");
  }
  return { address, bin: at("bin"), stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(late);
  }
}

/** The smallest program for riscv64: it ends with code 0. */
export const riscvProgram = (): Buffer =>
  // addi a0, zero, 0; addi a7, zero, 93 (exit); ecall. Floats of double precision lie in registers, as Linux has it.
  program(243, 4, "130500009308d00573000000");

/** A program for BPF, of which no emulator can be registered: which others are differs from machine to machine. */
export const strangeProgram = (): Buffer => program(247, 0, "00000000");

/** The smallest program for arm64 that crashes: it reads what lies at address 0. */
export const crashingProgram = (): Buffer => program(183, 0, "000080d2000040f9");

/** A static ELF file with one segment that is loaded and run. */
function program(machine: number, flags: number, instructions: string): Buffer {
  const code = Buffer.from(instructions, "hex");
  const base = 0x400000n;
  const file = Buffer.alloc(120 + code.length);
  file.write("\x7fELF\x02\x01\x01", "latin1");
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + 120n, 24); // starts behind the headers
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt32LE(flags, 48);
  [64, 56, 1].forEach((size, nth) => file.writeUInt16LE(size, 52 + 2 * nth));
  file.writeUInt32LE(1, 64); // to be loaded,
  file.writeUInt32LE(5, 68); // to be read and run
  file.writeBigUInt64LE(base, 80);
  file.writeBigUInt64LE(base, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  code.copy(file, 120);
  return file;
}
