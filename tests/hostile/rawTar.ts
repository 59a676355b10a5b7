/** Tar archives byte by byte: what no library writes, and many files quickly. */

export interface RawEntry {
  readonly name: string;
  readonly mode?: number;
  /** `0` file, `1` hard link, `2` symbolic link, `5` folder, `x` and `g` PAX headers, `L` GNU's long path. */
  readonly type?: string;
  readonly link?: string;
  readonly body?: Buffer;
  /** In place of the body's. */
  readonly size?: Buffer | string;
}

export function header({
  name,
  mode = 0o644,
  type = "0",
  link = "",
  body,
  size,
}: RawEntry): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write(`${mode.toString(8).padStart(7, "0")}\0`, 100, "latin1");
  block.write("0000000\0" + "0000000\0", 108, "latin1");
  if (Buffer.isBuffer(size)) size.copy(block, 124);
  else block.write(size ?? `${(body?.length ?? 0).toString(8).padStart(11, "0")} `, 124, "latin1");
  block.write("00000000000 ", 136, "latin1");
  block.write(type, 156, "latin1");
  block.write(link, 157, 100);
  block.write("ustar\x0000", 257, "latin1");
  block.fill(32, 148, 156);
  let sum = 0;
  for (let at = 0; at < 512; at++) sum += block[at]!;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

export function rawTar(entries: Iterable<RawEntry>, end = 1024): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    blocks.push(header(entry));
    if (entry.body) blocks.push(entry.body, Buffer.alloc((512 - (entry.body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(end)]);
}

/** A PAX header's records (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html). */
export function pax(records: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = Buffer.byteLength(rest) + 1;
      while (Buffer.byteLength(`${length}${rest}`) !== length) length++;
      return Buffer.from(`${length}${rest}`);
    }),
  );
}

/** Entries of one kind. */
export function* many(count: number, one: (at: number) => RawEntry): Generator<RawEntry> {
  for (let at = 0; at < count; at++) yield one(at);
}
