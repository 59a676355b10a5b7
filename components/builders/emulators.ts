import type { BuilderArgs } from "./builderArgs";
import { remember } from "./created";
import { docker, run } from "../command";
import { type EnsurePlace, oneAtATime } from "./ensure";
import { type BuilderFacts, inspectBuilder } from "./facts";
import { slurp } from "../registry/attempt";

type Ready = Extract<BuilderFacts, { state: "ready" }>;

/** QEMU's names, where they aren't those of OCI. */
const qemuNames: Readonly<Record<string, string>> = {
  arm64: "aarch64",
  amd64: "x86_64",
  "386": "i386",
  mips64le: "mips64el",
  loong64: "loongarch64",
};

const architectureOf = (platform: string): string => platform.split("/")[1] ?? platform;

/** The name of the kernel's entry for a platform: `qemu-aarch64`. */
export const emulatorName = (platform: string): string =>
  `qemu-${qemuNames[architectureOf(platform)] ?? architectureOf(platform)}`;

/** The image that registers QEMU. It runs privileged, so a tag, which can change, is not enough; `npm run hashes` compares both. */
export const emulatorImage =
  "tonistiigi/binfmt:qemu-v10.2.3@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0";

/** What a person runs on a builder's machine. */
export const emulatorCommand = (platform: string): string =>
  `docker run --privileged --rm tonistiigi/binfmt --install ${architectureOf(platform)}`;

/** Whether the kernel under a builder can be reached from here: through its engine, or because it is this machine's own. */
export function reachesKernel({ driver, endpoints }: Pick<Ready, "driver" | "endpoints">): boolean {
  if (driver === "docker-container") return true;
  return driver === "remote" && endpoints.every((endpoint) => endpoint.startsWith("unix://"));
}

/** A container of the engine may have to be pulled first. Milliseconds. */
const limits = { command: 10_000, container: 300_000 };

/** BuildKit looks for new emulators when it is asked, but not within 20 seconds of the last look. Milliseconds. */
const noticed = { within: 25_000, every: 1000 };

/**
 * Registers QEMU for a platform with the kernel under a builder, waits until the builder offers it, and gives what it can do
 * then. Only in `up`.
 *
 * @throws where that can't be done.
 */
export function ensureEmulator(
  facts: Ready,
  platform: string,
  builder: BuilderArgs,
  place: EnsurePlace,
): Promise<BuilderFacts> {
  return oneAtATime(`${emulatorName(platform)} on ${builder.name.toLowerCase()}`, async () => {
    await register(facts, platform, builder, place);
    const end = Date.now() + noticed.within;
    for (;;) {
      const now = await inspectBuilder(builder.name);
      if (now.state === "ready" && now.platforms.includes(platform)) return now;
      if (Date.now() > end) {
        throw new Error(
          `${place.path}: builder "${builder.name}" doesn't offer ${platform}, though QEMU is registered for it; restart the builder, or name a native one`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, noticed.every));
    }
  });
}

async function register(
  facts: Ready,
  platform: string,
  builder: BuilderArgs,
  place: EnsurePlace,
): Promise<void> {
  const name = emulatorName(platform);
  const on = `for builder "${builder.name}", which looks for it every 20 seconds`;
  const engine = facts.driver === "docker-container" ? optionsOf(facts.endpoints[0]) : undefined;
  if (canRegister() && (await isThisMachine(facts, engine))) {
    if (isRegistered(name)) return place.say(`${name} is registered, waiting ${on}`);
    if ((await run("update-binfmts", ["--enable", name], limits.command)).ok) {
      remember({ kind: "emulator", name });
      return place.say(`registered ${name} with this machine's kernel ${on}`);
    }
  }
  const byHand = `run \`${emulatorCommand(platform)}\` on its machine, or name a native builder`;
  if (engine === undefined) {
    throw new Error(
      `${place.path}.installEmulators: QEMU for ${platform} can't be registered with the machine of builder "${builder.name}": that takes root, binfmt-support and qemu-user-static, here; ${byHand}`,
    );
  }
  await place.say(`registering ${name} with a privileged container of the engine ${on}`);
  const install = ["run", "--privileged", "--rm", emulatorImage, "--install"];
  const installed = await docker(
    [...engine, ...install, architectureOf(platform)],
    limits.container,
  );
  if (!installed.ok) {
    throw new Error(
      `${place.path}.installEmulators: QEMU for ${platform} can't be registered by the engine of builder "${builder.name}" (${installed.detail}); ${byHand}`,
    );
  }
  if (!/already registered/.test(installed.stdout + installed.stderr))
    remember({ kind: "emulator", name, engine });
}

/** How the Docker client is told of an engine: by its address, or by the name of a context. */
function optionsOf(endpoint: string | undefined): string[] {
  if (endpoint === undefined) return [];
  return endpoint.includes("://") ? ["--host", endpoint] : ["--context", endpoint];
}

const canRegister = (): boolean => process.platform === "linux" && process.getuid?.() === 0;

async function isThisMachine(facts: Ready, engine: string[] | undefined): Promise<boolean> {
  const [endpoint = ""] = facts.endpoints;
  if (engine === undefined || endpoint.includes("://")) return endpoint.startsWith("unix://");
  const format = "{{.Endpoints.docker.Host}}";
  const host = await docker(["context", "inspect", endpoint, "--format", format], limits.command);
  return host.stdout.trim().startsWith("unix://");
}

const isRegistered = (name: string): boolean =>
  slurp(`/proc/sys/fs/binfmt_misc/${name}`).startsWith("enabled");
