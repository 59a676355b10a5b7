import { createHash } from "node:crypto";
import { normalisePlatform } from "../platform";
import { parseObject } from "../registry/attempt";
import { type Access, type Options as Patience, Registry } from "../registry/client";
import { Refusal } from "../errors";
import { digestPattern } from "../registry/reference";

/** Patience, and what is read of an index. */
export interface Options extends Patience {
  /** Platforms whose images are read. @default all */
  readonly platforms?: readonly string[];
  /** Images that are read besides. */
  readonly digests?: readonly string[];
}

/** A platform as manifests and configurations write it. */
export interface Platform {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
}

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor {
  readonly digest: string;
  readonly mediaType?: string;
  readonly size?: number;
  readonly urls?: readonly string[];
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** How a container is started (https://github.com/opencontainers/image-spec/blob/main/config.md). */
export interface RuntimeConfig {
  readonly Entrypoint?: readonly string[] | string | null;
  readonly Cmd?: readonly string[] | string | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string;
}

/** One platform's image, as the registry holds it. */
export interface HeldImage {
  readonly platform: string;
  readonly digest: string;
  /** Compressed bytes: layers and configuration. */
  readonly size: number;
  readonly config: RuntimeConfig;
  /** From the base upwards. */
  readonly layers: readonly Descriptor[];
}

/** What a registry holds under a reference. */
export interface Held {
  /** `repository@sha256:…` */
  readonly reference: string;
  readonly mediaType: string;
  /** Every platform that there is, sorted. */
  readonly platforms: readonly string[];
  /** What was read, sorted by platform. */
  readonly images: readonly HeldImage[];
  /** Where it was read, for layers. */
  readonly registry: Registry;
}

/** An index or an image's manifest. */
export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  /** Its bytes, as the registry holds them. */
  readonly body: Buffer;
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** What is to be done about an image that isn't what it says. */
export const rebuild =
  "build it again, without a fixed --platform in FROM and from a base image that has the platform";

/**
 * What a registry holds under a reference: index, manifests and configurations, each checked against its digest.
 *
 * @throws Refusal with what is wrong and what to do
 */
export async function inspect(
  reference: string,
  access: Access = {},
  options: Options = {},
): Promise<Held> {
  const registry = new Registry(reference, access, options);
  const root = await readManifest(registry, registry.target);
  const children: readonly Descriptor[] = root.manifests
    ? await flatten(registry, root)
    : [{ digest: root.digest }];
  const wanted = children.filter(({ digest, platform }) => {
    if (!platform || !options.platforms) return true;
    return options.platforms.includes(spell(platform)) || options.digests?.includes(digest);
  });
  const read = await Promise.all(
    wanted.map(async ({ digest, platform }) => {
      const child = digest === root.digest ? root : await readManifest(registry, digest);
      return readImage(registry, child, platform);
    }),
  );
  const found = read.flatMap((image) => image ?? []);
  if (!root.manifests && found.length === 0)
    throw new Refusal(`${reference} is no image (${root.config?.mediaType ?? root.mediaType})`);
  // Once each, where an index lists one twice.
  const images = new Map(found.map((image) => [`${image.platform} ${image.digest}`, image]));
  const listed = children.flatMap(({ platform }) => (platform ? spell(platform) : []));
  return {
    reference: `${registry.name}@${root.digest}`,
    mediaType: root.mediaType,
    platforms: [...new Set([...listed, ...found.map(({ platform }) => platform)])].sort(),
    images: [...images.keys()].sort().flatMap((key) => images.get(key) ?? []),
    registry,
  };
}

/** One spelling of a platform; as it is written, in lower case, where it is none of Linux. */
export function spell({ os = "", architecture = "", variant = "" }: Platform): string {
  const text = [os, architecture, ...(variant === "" ? [] : [variant])].join("/");
  return normalisePlatform(text) ?? text.toLowerCase();
}

/** Whether an index's child is a statement about another one, and no image (https://docs.docker.com/build/metadata/attestations/attestation-storage/). */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  Boolean(annotations?.["vnd.docker.reference.type"]) || platform?.architecture === "unknown";

/** Images of an index: no attestations; one nested level. */
async function flatten(
  registry: Registry,
  index: Manifest,
  nested = false,
): Promise<readonly Descriptor[]> {
  const lists = (index.manifests ?? []).map(async (child) => {
    const { mediaType = "" } = child;
    if (isAttestation(child)) return [];
    if (!/index|manifest\.list/.test(mediaType)) return [child];
    if (nested) throw new Refusal(`${index.digest} nests indexes deeper than engines follow`);
    return flatten(registry, await readManifest(registry, child.digest), true);
  });
  return (await Promise.all(lists)).flat();
}

/** Undefined: no image. */
async function readImage(
  registry: Registry,
  { config, digest, layers }: Manifest,
  listed: Platform | undefined,
): Promise<HeldImage | undefined> {
  if (!config || !Array.isArray(layers) || !/image/.test(config.mediaType ?? "image"))
    return undefined;
  const found = await readJson(registry, "blobs", config.digest);
  if (!found.os || !found.architecture) return undefined;
  // Old builders wrote the variant into the list only: a config without one doesn't contradict it.
  const platform = spell({ ...found, variant: found.variant || listed?.variant });
  if (listed && spell(listed) !== platform)
    throw new Refusal(
      `${registry.name}@${digest} is listed as ${spell(listed)}, but its config says ${platform}: ${rebuild}`,
    );
  const blobs = [config, ...(layers as readonly Descriptor[])];
  const size = blobs.reduce((sum, blob) => sum + (Number(blob?.size) || 0), 0);
  return { platform, digest, size, config: found.config ?? {}, layers };
}

/**
 * What a registry holds under a digest or tag, checked to be what it says.
 *
 * @throws Refusal with what is wrong and what to do
 */
export async function readManifest(registry: Registry, target: string): Promise<Manifest> {
  const manifest = await readJson(registry, "manifests", target);
  const { manifests, config } = manifest;
  const named: unknown = manifests ?? [config];
  const good =
    Array.isArray(named) && named.every((blob) => digestPattern.test(blob?.digest ?? ""));
  if (good && !(manifests && config)) return manifest;
  throw new Refusal(
    `${registry.name}: ${target} is no image or index of OCI or Docker schema 2: build and push it again`,
  );
}

/** With its digest checked. */
async function readJson(registry: Registry, kind: "manifests" | "blobs", target: string) {
  const wait = kind === "manifests" ? registry.options.wait : 0;
  const answer = await registry.get(`${kind}/${target}`, wait);
  const { status, headers, body, url } = answer;
  if (status !== 200) throw await registry.refusal(target, answer);
  const full = `${registry.name}${digestPattern.test(target) ? "@" : ":"}${target}`;
  const given = `what ${url.host} gave for ${full}`;
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  if (digest !== target && digestPattern.test(target))
    throw new Refusal(`${given} is ${digest}: its storage, or a proxy before it, is broken`);
  const value = parseObject(body);
  if (!value) throw new Refusal(`${given} isn't JSON: is this a registry?`);
  return kind === "blobs" ? value : { mediaType: headers["content-type"], ...value, digest, body };
}
