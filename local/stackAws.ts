import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { type AwsEnvironment, awsRuns, ensureAws } from "./aws";
import type { Environment } from "./environment";
import { LocalError } from "./errors";
import { must, run } from "./exec";
import type { Log } from "./log";
import { checkout } from "./paths";
import { configFile, project, readState, stackName } from "./stack";

const targets = ["host", "ec2", "ecs", "lambda"];

/** Takes `--target NAME` out of a command's arguments. Pulumi has an option of that name too, whose value is a URN or a pattern of URNs. */
export function takeTarget(args: readonly string[]): { target?: string; rest: string[] } {
  const rest: string[] = [];
  let target: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const [, joined] = /^--target(?:=(.*))?$/.exec(args[at]!) ?? [undefined, null];
    if (joined === null) {
      rest.push(args[at]!);
      continue;
    }
    const value = joined ?? args[++at] ?? "";
    if (/^urn:|\*/.test(value)) rest.push("--target", value);
    else target = known(value);
  }
  return { target, rest };
}

function known(target: string): string {
  if (targets.includes(target)) return target;
  throw new LocalError(
    `--target: ${JSON.stringify(target)} is not a target`,
    "`npm start -- --target NAME` says what runs the app",
    `write one of ${targets.join(", ")}, or the URN of a resource, which is passed on to Pulumi`,
  );
}

/** Rejects `--target NAME` for a command that deploys nothing. */
export function refuseTarget(args: readonly string[], command: string): void {
  const { target } = takeTarget(args);
  if (target === undefined) return;
  throw new LocalError(
    `--target: ${command} doesn't take the target ${target}`,
    "only `npm start` changes what runs the app",
    `run \`npm start -- --target ${target}\`, or set \`target\` in ${basename(configFile())} and run \`${command}\` again`,
  );
}

/** The arguments of `pulumi config set-all --path` for plain values. */
export function settings(config: Readonly<Record<string, unknown>>): string[] {
  const flat = (path: string, value: unknown): [string, string][] => {
    if (Array.isArray(value)) return value.flatMap((item, i) => flat(`${path}[${i}]`, item));
    if (typeof value === "object" && value !== null) {
      return Object.entries(value).flatMap(([key, item]) => flat(`${path}.${key}`, item));
    }
    return [[path, String(value)]];
  };
  return Object.entries(config)
    .flatMap(([key, value]) => flat(key, value))
    .flatMap(([path, value]) => ["--plaintext", `${path}=${value}`]);
}

/**
 * Starts the AWS emulators for a stack that is on them, or is going to be: then the stack's configuration leads
 * the `aws` provider to them. A stack with an account of its own is left alone.
 */
export async function prepareAws(
  target: string | undefined,
  environment: Environment,
  log: Log,
): Promise<AwsEnvironment | undefined> {
  const text = configText();
  const wanted = target === undefined ? text.includes("aws:endpoints") : target !== "host";
  const ran = awsRuns();
  const aws = wanted ? await ensureAws(log, environment) : undefined;
  if (target !== undefined) {
    // What the emulators hold goes with them anyway: `npm run down` is not to fail on it.
    const values = settings({ target, ...(aws && { forceDelete: true, ...aws.config }) });
    const set = ["config", "set-all", "--stack", stackName, "--path", ...values];
    await must(environment.pulumi, set, { cwd: checkout, env: environment.env });
  }
  if (aws && !ran) await forget(environment, log);
  return aws;
}

const configText = () => (existsSync(configFile()) ? readFileSync(configFile(), "utf8") : "");

/** The target in the stack's configuration. */
export function configuredTarget(text = configText()): string {
  return (
    new RegExp(`^\\s+["']?${project}:target["']?:\\s*["']?(\\w+)`, "m").exec(text)?.[1] ?? "host"
  );
}

/** What the emulators had is gone when they stop, so the state must not say that it is there. */
async function forget(environment: Environment, log: Log): Promise<void> {
  if ((readState()?.resources ?? 0) === 0) return;
  log.info("  ! the AWS emulators were started empty; looking what is left (pulumi refresh)");
  const args = ["refresh", "--yes", "--skip-preview", "--stack", stackName];
  const result = await run(environment.pulumi, args, { cwd: checkout, env: environment.env });
  if (result.code !== 0) log.info("  ! that did not work; `pulumi up` will say more");
}
