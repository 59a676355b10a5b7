import { existsSync, readFileSync, symlinkSync, rmSync, readlinkSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { must, run, which } from "./exec";
import type { Log } from "./log";
import { installPackages } from "./packages";
import { ensureDir, stateDir, writeAtomically } from "./paths";
import { ensureService, stopService, type Service } from "./service";
import type { Programs } from "./tools";

/** The name of the buildx builder, in the environment's own BUILDX_CONFIG. */
export const builderName = "multiarch-local";

const root = () => stateDir("buildkit", "root");
const address = () => `unix://${stateDir("buildkit", "buildkitd.sock")}`;
const configFile = () => stateDir("buildkit", "buildkitd.toml");

function buildkitService(programs: Programs, runc: string): Service {
  const answers = async () =>
    (
      await run(programs.buildctl as string, ["--addr", address(), "debug", "workers"], {
        timeout: 5_000,
      })
    ).code === 0;
  return {
    name: "the builder",
    command: programs.buildkitd as string,
    args: ["--config", configFile(), "--root", root(), "--addr", address()],
    marker: root(),
    env: { PATH: [dirname(runc), process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter) },
    healthy: answers,
    patience: 30_000,
  };
}

/** Starts the builder (a native buildkitd), if it doesn't run, and gives its address. */
export async function ensureBuildkit(programs: Programs, log: Log): Promise<string> {
  let runc = which("runc") ?? which("crun");
  if (!runc) {
    await installPackages(["runc"], "runs build steps in containers", log);
    runc = which("runc") as string;
  }
  ensureDir(root());
  writeAtomically(
    configFile(),
    `[worker.oci]\n  enabled = true\n  binary = ${JSON.stringify(runc)}\n[worker.containerd]\n  enabled = false\n`,
  );
  await ensureService(buildkitService(programs, runc), log);
  return address();
}

/** Stops the builder. */
export const stopBuildkit = (): Promise<boolean> =>
  stopService({ command: "buildkitd", marker: root() });

/** Makes the buildx plugin and the builder known in the environment's own settings. */
export async function ensureBuilder(
  docker: string,
  buildx: string,
  endpoint: string,
): Promise<{ DOCKER_CONFIG: string; BUILDX_CONFIG: string }> {
  const env = { DOCKER_CONFIG: stateDir("docker-config"), BUILDX_CONFIG: stateDir("buildx") };
  const plugin = `${ensureDir(stateDir("docker-config", "cli-plugins"))}/docker-buildx`;
  if (!existsSync(plugin) || readlinkSync(plugin) !== buildx) {
    rmSync(plugin, { force: true });
    symlinkSync(buildx, plugin);
  }
  const instance = stateDir("buildx", "instances", builderName);
  if (existsSync(instance) && readFileSync(instance, "utf8").includes(`"${endpoint}"`)) return env;
  await run(docker, ["buildx", "rm", "--force", builderName], { env });
  await must(docker, ["buildx", "create", "--name", builderName, "--driver", "remote", endpoint], {
    env,
  });
  return env;
}
