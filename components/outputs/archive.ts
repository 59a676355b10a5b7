import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, pack, type Pack } from "tar-stream";
import { eachOf } from "../registry/attempt";
import { type Access, Registry } from "../registry/client";
import { Refusal } from "../errors";
import {
  checkCount,
  type Descriptor,
  isAttestation,
  type Manifest,
  readConfig,
  readManifest,
  spell,
} from "../verification/inspect";

/** What is written. */
export interface ArchiveRequest {
  /** `repository@sha256:…` of an index or an image. */
  readonly reference: string;
  readonly access?: Access;
  /** One platform alone, with no index around it. @default all that there is, attestations included */
  readonly platform?: string;
  /** `web:latest`: what engines call it. */
  readonly name: string;
  /** Whether every version of `docker load` reads it, too. */
  readonly docker: boolean;
  /** Milliseconds until it is given up. @default 6 hours */
  readonly limit?: number;
}

/** A manifest, and how an index lists it. */
interface Read {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

/** An entry of Docker's own manifest.json. */
interface DockerImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/**
 * Writes an image to a tar stream, as an OCI image layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md):
 * what it holds is exactly what the registry holds, layers untouched.
 *
 * @throws Refusal where the registry lacks it, or gives something else
 */
export async function writeArchive(request: ArchiveRequest, to: Writable): Promise<void> {
  const { reference, access, name, platform, limit = 6 * 60 * 60_000 } = request;
  const registry = new Registry(reference, access, { total: 30 * 60_000 });
  const whole = await readRoot(registry);
  const read = await children(registry, whole);
  const root = platform === undefined ? whole : imageOf(platform, whole, read);
  const manifests = platform === undefined ? [whole, ...read] : [root];
  const images = manifests.filter(({ manifest }) => manifest.config && manifest.layers);
  const tar = pack();
  const written = pipeline(tar, to);
  const write = async () => {
    await addText(tar, "index.json", layoutIndex(root.descriptor, name));
    await addText(tar, "oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    if (request.docker) {
      const list = images.filter((image) => !isAttestation(image.descriptor));
      await addText(tar, "manifest.json", JSON.stringify(await dockerImages(registry, list, name)));
    }
    const added = new Set<string>();
    for (const { descriptor, manifest } of manifests) {
      if (added.has(descriptor.digest)) continue;
      added.add(descriptor.digest);
      await addText(tar, blobPath(descriptor.digest), manifest.body);
    }
    for (const blob of images.flatMap(({ manifest }) => [manifest.config!, ...manifest.layers!])) {
      if (added.has(blob.digest)) continue;
      added.add(blob.digest);
      await addBlob(tar, registry, blob);
    }
    tar.finalize();
  };
  const late = new Refusal(
    `reading ${reference} took more than ${limit / 60_000} minutes. Run it again closer to the registry`,
  );
  const timer = setTimeout(() => tar.destroy(late), limit);
  // Whichever fails first ends both.
  await Promise.all([
    written,
    write().catch((error: Error) => {
      tar.destroy(error);
      throw error;
    }),
  ]).finally(() => clearTimeout(timer));
}

/** What an archive holds. */
export interface Archived {
  readonly digest: string;
  readonly name: string;
  readonly docker: boolean;
}

/** What an archive of ours was written for; undefined where there is none, or it is something else. */
export async function archived(file: string): Promise<Archived | undefined> {
  if (!existsSync(file)) return undefined;
  const entries = extract();
  const source = createReadStream(file);
  source.on("error", (error) => entries.destroy(error)).pipe(entries);
  let root: Descriptor | undefined;
  try {
    for await (const entry of entries) {
      const { name, size = 0 } = entry.header;
      // These come first, in this order; what isn't ours isn't read to its end.
      if (name === "index.json" && size < 100_000) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
        const { manifests } = JSON.parse(Buffer.concat(chunks).toString()) as {
          manifests: Descriptor[];
        };
        root = manifests[0];
      } else if (name === "oci-layout" && root) entry.resume();
      else if (root)
        return {
          digest: root.digest,
          name: root.annotations?.[fullName]?.replace("docker.io/library/", "") ?? "",
          docker: name === "manifest.json",
        };
      else return undefined;
    }
  } catch {
    // Not a tarball, or a broken one.
  } finally {
    source.destroy();
    entries.destroy();
  }
  return undefined;
}

/** The annotation by which containerd's and Docker's archives name an image. */
const fullName = "io.containerd.image.name";

/** The digests by which an engine may know one platform's image: classic stores name it by its configuration, containerd's by its manifest. */
export async function idsOf(
  reference: string,
  platform: string,
  access?: Access,
): Promise<readonly string[]> {
  const registry = new Registry(reference, access);
  const whole = await readRoot(registry);
  const { descriptor, manifest } = imageOf(platform, whole, await children(registry, whole));
  return [descriptor.digest, manifest.config!.digest];
}

/** All that an index lists, nested indexes included. Each digest is read once. */
async function children(registry: Registry, { manifest }: Read): Promise<readonly Read[]> {
  const found: Read[] = [];
  const known = new Map<string, Manifest>();
  for (let level = manifest.manifests ?? []; level.length > 0;) {
    checkCount(registry, manifest.digest, [...found, ...level]);
    const fresh = new Set(level.map(({ digest }) => digest).filter((digest) => !known.has(digest)));
    const read = await eachOf([...fresh], (digest) => readManifest(registry, digest));
    for (const one of read) known.set(one.digest, one);
    found.push(
      ...level.map((child) => ({ descriptor: child, manifest: known.get(child.digest)! })),
    );
    level = read.flatMap(({ manifests = [] }) => manifests);
  }
  return found;
}

function imageOf(platform: string, whole: Read, read: readonly Read[]): Read {
  if (whole.manifest.config) return whole;
  const found = read.find(
    ({ descriptor }) => descriptor.platform && spell(descriptor.platform) === platform,
  );
  if (found?.manifest.config) return found;
  throw new Refusal(`${whole.descriptor.digest} lists no image for ${platform}`);
}

async function readRoot(registry: Registry): Promise<Read> {
  const manifest = await readManifest(registry, registry.target);
  const { mediaType, digest, body } = manifest;
  return { descriptor: { mediaType, digest, size: body.length }, manifest };
}

function layoutIndex({ mediaType, digest, size, platform }: Descriptor, name: string): string {
  // Both annotations are what containerd's and Docker's own archives have, and what their readers look for.
  const annotations = {
    [fullName]: name.includes("/") ? name : `docker.io/library/${name}`,
    "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
  };
  const root = { mediaType, digest, size, ...(platform && { platform }), annotations };
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" };
  return JSON.stringify({ ...index, manifests: [root] });
}

async function dockerImages(
  registry: Registry,
  images: readonly Read[],
  name: string,
): Promise<DockerImage[]> {
  return eachOf(images, async ({ manifest }) => {
    const config = manifest.config!.digest;
    const { architecture, variant } = await readConfig(registry, config);
    return {
      Config: blobPath(config),
      RepoTags: [images.length === 1 ? name : `${name}-${architecture}${variant ?? ""}`],
      Layers: manifest.layers!.map(({ digest }) => blobPath(digest)),
    };
  });
}

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

/** Always the same, so that an image has one archive. */
const header = { mode: 0o644, mtime: new Date(0) };

async function addText(tar: Pack, name: string, content: string | Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    tar.entry({ ...header, name }, content, (error) => (error ? reject(error) : resolve()));
  });
}

/** From the registry into the archive, at the archive's pace. */
async function addBlob(
  tar: Pack,
  registry: Registry,
  { digest, size = 0 }: Descriptor,
): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  const wrongSize = () =>
    new Refusal(
      `${registry.host} sent ${bytes > size ? "more" : "fewer"} than the ${size} bytes that the manifest states for ${digest}. Push the image again`,
    );
  await pipeline(
    await registry.stream(digest),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        if ((bytes += chunk.length) > size) throw wrongSize();
        yield chunk;
      }
      if (bytes < size) throw wrongSize();
    },
    tar.entry({ ...header, name: blobPath(digest), size }) as unknown as Writable,
  );
  if (`sha256:${hash.digest("hex")}` !== digest)
    throw new Refusal(
      `what ${registry.host} gave for ${digest} is something else: its storage, or a proxy before it, is broken`,
    );
}
