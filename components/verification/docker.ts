import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { attempt } from "../registry/attempt";
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
 * Docker's client on this machine. Credentials that were given reach it by a helper that reads the environment, in a folder of
 * settings of its own: nothing of them is ever in a file or in an argument. `close` it at the end.
 */
export class Docker {
  #folder: string | undefined;
  #env: NodeJS.ProcessEnv = process.env;

  /**
   * Makes the client use credentials for one registry, and no others. Whatever engine the user's settings lead to stays.
   *
   * @param key under which Docker keeps the registry's credentials
   */
  async login(key: string, username: string, password: string): Promise<void> {
    const context = await this.run(["context", "inspect", "--format", "{{.Name}}"], 10);
    const folder = (this.#folder = helperFolder());
    const settings = { credHelpers: { [key]: "multiarch" } };
    writeFileSync(join(folder, "config.json"), JSON.stringify(settings));
    const own = process.env.DOCKER_CONFIG || join(homedir(), ".docker");
    if (existsSync(join(own, "contexts")))
      symlinkSync(join(own, "contexts"), join(folder, "contexts"));
    const { DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH = own } = process.env;
    this.#env = {
      ...process.env,
      PATH: `${folder}:${process.env.PATH ?? ""}`,
      DOCKER_CONFIG: folder,
      ...(!DOCKER_HOST && { DOCKER_CONTEXT: context.stdout.trim() || "default" }),
      ...(DOCKER_TLS_VERIFY && { DOCKER_CERT_PATH }),
      MULTIARCH_REGISTRY_USERNAME: username,
      MULTIARCH_REGISTRY_PASSWORD: password,
    };
  }

  /**
   * Runs the client.
   *
   * @param seconds after which it is killed
   * @throws Refusal where there is no client
   */
  run(args: readonly string[], seconds: number): Promise<Said> {
    return new Promise((resolve, reject) => {
      const child = spawn("docker", args, { env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
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
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}

const helper = `#!/bin/sh
escape() { printf %s "$1" | sed 's/[\\\\"]/\\\\&/g'; }
[ "$1" = get ] || exit 0
printf '{"Username":"%s","Secret":"%s"}\\n' "$(escape "$MULTIARCH_REGISTRY_USERNAME")" "$(escape "$MULTIARCH_REGISTRY_PASSWORD")"
`;

/** A folder of our own with the helper in it. */
function helperFolder(): string {
  for (const base of [tmpdir(), "/var/tmp", homedir()]) {
    const folder = attempt(() => mkdtempSync(join(base, "multiarch-")));
    if (folder === undefined) continue;
    const file = join(folder, "docker-credential-multiarch");
    writeFileSync(file, helper);
    chmodSync(file, 0o700);
    // Some machines mount /tmp without the right to execute.
    if (spawnSync(file, ["erase"]).status === 0) return folder;
    rmSync(folder, { recursive: true });
  }
  throw new Refusal(
    "no folder for a credential helper: the temporary and the home folder are all read-only or not executable",
  );
}
