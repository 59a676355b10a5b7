import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { consoleLog } from "../../local/log";
import { installPackages } from "../../local/packages";
import { freePort } from "./appProject";
import { environment } from "./harness";

const sshd = "/usr/sbin/sshd";

/** A key pair, in files of their own. */
export interface KeyPair {
  /** The path of the private key. */
  readonly file: string;
  /** `ssh-ed25519 AAAA…` */
  readonly public: string;
}

/** A folder for keys and settings. */
export const sshFolder = (): string => mkdtempSync(join(tmpdir(), "multiarch-ssh-"));

export function makeKey(folder: string, name: string, type = "ed25519"): KeyPair {
  const file = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", name, "-f", file]);
  return { file, public: readFileSync(`${file}.pub`, "utf8").trim() };
}

/** A real sshd on loopback, with its own port, keys and settings. */
export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** What it wrote about itself. */
  log(): string;
  /** Starts it again, on the same port. */
  restart(hostKey: KeyPair, authorized: readonly KeyPair[]): Promise<void>;
  stop(): Promise<void>;
}

/** @param tools a folder that comes first on the sessions' PATH */
export async function startSshd(
  folder: string,
  hostKey: KeyPair,
  authorized: readonly KeyPair[],
  tools?: string,
): Promise<SshServer> {
  if (!existsSync(sshd))
    await installPackages(["openssh-server"], "the tests of hosts over SSH", consoleLog());
  // sshd wants its empty folder; a container has none.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  const port = await freePort();
  let text = "";
  let server: ChildProcess | undefined;
  const stop = async () => {
    const running = server;
    server = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGTERM");
    await ended;
  };
  const start = async (key: KeyPair, users: readonly KeyPair[]) => {
    const { env, docker } = environment();
    const keys = join(folder, `authorized-${port}`);
    writeFileSync(keys, users.map((user) => `${user.public}\n`).join(""));
    const path = [tools, join(docker, ".."), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"];
    // A session finds the engine as a host's own user does.
    const session = {
      PATH: path.filter(Boolean).join(":"),
      ...(env.DOCKER_HOST && { DOCKER_HOST: env.DOCKER_HOST }),
    };
    const config = join(folder, `sshd-${port}`);
    writeFileSync(
      config,
      `Port ${port}
ListenAddress 127.0.0.1
ListenAddress 127.0.0.2
HostKey ${key.file}
AuthorizedKeysFile ${keys}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel VERBOSE
SetEnv ${Object.entries(session)
        .map(([name, value]) => `"${name}=${value}"`)
        .join(" ")}
`,
    );
    server = spawn(sshd, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
    server.stderr?.on("data", (data: Buffer) => (text += data.toString()));
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries > 100) throw new Error(`sshd didn't start: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await start(hostKey, authorized);
  return {
    port,
    user: userInfo().username,
    log: () => text,
    restart: async (key, users) => {
      await stop();
      await start(key, users);
    },
    stop,
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
  });
}

/** Removes what a test made. */
export const removeFolder = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true });
