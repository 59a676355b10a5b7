import { createHash, type Hash } from "node:crypto";
import { posix } from "node:path";
import { pipeline, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Entry as TarEntry, extract, type Headers } from "tar-stream";
import { BrokenOff } from "../registry/blob";
import { Refusal } from "../errors";
import { type Decoder, decoderFor } from "./decode";
import { type Head, headSize, readHead } from "./elf";

/** What lies under a path in one layer. */
export type Entry =
  /** `head` only of what may be executed. */
  | { readonly kind: "file"; readonly head?: Head }
  | { readonly kind: "symlink" | "hardlink"; readonly to: string }
  | { readonly kind: "directory" | "other" };

/** How much may be read. */
export interface Limits {
  /** Bytes of an image's layers, as they are transferred. @default 2 GiB */
  readonly bytes: number;
  /** Milliseconds for everything. @default 30 minutes */
  readonly total: number;
}

/** Why a layer can't be read. Who asked for it says how to do without. */
export class Unread extends Refusal {}

/** More than anybody wants to wait for: no fault of the image. */
export class TooMuch extends Error {}

/** What an image's layers may unpack to, however small they are: beyond that, a multiple of their size. */
const unpackedBase = 2 ** 30;
const unpackedRatio = 100;
/** Memory for the names of files, in bytes: those of some 300,000. */
const mostMemory = 64 << 20;

/** Counts what is read. */
export class Meter {
  /** Of everything. */
  bytes = 0;
  /** Bytes of memory for what all layers remember. */
  memory = 0;
  #since = 0;
  #unpacked = 0;
  readonly #until: number;

  constructor(readonly limits: Limits) {
    this.#until = Date.now() + limits.total;
  }

  /** Begins the count of another image. */
  restart(): void {
    this.#since = this.bytes;
    this.#unpacked = 0;
  }

  /** @throws TooMuch */
  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes - this.#since > this.limits.bytes)
      throw new TooMuch(`more than ${Math.round(this.limits.bytes / 2 ** 20)} MiB of layers`);
    this.tick();
  }

  /** @throws TooMuch */
  unpack(bytes: number): void {
    this.#unpacked += bytes;
    if (this.#unpacked > unpackedBase + unpackedRatio * (this.bytes - this.#since))
      throw new TooMuch(
        `layers that unpack to more than 1 GiB and ${unpackedRatio} times their size`,
      );
    this.tick();
  }

  /** @throws TooMuch */
  remember(bytes: number): void {
    this.memory += bytes;
    if (this.memory > mostMemory)
      throw new TooMuch(`the first ${mostMemory >> 20} MiB of file names`);
  }

  /** @throws Refusal when time is up */
  tick(): void {
    if (Date.now() > this.#until)
      throw new Unread(
        `reading layers took more than ${Math.round(this.limits.total / 60_000)} minutes: run pulumi up again where the registry is nearer`,
      );
  }
}

/** The longest path that Linux takes (PATH_MAX). */
export const longestPath = 4096;
/** Bytes of headers before a file. Go's reader of tar, and so every engine, takes as many for one header. */
const mostHeaders = 1 << 20;
/** Records of a PAX header. Those of a global one are copied for each file. */
const mostRecords = 1000;
/** Memory that an entry takes besides its path. */
const entrySize = 128;

const opaque = ".wh..wh..opq";

/**
 * A layer, read no further than it was asked for: it waits in the middle of the transfer, and goes on when that is asked for.
 * What was read is remembered, so nothing is ever read twice. `close` it at the end.
 */
export class Layer {
  /** By absolute path, in so far as it was read. */
  readonly entries = new Map<string, Entry>();
  /** Paths below which nothing of the layers beneath is left, and paths that are gone. */
  readonly #removed = new Set<string>();
  readonly #emptied = new Set<string>();
  /** Bytes of memory for all of these. */
  memory = 0;
  #complete = false;
  #transfer: Transfer | undefined;

  constructor(
    readonly digest: string,
    private readonly open: () => Promise<Readable>,
    private readonly meter: Meter,
  ) {}

  /**
   * Reads on until there is something, or to the end.
   *
   * @param found what there is by now
   * @param near the paths on which that depends
   */
  async read<T>(found: () => T | undefined, near: ReadonlySet<string>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        for (let news = true; ;) {
          this.meter.tick();
          const value = news ? found() : undefined;
          if (value !== undefined || this.#complete) return value;
          this.#transfer ??= await Transfer.begin(await this.open(), this.digest, this.meter);
          const entry = await this.#transfer.next();
          if (entry) news = near.has(await this.#remember(entry));
          else this.#complete = true;
        }
      } catch (error) {
        this.close();
        // From its beginning: what is known stays known.
        if (!(error instanceof BrokenOff) || attempt === 3) throw error;
        await sleep(250 * attempt);
      }
    }
  }

  /** Whether the layer was read to its end. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether the layers beneath count no more at a path. Known once the layer was read to its end. */
  hides(path: string): boolean {
    for (let at = path; at !== "/"; at = posix.dirname(at))
      if (this.#removed.has(at) || this.#emptied.has(posix.dirname(at))) return true;
    return false;
  }

  /** Ends the transfer. */
  close(): void {
    this.#transfer?.end();
    this.#transfer = undefined;
  }

  /** Gives the path. */
  async #remember({ headers, head }: Item): Promise<string> {
    const longest = Math.max(headers.name.length, headers.linkname?.length ?? 0);
    if (longest > longestPath)
      throw new Unread(
        `layer ${this.digest} has a path of ${longest} characters, and Linux allows ${longestPath}: build and push it again`,
      );
    const records = Object.keys((headers as { pax?: object }).pax ?? {}).length;
    if (records > mostRecords)
      throw new Unread(
        `layer ${this.digest} has a PAX header of ${records} records, and at most ${mostRecords} are read: build and push it again`,
      );
    const path = posix.resolve("/", headers.name);
    const name = posix.basename(path);
    const folder = posix.dirname(path);
    if (name === opaque) this.#add(this.#emptied, folder);
    else if (name.startsWith(".wh."))
      this.#add(this.#removed, posix.join(folder, name.slice(".wh.".length)));
    else {
      const entry = await entryOf(headers, head);
      this.#add(this.entries, path, memoryOf(entry));
      this.entries.set(path, entry);
    }
    return path;
  }

  /** Adds to a set, or counts what is about to be added to a map. */
  #add(all: Set<string> | ReadonlyMap<string, Entry>, path: string, besides = 0): void {
    if (all.has(path)) return;
    const memory = entrySize + Buffer.byteLength(path) + besides;
    this.memory += memory;
    this.meter.remember(memory);
    if (all instanceof Set) all.add(path);
  }
}

/** Bytes that an entry takes besides its path. */
function memoryOf(entry: Entry): number {
  if ("to" in entry) return 64 + Buffer.byteLength(entry.to);
  if (entry.kind !== "file" || !entry.head) return 0;
  const { head } = entry;
  if (head.kind === "elf") return 64 + (head.loader?.length ?? 0);
  return head.kind === "script" ? 128 + head.interpreter.length + head.argument.length : 64;
}

const plainFile: Entry = { kind: "file" };
const directory: Entry = { kind: "directory" };
const other: Entry = { kind: "other" };

async function entryOf(headers: Headers, head: () => Promise<Buffer>): Promise<Entry> {
  const to = headers.linkname ?? "";
  switch (headers.type) {
    case "file":
    case "contiguous-file":
      if (((headers.mode ?? 0) & 0o111) === 0) return plainFile;
      return { kind: "file", head: readHead(await head()) };
    case "link":
      return { kind: "hardlink", to: posix.resolve("/", to) };
    case "symlink":
      return { kind: "symlink", to };
    default:
      return headers.type === "directory" ? directory : other;
  }
}

interface Item {
  readonly headers: Headers;
  /** The first bytes; to be asked for before the next item is. */
  readonly head: () => Promise<Buffer>;
}

/** One pass through a layer's tar. */
class Transfer {
  readonly #blob: Readable;
  readonly #hash: Hash;
  readonly #digest: string;
  readonly #entries: AsyncIterator<TarEntry>;
  readonly #done: Promise<Error | null | undefined>;
  #last: TarEntry | undefined;
  /** Bytes that were unpacked, and up to which the next file must begin. */
  #unpacked = 0;
  #until = mostHeaders;

  static async begin(blob: Readable, digest: string, meter: Meter): Promise<Transfer> {
    const chunks = blob[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first: Buffer[] = [];
    for (let size = 0; size < 512; size += first.at(-1)!.length) {
      const { value, done } = await chunks.next();
      if (done) break;
      first.push(value);
    }
    try {
      const decoder = decoderFor(Buffer.concat(first));
      return new Transfer(blob, first, chunks, decoder, digest, meter);
    } catch (error) {
      throw blame(error, digest);
    }
  }

  private constructor(
    blob: Readable,
    first: readonly Buffer[],
    rest: AsyncIterator<Buffer>,
    decoder: Decoder | undefined,
    digest: string,
    meter: Meter,
  ) {
    this.#blob = blob;
    this.#digest = digest;
    const hash = (this.#hash = createHash("sha256"));
    async function* measured(): AsyncGenerator<Buffer> {
      for (const chunk of first) yield count(chunk);
      for (;;) {
        const { value, done } = await rest.next();
        if (done) return;
        yield count(value);
      }
    }
    const count = (chunk: Buffer) => {
      hash.update(chunk);
      meter.add(chunk.length);
      return chunk;
    };
    const bounded = async function* (this: Transfer, chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        meter.unpack(chunk.length);
        this.#unpacked += chunk.length;
        // Zeros may follow the last file.
        if (this.#unpacked <= this.#until) yield chunk;
        else if (!chunk.equals(Buffer.alloc(chunk.length)))
          throw new Error("it has more than 1 MiB of headers for one file");
      }
    }.bind(this);
    const tar = extract({ allowUnknownFormat: true });
    this.#entries = tar[Symbol.asyncIterator]();
    const steps = [
      ...[measured, ...(decoder ? [decoder] : []), bounded, tar],
    ] as NodeJS.ReadWriteStream[];
    this.#done = new Promise((resolve) => void pipeline(steps, resolve));
  }

  /** The next entry; undefined at the end, with the digest checked. */
  async next(): Promise<Item | undefined> {
    try {
      this.#last?.resume();
      const { value, done } = await this.#entries.next();
      if (!done) {
        const entry = (this.#last = value);
        const { type, size = 0 } = entry.header;
        this.#until = this.#unpacked + (type === "directory" ? 0 : size) + mostHeaders;
        return { headers: entry.header, head: () => headOf(entry).catch(this.#fail) };
      }
    } catch (error) {
      return this.#fail(error);
    }
    const error = await this.#done;
    if (error) throw blame(error, this.#digest);
    const digest = `sha256:${this.#hash.digest("hex")}`;
    if (digest === this.#digest) return undefined;
    throw new Refusal(
      `what the registry gave for layer ${this.#digest} is ${digest}: its storage, or a proxy before it, is broken`,
    );
  }

  end(): void {
    this.#blob.destroy();
  }

  /** What broke first is what the user wants to hear of. */
  readonly #fail = async (error: unknown): Promise<never> => {
    throw blame((await this.#done) ?? error, this.#digest);
  };
}

function blame(error: unknown, digest: string): Error {
  if (error instanceof Refusal || error instanceof TooMuch) return error;
  return new Unread(
    `layer ${digest} can't be read (${(error as Error).message}): build and push it again`,
  );
}

/** A file's first bytes; what follows waits. */
function headOf(entry: TarEntry): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const give = () => resolve(Buffer.from(Buffer.concat(chunks).subarray(0, headSize)));
    entry.on("data", (chunk: Buffer) => {
      if (size >= headSize) return;
      chunks.push(chunk);
      size += chunk.length;
      if (size < headSize) return;
      entry.pause();
      give();
    });
    entry.on("end", give).on("error", reject);
    entry.on("close", () => reject(new Error("it is cut short")));
  });
}
