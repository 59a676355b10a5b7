import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Environment, passphrase } from "./environment";
import { LocalError } from "./errors";
import { must, run, waitFor } from "./exec";
import { acquireLock } from "./lock";
import type { Log } from "./log";
import { endOrphanedPlugins } from "./orphans";
import { checkout, stateDir, writeAtomically } from "./paths";
import { freePort } from "./ports";
import { addMissing, detach, encryptionSalt, hasKey } from "./stackConfig";

/** The project that the commands work on, by the name in the checkout's own file: whoever starts from this one renames it. */
export const project = projectName(readFileSync(join(checkout, "Pulumi.yaml"), "utf8"));
/** Its stack. */
export const stackName = "local";

function projectName(text: string): string {
  return /^name:\s*["']?([\w.-]+)/m.exec(text)?.[1] ?? "multiarch";
}

const backend = (...parts: string[]) => stateDir("backend", ".pulumi", ...parts);
const stateFile = () => backend("stacks", project, `${stackName}.json`);

/** One command works on the stack at a time. */
export function lockStack(log: Log): Promise<() => Promise<void>> {
  return acquireLock(`stack ${stateDir()}`, (pid) =>
    log.info(`another npm command (pid ${pid}) is at work on the stack; waiting`),
  );
}

/** Runs Pulumi in the checkout with its own output, and gives its exit code. */
export function pulumi(environment: Environment, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(environment.pulumi, [...args], {
      cwd: checkout,
      stdio: "inherit",
      env: { ...process.env, ...environment.env, PULUMI_STACK: stackName },
    });
    // The terminal sends Ctrl-C to both: Pulumi ends clean, and this process waits for it.
    const forward = (name: NodeJS.Signals) => () => void child.kill(name);
    const term = forward("SIGTERM");
    const ignore = () => {};
    process.on("SIGINT", ignore).on("SIGTERM", term);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore).off("SIGTERM", term);
      resolve(code ?? (signal ? 130 : 1));
    });
  });
}

/** Writes the stack's configuration and makes the stack. */
export async function prepareStack(environment: Environment, log: Log): Promise<void> {
  await writeConfig(environment, log);
  const env = environment.env;
  if (!existsSync(stateFile())) {
    await must(environment.pulumi, ["stack", "select", "--create", stackName], {
      cwd: checkout,
      env,
    });
  }
}

/** Where the stack's configuration lies: made by the first command, and then the user's. */
export const configFile = (): string => join(checkout, `Pulumi.${stackName}.yaml`);

async function writeConfig(environment: Environment, log: Log): Promise<void> {
  const file = configFile();
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const salt = encryptionSalt(passphrase());
  const kept = detach(before, project, ["registryAddress", "baseImage"], salt);
  if (kept !== before && /^\s+secure:/m.test(kept)) {
    log.info(
      `  ! the secrets in Pulumi.${stackName}.yaml were encrypted for a state that is gone: set them again`,
    );
  }
  const after = addMissing(
    kept,
    project,
    {
      target: "host",
      architecture: process.arch === "x64" ? "x86_64" : "arm64",
      platforms: ["linux/amd64", "linux/arm64"],
      context: "./examples/web",
      registryAddress: environment.registry.address,
      repository: "web",
      builder: environment.builder,
      baseImage: environment.baseImage,
      port: hasKey(before, project, "port") ? 0 : await choosePort(),
    },
    salt,
  );
  if (after === before) return;
  writeAtomically(file, after);
  log.info(
    `  ✓ wrote ${before ? "missing keys into " : ""}Pulumi.${stackName}.yaml: it is yours to edit`,
  );
}

/** 8080, or the next free one; the same in a second checkout, whose stack is the same one. */
async function choosePort(): Promise<number> {
  const file = stateDir("app-port");
  if (!existsSync(file)) writeAtomically(file, String(await freePort(8080, "0.0.0.0")));
  return Number(readFileSync(file, "utf8"));
}

/** What is in the stack's state; undefined when there is no stack. */
export function readState(): { resources: number; pending: number } | undefined {
  if (!existsSync(stateFile())) return undefined;
  try {
    const { checkpoint } = JSON.parse(readFileSync(stateFile(), "utf8")) as {
      checkpoint?: { latest?: { resources?: unknown[]; pending_operations?: unknown[] } };
    };
    const latest = checkpoint?.latest;
    return {
      resources: latest?.resources?.length ?? 0,
      pending: latest?.pending_operations?.length ?? 0,
    };
  } catch {
    throw new LocalError(
      `the stack's state ${stateFile()} can't be read`,
      "it is not the JSON that Pulumi writes",
      `put the copy beside it (${stateFile()}.bak) in its place`,
    );
  }
}

/** A lock that a Pulumi process wrote into the backend. */
export interface PulumiLock {
  readonly pid: number;
  /** Whether that process still runs; one on another machine is taken to. */
  readonly alive: boolean;
}

/** The locks on the stack. */
export function pulumiLocks(
  directory = backend("locks", "organization", project, stackName),
): PulumiLock[] {
  if (!existsSync(directory)) return [];
  // Beside each file the backend keeps another one, NAME.json.attrs.
  const names = readdirSync(directory).filter((name) => name.endsWith(".json"));
  return names.flatMap((name) => {
    try {
      const lock = JSON.parse(readFileSync(join(directory, name), "utf8")) as {
        pid: number;
        hostname: string;
      };
      // The number may be another program's by now.
      const command = `/proc/${lock.pid}/cmdline`;
      const runs = () => existsSync(command) && readFileSync(command, "utf8").includes("pulumi");
      return [{ pid: lock.pid, alive: lock.hostname !== hostname() || runs() }];
    } catch {
      return []; // It is gone by now, or not Pulumi's.
    }
  });
}

/** Waits for a Pulumi run that still works on the stack, and clears what a killed one left. */
export async function clearLeftovers(environment: Environment, log: Log): Promise<void> {
  const env = environment.env;
  const running = pulumiLocks().find((lock) => lock.alive);
  if (running) {
    // Its npm command was killed, or somebody started it by hand.
    log.info(
      `  … a Pulumi run (pid ${running.pid}) is still at work on the stack; waiting for its end`,
    );
    const ended = async () => (pulumiLocks().some((lock) => lock.alive) ? undefined : true);
    await waitFor(ended, 15 * 60_000);
  }
  if (pulumiLocks().some((lock) => !lock.alive)) {
    log.info("  ! a Pulumi run was killed here and left its lock; clearing it (pulumi cancel)");
    await endOrphanedPlugins();
    const cancel = ["cancel", "--yes", "--stack", stackName];
    await must(environment.pulumi, cancel, { cwd: checkout, env });
  }
  if ((readState()?.pending ?? 0) > 0) {
    log.info(
      "  ! a killed run left unfinished operations; looking what became of them (pulumi refresh)",
    );
    const refresh = ["refresh", "--yes", "--skip-preview", "--clear-pending-creates"];
    const result = await run(environment.pulumi, [...refresh, "--stack", stackName], {
      cwd: checkout,
      env,
    });
    // `up` says it better, and may still succeed.
    if (result.code !== 0) log.info("  ! that did not work; `pulumi up` will say more");
  }
}

/** The stack's outputs. */
export async function outputs(environment: Environment): Promise<Record<string, unknown>> {
  const result = await run(
    environment.pulumi,
    ["stack", "output", "--json", "--stack", stackName],
    {
      cwd: checkout,
      env: environment.env,
    },
  );
  return result.code === 0 ? (JSON.parse(result.stdout) as Record<string, unknown>) : {};
}
