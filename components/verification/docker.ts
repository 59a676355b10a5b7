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
      const child = spawn("docker", args, {
        env: this.#settings?.env ?? process.env,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: seconds * 1000,
        killSignal: "SIGKILL",
      });
      const said = { stdout: "", stderr: "" };
      for (const channel of ["stdout", "stderr"] as const)
        child[channel].setEncoding("utf8").on("data", (text: string) => {
          said[channel] = (said[channel] + text).slice(-100_000);
        });
      child.on("error", (error: NodeJS.ErrnoException) =>
        reject(
          new Refusal(
            error.code === "ENOENT"
              ? `verify.depth "run" starts images on the machine that runs Pulumi, and there is no docker client on it: install Docker, or set verify.depth to "entrypoint"`
              : `the docker client doesn't start (${error.message}): see to it, or set verify.depth to "entrypoint"`,
          ),
        ),
      );
      child.on("close", (status) => resolve({ status: status ?? undefined, ...said }));
    });
  }

  /** Leaves nothing behind. */
  close(): void {
    this.#settings?.close();
  }
}
