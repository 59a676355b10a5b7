import { spawn } from "node:child_process";
import { existsSync, openSync, closeSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import { lastLines, waitFor } from "./exec";
import { LocalError } from "./errors";
import type { Log } from "./log";
import { ensureDir, stateDir } from "./paths";

/** A process that outlives the command which started it. */
export interface Service {
  /** Its name in messages and of its log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /**
   * An argument that no other process has: the path of its state. Running processes are found by it in
   * /proc, so there are no pid files that could name a process which has its number by chance.
   */
  readonly marker: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether it does its work. */
  readonly healthy: () => Promise<boolean>;
  /** How long it may take to start. Milliseconds. */
  readonly patience?: number;
}

/** Where a service's output goes: "the Docker engine" writes to docker-engine.log. */
export const logOf = (name: string): string =>
  stateDir("logs", `${name.replace(/^the /, "").replace(/\W+/g, "-").toLowerCase()}.log`);

/** The pids of the user's processes that have this argument and run a program of this name. */
export function findProcesses(marker: string, program?: string): number[] {
  const uid = process.getuid?.();
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (!args.slice(1).includes(marker)) return false;
        if (program && basename(args[0] ?? "") !== program) return false;
        return statSync(`/proc/${pid}`).uid === uid;
      } catch {
        return false; // It ended in the meantime.
      }
    });
}

/** Makes sure that a service runs and answers; a dead or deaf one is started anew. */
export async function ensureService(service: Service, log: Log): Promise<void> {
  if (await service.healthy()) return;
  await log.step(`start ${service.name}`, async () => {
    await stopService(service);
    ensureDir(stateDir("logs"));
    const output = openSync(logOf(service.name), isLong(logOf(service.name)) ? "w" : "a");
    const child = spawn(service.command, [...service.args], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", output, output],
      env: { ...process.env, ...service.env },
    });
    closeSync(output);
    let running = true;
    child.once("error", () => (running = false));
    child.once("exit", () => (running = false));
    const started = await waitFor(
      async () => ((await service.healthy()) ? true : undefined),
      service.patience ?? 30_000,
      () => running,
    );
    child.removeAllListeners("exit");
    child.unref();
    if (!started) {
      throw new LocalError(
        `${service.name} ${running ? "does not answer" : "ended right after its start"}`,
        `its log says:\n${indent(tailOf(service.name))}`,
        `mend what the log names and run the same command again; the whole log is ${logOf(service.name)}`,
      );
    }
  });
}

/** Ends a service, and gives whether it ran. */
export async function stopService(service: Pick<Service, "marker" | "command">): Promise<boolean> {
  const find = () => findProcesses(service.marker, basename(service.command));
  const pids = find();
  if (pids.length === 0) return false;
  signal(pids, "SIGTERM");
  const gone = async () => (find().length === 0 ? true : undefined);
  if (!(await waitFor(gone, 20_000))) {
    signal(find(), "SIGKILL");
    await waitFor(gone, 5_000);
  }
  return true;
}

const isLong = (file: string) => existsSync(file) && statSync(file).size > 10 * 1024 * 1024;

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended in the meantime.
    }
  }
}

function tailOf(name: string): string {
  return existsSync(logOf(name)) ? lastLines(readFileSync(logOf(name), "utf8"), 8) : "(nothing)";
}

const indent = (text: string): string => text.replace(/^/gm, "        ");
