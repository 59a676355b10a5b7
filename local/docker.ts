import http from "node:http";
import { readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { shellWord } from "../components/quote";
import { LocalError } from "./errors";
import { run, which } from "./exec";
import type { Log } from "./log";
import { installPackages } from "./packages";
import { ensureDir, stateDir } from "./paths";
import { ensureService, stopService, type Service } from "./service";

/** The Docker engine that the target's containers run on. */
export interface Engine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** The Docker command. */
  readonly docker: string;
  /** Whether the environment started it, so that it may stop it. */
  readonly own: boolean;
}

const ownSocket = () => stateDir("docker", "docker.sock");

/** Whether an engine answers on a Unix socket. */
export function enginePing(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath: socket, path: "/_ping", timeout: 3_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/** The engine that the user's own settings lead to, if it answers and is on this machine. */
async function usersEngine(docker: string): Promise<string | undefined> {
  const shown = await run(
    docker,
    ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
    {
      timeout: 5_000,
    },
  );
  const candidates = [process.env.DOCKER_HOST, shown.stdout.trim(), "unix:///var/run/docker.sock"];
  for (const host of candidates) {
    // An engine elsewhere would look for localhost:PORT on its own machine and not find our registry.
    if (!host?.startsWith("unix://") || host === `unix://${ownSocket()}`) continue;
    if (await enginePing(host.slice("unix://".length))) return host;
  }
  return undefined;
}

const ownEngine = (): Service => ({
  name: "the Docker engine",
  command: which("dockerd") ?? "dockerd",
  args: [
    ...["--data-root", stateDir("docker", "data"), "--exec-root", stateDir("docker", "exec")],
    ...["--pidfile", stateDir("docker", "docker.pid"), "-H", `unix://${ownSocket()}`],
  ],
  marker: stateDir("docker", "data"),
  healthy: () => enginePing(ownSocket()),
  patience: 60_000,
});

/** Finds or starts a Docker engine. */
export async function ensureEngine(log: Log): Promise<Engine> {
  let docker = which("docker");
  const users = docker && (await usersEngine(docker));
  if (docker && users) return { host: users, docker, own: false };
  if (process.getuid?.() !== 0) {
    throw new LocalError(
      "no Docker engine answers",
      "containers of the `host` target run on one, and only root can start one",
      "start Docker (or set DOCKER_HOST to the Unix socket of one that runs), or run the same command as root",
    );
  }
  const missing = [
    ...(which("dockerd") ? [] : ["docker.io"]),
    ...(docker ? [] : ["docker.io", "docker-cli?"]),
    ...(which("iptables") ? [] : ["iptables"]),
  ];
  if (missing.length > 0) {
    await installPackages([...new Set(missing)], "the engine that runs the containers", log);
    docker ??= which("docker");
    // Where the system starts services by itself, the package has just started one.
    const started = docker && (await usersEngine(docker));
    if (docker && started) return { host: started, docker, own: false };
  }
  if (!docker) throw new Error("the package docker.io brought no `docker` command");
  ensureDir(stateDir("docker"));
  if (!(await enginePing(ownSocket()))) {
    refuseSecondEngine(otherEngines(runningEngines(), stateDir("docker", "data")));
    removeStalePidFiles();
  }
  await ensureService(ownEngine(), log);
  return { host: `unix://${ownSocket()}`, docker, own: true };
}

/** A Docker engine that runs in this network. */
export interface RunningEngine {
  readonly pid: number;
  readonly args: readonly string[];
}

/** Every dockerd in this process's network namespace, whoever started it. */
function runningEngines(): RunningEngine[] {
  const network = (pid: string | number) => readlinkSync(`/proc/${pid}/ns/net`);
  return readdirSync("/proc").flatMap((entry) => {
    try {
      const args = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      const isEngine = basename(args[0] ?? "") === "dockerd" && network(entry) === network("self");
      return isEngine ? [{ pid: Number(entry), args }] : [];
    } catch {
      return []; // Not a process, or it ended in the meantime.
    }
  });
}

/** Those that aren't the one with this data root. */
export const otherEngines = (engines: readonly RunningEngine[], own: string): RunningEngine[] =>
  engines.filter(({ args }) => !args.includes(own));

/**
 * Two engines in one network use the same bridge, addresses and firewall chains: each start breaks the published ports of the other, and
 * a port of one leads to a container of the other.
 *
 * @throws LocalError if there is another engine
 */
export function refuseSecondEngine([other]: readonly RunningEngine[]): void {
  if (other === undefined) return;
  const { pid, args } = other;
  const hosts = args.flatMap(
    (arg) => /^(?:--host=|-H=?)?((?:unix|tcp):\/\/.*)$/.exec(arg)?.[1] ?? [],
  );
  const socket = hosts.length === 0 ? "unix:///var/run/docker.sock" : hosts[0]!;
  const data = args[args.indexOf("--data-root") + 1] ?? "";
  const state = data.endsWith("/docker/data") ? dirname(dirname(data)) : undefined;
  const stop = state ? `MULTIARCH_STATE_DIR=${shellWord(state)} npm run down` : `kill ${pid}`;
  throw new LocalError(
    `another Docker engine runs in this network (process ${pid}, ${socket})`,
    "two engines use the same bridge and firewall rules, so each breaks the published ports of the other",
    `end it with \`${stop}\`, or use it: \`export DOCKER_HOST=${shellWord(socket)}\`, and change the project's name in Pulumi.yaml, because containers are named after the project`,
  );
}

/** dockerd refuses to start when the number in its pid file belongs to any process, also another's. */
function removeStalePidFiles(): void {
  const files = [
    [stateDir("docker", "docker.pid"), "dockerd"],
    [join(stateDir("docker", "exec"), "containerd", "containerd.pid"), "containerd"],
  ] as const;
  for (const [file, program] of files) {
    try {
      const pid = readFileSync(file, "utf8").trim();
      if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() === program) continue;
    } catch {
      // No file, or no such process.
    }
    rmSync(file, { force: true });
  }
}

/** Stops the engine if it is ours. */
export const stopEngine = (): Promise<boolean> => stopService(ownEngine());
