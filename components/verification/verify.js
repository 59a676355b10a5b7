"use strict";
/**
 * The gate between a push and a deployment: reads an image or index from its registry and compares it with the plan.
 *
 * As a program (gate.ts puts its text together and calls `main`): settings in MULTIARCH_VERIFY,
 * MULTIARCH_REGISTRY_USERNAME and _PASSWORD; one line of JSON on stdout, or one message on stderr and exit 1.
 * Order: reading, comparing, the program.
 */
const { createHash } = require("node:crypto");
const client = require("../registry/client");
const { Refusal, Registry, parse } = client;

/** @typedef {InstanceType<typeof Registry>} Repository */
/** @typedef {import("../registry/client").Access} Access */
/** @typedef {import("../registry/client").Options & { platforms?: string[], digests?: string[] }} Options What to read: default all. */
/** @typedef {{ os?: string, architecture?: string, variant?: string }} Platform */
/** @typedef {{ digest: string, mediaType?: string, size?: number, platform?: Platform, annotations?: Record<string, string> }} Descriptor */
/** @typedef {{ digest: string, mediaType: string, manifests?: Descriptor[], config?: Descriptor, layers?: Descriptor[] }} Manifest */
/** @typedef {{ platform: string, digest: string, size: number }} PlatformImage `size`: compressed bytes of config and layers. */
/** @typedef {{ reference: string, platforms: string[], images?: Record<string, string>, exact?: boolean, name?: string, requiredBy?: Record<string, string> }} Plan */

const digestPattern = /^sha256:[a-f0-9]{64}$/;
const rebuild =
  "build it again, without a fixed --platform in FROM and from a base image that has the platform";

/** What a registry holds under a reference. @param {string} reference @param {Access} [access] @param {Options} [options] */
async function inspect(reference, access = {}, options = {}) {
  const registry = new Registry(reference, access, options);
  const root = await readManifest(registry, registry.target);
  /** @type {Descriptor[]} */
  const children = root.manifests ? await flatten(registry, root) : [{ digest: root.digest }];
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
  };
}

/** Images of an index: no attestations; one nested level. @param {Repository} registry @param {Manifest} index @returns {Promise<Descriptor[]>} */
async function flatten(registry, index, nested = false) {
  const lists = (index.manifests ?? []).map(async (child) => {
    const { annotations, platform, mediaType = "" } = child;
    if (annotations?.["vnd.docker.reference.type"] || platform?.architecture === "unknown")
      return [];
    if (!/index|manifest\.list/.test(mediaType)) return [child];
    if (nested) throw new Refusal(`${index.digest} nests indexes deeper than engines follow`);
    return flatten(registry, await readManifest(registry, child.digest), true);
  });
  return (await Promise.all(lists)).flat();
}

/** Undefined: no image. @param {Repository} registry @param {Manifest} manifest @param {Platform} [listed] */
async function readImage(registry, { config, digest, layers }, listed) {
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
  const size = [config, ...layers].reduce((sum, blob) => sum + (Number(blob?.size) || 0), 0);
  return { platform, digest, size };
}

/** @param {Repository} registry @param {string} target digest or tag @returns {Promise<Manifest>} */
async function readManifest(registry, target) {
  const manifest = await readJson(registry, "manifests", target);
  const { manifests, config } = manifest;
  const named = manifests ?? [config];
  const good =
    Array.isArray(named) && named.every((blob) => digestPattern.test(blob?.digest ?? ""));
  if (good && !(manifests && config)) return manifest;
  throw new Refusal(
    `${registry.name}: ${target} is no image or index of OCI or Docker schema 2: build and push it again`,
  );
}

/** With its digest checked. @param {Repository} registry @param {"manifests" | "blobs"} kind @param {string} target */
async function readJson(registry, kind, target) {
  const wait = kind === "manifests" ? registry.options.wait : 0;
  const { status, headers, body, url } = await registry.get(`${kind}/${target}`, wait);
  const { host, name } = registry;
  const full = `${name}${digestPattern.test(target) ? "@" : ":"}${target}`;
  const given = `what ${url.host} gave for ${full}`;
  const [, message] = /"message"\s*:\s*"([^"\\]{1,120})/.exec(body.toString("utf8", 0, 2000)) ?? [];
  const told = ` (${status}${message ? `, ${message}` : ""})`;
  if (status === 401 || status === 403) {
    const [used, fix] = denial(host, (await registry.credentials()).source);
    throw new Refusal(`${url.host} doesn't let ${name} be read, with ${used}${told}: ${fix}`);
  }
  if (status === 404)
    throw new Refusal(
      `${full} isn't in the registry${told}: it was never pushed there, or was deleted; check the reference, or build and push it again`,
    );
  if (status !== 200) {
    const fix = status === 429 ? "log in, or try again later" : "try again later";
    throw new Refusal(`${url.host} didn't give ${full}${told}: ${fix}`);
  }
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  if (digest !== target && digestPattern.test(target))
    throw new Refusal(`${given} is ${digest}: its storage, or a proxy before it, is broken`);
  const value = parse(body);
  if (!value) throw new Refusal(`${given} isn't JSON: is this a registry?`);
  return kind === "blobs" ? value : { mediaType: headers["content-type"], ...value, digest };
}

/** Which credentials weren't enough, and the fix. @param {string} host @param {string} source */
function denial(host, source) {
  const ecr = host.includes(".dkr.ecr.");
  const login = ecr
    ? `run aws ecr get-login-password | docker login --username AWS --password-stdin ${host}`
    : `run docker login ${host}`.replace(" registry-1.docker.io", "");
  if (source === "none")
    return ["no credentials", `set the registry's username and password, or ${login}`];
  if (source !== "given") return [source, `they may have expired; ${login}`];
  const fix = ecr
    ? "an ECR token lasts 12 hours; run pulumi up again, which takes a fresh one"
    : "check the registry's username and password; a token may have expired";
  return ["the credentials given", fix];
}

/** One spelling of a platform, as platform.ts, which can't be imported here, has it. @param {Platform} platform */
function spell({ os: system = "", architecture = "", variant = "" }) {
  const given = `${architecture}/${variant}`.toLowerCase();
  const name = given
    .replace(/^x86[_-]64\//, "amd64/")
    .replace(/^aarch64\//, "arm64/")
    .replace(/^i386\/.*/, "386/")
    .replace(/^armhf\/.*/, "arm/v7")
    .replace(/^armel\/.*/, "arm/v6")
    .replace(/^arm\/$/, "arm/v7")
    .replace(/^arm\/(?=[5-8]$)/, "arm/v")
    .replace(/^amd64\/v1$|^arm64\/v?8$/, (whole) => whole.slice(0, 6));
  return `${system.toLowerCase()}/${name}`.replace(/\/$/, "");
}

/** Compares a registry with the plan; throws a Refusal with every difference. @param {Plan} plan @param {Access} [access] @param {Options} [options] */
async function verify(plan, access = {}, options = {}) {
  const { reference, platforms, requiredBy = {}, exact = false } = plan;
  const images = { ...plan.images };
  const built = Object.keys(images).length > 0;
  const held = await inspect(reference, access, {
    wait: built ? 6000 : 2000, // a registry may take a moment to show what was just pushed
    ...(exact ? {} : { platforms, digests: Object.values(images) }),
    ...options,
  });
  for (const [platform, digest] of Object.entries(images)) {
    if (held.images.some((image) => image.digest === digest)) continue;
    images[platform] = await imageOf(`${held.reference.split("@")[0]}@${digest}`, platform, access);
  }
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
  if (problems.length > 0) throw new Refusal(problems.join("\n"));
  return held;
}

/** The digest of the image itself, where what was built is an index of it and its attestations. @param {string} reference @param {string} platform @param {Access} access */
async function imageOf(reference, platform, access) {
  const { images, platforms } = await inspect(reference, access).catch(() => ({
    images: [],
    platforms: [],
  }));
  const [image, ...others] = images;
  if (others.length > 0)
    throw new Refusal(
      `${reference} is to be the image for ${platform}, but holds ${platforms.join(", ")}: give each platform an image of its own`,
    );
  return image?.digest ?? reference.slice(reference.indexOf("@") + 1);
}

async function main() {
  const { env } = process;
  const plan = parse(env.MULTIARCH_VERIFY ?? "") ?? {};
  const username = env.MULTIARCH_REGISTRY_USERNAME ?? "";
  const password = env.MULTIARCH_REGISTRY_PASSWORD;
  try {
    if (typeof plan.reference !== "string" || !Array.isArray(plan.platforms))
      throw new Refusal("MULTIARCH_VERIFY must hold reference and platforms, as JSON");
    const { reference, mediaType, images } = await verify(plan, { username, password });
    process.stdout.write(`${JSON.stringify({ reference, mediaType, images })}\n`);
  } catch (error) {
    let { message } = /** @type {Error} */ (error);
    const encoded = Buffer.from(`${username}:${password}`).toString("base64");
    for (const secret of password ? [password, encoded] : [])
      message = message.replaceAll(secret, "***");
    process.stderr.write(message.replace(/^/gm, plan.name ? `${plan.name}: ` : "") + "\n");
    process.exitCode = 1;
  }
}

module.exports = { inspect, verify, spell, main, splitReference: client.splitReference };
