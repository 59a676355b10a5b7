import { createHash, type Hash } from "node:crypto";
import { posix } from "node:path";
import { pipeline, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Entry as TarEntry, extract, type Headers } from "tar-stream";
import { BrokenOff } from "../registry/blob";
import { Refusal } from "../errors";
import { type Decoder, decoderFor } from "./decode";
import { headSize } from "./elf";

/** What lies under a path in one layer. */
export type Entry =
  /** The first bytes only of what may be executed. */
  | { readonly kind: "file"; readonly executable: boolean; readonly head: Buffer }
  | { readonly kind: "symlink" | "hardlink"; readonly to: string }
  | { readonly kind: "directory" | "other" };

/** How much may be read. */
export interface Limits {
  /** Bytes of an image's layers. @default 2 GiB */
  readonly bytes: number;
  /** Milliseconds for everything. @default 30 minutes */
  readonly total: number;
}

/** Why a layer can't be read. Who asked for it says how to do without. */
export class Unread extends Refusal {}

/** More than anybody wants to wait for: no fault of the image. */
export class TooMuch extends Error {}

/** Counts what is read. */
export class Meter {
  /** Of everything. */
  bytes = 0;
  #since = 0;
  readonly #until: number;

  constructor(readonly limits: Limits) {
    this.#until = Date.now() + limits.total;
  }

  /** Begins the count of another image. */
  restart(): void {
    this.#since = this.bytes;
  }

  /** @throws TooMuch */
  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes - this.#since > this.limits.bytes)
      throw new TooMuch(`more than ${Math.round(this.limits.bytes / 2 ** 20)} MiB of layers`);
    this.tick();
  }

  /** @throws Refusal when time is up */
  tick(): void {
    if (Date.now() > this.#until)
      throw new Unread(
        `reading layers took more than ${Math.round(this.limits.total / 60_000)} minutes: run pulumi up again where the registry is nearer`,
      );
  }
}

/** Entries of a layer that are remembered: more than any image has that isn't made to hurt. */
const mostEntries = 3_000_000;

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
  #complete = false;
  #transfer: Transfer | undefined;

  constructor(
    readonly digest: string,
    private readonly open: () => Promise<Readable>,
    private readonly meter: Meter,
  ) {}

  /** Reads on until there is something, or to the end. */
  async read<T>(found: () => T | undefined): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        for (;;) {
          const value = found();
          if (value !== undefined || this.#complete) return value;
          this.meter.tick();
          this.#transfer ??= await Transfer.begin(await this.open(), this.digest, this.meter);
          const entry = await this.#transfer.next();
          if (entry) await this.#remember(entry);
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

  async #remember({ headers, head }: Item): Promise<void> {
    const path = posix.resolve("/", headers.name);
    const name = posix.basename(path);
    if (name === opaque) this.#emptied.add(posix.dirname(path));
    else if (name.startsWith(".wh."))
      this.#removed.add(posix.join(posix.dirname(path), name.slice(".wh.".length)));
    else this.entries.set(path, await entryOf(headers, head));
    if (this.entries.size > mostEntries) throw new TooMuch(`more than ${mostEntries} files`);
  }
}

async function entryOf(headers: Headers, head: () => Promise<Buffer>): Promise<Entry> {
  const to = headers.linkname ?? "";
  switch (headers.type) {
    case "file":
    case "contiguous-file": {
      const executable = ((headers.mode ?? 0) & 0o111) !== 0;
      return { kind: "file", executable, head: executable ? await head() : Buffer.alloc(0) };
    }
    case "link":
      return { kind: "hardlink", to: posix.resolve("/", to) };
    case "symlink":
      return { kind: "symlink", to };
    default:
      return { kind: headers.type === "directory" ? "directory" : "other" };
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
    const tar = extract({ allowUnknownFormat: true });
    this.#entries = tar[Symbol.asyncIterator]();
    const steps = [measured, ...(decoder ? [decoder] : []), tar] as NodeJS.ReadWriteStream[];
    this.#done = new Promise((resolve) => void pipeline(steps, resolve));
  }

  /** The next entry; undefined at the end, with the digest checked. */
  async next(): Promise<Item | undefined> {
    try {
      this.#last?.resume();
      const { value, done } = await this.#entries.next();
      if (!done) {
        const entry = (this.#last = value);
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
