import http from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureAwsPython } from "./awsPython";
import { type Environment, lockEnvironment } from "./environment";
import type { Log } from "./log";
import { checkout, ensureDir, stateDir, writeAtomically } from "./paths";
import { keptPort } from "./ports";
import { ensureFront, frontService } from "./registry";
import { ensureService, findProcesses, stopService, type Service } from "./service";

/** AWS as it is emulated on this machine. Plain data. */
export interface AwsEnvironment {
  /** Each service's URL. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly region: string;
  readonly accountId: string;
  /** `localhost:PORT`, where ECR's images are: HTTP and TLS on one port. */
  readonly registry: string;
  /** Pulumi configuration that leads the `aws` provider here. Values that aren't strings are structured. */
  readonly config: Readonly<Record<string, unknown>>;
}

const region = "us-east-1";
/** moto's; ministack takes any. */
const accountId = "123456789012";

/** Which emulator does what it is right in: moto knows each instance type's architecture. */
const motoServices = ["ec2", "ssm"];
const ministackServices = ["iam", "sts", "ecs", "lambda", "elbv2", "logs", "secretsmanager"];
/** The official provider knows some by another name than the SDK. */
const otherNames: Readonly<Record<string, string>> = {
  elbv2: "elasticloadbalancingv2",
  logs: "cloudwatchlogs",
};

const ministackMain = join(checkout, "local", "tools", "aws", "ministack_main.py");
const emulatorNames = ["ministack", "moto"];
const settingsFile = () => stateDir("aws", "settings.json");

/** Makes sure that the emulators run. They start empty, and forget everything when they stop. */
export async function ensureAws(log: Log, environment: Environment): Promise<AwsEnvironment> {
  const release = await lockEnvironment(log);
  try {
    return await prepare(log, environment);
  } finally {
    await release();
  }
}

async function prepare(log: Log, environment: Environment): Promise<AwsEnvironment> {
  const python = await ensureAwsPython(log);
  const ports = {
    ecr: await keptPort("aws-ecr", 5056),
    ministack: await keptPort("aws-ministack", 5156),
    moto: await keptPort("aws-moto", 5256),
  };
  ensureDir(stateDir("aws"));
  const services = emulators(python, environment.env.DOCKER_HOST ?? "");
  // Another version, or another engine: what runs is not what is wanted.
  const settings = JSON.stringify([
    readFileSync(ministackMain, "utf8"),
    ...services.map(({ command, args, env }) => ({ command, args, env })),
  ]);
  if (!existsSync(settingsFile()) || readFileSync(settingsFile(), "utf8") !== settings) {
    await stopAws();
    writeAtomically(settingsFile(), settings);
  }
  for (const service of services) await ensureService(service, log);
  const { key, certificate, ca } = environment.registry;
  const fronts = [
    { port: ports.ecr, upstream: socketOf("ministack"), ecr: true },
    { port: ports.ministack, upstream: socketOf("ministack") },
    { port: ports.moto, upstream: socketOf("moto") },
  ];
  await ensureFront(front(), { fronts, key, certificate }, ca, log);
  return describe(ports);
}

interface Ports {
  readonly ecr: number;
  readonly ministack: number;
  readonly moto: number;
}

function describe(ports: Ports): AwsEnvironment {
  const at = (names: readonly string[], port: number) =>
    names.map((name) => [name, `http://127.0.0.1:${port}`] as const);
  const registry = `localhost:${ports.ecr}`;
  const endpoints: Record<string, string> = {
    // The provider makes the addresses of repositories from this one.
    ecr: `http://${registry}`,
    ...Object.fromEntries(at(ministackServices, ports.ministack)),
    ...Object.fromEntries(at(motoServices, ports.moto)),
  };
  const official = Object.entries(endpoints).map(([name, url]) => [otherNames[name] ?? name, url]);
  return {
    endpoints,
    region,
    accountId,
    registry,
    config: {
      "aws:region": region,
      "aws:accessKey": "test",
      "aws:secretKey": "test",
      "aws:skipCredentialsValidation": true,
      "aws:skipRequestingAccountId": false,
      "aws:skipMetadataApiCheck": true,
      "aws:endpoints": [Object.fromEntries(official)],
    },
  };
}

/**
 * The emulators as services. Whoever reaches them can start containers, so they listen on Unix sockets that only this
 * user can open, and the fronts listen on the ports. Python ignores a `-X` option that it doesn't know: there the argument stands
 * by which a service is found.
 */
function emulators(python: string, dockerHost: string): Service[] {
  const marked = (name: string) => ["-X", marker(name)];
  return [
    {
      name: "the AWS emulator ministack",
      command: python,
      args: [...marked("ministack"), ministackMain],
      marker: marker("ministack"),
      env: {
        ...settingsOf("ministack"),
        MULTIARCH_SOCKET: socketOf("ministack"),
        IOT_MTLS_ENABLED: "0",
        SFTP_ENABLED: "0",
        MINISTACK_ACCOUNT_ID: accountId,
        DOCKER_HOST: dockerHost,
      },
      healthy: () => answers(socketOf("ministack"), "/_ministack/health"),
    },
    {
      name: "the AWS emulator moto",
      command: python,
      args: [...marked("moto"), "-m", "moto.server", "-H", `unix://${socketOf("moto")}`],
      marker: marker("moto"),
      env: settingsOf("moto"),
      healthy: () => answers(socketOf("moto"), "/moto-api/data.json"),
    },
  ];
}

const socketOf = (name: string) => stateDir("aws", `${name}.sock`);
const marker = (name: string) => `multiarch=${stateDir("aws", name)}`;
const front = () =>
  frontService("the AWS emulator's registry front", stateDir("aws", "front.json"));

/** The user's own settings for AWS are none of an emulator's business. */
const settingsOf = (name: string): NodeJS.ProcessEnv => ({
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_SESSION_TOKEN: "",
  AWS_PROFILE: undefined,
  AWS_DEFAULT_REGION: region,
  AWS_REGION: region,
  TMPDIR: ensureDir(stateDir("aws", name)),
});

function answers(socketPath: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path, timeout: 3_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/** Whether the emulators run already, with what they hold. */
export function awsRuns(): boolean {
  return emulatorNames.every((name) => findProcesses(marker(name), "python").length > 0);
}

/** Stops the emulators, and with them all that they hold. Gives whether any ran. */
export async function stopAws(): Promise<boolean> {
  const stopped = await stopService(front());
  const ended = emulatorNames.map((name) =>
    stopService({ marker: marker(name), command: "python" }),
  );
  return (await Promise.all(ended)).includes(true) || stopped;
}
