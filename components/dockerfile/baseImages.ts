import { setTimeout } from "node:timers/promises";
import { normalisePlatform } from "../platform";
import { parseReference, printReference } from "../registry/reference";
import { inspect } from "../verification/inspect";
import { listOf, type Finding } from "./check";
import { buildOf, type BuildSettings, type Dockerfile } from "./stages";

/** A base image, and the platforms that it is needed for. */
export interface BaseImage {
  /** As the Dockerfile names it, with its variables put in. */
  readonly image: string;
  /** Where it is named first, counted from 1. */
  readonly line: number;
  /** Each with the planned platforms that need it: the same, unless `--platform` fixes another. */
  readonly needed: ReadonlyMap<string, readonly string[]>;
}

/** How a registry is reached: given credentials, or nothing for what Docker stored. */
export type Access = (registry: string) => { username?: string; password?: string } | undefined;

/** What a registry says of an image's platforms; undefined where it says nothing. */
export type AskPlatforms = (
  image: string,
  access: Access,
) => Promise<readonly string[] | undefined>;

/**
 * The external images that the planned platforms' builds need, of stages that are built. What a builder's own platform needs
 * (`--platform=$BUILDPLATFORM`) isn't among them, nor is what can't be told before the build.
 */
export function baseImagesOf(
  file: Dockerfile,
  platforms: readonly string[],
  settings: BuildSettings,
): BaseImage[] {
  const found = new Map<string, { line: number; needed: Map<string, string[]> }>();
  for (const planned of platforms)
    for (const { stage, base, platform, images } of buildOf(file, planned, settings)?.stages ??
      []) {
      if (platform === undefined || platform === "builder") continue;
      for (const image of [...(base.kind === "image" ? [base.image] : []), ...images]) {
        const entry = found.get(image) ?? { line: stage.line, needed: new Map<string, string[]>() };
        found.set(image, entry);
        const needing = entry.needed.get(platform) ?? [];
        entry.needed.set(platform, needing.includes(planned) ? needing : [...needing, planned]);
      }
    }
  return [...found].map(([image, entry]) => ({ image, ...entry }));
}

/** Base images that lack what is needed of them, as far as their registries say. */
export async function checkBaseImages(
  images: readonly BaseImage[],
  requiredBy: Readonly<Record<string, string>>,
  access: Access,
  ask: AskPlatforms = platformsOf,
): Promise<Finding[]> {
  const findings = images.map(async ({ image, line, needed }): Promise<Finding[]> => {
    const held = await ask(image, access);
    if (held === undefined || held.length === 0) return [];
    const lacking = [...needed.keys()].filter((platform) => !holds(held, platform));
    if (lacking.length === 0) return [];
    const planned = [...new Set(lacking.flatMap((platform) => needed.get(platform)!))];
    const who = planned.map(
      (platform) => `${platform}, for ${requiredBy[platform] ?? "platforms"}`,
    );
    return [
      {
        level: "warning",
        line,
        what: `the base image ${image} holds ${listOf(held)} and lacks ${listOf(lacking)}, which is needed (${who.join("; ")})`,
        fix: "take one that has it, or leave the platform out",
      },
    ];
  });
  return (await Promise.all(findings)).flat();
}

/** Milliseconds that a registry may take: what it doesn't say by then isn't worth waiting for. */
const patience = 5000;

/** Asks the image's registry. Configurations are read only where nothing else states the platform. */
async function platformsOf(image: string, access: Access): Promise<readonly string[] | undefined> {
  const parsed = parseReference(image);
  if (!parsed.ok) return undefined;
  const { tag, digest, registry } = parsed.reference;
  const reference = (digest ?? tag) ? parsed.reference : { ...parsed.reference, tag: "latest" };
  const ask = async () => {
    const options = { platforms: [], digests: [], total: patience };
    const { platforms } = await inspect(printReference(reference), access(registry), options);
    return platforms.flatMap((one) => normalisePlatform(one) ?? []);
  };
  // A credential helper may take its time, too.
  const late = setTimeout(patience, undefined, { ref: false });
  return Promise.race([ask().catch(() => undefined), late]);
}

/** Whether BuildKit finds a platform: the same architecture, in the same variant or a lower one. */
function holds(held: readonly string[], wanted: string): boolean {
  const parts = (platform: string) => {
    const [os, architecture, variant] = platform.split("/");
    return { name: `${os}/${architecture}`, variant: Number(variant?.slice(1) ?? 0) };
  };
  const { name, variant } = parts(wanted);
  return held.map(parts).some((one) => one.name === name && one.variant <= variant);
}
