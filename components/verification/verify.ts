import type { Access } from "../registry/client";
import type { Login } from "../registry/dockerConfig";
import { digestOf, isSameRegistry } from "../registry/reference";
import { Refusal } from "../errors";
import { type Held, inspect, type Options, rebuild } from "./inspect";

/** What the registry must hold. */
export interface Plan {
  readonly reference: string;
  readonly platforms: readonly string[];
  /** What was built for each platform, where it was built here. */
  readonly images?: Readonly<Record<string, string>>;
  /** What the index was pushed from, as `repository@sha256:…`. */
  readonly push?: { readonly sources: readonly string[] };
  /** Whether there may be nothing besides. */
  readonly exact?: boolean;
  /** Whose image it is. */
  readonly name?: string;
  /** The user's fields that ask for each platform. */
  readonly requiredBy?: Readonly<Record<string, string>>;
}

/**
 * Compares a registry with the plan.
 *
 * @param options with credentials for the registries of sources
 * @throws Refusal with every difference
 */
export async function verify(
  plan: Plan,
  access: Access = {},
  { logins = [], ...options }: Options & { readonly logins?: readonly Login[] } = {},
): Promise<Held> {
  const { reference, platforms, exact = false, push } = plan;
  const images: Record<string, string> = { ...plan.images };
  const built = Object.keys(images).length > 0;
  const held = await inspect(reference, access, {
    wait: built ? 6000 : 2000, // a registry may take a moment to show what was just pushed
    ...(exact ? {} : { platforms, digests: Object.values(images) }),
    ...options,
  });
  for (const [platform, digest] of Object.entries(images)) {
    if (held.images.some((image) => image.digest === digest)) continue;
    const source = push?.sources.find((one) => digestOf(one) === digest);
    const index = source ?? `${held.registry.name}@${digest}`;
    const own = isSameRegistry(held.registry.name, index);
    const login = own
      ? access
      : logins.filter(({ address }) => isSameRegistry(address, index)).at(-1);
    const read = inspect(index, login, options);
    const inside = await (source ? read : read.catch(() => undefined));
    images[platform] = imageIn(inside, index, platform) ?? digest;
  }
  const problems = differences({ ...plan, images }, held);
  if (problems.length > 0) throw new Refusal(...problems);
  return held;
}

/** Every difference between what a registry holds and the plan. */
export function differences(plan: Plan, held: Held): string[] {
  const { reference, platforms, images = {}, requiredBy = {}, exact = false } = plan;
  const built = Object.keys(images).length > 0;
  const again = "something else pushed it; build and push again";
  const problems = platforms.flatMap((platform) => {
    const image = images[platform];
    const own = held.images.find(({ digest }) => digest === image);
    const found = held.images.filter((other) => other.platform === platform);
    const who = requiredBy[platform] ?? plan.name;
    const fix = built
      ? "the registry dropped it, or something else pushed this index; push it again, to a registry that keeps indexes whole"
      : "build the image for it too, or deploy it on a machine of a platform it has";
    if (own && own.platform !== platform)
      return `${image} was built for ${platform}, but its config says ${own.platform}: ${rebuild}`;
    if (found.length > 1)
      return `${reference} lists ${platform} ${found.length} times, and which one runs is chance: push an index with one image for each platform`;
    if (found.length === 0)
      return `${platform} is needed${who ? ` by ${who}` : ""}; ${reference} holds ${held.platforms.join(", ") || "no image"}: ${fix}`;
    if (image && found[0]?.digest !== image)
      return `${reference} holds ${found[0]?.digest} for ${platform}, but ${image} was built: ${again}`;
    return [];
  });
  const extra = held.platforms.filter((platform) => exact && !platforms.includes(platform));
  if (extra.length > 0 && problems.length === 0)
    problems.push(`${reference} holds ${extra.join(", ")}, which isn't in the plan: ${again}`);
  return problems;
}

/** The digest of the one image in an index of it and its attestations; undefined if there is none. */
function imageIn(held: Held | undefined, reference: string, platform: string): string | undefined {
  const [image, ...others] = held?.images ?? [];
  if (others.length === 0) return image?.digest;
  throw new Refusal(
    `${reference} is to be the image for ${platform}, but holds ${held!.platforms.join(", ")}: give each platform an image of its own`,
  );
}
