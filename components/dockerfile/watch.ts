import type * as pulumi from "@pulumi/pulumi";
import { plainly } from "../hooks";
import { registryIn } from "../registry/reference";
import type { Access } from "./baseImages";
import type { DockerfileRequest } from "./dockerfile";
import { log } from "../log";

/** What is looked at in an image's Dockerfile where a build of it is due. */
export interface DockerfileWatch {
  /**
   * Says what is wrong with the Dockerfile for the planned platforms, once in a run.
   *
   * @throws Error where that is an error (`verify.strict`), for each platform, so that none is built
   */
  check(inputs: BuildInputs): Promise<void>;
  /** The Dockerfile's text; undefined if it is not on this machine. */
  read(inputs: BuildInputs): Promise<string | undefined>;
  /** Says what spares the emulation, where that helps. */
  advise(inputs: BuildInputs, platform: string): Promise<void>;
}

/** The inputs of a docker-build Image, as a hook is given them: values, unknowns, and outputs where something is secret. */
export type BuildInputs = Readonly<Record<string, unknown>> | undefined;

/** What of the image's component is needed. */
export type WatchArgs = Pick<DockerfileRequest, "requiredBy" | "strict" | "path"> & {
  /** The component that messages are shown on. */
  readonly resource: pulumi.Resource;
};

/** The parser is loaded where a build is due: most runs have none, and start without it. */
const reader = () => import("./dockerfile");

/** Looks at one image's Dockerfile. All its platforms are built from the same. */
export function watchDockerfile({ resource, ...args }: WatchArgs): DockerfileWatch {
  let looked: Promise<readonly string[]> | undefined;
  const look = async (inputs: BuildInputs) => {
    const request = { ...requestOf(inputs), ...args, access: await accessOf(inputs) };
    const { errors, warnings, notes } = await (await reader()).checkDockerfile(request);
    for (const text of warnings) await log.warn(text, resource);
    for (const text of notes) await log.info(text, resource);
    return errors;
  };
  const access = () => undefined;
  return {
    async check(inputs) {
      const errors = await (looked ??= look(inputs));
      if (errors.length > 0) throw new Error(errors.join("\n"));
    },
    async read(inputs) {
      return (await reader()).sourceOf({ ...requestOf(inputs), ...args, access })?.text;
    },
    async advise(inputs, platform) {
      const request = { ...requestOf(inputs), ...args, access };
      const advice = (await reader()).adviseDockerfile(request, platform);
      if (advice !== undefined) await log.info(advice, resource);
    },
  };
}

function requestOf(inputs: BuildInputs = {}) {
  const { context, dockerfile, buildArgs, target } = inputs as {
    context?: { location?: unknown; named?: object };
    dockerfile?: { location?: unknown; inline?: unknown };
    buildArgs?: Record<string, unknown>;
    target?: unknown;
  };
  // What is decided by something unknown can't be told.
  const deciding = [context?.location, dockerfile?.location, dockerfile?.inline, target];
  if (deciding.some((value) => value !== undefined && typeof value !== "string")) return {};
  // A hook sees the inputs after the provider's Check, which fills in empty strings.
  return {
    context: known(context?.location) || undefined,
    location: known(dockerfile?.location) || undefined,
    inline: known(dockerfile?.inline) || undefined,
    target: known(target) || undefined,
    buildArgs: Object.fromEntries(
      Object.entries(buildArgs ?? {}).map(([name, value]) => [name, known(value)]),
    ),
    namedContexts: Object.keys(context?.named ?? {}),
    pull: inputs.pull === true,
  };
}

/** A text that is known; a secret one is refused elsewhere. */
function known(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The credentials that the builder is given for this build. */
async function accessOf(inputs: BuildInputs): Promise<Access> {
  const registries = await plainly(inputs?.registries);
  const given = (Array.isArray(registries) ? registries : []) as Record<string, unknown>[];
  return (registry) => {
    const entry = given.find(({ address }) => registryIn(`${String(address)}/any`) === registry);
    const [username, password] = [known(entry?.username), known(entry?.password)];
    return password === undefined ? undefined : { username, password };
  };
}
