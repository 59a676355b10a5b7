import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { freePort, get } from "./appProject";

/** A Git repository that is served on the loopback interface. */
export interface GitServer {
  /** `git://127.0.0.1:PORT/app.git` */
  readonly url: string;
  /** Writes files, commits them to the branch `main`, and returns the commit. */
  commit(files: Record<string, string>): string;
  /** Stops the server; `start` serves the repository again at the same address. */
  stop(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startGitServer(): Promise<GitServer> {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "multiarch-git-"));
  const [work, bare] = [path.join(base, "work"), path.join(base, "app.git")];
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  const git = (...args: string[]) =>
    execFileSync("git", [...identity, "-C", work, ...args], { encoding: "utf8" }).trim();
  fs.mkdirSync(work);
  git("init", "--quiet", "--initial-branch=main");
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", bare]);
  const port = await freePort();
  let daemon: ReturnType<typeof spawn> | undefined;
  const server: GitServer = {
    url: `git://127.0.0.1:${port}/app.git`,
    commit(files) {
      for (const [file, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(work, file)), { recursive: true });
        fs.writeFileSync(path.join(work, file), text);
      }
      git("add", "--all");
      git("commit", "--quiet", "--message", "change");
      git("push", "--quiet", bare, "main");
      return git("rev-parse", "HEAD");
    },
    async start() {
      const options = ["--reuseaddr", "--listen=127.0.0.1", `--port=${port}`, "--export-all"];
      // Not `git daemon`, whose child would outlive it.
      const program = path.join(
        execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim(),
        "git-daemon",
      );
      daemon = spawn(program, [...options, `--base-path=${base}`], { stdio: "ignore" });
      for (let attempts = 0; attempts < 100; attempts++) {
        // Anything but a refused connection is an answer.
        const error = await get(port).catch((reason: NodeJS.ErrnoException) => reason.code);
        if (error !== "ECONNREFUSED") return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error("git-daemon did not start");
    },
    async stop() {
      const ended = new Promise((resolve) => daemon?.once("exit", resolve));
      daemon?.kill("SIGKILL");
      await ended;
    },
    async dispose() {
      await server.stop();
      fs.rmSync(base, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
