import { execFile } from "node:child_process";
import { delimiter } from "node:path";

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

/** Runs the Docker client of this machine. `timeout` is in milliseconds. */
export const docker = (args: readonly string[], timeout: number): Promise<Ran> =>
  run("docker", args, timeout);

/** Runs a command, which may lie where system tools do. It is killed after `timeout` milliseconds. */
export function run(command: string, args: readonly string[], timeout: number): Promise<Ran> {
  const path = [process.env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);
  const options = { timeout, env: { ...process.env, PATH: path } };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({
        ok: error === null,
        stdout,
        stderr,
        late: error?.killed ?? false,
        detail: error === null ? "" : detailOf(error, command, stderr, timeout),
      }),
    );
  });
}

type Failure = Error & { readonly code?: unknown; readonly killed?: boolean };

function detailOf(error: Failure, command: string, stderr: string, timeout: number): string {
  if (error.killed) return `${command} took more than ${Math.round(timeout / 1000)} seconds`;
  if (error.code === "ENOENT") return `there is no ${command} command`;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return last.replace(/^(ERROR|Error): /, "") || error.message;
}
