import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { must, which } from "./exec";
import type { Log } from "./log";
import { cacheDir, checkout, ensureDir, stateDir, writeAtomically } from "./paths";
import { ensureTool, findTool, tools } from "./tools";

/** The Pulumi CLI and what it needs to run this program. */
export interface Pulumi {
  readonly command: string;
  /** Directories to put before PATH. */
  readonly path: readonly string[];
  /** Its own home: the user's logins and plugins are in another. */
  readonly home: string;
}

/** Gets the CLI, a language host for Node, and the plugins. */
export async function ensurePulumi(log: Log): Promise<Pulumi> {
  const programs = await ensureTool(tools.pulumi, log);
  const command = programs.pulumi as string;
  const home = ensureDir(stateDir("pulumi-home"));
  const path = [dirname(command)];
  if (!findLanguageHost(command)) path.push(standInLanguageHost(command));
  await ensurePlugin("command", command, home, async (directory) => {
    const name = "pulumi-resource-command";
    const found = await findTool(tools.command, log);
    if (typeof found !== "string")
      return void (await must("cp", [found[name] as string, join(directory, name)]));
    // Our own code serves where the official plugin is not available; MULTIARCH_LOCAL says which checkout's.
    writeScript(join(directory, name), 'exec node "$MULTIARCH_LOCAL/plugins/command/main.js" "$@"');
  });
  // Always ours: the official one makes addresses of images that lead to AWS whatever emulates it, and is
  // huge; and Pulumi asks for one as soon as the SDK lies in node_modules.
  await ensurePlugin("aws", command, home, async (directory) => {
    writeScript(
      join(directory, "pulumi-resource-aws"),
      'exec node "$MULTIARCH_LOCAL/plugins/aws/main.js" "$@"',
    );
  });
  await ensurePlugin("docker-build", command, home, async (directory) => {
    const built = await ensureTool(tools.dockerBuild, log);
    const name = "pulumi-resource-docker-build";
    await must("cp", [built[name] as string, join(directory, name)]);
  });
  return { command, path, home };
}

/** The official language host: it lies beside the CLI, or on PATH. */
function findLanguageHost(command: string): string | undefined {
  const name = "pulumi-language-nodejs";
  const beside = join(dirname(realpathSync(command)), name);
  if (existsSync(beside)) return beside;
  const found = which(name);
  return found && !found.startsWith(cacheDir()) ? found : undefined;
}

/**
 * Puts a language host of our own in place, which runs the program with the SDK it installed itself.
 * Beside a CLI that was built here; for an installed one in a directory for PATH, of which Pulumi warns.
 */
function standInLanguageHost(command: string): string {
  const beside = dirname(command);
  const directory = beside.startsWith(cacheDir())
    ? beside
    : ensureDir(cacheDir("tools", "language-host"));
  const script = join(directory, "pulumi-language-nodejs");
  if (!existsSync(script)) writeScript(script, 'exec node "$MULTIARCH_LOCAL/languageHost.js" "$@"');
  return directory;
}

function writeScript(file: string, line: string): void {
  writeAtomically(file, `#!/bin/sh\n${line}\n`, 0o755);
}

/** Installs a resource plugin, which `fill` gets, in the version that the SDK in node_modules asks for. */
async function ensurePlugin(
  name: string,
  command: string,
  home: string,
  fill: (directory: string) => Promise<void>,
): Promise<void> {
  const manifest = join(checkout, "node_modules", "@pulumi", name, "package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const installed = join(home, "plugins", `resource-${name}-v${version}`);
  // Pulumi leaves this file beside a plugin while it installs it.
  if (existsSync(installed) && !existsSync(`${installed}.partial`)) return;
  const env = { PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const install = ["plugin", "install", "resource", name, version];
  const work = ensureDir(stateDir(`plugin-${name}.partial`));
  try {
    const content = ensureDir(join(work, "content"));
    await fill(content);
    const archive = join(work, `${name}.tgz`);
    await must("tar", ["-czf", archive, "-C", content, "."]);
    await must(command, [...install, "--file", archive, "--reinstall"], { env });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
