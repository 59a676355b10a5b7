// `npm start`, `npm run preview`, `npm run down`, `npm run pulumi -- ARGS` and `npm test`.
import type { AwsEnvironment } from "./aws";
import { down } from "./down";
import { emulatedNotes, runningTasks } from "./emulated";
import { type Environment, ensureEnvironment } from "./environment";
import { LocalError, messageOf } from "./errors";
import { consoleLog, type Log } from "./log";
import { cacheDir, stateDir } from "./paths";
import {
  clearLeftovers,
  configFile,
  lockStack,
  outputs,
  prepareStack,
  pulumi,
  readState,
  stackName,
} from "./stack";
import { configuredTarget, prepareAws, refuseTarget, takeTarget } from "./stackAws";
import { test } from "./testCommand";
import { reportTypeErrors, typeErrors } from "./typeCheck";

const verbs: Record<string, (args: string[], log: Log) => Promise<number>> = {
  start,
  preview,
  pulumi: beside,
  down,
  test,
};

/** Pulumi with the environment and the stack in place, also while another command works on the stack. */
async function beside(args: string[], log: Log): Promise<number> {
  const release = readState() ? undefined : await lockStack(log);
  const environment = await ensureEnvironment(log);
  await prepareStack(environment, log);
  await prepareAws(undefined, environment, log);
  await release?.();
  return pulumi(environment, args);
}

/** Type errors fail it, as they do where Pulumi checks them itself. */
async function preview(args: string[], log: Log): Promise<number> {
  refuseTarget(args, "npm run preview");
  const errors = typeErrors();
  const code = await beside(["preview", "--stack", stackName, ...args], log);
  return (await reportTypeErrors(errors)) ? code || 1 : code;
}

async function onStack(
  log: Log,
  target: string | undefined,
  work: (environment: Environment, aws?: AwsEnvironment) => Promise<number>,
): Promise<number> {
  const release = await lockStack(log);
  try {
    const environment = await ensureEnvironment(log);
    await prepareStack(environment, log);
    const aws = await prepareAws(target, environment, log);
    await clearLeftovers(environment, log);
    return await work(environment, aws);
  } finally {
    await release();
  }
}

async function start(args: string[], log: Log): Promise<number> {
  log.info("multiarch: making sure that this machine has what it takes, then `pulumi up`");
  log.info(`  services and state: ${stateDir()}\n  built tools:        ${cacheDir()}`);
  const { target, rest } = takeTarget(args);
  const errors = typeErrors();
  return onStack(log, target, async (environment, aws) => {
    const code = await pulumi(environment, [
      ...["up", "--yes", "--skip-preview", "--stack", stackName],
      ...rest,
    ]);
    if (code !== 0) {
      await reportTypeErrors(errors);
      return code;
    }
    const running = configuredTarget();
    log.info("");
    if (environment.ownEngine) {
      log.info(
        `Its engine, for docker's own commands: export DOCKER_HOST=${environment.env.DOCKER_HOST}\n`,
      );
    }
    if (aws && running !== "host") {
      log.info(
        emulatedNotes(running, aws, running === "ecs" ? await runningTasks(aws, environment) : []),
      );
    } else {
      const { url } = await outputs(environment);
      if (typeof url === "string" && url) log.info(`It runs: open ${url}\n`);
    }
    log.info(`What to try next:
  edit examples/web/RELEASE, then npm start        the page shows the new release
  edit ${configFile().split("/").pop()} (platforms, architecture), then npm run preview
  npm run down                                     removes what was deployed, stops what was started`);
    await reportTypeErrors(errors);
    return 0;
  });
}

async function main(): Promise<number> {
  const [verb = "", ...args] = process.argv.slice(2);
  const work = verbs[verb];
  if (!work) {
    console.error(
      `error: there is no command ${JSON.stringify(verb)}; there is: ${Object.keys(verbs).join(", ")}`,
    );
    return 2;
  }
  try {
    return await work(args, consoleLog());
  } catch (error) {
    const text =
      error instanceof LocalError || !process.env.MULTIARCH_DEBUG ? messageOf(error) : error;
    console.error("error:", text);
    return 1;
  }
}

void main().then((code) => process.exit(code));
