import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";

/** A step of a pipeline. */
export type Decoder =
  NodeJS.ReadWriteStream | ((source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>);

/** zstd's own limit for what nobody asked more memory for. */
const largestWindow = 128 << 20;

/**
 * How a layer is unpacked, told by its first bytes: media types are wrong too often. Undefined: by nothing, it is a tar.
 *
 * @throws Error where it is packed in a way that no container engine of today reads
 */
export function decoderFor(first: Buffer): Decoder | undefined {
  const magic = first.length < 4 ? 0 : first.readUInt32LE(0);
  if ((magic & 0xffff) === 0x8b1f) return createGunzip();
  if (magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5) {
    checkWindow(first);
    return unzstd;
  }
  if (first.subarray(257, 262).toString() === "ustar" || first.every((byte) => byte === 0))
    return undefined;
  throw new Error("it is no tar, and packed by neither gzip nor zstd");
}

/** Node 20 has no zstd. In small pieces, for a block of four bytes may stand for 128 KiB. */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  const zstd = new Decompress((data) =>
    ready.push(Buffer.from(data.buffer, data.byteOffset, data.length)),
  );
  const take = () => {
    const given = ready;
    ready = [];
    return given;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += 1024) {
      zstd.push(chunk.subarray(at, at + 1024));
      yield* take();
    }
  }
  zstd.push(new Uint8Array(0), true);
  yield* take();
}

/** https://www.rfc-editor.org/rfc/rfc8878#name-window-descriptor */
function checkWindow(first: Buffer): void {
  const [flags = 0, window = 0] = first.subarray(4, 6);
  if (first.readUInt32LE(0) !== 0xfd2fb528 || flags & 0x20) return;
  const base = 2 ** (10 + (window >> 3));
  const size = base + (base / 8) * (window & 7);
  if (size > largestWindow)
    throw new Error(`unpacking it takes ${Math.round(size / 2 ** 20)} MiB of memory`);
}
