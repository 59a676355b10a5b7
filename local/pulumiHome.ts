import { existsSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { isExecutable, must } from "./exec";
import type { Log } from "./log";
import { cacheDir, checkout, ensureDir, stateDir, writeAtomically } from "./paths";
import { ensureTool, findOfficial, tools } from "./tools";

/** The Pulumi CLI and what it needs to run this program. */
export interface Pulumi {
  readonly command: string;
  /** Directories to put before PATH. */
  readonly path: readonly string[];
  /** Its own home: the user's logins and plugins are in another. */
  readonly home: string;
}

/** Gets the CLI, a language host for Node, and the plugins. Where a stand-in is used, each call looks for the official one again. */
export async function ensurePulumi(log: Log): Promise<Pulumi> {
  let programs = await ensureTool(tools.pulumi, log);
  if (!officialHost(programs.pulumi as string))
    programs = (await findOfficial(tools.pulumi, log)) ?? programs;
  const command = programs.pulumi as string;
  const home = ensureDir(stateDir("pulumi-home"));
  const host = officialHost(command);
  const standIns = host ? [] : ["the language host for Node"];
  if (!(await ensureCommandPlugin(command, home, log))) standIns.push("the command plugin");
  if (standIns.length > 0)
    log.info(`  ! stand-ins are used for ${standIns.join(" and ")}: no official one was found`);
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
  return { command, path: hostPath(command, host), home };
}

/**
 * Installs the command plugin: the official one if it can be had, else a stand-in. Returns whether it is the official one.
 */
async function ensureCommandPlugin(command: string, home: string, log: Log): Promise<boolean> {
  const name = "pulumi-resource-command";
  const folder = pluginFolder("command");
  const current = join(home, "plugins", folder, name);
  const half = existsSync(`${join(home, "plugins", folder)}.partial`);
  if (existsSync(current) && !half && !isStandIn(current)) return true;
  const users = join(
    process.env.PULUMI_HOME || join(homedir(), ".pulumi"),
    "plugins",
    folder,
    name,
  );
  const official =
    isExecutable(users) && !isStandIn(users)
      ? users
      : (await findOfficial(tools.command, log))?.[name];
  const replaces = official !== undefined && existsSync(current);
  const fill = async (directory: string) => {
    if (official) return void (await must("cp", [official, join(directory, name)]));
    // MULTIARCH_LOCAL says which checkout's code serves.
    writeScript(join(directory, name), 'exec node "$MULTIARCH_LOCAL/plugins/command/main.js" "$@"');
  };
  await ensurePlugin("command", command, home, fill, replaces);
  if (replaces) log.info("  ✓ installed the official command plugin in place of the stand-in");
  return official !== undefined;
}

const hostName = "pulumi-language-nodejs";

/** The official language host: beside the CLI, or on PATH. */
function officialHost(command: string): string | undefined {
  return [dirname(realpathSync(command)), ...(process.env.PATH ?? "").split(delimiter)]
    .filter(Boolean)
    .map((folder) => join(folder, hostName))
    .find((file) => isExecutable(file) && !isStandIn(file));
}

/** Whether a file is one of the scripts that start a stand-in of a checkout. */
function isStandIn(file: string): boolean {
  if (!existsSync(file) || statSync(file).size > 1000) return false;
  return readFileSync(file, "utf8").includes("MULTIARCH_LOCAL");
}

/**
 * The directories to put before PATH, where Pulumi looks for its language hosts first. Without an official host, a stand-in runs the
 * program with the SDK that it installed itself. It is put beside a CLI that was built here; for an installed one into a directory
 * for PATH, of which Pulumi warns.
 */
function hostPath(command: string, official: string | undefined): string[] {
  const beside = dirname(command);
  if (official) return dirname(official) === dirname(realpathSync(command)) ? [beside] : [];
  const directory = beside.startsWith(cacheDir())
    ? beside
    : ensureDir(cacheDir("tools", "language-host"));
  const script = join(directory, hostName);
  if (!existsSync(script)) writeScript(script, 'exec node "$MULTIARCH_LOCAL/languageHost.js" "$@"');
  return [beside, directory];
}

function writeScript(file: string, line: string): void {
  writeAtomically(file, `#!/bin/sh\n${line}\n`, 0o755);
}

/** The folder of a resource plugin, in the version that the SDK in node_modules asks for. */
const pluginFolder = (name: string): string => `resource-${name}-v${versionOf(name)}`;

function versionOf(name: string): string {
  const manifest = join(checkout, "node_modules", "@pulumi", name, "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** Installs a resource plugin, which `fill` gets. */
async function ensurePlugin(
  name: string,
  command: string,
  home: string,
  fill: (directory: string) => Promise<void>,
  again = false,
): Promise<void> {
  const installed = join(home, "plugins", pluginFolder(name));
  // Pulumi leaves this file beside a plugin while it installs it.
  if (!again && existsSync(installed) && !existsSync(`${installed}.partial`)) return;
  const env = { PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const install = ["plugin", "install", "resource", name, versionOf(name)];
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
