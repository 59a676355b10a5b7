import { execFile } from "node:child_process";
import { delimiter } from "node:path";
import { normalisePlatform } from "./platform";

/** What a command printed, and how it ended. */
export interface Ran {
  /** Exit code 0. */
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it failed, in one line. */
  readonly detail: string;
  /** It took longer than it may. */
  readonly late: boolean;
}

/** What a command is given, other than its arguments. */
export interface Surroundings {
  /** @default this process's */
  readonly env?: NodeJS.ProcessEnv;
  /** What it reads. @default nothing */
  readonly input?: string;
}

/** Runs the Docker client of this machine. `timeout` is in milliseconds. */
export const docker = (
  args: readonly string[],
  timeout: number,
  surroundings?: Surroundings,
): Promise<Ran> => run("docker", args, timeout, surroundings);

/** Runs a command, which may lie where system tools do. It is killed after `timeout` milliseconds. */
export function run(
  command: string,
  args: readonly string[],
  timeout: number,
  { env = process.env, input }: Surroundings = {},
): Promise<Ran> {
  const path = [env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);
  const options = { timeout, maxBuffer: 64 << 20, env: { ...env, PATH: path } };
  return new Promise((resolve) => {
    const child = execFile(command, args, options, (error, stdout, stderr) =>
      resolve({
        ok: error === null,
        stdout,
        stderr,
        late: error?.killed ?? false,
        detail: error === null ? "" : detailOf(error, command, stderr, timeout),
      }),
    );
    // A command that ends before it has read is no failure of its own.
    if (input !== undefined) child.stdin?.on("error", () => {}).end(input);
  });
}

/** The platform of this machine's container engine, or why it can't be told. */
export async function enginePlatform(
  timeout: number,
): Promise<{ readonly platform?: string; readonly detail: string }> {
  const asked = await docker(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"], timeout);
  return {
    platform: asked.ok ? normalisePlatform(asked.stdout.trim()) : undefined,
    detail: asked.detail,
  };
}

type Failure = Error & { readonly code?: unknown; readonly killed?: boolean };

function detailOf(error: Failure, command: string, stderr: string, timeout: number): string {
  if (error.killed) return `${command} took more than ${Math.round(timeout / 1000)} seconds`;
  if (error.code === "ENOENT") return `there is no ${command} command`;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return last.replace(/^(ERROR|Error): /, "") || error.message;
}
