import { isFields, under } from "../check";
import { normalisePlatform } from "../platform";
import { makePlan, type Plan, type Requirement } from "../plan";
import type { ImageArgs } from "./imageArgs";

/** Where an image comes from: built, or finished and named by one of three fields. */
export type ImageOrigin = "build" | "ref" | "sources" | "copyOf";

const always: readonly ImageOrigin[] = ["build", "ref", "sources", "copyOf"];
const build: readonly ImageOrigin[] = ["build"];
const pushed: readonly ImageOrigin[] = ["build", "sources", "copyOf"];

/** Every field of ImageArgs, and with which origins it means something. A missing one fails to compile. */
export const imageFields: Readonly<Record<keyof ImageArgs, readonly ImageOrigin[]>> = {
  ref: ["ref"],
  sources: ["sources"],
  copyOf: ["copyOf"],
  context: build,
  dockerfile: build,
  dockerfileInline: build,
  buildArgs: build,
  secrets: build,
  ssh: build,
  target: build,
  labels: build,
  namedContexts: build,
  platforms: always,
  reasons: always,
  registry: always,
  repository: always,
  pullCredentials: pushed,
  cache: build,
  builder: build,
  builders: build,
  tags: pushed,
  pull: build,
  network: build,
  extraHosts: build,
  buildOnPreview: build,
  reproducible: build,
  compression: build,
  index: build,
  attestations: build,
  verify: always,
  load: always,
  tarball: always,
};

/** Where the image comes from; the first of the fields that name it, where there are several, which is reported. */
export function originOf(args: {
  ref?: unknown;
  sources?: unknown;
  copyOf?: unknown;
}): ImageOrigin {
  return (
    (["ref", "sources", "copyOf"] as const).find((field) => args[field] !== undefined) ?? "build"
  );
}

/** The plan of an image: its platforms are those that are listed, else those of its sources, else what the targets need. */
export function planImage(args: unknown, path: string, requirements: readonly Requirement[]): Plan {
  const at = under(path);
  const { platforms, sources, reasons } = (Object(args) === args ? args : {}) as ImageArgs;
  const named = Object.keys(isFields(sources) ? sources : {}).flatMap(
    (spelling) => normalisePlatform(spelling) ?? [],
  );
  const joined = platforms === undefined && named.length > 0;
  return makePlan({
    requirements,
    platforms: joined ? [...new Set(named)] : platforms,
    platformsPath: at(joined ? "sources" : "platforms"),
    reasons,
  });
}
