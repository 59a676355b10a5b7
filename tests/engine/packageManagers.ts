/**
 * The package as it would be published, and empty projects that install it with each package manager. The managers are pinned and
 * lie in this project's cache, with what they download; npm is the one that is there. Nothing of the user's own setup is touched.
 */
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { cacheDir, checkout, ensureDir, fillAtomically } from "../../local/paths";

const tools = { pnpm: "10.34.8", yarn: "1.22.22", "@yarnpkg/cli-dist": "4.18.1" };

/** Pulumi's newest release may need a newer Node than this one, which pnpm and Yarn don't look at. */
export const pulumiVersion = versionOf("@pulumi/pulumi");

export type Manager = "npm" | "pnpm" | "yarn" | "yarn berry";

/** An error's text has what the program printed. */
export async function run(
  program: string,
  args: string[],
  cwd: string,
  more: Record<string, string> = {},
): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, ...more };
  // What npm and jest say to their own children is none of this program's business.
  for (const key of Object.keys(env))
    if (
      /^(npm_(package|lifecycle)_.*|npm_config_loglevel|npm_command|INIT_CWD|NODE_ENV|NODE_OPTIONS|NODE_PATH)$/.test(
        key,
      )
    )
      delete env[key];
  return promisify(execFile)(program, args, { cwd, env, maxBuffer: 1 << 26 }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: Error & { stdout: string; stderr: string }) => {
      throw new Error(`${error.message}\n${error.stdout}${error.stderr}`);
    },
  );
}

/** Packs a copy of what is needed for it, with its scripts: as `npm publish` does, whatever lies in `dist/` here. */
export async function pack(folder: string): Promise<{ tarball: string; files: string[] }> {
  const copied = [
    "package.json",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "PulumiPlugin.yaml",
    "components",
  ];
  for (const name of [...copied, "tsconfig.json", "tsconfig.build.json"])
    fs.cpSync(path.join(checkout, name), path.join(folder, name), { recursive: true });
  fs.symlinkSync(path.join(checkout, "node_modules"), path.join(folder, "node_modules"));
  // Of a source that is no more.
  fs.cpSync(path.join(folder, "LICENSE"), path.join(folder, "dist/components/stale.js"));
  const said = await run("npm", ["pack", "--json", "--silent"], folder);
  const [{ filename, files }] = JSON.parse(said.slice(said.indexOf("["))) as [
    { filename: string; files: { path: string }[] },
  ];
  return { tarball: path.join(folder, filename), files: files.map((file) => file.path) };
}

const project = (tarball: string) => ({
  name: "consumer",
  private: true,
  dependencies: { "@pulumi/pulumi": pulumiVersion, multiarch: `file:${tarball}` },
  devDependencies: {
    "@types/node": versionOf("@types/node"),
    typescript: versionOf("typescript"),
  },
});

/** Makes an empty project and installs the tarball there. */
export async function install(manager: Manager, folder: string, tarball: string): Promise<void> {
  const cache = cacheDir("package-managers");
  const bin = (file: string) => path.join(cache, "tools", "node_modules", file);
  const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
  const node = (file: string, ...args: string[]) =>
    run(process.execPath, [bin(file), "install", ...args], folder, {
      XDG_CACHE_HOME: path.join(cache, "xdg-cache"),
      XDG_CONFIG_HOME: path.join(cache, "xdg-config"),
      XDG_DATA_HOME: path.join(cache, "xdg-data"),
      XDG_STATE_HOME: path.join(cache, "xdg-state"),
      YARN_GLOBAL_FOLDER: path.join(cache, "berry"),
      YARN_ENABLE_TELEMETRY: "0",
      // Under CI, Yarn refuses a lockfile that isn't there yet.
      YARN_ENABLE_IMMUTABLE_INSTALLS: "0",
    });
  ensureDir(folder);
  // Yarn takes the newest Pulumi for the providers; this is what Pulumi's own errors tell its users to write.
  const resolutions = { "@pulumi/pulumi": pulumiVersion };
  const yarn = manager.startsWith("yarn") ? { resolutions } : {};
  write("package.json", JSON.stringify({ ...project(tarball), ...yarn }));
  switch (manager) {
    case "npm": {
      const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
      await run("npm", ["install", "--prefer-offline", ...quiet], folder);
      return;
    }
    case "pnpm":
      await node("pnpm/bin/pnpm.cjs", "--prefer-offline", "--ignore-scripts");
      return;
    case "yarn":
      await node(
        "yarn/bin/yarn.js",
        ...["--prefer-offline", "--ignore-scripts", "--non-interactive", "--no-default-rc"],
        ...["--cache-folder", path.join(cache, "yarn")],
      );
      return;
    case "yarn berry":
      write(".yarnrc.yml", "nodeLinker: node-modules\nenableScripts: false\n");
      write("yarn.lock", "");
      await node("@yarnpkg/cli-dist/bin/yarn.js");
  }
}

/** Makes sure of the pinned package managers. */
export async function installManagers(): Promise<void> {
  const folder = cacheDir("package-managers", "tools");
  const wanted = JSON.stringify({ private: true, dependencies: tools });
  const stamp = path.join(folder, "installed.json");
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wanted) return;
  await fillAtomically(folder, async (temporary) => {
    fs.writeFileSync(path.join(temporary, "package.json"), wanted);
    await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], temporary);
    fs.writeFileSync(path.join(temporary, "installed.json"), wanted);
  });
}

function versionOf(name: string): string {
  const file = path.join(checkout, "node_modules", name, "package.json");
  return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
}
