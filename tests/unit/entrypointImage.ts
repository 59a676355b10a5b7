/** Images made of a few files, in a fake registry. */
import { gzipSync } from "node:zlib";
import { pack, type Headers } from "tar-stream";
import { readCode } from "../../components/verification/code";
import { inspect, type RuntimeConfig } from "../../components/verification/inspect";
import { types, type Descriptor, type FakeRegistry, type Platform } from "./fakeRegistry";

export const amd64 = { os: "linux", architecture: "amd64" };
export const arm64 = { os: "linux", architecture: "arm64" };
/** Of what may be read, in no test's way. */
export const limits = { bytes: 2 ** 31, total: 60_000 };
/** Bytes of a large layer. */
export const plenty = 32 << 20;

/** A file of a layer: its content, or a whole header. */
export type Files = Readonly<
  Record<string, string | Buffer | (Partial<Headers> & { text?: string })>
>;

/** The beginning of a program: ELF's header, and a segment with the path of its dynamic loader if one is given. */
export function elf(machine: number, bits: 32 | 64 = 64, little = true, loader = ""): Buffer {
  const header = Buffer.alloc(512);
  const wide = bits === 64;
  const half = (value: number, at: number) =>
    little ? header.writeUInt16LE(value, at) : header.writeUInt16BE(value, at);
  const word = (value: number, at: number) =>
    little ? header.writeUInt32LE(value, at) : header.writeUInt32BE(value, at);
  const long = (value: number, at: number) => word(value, wide && !little ? at + 4 : at);
  header.write("\x7fELF", "latin1");
  header[4] = bits / 32;
  header[5] = little ? 1 : 2;
  half(machine, 18);
  if (loader === "") return header;
  const size = wide ? 56 : 32;
  long(64, wide ? 32 : 28); // after a segment that is another one
  half(size, wide ? 54 : 42);
  half(2, wide ? 56 : 44);
  word(1, 64);
  word(3, 64 + size);
  long(300, 64 + size + (wide ? 8 : 4));
  long(loader.length + 1, 64 + size + (wide ? 32 : 16));
  header.write(loader, 300);
  return header;
}

export const x86 = elf(62);
export const arm = elf(183);

/** A file that isn't in the tar, with a name of its own. */
export const gone = (name: string) => ({ [name.replace(/([^/]+)$/, ".wh.$1")]: "" });
export const symlink = (linkname: string) => ({ type: "symlink" as const, linkname });
export const hardlink = (linkname: string) => ({ type: "link" as const, linkname });
export const folder = { type: "directory" as const };

/** A layer's tar, files in the order given. */
export async function tar(files: Files): Promise<Buffer> {
  const packed = pack();
  for (const [name, given] of Object.entries(files)) {
    const plain = typeof given === "string" || Buffer.isBuffer(given);
    const { text = "", ...header } = plain ? { text: given } : given;
    packed.entry({ name, mode: 0o755, mtime: new Date(0), ...header }, text as string);
  }
  packed.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packed) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A zstd frame of uncompressed blocks (RFC 8878, 3.1.1.2). */
export function zstdFrame(content: Buffer, window = 0x38): Buffer {
  const blocks: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window])];
  for (let at = 0; at < content.length; at += 128 << 10) {
    const block = content.subarray(at, at + (128 << 10));
    const header = Buffer.alloc(3);
    const last = at + block.length === content.length ? 1 : 0;
    header.writeUIntLE((block.length << 3) | last, 0, 3);
    blocks.push(header, block);
  }
  return Buffer.concat(blocks);
}

/** How layers are stored. */
export type Packing = (content: Buffer) => Buffer;

/** Stores an image, its layers from the base upwards; gives its descriptor and those of the layers. */
export async function storeImage(
  registry: FakeRegistry,
  platform: Platform,
  config: RuntimeConfig,
  layers: readonly (Files | Descriptor)[],
  packing: Packing = (content) => gzipSync(content),
): Promise<Descriptor & { layers: Descriptor[] }> {
  const stored: Descriptor[] = [];
  for (const layer of layers)
    stored.push(
      "digest" in layer
        ? (layer as Descriptor)
        : registry.blob(types.layer, packing(await tar(layer as Files))),
    );
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: registry.blob(types.config, JSON.stringify({ ...platform, config })),
    layers: stored,
  };
  return { ...registry.manifest(types.manifest, manifest), platform, layers: stored };
}

/** The path under which the registry serves a blob. */
export const blobPath = ({ digest }: Descriptor) => `/v2/app/blobs/${digest}`;

/** Reads what an index, or one image, starts. */
export async function readFrom(
  registry: FakeRegistry,
  digest: string,
  given = limits,
  idle = 30_000,
) {
  const options = { total: 3000, request: 1000, idle };
  const held = await inspect(registry.reference(digest), {}, options);
  const without = 'set verify.depth to "manifest"';
  const { codes, ...rest } = await readCode(held.images, held.registry, without, given);
  return { ...rest, code: held.images.map((image) => codes.get(image.digest)?.code) };
}

/** What one image for linux/amd64 comes to: the file that it starts, or what is said of it. */
export async function outcomeOf(
  registry: FakeRegistry,
  config: RuntimeConfig,
  layers: readonly Files[],
  packing?: Packing,
) {
  const { digest } = await storeImage(registry, amd64, config, layers, packing);
  const { code, warnings } = await readFrom(registry, digest);
  return warnings[0] ?? code[0]?.file;
}

/** What work is refused with. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error("nothing was refused");
  return (error as Error).message;
}
