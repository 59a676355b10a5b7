import { execFile } from "node:child_process";
import { delimiter } from "node:path";
import type { Writable } from "node:stream";
import { printable } from "./errors";
import { normalisePlatform } from "./platform";

/** What a command printed, and how it ended. */
export interface Ran {
  /** Exit code 0. */
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it failed, in one line that can be printed. */
  readonly detail: string;
  /** It took longer than it may. */
  readonly late: boolean;
  /** There is no such command. */
  readonly missing: boolean;
}

/** What a command is given, other than its arguments. */
export interface Surroundings {
  /** @default this process's */
  readonly env?: NodeJS.ProcessEnv;
  /** What it reads, as a text or by what writes it. A command that ends before it has read all is judged by its exit code. @default nothing */
  readonly input?: string | ((to: Writable) => Promise<void>);
}

/** Runs the Docker client of this machine. `timeout` is in milliseconds. */
export const docker = (
  args: readonly string[],
  timeout: number,
  surroundings?: Surroundings,
): Promise<Ran> => run("docker", args, timeout, surroundings);

/** Runs a command, which may lie where system tools do. It is killed after `timeout` milliseconds. */
export async function run(
  command: string,
  args: readonly string[],
  timeout: number,
  { env = process.env, input }: Surroundings = {},
): Promise<Ran> {
  const path = [env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);
  const options = { maxBuffer: 64 << 20, env: { ...env, PATH: path } };
  let written: Promise<void> | undefined;
  let late = false;
  const ran = await new Promise<Ran>((resolve) => {
    const child = execFile(command, args, options, (error: Failure | null, stdout, stderr) => {
      clearTimeout(timer);
      resolve({
        ok: error === null && !late,
        stdout,
        stderr,
        late,
        missing: error?.code === "ENOENT",
        detail: late
          ? `${command} took more than ${Math.round(timeout / 1000)} seconds`
          : error === null
            ? ""
            : detailOf(error, command, stderr),
      });
    });
    const kill = () => {
      child.kill();
      // One that doesn't heed it.
      timer = setTimeout(() => child.kill("SIGKILL"), 1000);
    };
    let timer = setTimeout(() => {
      late = true;
      kill();
    }, timeout);
    child.stdin?.on("error", () => {});
    if (typeof input === "string") child.stdin?.end(input);
    else if (input) {
      written = input(child.stdin!).catch((error: NodeJS.ErrnoException) => {
        // A command that ended tells why by itself.
        if (error.code === "EPIPE" || error.code === "ERR_STREAM_PREMATURE_CLOSE") return;
        // What is half written is no input.
        kill();
        throw error;
      });
      written.catch(() => {});
    }
  });
  await written;
  return ran;
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

type Failure = Error & { readonly code?: unknown };

function detailOf(error: Failure, command: string, stderr: string): string {
  if (error.code === "ENOENT") return `there is no ${command} command`;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return printable(
    last.replace(/^(docker: )?Error(: | response from daemon: )/i, "").trim() || error.message,
  );
}
