import { createHash } from "node:crypto";
import { posix } from "node:path";
import { isFields } from "../check";
import { normalisePlatform } from "../platform";
import { eachOf, parseObject } from "../registry/attempt";
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
  /** The paths of the volumes that it declares. */
  readonly volumes: readonly string[];
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

/** Bounds: engines take 127 layers, and the largest indexes list some 30 images. */
export const mostChildren = 1000;
const mostLayers = 500;
/** Volumes that are reported, and characters of their paths. */
const mostVolumes = 16;
const longestVolume = 200;

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
  // The platforms under which each image is listed.
  const wanted = new Map<string, (Platform | undefined)[]>();
  for (const { digest, platform } of children) {
    const asked =
      !platform ||
      !options.platforms ||
      options.platforms.includes(spell(platform)) ||
      options.digests?.includes(digest);
    if (asked) wanted.set(digest, [...(wanted.get(digest) ?? []), platform]);
  }
  const read = await eachOf([...wanted], async ([digest, listed]) => {
    const child = digest === root.digest ? root : await readManifest(registry, digest);
    return readImage(registry, child, listed);
  });
  const found = read.flat();
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
  Boolean(annotations?.[referenceType]) || platform?.architecture === "unknown";

const referenceType = "vnd.docker.reference.type";

/** Images of an index: no attestations; one nested level, each index once. */
async function flatten(
  registry: Registry,
  index: Manifest,
  nested = false,
): Promise<readonly Descriptor[]> {
  const children = (index.manifests ?? []).filter((child) => !isAttestation(child));
  const isIndex = ({ mediaType = "" }: Descriptor) => /index|manifest\.list/.test(mediaType);
  const indexes = new Set(children.filter(isIndex).map(({ digest }) => digest));
  if (nested && indexes.size > 0)
    throw new Refusal(`${index.digest} nests indexes deeper than engines follow`);
  const below = await eachOf([...indexes], async (digest) =>
    flatten(registry, await readManifest(registry, digest), true),
  );
  const images = [...children.filter((child) => !isIndex(child)), ...below.flat()];
  checkCount(registry, index.digest, images);
  return images;
}

/** @throws Refusal where there are more than any index lists */
export function checkCount(registry: Registry, digest: string, children: readonly unknown[]): void {
  if (children.length > mostChildren)
    throw new Refusal(
      `${registry.name}@${digest} lists ${children.length} manifests, and at most ${mostChildren} are read. Push a smaller index`,
    );
}

/** One for each platform under which it is listed; none where it isn't an image. */
async function readImage(
  registry: Registry,
  { config, digest, layers }: Manifest,
  listed: readonly (Platform | undefined)[],
): Promise<HeldImage[]> {
  if (!config || !layers || !/image/.test(config.mediaType ?? "image")) return [];
  const found = await readConfig(registry, config.digest);
  if (!found.os || !found.architecture) return [];
  const size = [config, ...layers].reduce((sum, blob) => sum + (blob.size ?? 0), 0);
  return listed.map((one) => {
    // Old builders wrote the variant into the list only: a config without one doesn't contradict it.
    const platform = spell({ ...found, variant: found.variant || one?.variant });
    if (one && spell(one) !== platform)
      throw new Refusal(
        `${registry.name}@${digest} is listed as ${spell(one)}, but its config says ${platform}: ${rebuild}`,
      );
    return { platform, digest, size, config: found.config, volumes: found.volumes, layers };
  });
}

/** An image's configuration, checked against its digest and for the types of what is used. */
export async function readConfig(
  registry: Registry,
  digest: string,
): Promise<Platform & Pick<HeldImage, "config" | "volumes">> {
  const { value } = await readJson(registry, "blobs", digest);
  const { os, architecture, variant } = value;
  const { Entrypoint, Cmd, Env, WorkingDir, Volumes } = Object(value.config ?? {});
  const isText = (one: unknown) => typeof (one ?? "") === "string";
  const isList = (list: unknown) => !list || (Array.isArray(list) && list.every(isText));
  const good =
    isPlatform({ os, architecture, variant }) &&
    [Entrypoint, Cmd].every((words) => isText(words) || isList(words)) &&
    isList(Env) &&
    isText(WorkingDir);
  const volumes = Object.keys(isFields(Volumes) ? Volumes : {})
    .filter((path) => path.length <= longestVolume)
    .map((path) => posix.resolve("/", path))
    .slice(0, mostVolumes)
    .sort();
  const config = { Entrypoint, Cmd, Env, WorkingDir };
  if (good) return { os, architecture, variant, config, volumes };
  throw new Refusal(
    `${registry.name}: the configuration ${digest} is not valid: platform, Entrypoint, Cmd, Env and WorkingDir must have the types of the OCI specification. Build and push the image again`,
  );
}

/** Whether it has the form of a platform; what isn't stated may be null. */
function isPlatform(value: unknown): value is Platform {
  const { os, architecture, variant } = Object(value);
  return [os, architecture, variant].every(
    (part) => typeof (part ?? "") === "string" && /^[\w.-]{0,32}$/.test(part ?? ""),
  );
}

/** The descriptor in a manifest's JSON; undefined where it isn't one. */
function descriptorOf(value: unknown): Descriptor | undefined {
  const { digest, mediaType, size, urls, platform, annotations } = Object(value);
  const good =
    typeof digest === "string" &&
    digestPattern.test(digest) &&
    (mediaType === undefined || (typeof mediaType === "string" && mediaType.length < 256)) &&
    (size === undefined || (Number.isSafeInteger(size) && size >= 0)) &&
    isPlatform(platform ?? {});
  if (!good) return undefined;
  const type: unknown = annotations?.[referenceType];
  const { os, architecture, variant } = Object(platform ?? {});
  return {
    ...{ digest, mediaType, size, urls: Array.isArray(urls) ? urls.slice(0, 1) : undefined },
    ...(platform && { platform: { architecture, os, ...(variant && { variant }) } }),
    ...(type ? { annotations: { [referenceType]: "set" } } : {}),
  };
}

/**
 * What a registry holds under a digest or tag, checked to be what it says.
 *
 * @throws Refusal with what is wrong and what to do
 */
export async function readManifest(registry: Registry, target: string): Promise<Manifest> {
  const { value, type, digest, body } = await readJson(registry, "manifests", target);
  const { mediaType = type, manifests, config, layers } = value;
  const listed = descriptorsOf(manifests ?? [config]);
  const below = descriptorsOf(layers ?? []);
  if (!listed || !below || typeof mediaType !== "string" || (manifests && config))
    throw new Refusal(
      `${registry.name}: ${target} is no image or index of OCI or Docker schema 2: build and push it again`,
    );
  if (manifests) {
    checkCount(registry, digest, listed);
    return { digest, mediaType, body, manifests: listed };
  }
  if (below.length > mostLayers)
    throw new Refusal(
      `${registry.name}@${digest} has ${below.length} layers, and at most ${mostLayers} are read: ${rebuild}`,
    );
  return { digest, mediaType, body, config: listed[0], layers: layers && below };
}

/** Undefined where one of them isn't a descriptor. */
function descriptorsOf(list: unknown): Descriptor[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const found = list.flatMap((value) => descriptorOf(value) ?? []);
  return found.length === list.length ? found : undefined;
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
  if (!value)
    throw new Refusal(
      `${given} isn't JSON: is this a registry? JSON of more than 250,000 values is not read`,
    );
  return { value, type: headers["content-type"], digest, body };
}
