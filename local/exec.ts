import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** How a command is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's own variables. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Each line of output as it comes, for progress. */
  readonly onLine?: (line: string) => void;
  /** After this the command is killed. Milliseconds. */
  readonly timeout?: number;
}

/** What a command did. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command and gives its exit code and output. A command that can't be started has code 127. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: options.timeout,
      killSignal: "SIGKILL",
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const lines = (text: string) => {
      for (const line of text.split("\n")) if (line.trim()) options.onLine?.(line.trim());
    };
    child.stdout?.on("data", (data: Buffer) => {
      stdout += data.toString();
      lines(data.toString());
    });
    child.stderr?.on("data", (data: Buffer) => {
      stderr += data.toString();
      lines(data.toString());
    });
    child.on("error", (error) => resolve({ code: 127, stdout, stderr: stderr + error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input);
  });
}

/** Runs a command that is expected to succeed; the error has its last lines. */
export async function must(command: string, args: string[], options: RunOptions = {}) {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    const tail = lastLines(result.stderr.trim() || result.stdout.trim(), 12);
    throw new Error(`\`${[command, ...args].join(" ")}\` ended with code ${result.code}:\n${tail}`);
  }
  return result;
}

/** The last lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** Whether a file is there and may be executed. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The first executable of that name on PATH (and where system daemons lie, which isn't on every PATH). */
export function which(name: string, path = process.env.PATH ?? ""): string | undefined {
  return [...path.split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    .filter(Boolean)
    .map((dir) => join(dir, name))
    .find(isExecutable);
}

/** Waits until `check` gives something, or for so many milliseconds. */
export async function waitFor<T>(
  check: () => Promise<T | undefined>,
  milliseconds: number,
  alive: () => boolean = () => true,
): Promise<T | undefined> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > end || !alive()) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
