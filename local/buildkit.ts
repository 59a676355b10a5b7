import { existsSync, readFileSync, symlinkSync, rmSync, readlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { LocalError } from "./errors";
import { lastLines, must, run, which } from "./exec";
import type { Log } from "./log";
import { installPackages } from "./packages";
import { ensureDir, stateDir, writeAtomically } from "./paths";
import { ensureService, stopService, type Service } from "./service";
import type { Programs } from "./tools";

/** The name of the buildx builder, in the environment's own BUILDX_CONFIG. */
export const builderName = "multiarch-local";

const root = () => stateDir("buildkit", "root");
const address = () => `unix://${stateDir("buildkit", "buildkitd.sock")}`;
const buildxDir = (...more: string[]) => stateDir("docker-config", "buildx", ...more);
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
    // By default every user can write to this socket, and every builder on the host uses the same one.
    `[otel]\n  socketPath = ${JSON.stringify(stateDir("buildkit", "otel.sock"))}\n[worker.oci]\n  enabled = true\n  binary = ${JSON.stringify(runc)}\n[worker.containerd]\n  enabled = false\n`,
  );
  await ensureService(buildkitService(programs, runc), log);
  return address();
}

/** Stops the builder. */
export const stopBuildkit = (): Promise<boolean> =>
  stopService({ command: "buildkitd", marker: root() });

/** The environment's own settings for Docker and buildx. */
export type DockerSettings = Readonly<{ DOCKER_CONFIG: string; BUILDX_CONFIG: string }>;

/** Puts the buildx plugin into the environment's own Docker settings. */
export function ensureDockerSettings(buildx: string): DockerSettings {
  const plugin = join(ensureDir(stateDir("docker-config", "cli-plugins")), "docker-buildx");
  if (!existsSync(plugin) || readlinkSync(plugin) !== buildx) {
    rmSync(plugin, { force: true });
    symlinkSync(buildx, plugin);
  }
  // Docker's client looks for plugins in DOCKER_CONFIG.
  return { DOCKER_CONFIG: stateDir("docker-config"), BUILDX_CONFIG: buildxDir() };
}

/** Makes the native builder known under its name. */
export async function ensureRemoteBuilder(
  docker: string,
  env: DockerSettings,
  endpoint: string,
): Promise<void> {
  if (instance().includes(`"${endpoint}"`)) return;
  await run(docker, ["buildx", "rm", "--force", builderName], { env });
  const create = ["buildx", "create", "--name", builderName, "--driver", "remote", endpoint];
  await must(docker, create, { env });
}

/**
 * A builder in a container, for a user who isn't root and has an engine: a native one needs root. On the
 * host's network, so that `localhost` is where the registry is.
 */
export async function ensureContainerBuilder(
  docker: string,
  settings: DockerSettings,
  dockerHost: string,
  log: Log,
): Promise<string> {
  const env = { ...settings, DOCKER_HOST: dockerHost };
  const bootstrap = ["buildx", "inspect", "--bootstrap", builderName];
  if (!instance().includes('"docker-container"')) {
    await run(docker, ["buildx", "rm", "--force", builderName], { env });
    const create = ["buildx", "create", "--name", builderName, "--driver", "docker-container"];
    await must(docker, [...create, "--driver-opt", "network=host"], { env });
  }
  const running = await run(docker, ["inspect", "-f", "{{.State.Running}}", builderContainer], {
    env,
  });
  if (running.stdout.trim() !== "true") {
    await log.step("start the builder in a container", async (progress) => {
      const started = await run(docker, bootstrap, { env, onLine: progress });
      if (started.code === 0) return;
      throw new LocalError(
        "the builder could not be started",
        `a native one needs root, and one in a container ended with: ${lastLines(started.stderr, 4)}`,
        "see that the engine can pull docker.io/moby/buildkit, or run the same command as root",
      );
    });
  }
  return `docker-container://${builderContainer}`;
}

/** The name that buildx gives the container. */
const builderContainer = `buildx_buildkit_${builderName}0`;

/** What buildx has stored about the builder. */
function instance(): string {
  const file = buildxDir("instances", builderName);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** Stops the builder in a container, if there is one. */
export async function stopContainerBuilder(docker: string, dockerHost: string): Promise<boolean> {
  if (!instance().includes('"docker-container"')) return false;
  const stop = await run(docker, ["stop", builderContainer], { env: { DOCKER_HOST: dockerHost } });
  return stop.code === 0;
}
