import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { ensureBaseImage } from "./baseImage";
import {
  builderName,
  ensureBuildkit,
  ensureContainerBuilder,
  ensureDockerSettings,
  ensureRemoteBuilder,
} from "./buildkit";
import { ensureCertificates } from "./certificates";
import { ensureEngine } from "./docker";
import { LocalError } from "./errors";
import { acquireLock } from "./lock";
import type { Log } from "./log";
import {
  cacheDir,
  checkout,
  ensureDir,
  ensurePrivateDir,
  stateDir,
  writeAtomically,
} from "./paths";
import { ensurePulumi } from "./pulumiHome";
import { ensureEmulation } from "./qemu";
import { ensureRegistry } from "./registry";
import { ensureTool, tools } from "./tools";

/** Everything that Pulumi needs to run this project on this machine. Plain data. */
export interface Environment {
  /** The variables to add for a Pulumi process. */
  readonly env: Readonly<Record<string, string>>;
  /** The Pulumi CLI. */
  readonly pulumi: string;
  /** The Docker CLI. */
  readonly docker: string;
  readonly registry: {
    /** `localhost:PORT`, what people use: HTTP and TLS on one port. */
    readonly address: string;
    /** The Unix socket of the bare registry. */
    readonly upstream: string;
    /** PEM files. */
    readonly certificate: string;
    readonly key: string;
    readonly ca: string;
  };
  /** The buildx builder's name. */
  readonly builder: string;
  /** Its address. */
  readonly buildkit: string;
  /** What the example starts from. */
  readonly baseImage: string;
  /** Whether the engine was started by the environment, so that a plain `docker` doesn't find it. */
  readonly ownEngine: boolean;
}

/** One change of the environment at a time, whichever checkout or command it comes from. */
export function lockEnvironment(log: Log): Promise<() => Promise<void>> {
  return acquireLock(`environment ${stateDir()}`, (pid) =>
    log.info(`another command (pid ${pid}) is preparing the environment; waiting`),
  );
}

/**
 * Makes sure that all of it is there and answers: tools, engine, QEMU, registry, builder, base image.
 * What is there is used; a second call takes about a second.
 */
export async function ensureEnvironment(log: Log): Promise<Environment> {
  if (process.platform !== "linux")
    throw new LocalError(
      `the embedded environment runs on Linux only, and this is ${process.platform}`,
      "it starts a builder and a registry on this machine",
      "run the tests that need none: npm test -- unit components hostile",
    );
  const release = await lockEnvironment(log);
  try {
    return await prepare(log);
  } finally {
    await release();
  }
}

async function prepare(log: Log): Promise<Environment> {
  checkPath(stateDir("buildkit", "buildkitd.sock"));
  ensurePrivateDir(stateDir());
  ensurePrivateDir(cacheDir());
  // What fails soon comes first: nobody wants to hear after ten minutes that root is needed.
  const engine = await ensureEngine(log);
  const native = process.getuid?.() === 0;
  await ensureEmulation(engine, log);
  const buildx = await ensureTool(tools.buildx, log);
  const registryProgram = await ensureTool(tools.registry, log);
  const buildkitPrograms = native ? await ensureTool(tools.buildkit, log) : undefined;
  const pulumi = await ensurePulumi(log);
  const certificates = await ensureCertificates();
  const registry = await ensureRegistry(registryProgram.registry as string, certificates, log);
  const dockerEnv = ensureDockerSettings(buildx["docker-buildx"] as string);
  const buildkit = buildkitPrograms
    ? await ensureBuildkit(buildkitPrograms, log)
    : await ensureContainerBuilder(engine.docker, dockerEnv, engine.host, log);
  if (buildkitPrograms) await ensureRemoteBuilder(engine.docker, dockerEnv, buildkit);
  const baseImage = await ensureBaseImage(
    {
      docker: engine.docker,
      builder: builderName,
      env: { ...dockerEnv, DOCKER_HOST: engine.host, SSL_CERT_FILE: certificates.bundle },
      registry: registry.address,
    },
    log,
  );
  const path = [
    ...pulumi.path,
    dirname(engine.docker),
    ...(process.env.PATH ?? "").split(delimiter),
    dirname(pulumi.command),
  ];
  return {
    env: {
      ...dockerEnv,
      PATH: [...new Set(path)].filter(Boolean).join(delimiter),
      PULUMI_HOME: pulumi.home,
      // Without the files beside each stack's, which a kill may leave empty (docs/troubleshooting.md, EOF).
      PULUMI_BACKEND_URL: `file://${ensureDir(stateDir("backend"))}?metadata=skip`,
      PULUMI_CONFIG_PASSPHRASE: passphrase(),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // Type checking takes seconds in each run, and `npm test` does it anyway.
      PULUMI_NODEJS_TRANSPILE_ONLY: "true",
      DOCKER_HOST: engine.host,
      SSL_CERT_FILE: certificates.bundle,
      NODE_EXTRA_CA_CERTS: certificates.nodeExtra,
      MULTIARCH_LOCAL: join(checkout, "local"),
    },
    pulumi: pulumi.command,
    docker: engine.docker,
    registry: {
      ...registry,
      certificate: certificates.certificate,
      key: certificates.key,
      ca: certificates.ca,
    },
    builder: builderName,
    buildkit,
    baseImage,
    ownEngine: engine.own,
  };
}

function checkPath(socket: string): void {
  if (socket.length <= 100) return;
  throw new LocalError(
    `the path ${socket} is too long for a socket`,
    "the kernel allows about a hundred characters",
    "set MULTIARCH_STATE_DIR to a shorter path",
  );
}

/** Encrypts the secrets in the state of this user's local stacks. */
export function passphrase(): string {
  const file = stateDir("passphrase");
  if (!existsSync(file)) writeAtomically(file, randomBytes(24).toString("base64url"), 0o600);
  return readFileSync(file, "utf8");
}
