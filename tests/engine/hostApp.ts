/** What the tests of the host script share: the script run as the command provider runs it, and images and apps to release. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CanonicalArchitecture } from "../../components/platform";
import {
  type HostSettings,
  hostIdentity,
  pullSettings,
  releaseSettings,
} from "../../components/targets/host/hostSettings";
import { hostScript } from "../../components/targets/host/hostScript";
import { environment } from "./harness";

export const run = `t${randomBytes(3).toString("hex")}`;
const { env: toolEnv, registry, baseImage } = environment();
export const env: NodeJS.ProcessEnv = { ...process.env, ...toolEnv };

export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("docker", args, { env });
  return stdout.trim();
}
export const inspect = (name: string, format: string) =>
  docker("container", "inspect", "--format", format, name).catch(() => "none");
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the script as the command provider would; `killAt` kills all of it as soon as stderr or the engine shows that. */
export function sh(
  action: string,
  text: string,
  options: {
    shell?: string[];
    env?: NodeJS.ProcessEnv;
    killAt?: string;
    killAfter?: number;
    whole?: boolean;
  } = {},
): Promise<Result> {
  const [shell, ...before] = options.shell ?? ["sh"];
  const child = spawn(shell as string, [...before, "-s", "--", action], {
    detached: true,
    env: { ...env, ...options.env },
  });
  const result: Result = { code: null, stdout: "", stderr: "" };
  const kill = () => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  };
  child.stdout.on("data", (data) => (result.stdout += data));
  child.stderr.on("data", (data) => {
    result.stderr += data;
    if (options.killAt && result.stderr.includes(options.killAt))
      setTimeout(kill, options.killAfter ?? 0);
  });
  child.stdin.on("error", () => undefined);
  const command = action === "pull" || action === "forget" ? "pull" : "release";
  child.stdin.end(options.whole ? text : text + hostScript(command));
  return new Promise((resolve) =>
    child.on("close", (code) => resolve({ ...result, code: code ?? -1 })),
  );
}

/** Images by digest, made from the base and pushed: a web server that says its version, and files that can't be started. */
const makeImage = async (version: string): Promise<string> => {
  const name = `${run}-${version}`;
  const serve =
    "mkdir -p /www; echo $VERSION > /www/index.html; exec busybox httpd -f -p 8080 -h /www";
  await docker("pull", "--quiet", baseImage);
  await docker(
    ...["run", "--name", name, "--entrypoint", "", baseImage, "sh", "-c"],
    `printf '\\177ELFjunkjunkjunk' > /junk; printf '#!/bin/sh\\r\\n' > /crlf; echo > /text; chmod 755 /junk /crlf`,
  );
  const tag = `${registry.address}/host-test/${run}:${version}`;
  await docker(
    ...["commit", "--change", `ENV VERSION=${version}`],
    ...["--change", `CMD ${JSON.stringify(["sh", "-c", serve])}`, name, tag],
  );
  await docker("rm", name);
  await docker("push", "--quiet", tag);
  const digests = await docker("image", "inspect", "--format", "{{json .RepoDigests}}", tag);
  const reference = (JSON.parse(digests) as string[]).find((one) => one.includes("host-test"));
  await docker("rmi", tag, reference as string).catch(() => undefined);
  return reference as string;
};
const images = new Map<string, Promise<string>>();
export const image = (version: "v1" | "v2" | "v3"): Promise<string> => {
  if (!images.has(version)) images.set(version, makeImage(version));
  return images.get(version) as Promise<string>;
};

let lastPort = 20_000 + Math.floor(Math.random() * 10_000);

export class App {
  readonly identity;
  constructor(
    name: string,
    readonly port = lastPort++,
    resource?: string,
  ) {
    this.identity = { ...hostIdentity(run, "test", name), resource };
  }
  get container(): string {
    return this.identity.container;
  }
  async text(
    settings: Partial<HostSettings> & { version?: "v1" | "v2" | "v3" },
    secrets?: string[],
  ) {
    const { version, ...rest } = settings;
    const all = {
      image: await image(version ?? "v1"),
      ports: [{ container: 8080, host: this.port }],
      health: { path: "/", timeout: 5 },
      stopTimeout: 2,
      ...rest,
    };
    return releaseSettings(this.identity, all, secrets);
  }
  async release(
    settings: Parameters<App["text"]>[0] = {},
    options?: Parameters<typeof sh>[2] & { secrets?: string[] },
  ): Promise<Result> {
    const text = await this.text(settings, options?.secrets);
    const pull = await this.pull(settings.version ?? "v1");
    expect(pull).toMatchObject({ code: 0 });
    return sh("release", text, options);
  }
  async pull(version: "v1" | "v2" | "v3", architecture: CanonicalArchitecture = here) {
    const settings = pullSettings(this.identity, await image(version), architecture);
    return sh("pull", settings);
  }
  remove = async () => sh("remove", await this.text({}));
  forget = async () => sh("forget", pullSettings(this.identity, await image("v1"), here));
  get = async (): Promise<string> => {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/`);
      return (await response.text()).trim();
    } catch {
      return "nothing";
    }
  };
  id = () => inspect(this.container, "{{.Id}}");
  names = async () =>
    (await docker("ps", "-a", "--format", "{{.Names}}={{.State}}"))
      .split("\n")
      .filter((line) => line.startsWith(this.container))
      .map((line) => line.slice(this.container.length))
      .sort();
}

export const here: CanonicalArchitecture = process.arch === "arm64" ? "arm64" : "x86_64";
export const other: CanonicalArchitecture = here === "arm64" ? "x86_64" : "arm64";
const apps: App[] = [];
export const makeApp = (name: string) => {
  const app = new App(name);
  apps.push(app);
  return app;
};
/** One resource under several names, as stack, project or component were called one after another. */
export const makeRenamed = (...names: string[]) => {
  const port = lastPort++;
  return names.map((name) => new App(name, port, `${run}-${names[0]}`));
};

/** Removes every container and image of this test file. */
export async function removeAll(): Promise<void> {
  const mine = (await docker("ps", "-aq", "--filter", `name=${run}`)).split("\n").filter(Boolean);
  if (mine.length > 0) await docker("rm", "-fv", ...mine);
  const all = await docker(
    "images",
    "--digests",
    "--format",
    "{{.Repository}} {{.Tag}} {{.Digest}}",
  );
  for (const line of all.split("\n").filter((one) => one.includes(run))) {
    const [repository, tag, digest] = line.split(" ");
    await docker(
      "rmi",
      tag === "<none>" ? `${repository}@${digest}` : `${repository}:${tag}`,
    ).catch(() => undefined);
  }
}

/** A folder for PATH with these programs only. */
export function folderOf(programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-test-"));
  for (const program of programs) {
    const found = (env.PATH ?? "").split(":").map((one) => join(one, program));
    symlinkSync(found.find((path) => existsSync(path)) as string, join(folder, program));
  }
  return folder;
}

/** The shells of this machine, with the words that start them. */
export const shells: [string, string[]][] = [["sh", ["sh"]]];
const zsh = folderOf([]);
for (const shell of ["dash", "bash", "busybox", "zsh"]) {
  const found = (env.PATH ?? "").split(":").map((folder) => join(folder, shell));
  const path = found.find((one) => existsSync(one));
  if (path === undefined) continue;
  if (shell === "bash") shells.push(["posix bash", [shell, "--posix"]]);
  // zsh behaves as sh where that is its name.
  if (shell === "zsh") symlinkSync(path, join(zsh, "sh"));
  shells.push([shell, { busybox: [shell, "sh"], zsh: [join(zsh, "sh")] }[shell] ?? [shell]]);
}
