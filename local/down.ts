import { stopAws } from "./aws";
import { stopBuildkit, stopContainerBuilder } from "./buildkit";
import { stopEngine } from "./docker";
import { type Environment, ensureEnvironment, lockEnvironment } from "./environment";
import type { Log } from "./log";
import { endOrphanedPlugins } from "./orphans";
import { installedPackages } from "./packages";
import { cacheDir, stateDir } from "./paths";
import { removeEmulation } from "./qemu";
import { stopRegistry } from "./registry";
import { prepareAws } from "./stackAws";
import { clearLeftovers, lockStack, prepareStack, pulumi, readState, stackName } from "./stack";

/** `npm run down`: destroys what was deployed, stops what was started, says what stays. */
export async function down(args: string[], log: Log): Promise<number> {
  const release = await lockStack(log);
  try {
    let environment: Environment | undefined;
    if ((readState()?.resources ?? 0) > 0) {
      // Destroying takes the engine and the plugins, so what is stopped or broken is started first.
      environment = await ensureEnvironment(log);
      await prepareStack(environment, log);
      await prepareAws(undefined, environment, log);
      await clearLeftovers(environment, log);
      const destroy = ["destroy", "--yes", "--skip-preview", "--stack", stackName, ...args];
      const code = await pulumi(environment, destroy);
      if (code !== 0) {
        log.info(
          "\nerror: what is deployed could not be removed, so nothing was stopped; see above",
        );
        return code;
      }
    } else {
      log.info("nothing is deployed");
    }
    await stopServices(environment, log);
    return 0;
  } finally {
    await release();
  }
}

async function stopServices(environment: Environment | undefined, log: Log): Promise<void> {
  const release = await lockEnvironment(log);
  try {
    const stopped: string[] = [];
    await endOrphanedPlugins();
    // Before the engine: their containers go with them.
    if (await stopAws()) stopped.push("the AWS emulators");
    if (await stopRegistry()) stopped.push("the registry");
    const inContainer =
      environment && stopContainerBuilder(environment.docker, environment.env.DOCKER_HOST ?? "");
    if ((await stopBuildkit()) || (await inContainer)) stopped.push("the builder");
    if (await stopEngine()) stopped.push("the Docker engine");
    for (const name of await removeEmulation()) stopped.push(`${name} (unregistered)`);
    log.info(stopped.length > 0 ? `stopped: ${stopped.join(", ")}` : "nothing was running");
    log.info(`what stays, so that the next start is quick:
  ${stateDir()} (images, caches, settings) and ${cacheDir()} (built tools)
  to delete them: rm -rf ${stateDir()} ${cacheDir()}`);
    const packages = installedPackages();
    if (packages.length > 0) {
      log.info(
        `  packages that were installed; to remove them: apt-get remove ${packages.join(" ")}`,
      );
    }
  } finally {
    await release();
  }
}
