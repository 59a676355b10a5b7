import { createContext, Script } from "node:vm";
import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";

/** A step of a pipeline. */
export type Decoder =
  NodeJS.ReadWriteStream | ((source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>);

/** Bytes of memory that unpacking a frame may take. Builders use 8 MiB, and 32 MiB for their best compression. */
const largestWindow = 32 << 20;
/**
 * CPU time that the decoder can take, in seconds, besides 1 s for each MiB that it unpacks, and the time for one block. It has no limits
 * of its own: a block of 20 bytes can take 20 s.
 */
const mostSeconds = 3;
const mostSecondsOfBlock = 3;

/**
 * How a layer is unpacked, told by its first bytes: media types are wrong too often. Undefined: by nothing, it is a tar.
 *
 * @throws Error where it is packed in a way that no container engine of today reads
 */
export function decoderFor(first: Buffer): Decoder | undefined {
  const magic = first.length < 4 ? 0 : first.readUInt32LE(0);
  if ((magic & 0xffff) === 0x8b1f) return createGunzip();
  if (magic === zstdMagic || magic >>> 4 === skippableMagic) return unzstd;
  if (first.subarray(257, 262).toString() === "ustar" || first.every((byte) => byte === 0))
    return undefined;
  throw new Error("it is no tar, and packed by neither gzip nor zstd");
}

const zstdMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a5;
const largestBlock = 128 << 10;

/**
 * Node 20 has no zstd. Block by block, because the decoder takes the memory that each frame states, and moves all of it for each block
 * (https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames).
 */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const ready: Buffer[] = [];
  let unpacked = 0;
  let microseconds = 0;
  const zstd = new Decompress((data) => {
    unpacked += data.length;
    ready.push(Buffer.from(data.buffer, data.byteOffset, data.length));
  });
  const read = reader(source);
  // Only a script that runs apart can be interrupted.
  const apart = createContext({ push: (bytes: Buffer) => zstd.push(bytes), bytes: undefined });
  const push = new Script("push(bytes)");
  /** So many bytes, which the decoder gets too. */
  const take = async (count: number, least = count) => {
    const bytes = await read(count);
    if (bytes.length < least) throw new Error("it ends early");
    const before = process.cpuUsage();
    if (bytes.length > 4) {
      apart.bytes = bytes;
      try {
        push.runInContext(apart, { timeout: mostSecondsOfBlock * 1000 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        throw new Error(`unpacking a block takes more than ${mostSecondsOfBlock} s`, {
          cause: error,
        });
      }
    } else zstd.push(bytes);
    const { user, system } = process.cpuUsage(before);
    microseconds += user + system;
    if (microseconds / 1e6 > mostSeconds + unpacked / 2 ** 20)
      throw new Error(
        `unpacking it takes more than ${mostSeconds} s of CPU time and 1 s for each MiB`,
      );
    return bytes;
  };
  for (;;) {
    const start = await take(4, 0);
    if (start.length < 4) break;
    const magic = start.readUInt32LE();
    if (magic >>> 4 === skippableMagic) {
      let left = (await take(4)).readUInt32LE();
      for (; left > 0; left -= largestBlock) await take(Math.min(left, largestBlock));
      continue;
    }
    const [flags = 0] = await take(1);
    const single = (flags & 0x20) !== 0;
    const [window = 0] = await take(single ? 0 : 1);
    await take([0, 1, 2, 4][flags & 3]!);
    const content = await take([single ? 1 : 0, 2, 4, 8][flags >> 6]!);
    const base = 2 ** (10 + (window >> 3));
    const size = single ? sizeIn(content) : base + (base / 8) * (window & 7);
    if (size > largestWindow)
      throw new Error(
        `unpacking it takes ${Math.round(size / 2 ** 20)} MiB of memory, and at most ${largestWindow >> 20} MiB are used`,
      );
    for (let last = false; !last;) {
      const block = (await take(3)).readUIntLE(0, 3);
      last = (block & 1) === 1;
      if (block >> 3 > largestBlock) throw new Error("it is not valid zstd");
      await take(((block >> 1) & 3) === 1 ? 1 : block >> 3);
      yield* ready.splice(0);
    }
    await take(flags & 4);
  }
  zstd.push(new Uint8Array(0), true);
  yield* ready;
}

/** The content size of a frame (https://www.rfc-editor.org/rfc/rfc8878#name-frame_content_size). */
function sizeIn(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** Reads so many bytes of a source at a time. */
function reader(source: AsyncIterable<Buffer>): (count: number) => Promise<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return async (count) => {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; left -= parts.at(-1)!.length) {
      if (rest.length === 0) {
        const { value, done } = await chunks.next();
        if (done) break;
        rest = value;
      }
      parts.push(rest.subarray(0, left));
      rest = rest.subarray(left);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  };
}
