import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";

/** A step of a pipeline. */
export type Decoder =
  NodeJS.ReadWriteStream | ((source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>);

/** Bytes of memory that unpacking a frame may take. Builders use 8 MiB, and 32 MiB for their best compression. */
const largestWindow = 32 << 20;
/** Bytes that the decoder may move in its window for each byte that it unpacks, once it has moved 64 GiB. */
const mostMoves = 1024;

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

/** Node 20 has no zstd. In small pieces, for a block of four bytes may stand for 128 KiB. */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  let unpacked = 0;
  const zstd = new Decompress((data) => {
    unpacked += data.length;
    ready.push(Buffer.from(data.buffer, data.byteOffset, data.length));
  });
  const check = checker(frames(() => unpacked));
  const take = () => {
    const given = ready;
    ready = [];
    return given;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += 256) {
      const piece = chunk.subarray(at, at + 256);
      check(piece);
      zstd.push(piece);
      yield* take();
    }
  }
  zstd.push(new Uint8Array(0), true);
  yield* take();
}

/** Bytes to read next, or to skip. */
type Step = { readonly read: number } | { readonly skip: number };

/**
 * Follows the frames ahead of the decoder, which takes the memory that each of them states, and moves all of it for each block
 * (https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames).
 */
function* frames(unpacked: () => number): Generator<Step, never, Buffer> {
  for (let moved = 0; ;) {
    const magic = (yield { read: 4 }).readUInt32LE();
    if (magic >>> 4 === skippableMagic) {
      yield { skip: (yield { read: 4 }).readUInt32LE() };
      continue;
    }
    if (magic !== zstdMagic) throw new Error("it is not valid zstd");
    const [flags = 0] = yield { read: 1 };
    const single = (flags & 0x20) !== 0;
    const [window = 0] = yield { read: single ? 0 : 1 };
    yield { read: [0, 1, 2, 4][flags & 3]! };
    const content = yield { read: [single ? 1 : 0, 2, 4, 8][flags >> 6]! };
    const base = 2 ** (10 + (window >> 3));
    const size = single ? sizeIn(content) : base + (base / 8) * (window & 7);
    if (size > largestWindow)
      throw new Error(
        `unpacking it takes ${Math.round(size / 2 ** 20)} MiB of memory, and at most ${largestWindow >> 20} MiB are used`,
      );
    for (let last = false; !last;) {
      const block = (yield { read: 3 }).readUIntLE(0, 3);
      last = (block & 1) === 1;
      if (block >> 3 > 128 << 10) throw new Error("it is not valid zstd");
      moved += size;
      if (moved > 2 ** 36 && moved > mostMoves * unpacked())
        throw new Error("it has too many small blocks");
      yield { skip: ((block >> 1) & 3) === 1 ? 1 : block >> 3 };
    }
    yield { read: flags & 4 };
  }
}

/** The content size of a frame (https://www.rfc-editor.org/rfc/rfc8878#name-frame_content_size). */
function sizeIn(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** Gives the steps the bytes that they ask for. */
function checker(steps: Generator<Step, never, Buffer>): (piece: Buffer) => void {
  let step: Step = steps.next().value;
  let done = 0;
  let head: Buffer[] = [];
  return (piece) => {
    for (let at = 0; ;) {
      const wanted = "skip" in step ? step.skip : step.read;
      const part = piece.subarray(at, at + wanted - done);
      at += part.length;
      done += part.length;
      if ("read" in step) head.push(part);
      if (done < wanted) return;
      step = steps.next(Buffer.concat(head)).value;
      done = 0;
      head = [];
    }
  };
}
