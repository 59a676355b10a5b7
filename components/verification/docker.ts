import { spawn } from "node:child_process";
import { type DockerSettings, type Login, useLogins } from "../registry/dockerConfig";
import { Refusal } from "../registry/refusal";

/** What Docker's client said. */
export interface Said {
  /** Undefined: there was no end in time. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The words of what `said` last, for a sentence. */
export function lastLine({ stdout, stderr }: Said): string {
  const lines = (stderr.trim() || stdout.trim()).split("\n");
  return (lines.at(-1) ?? "").replace(/^(docker: )?Error response from daemon: /i, "").trim();
}

/**
 * Docker's client on this machine. `close` it at the end.
 */
export class Docker {
  readonly #settings: DockerSettings | undefined;

  /** @param login credentials for a registry; without, the user's own settings count */
  constructor(login?: Login) {
    this.#settings = login && useLogins([login]);
  }

  /**
   * Runs the client.
   *
   * @param seconds after which it is killed
   * @throws Refusal where there is no client
   */
  run(args: readonly string[], seconds: number): Promise<Said> {
    return new Promise((resolve, reject) => {
      const env = this.#settings?.env ?? process.env;
      const child = spawn("docker", args, { env, stdio: ["ignore", "pipe", "pipe"] });
      // Not spawn's own limit: where there is no program, that goes on, and holds this one.
      const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
      const said = { stdout: "", stderr: "" };
      for (const channel of ["stdout", "stderr"] as const)
        child[channel].setEncoding("utf8").on("data", (text: string) => {
          said[channel] = (said[channel] + text).slice(-100_000);
        });
      child.on("error", ({ code, message }: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const why =
          code === "ENOENT"
            ? "there is no docker client on it: install Docker"
            : `its docker client doesn't start (${message}): see to it`;
        reject(
          new Refusal(
            `verify.depth "run" starts images on the machine that runs Pulumi, and ${why}, or set verify.depth to "entrypoint"`,
          ),
        );
      });
      child.on("close", (status) => {
        clearTimeout(timer);
        resolve({ status: status ?? undefined, ...said });
      });
    });
  }

  /** Leaves nothing behind. */
  close(): void {
    this.#settings?.close();
  }
}
