/** Images whose layers or configurations are made to hurt whoever reads them. */
import { gzipSync } from "node:zlib";
import type { FakeRegistry } from "../unit/fakeRegistry";
import { types } from "../unit/fakeRegistry";
import { amd64, arm, x86, zstdFrame } from "../unit/entrypointImage";
import { many, pax, type RawEntry, rawTar } from "./rawTar";

export interface HostileCase {
  readonly name: string;
  /** Fills the registry. Gives the digest or tag to verify. */
  readonly set: (registry: FakeRegistry, elsewhere: FakeRegistry) => string;
  /** The error on stderr, with exit code 1. */
  readonly refused?: RegExp;
  /** A warning of a report, with exit code 0. */
  readonly warned?: RegExp;
  readonly also?: (registry: FakeRegistry, elsewhere: FakeRegistry) => void;
}

const program: RawEntry = { name: "app", mode: 0o755, body: x86 };
export const gz = (content: Buffer): Buffer => gzipSync(content, { level: 1 });

/** An image of packed layers, the base first. */
export function image(
  layers: readonly Buffer[],
  config: unknown = { Cmd: ["/app"] },
): (registry: FakeRegistry) => string {
  return (registry) => {
    const stored = layers.map((layer) => registry.blob(types.layer, layer));
    return withConfig(registry, { ...amd64, config }, stored);
  };
}

export function withConfig(registry: FakeRegistry, config: object, layers: unknown): string {
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: registry.blob(types.config, JSON.stringify(config)),
    layers,
  };
  return registry.manifest(types.manifest, manifest).digest;
}

/** Layers of entries, packed by gzip. */
const files = (...layers: readonly (readonly RawEntry[])[]) =>
  image(layers.map((entries) => gz(rawTar(entries))));
const link = (name: string, to: string): RawEntry => ({ name, type: "1", link: to });
const symlink = (name: string, to: string): RawEntry => ({ name, type: "2", link: to });
const script = (name: string, line: string): RawEntry => ({
  name,
  mode: 0o755,
  body: Buffer.from(`#!${line}\n`),
});
const unreadable = /layer sha256:[0-9a-f]{64} can't be read \(/;
const missing = /\/app does not exist in the image/;
const tooMany = /the first 64 MiB of file names/;
/** Paths of 4,000 characters, by GNU's long headers. */
const long = (name: (at: number) => string) =>
  files(
    [...many(20_000, (at) => ({ name: name(at) }))].flatMap((entry) => {
      const folders = "path/".repeat((4000 - entry.name.length) / 5);
      return [{ name: "l", type: "L", body: Buffer.from(folders + entry.name) }, entry];
    }),
  );
const withPax = (records: Readonly<Record<string, string>>, then: RawEntry = program) => [
  { name: "pax", type: "x", body: pax(records) },
  then,
];
const withConfigured = (config: unknown) => image([gz(rawTar([program]))], config);

/** A zstd frame's header: 4 bytes of magic, flags, and what follows them. */
const frame = (...bytes: readonly number[]) =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes, ...Buffer.alloc(600)]);
/** Blocks that stand for one byte, repeated. */
function repeated(window: number, blocks: number, size: number): Buffer {
  const block = Buffer.alloc(4);
  block.writeUIntLE((size << 3) | 2, 0, 3);
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]),
    Buffer.alloc(4 * blocks, block),
  ]);
}

/** Each is one block of 98,000 sequences, all of which repeat 64 KiB (https://www.rfc-editor.org/rfc/rfc8878#name-sequences-section). */
function slowFrames(count: number): Buffer[] {
  const block = Buffer.from([0, 255, 255, 255, 0x54, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const start = Buffer.alloc(3);
  start.writeUIntLE((block.length << 3) | 5, 0, 3);
  const whole = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]), start, block]);
  return Array.from({ length: count }, () => whole);
}

/** A gibibyte of zeros in one member of gzip; members may follow each other. */
let packedZeros: Buffer | undefined;
const zeros = () => (packedZeros ??= gz(Buffer.alloc(256 << 20)));
const huge: RawEntry = { name: "huge", size: "77777777777 " };

export const layerCases: readonly HostileCase[] = [
  { name: "a hard link to itself", set: files([link("app", "app")]), warned: missing },
  {
    name: "two hard links to each other",
    set: files([link("app", "b"), link("b", "app")]),
    warned: missing,
  },
  {
    name: "a cycle of 5,000 hard links",
    set: files([link("app", "l0"), ...many(5000, (at) => link(`l${at}`, `l${(at + 1) % 5000}`))]),
    warned: missing,
  },
  {
    name: "hard links to each other in two layers",
    set: files([link("b", "app")], [link("app", "b")]),
    warned: missing,
  },
  { name: "a symbolic link to itself", set: files([symlink("app", "app")]), warned: missing },
  {
    name: "two symbolic links to each other",
    set: files([symlink("app", "b"), symlink("b", "app")]),
    warned: missing,
  },
  {
    name: "a symbolic link that grows",
    set: files([symlink("app", "app/app/app/app/app/app")]),
    warned: missing,
  },
  {
    name: "a folder that is a link into itself",
    set: files([symlink("bin", "bin/x")]),
    warned: missing,
  },
  {
    name: "symbolic and hard links in a cycle",
    set: files([symlink("app", "b"), link("b", "c"), symlink("c", "app")]),
    warned: missing,
  },
  {
    name: "a chain of 20,000 symbolic links",
    set: files([symlink("app", "l0"), ...many(20_000, (at) => symlink(`l${at}`, `l${at + 1}`))]),
    warned: missing,
  },
  {
    name: "scripts that interpret each other",
    set: files([script("app", "/b"), script("b", "/app")]),
    warned: /started by a script/,
  },
  {
    name: "a script that env starts again",
    set: files([script("app", "/usr/bin/env app"), { ...program, name: "usr/bin/env" }]),
    warned: /started by a script|does not exist in the image/,
  },

  {
    name: "GNU's long path of 3 MiB",
    set: files([{ name: "l", type: "L", body: Buffer.alloc(3 << 20, "a") }, program]),
    refused: unreadable,
  },
  {
    name: "GNU's long path of 8 GiB",
    set: files([{ name: "l", type: "L", size: "77777777777 " }, program]),
    refused: unreadable,
  },
  {
    name: "a PAX path of 900 KiB",
    set: files(withPax({ path: "a/".repeat(450_000) })),
    refused: /has a path of 900000 characters, and Linux allows 4096/,
  },
  {
    name: "a PAX link of 900 KiB",
    set: files(withPax({ linkpath: "a".repeat(900_000) }, symlink("app", "b"))),
    refused: /has a path of 900000 characters/,
  },
  {
    name: "a PAX header of 3 MiB",
    set: files(withPax({ comment: "a".repeat(3 << 20) })),
    refused: /more than 1 MiB of headers/,
  },
  {
    name: "500 PAX headers before one file",
    set: files([
      ...many(500, () => ({ name: "p", type: "x", body: pax({ comment: "a".repeat(100_000) }) })),
      program,
    ]),
    refused: /more than 1 MiB of headers/,
  },
  {
    name: "a global PAX header of 60,000 keys and files with PAX headers",
    set: files([
      {
        name: "g",
        type: "g",
        body: pax(
          Object.fromEntries(
            [...many(60_000, (at) => ({ name: `k${at}` }))].map(({ name }) => [name, "v"]),
          ),
        ),
      },
      ...[...many(300, (at) => ({ name: `f${at}` }))].flatMap((one) =>
        withPax({ path: one.name }, one),
      ),
      program,
    ]),
    refused: /has a PAX header of 60001 records, and at most 1000 are read/,
  },
  {
    name: "a PAX size that is no number",
    set: files(withPax({ size: "many" })),
    refused: unreadable,
  },
  { name: "a negative PAX size", set: files(withPax({ size: "-512" })), refused: unreadable },
  {
    name: "a PAX size of 8 EiB",
    set: files([...withPax({ size: "9223372036854775807" }, { name: "a" }), program]),
    refused: unreadable,
  },
  {
    name: "a negative size in base 256",
    set: files([{ ...program, size: Buffer.alloc(12, 0xff) }]),
    warned: /\/app is no program/,
  },
  { name: "a file of 8 GiB that ends early", set: files([huge]), refused: unreadable },
  {
    name: "a header whose sum is wrong",
    set: image([gz(Buffer.concat([rawTar([program], 0), Buffer.alloc(512, "x")]))], {
      Cmd: ["/other"],
    }),
    refused: unreadable,
  },
  {
    name: "random bytes",
    set: image([Buffer.from("\x07\x08".repeat(5000), "latin1")]),
    refused: unreadable,
  },
  {
    name: "gzip that breaks off",
    set: image([gz(rawTar(many(3000, (at) => ({ name: `f${at}` })))).subarray(0, 900)]),
    refused: unreadable,
  },
  { name: "an empty layer", set: image([Buffer.alloc(0)]), warned: missing },
  {
    name: "paths that lead out of the image",
    set: files([{ ...program, name: "../../../../app", body: arm }]),
    refused: /\/app holds code for aarch64/,
  },
  {
    name: "a pipe in place of the program",
    set: files([{ name: "app", type: "6", mode: 0o755 }]),
    warned: missing,
  },
  {
    name: "a folder of 8 GiB in place of the program",
    set: files([{ name: "app", type: "5", size: "77777777777 " }]),
    warned: missing,
  },

  {
    name: "330,000 files",
    set: files([
      ...many(330_000, (at) => ({
        name: `usr/lib/node_modules/some-organization/some-package-with-a-name-${at % 997}/lib/module-${at}.js`,
      })),
      program,
    ]),
    warned: tooMany,
  },
  { name: "20,000 paths of 4,000 characters", set: long((at) => `f${at}`), warned: tooMany },
  {
    name: "20,000 whiteouts of 4,000 characters",
    set: long((at) => `.wh.f${at}`),
    warned: tooMany,
  },
  {
    name: "20,000 folders that are emptied, of 4,000 characters",
    set: long((at) => `f${at}/.wh..wh..opq`),
    warned: tooMany,
  },
  {
    name: "a gzip bomb of 4 GiB",
    set: image([
      Buffer.concat([
        gz(rawTar([{ name: "huge", size: "40000000000 " }], 0)),
        ...Array.from({ length: 16 }, zeros),
      ]),
    ]),
    warned: /layers that unpack to more than 1 GiB and 100 times their size/,
  },
  {
    name: "4 GiB of zeros after the last file",
    set: image([
      Buffer.concat([gz(rawTar([{ name: "a" }])), ...Array.from({ length: 16 }, zeros)]),
    ]),
    warned: /layers that unpack to more than 1 GiB/,
  },
  {
    name: "120,000 names, 40,000 scripts and a window of 32 MiB in one layer",
    set: image([
      zstdFrame(
        rawTar([
          ...many(120_000, (at) => ({ name: `usr/share/some-folder/with/names-${at % 97}/${at}` })),
          ...many(40_000, (at) => ({
            ...script(`usr/bin/${at}`, `/usr/bin/some/interpreter-${at} ${"x".repeat(200)}`),
            mode: 0o755,
          })),
        ]),
        0x78,
      ),
    ]),
    warned: missing,
  },
  {
    name: "a zstd bomb",
    set: image([
      Buffer.concat([
        zstdFrame(rawTar([{ name: "huge", size: "40000000000 " }], 0)),
        repeated(0x38, 20_000, 128 << 10),
      ]),
    ]),
    warned: /layers that unpack to more than 1 GiB/,
  },
  {
    name: "zstd with a window of 2 GiB",
    set: image([frame(0, 0xa8)]),
    refused: /takes 2048 MiB of memory, and at most 32 MiB/,
  },
  {
    name: "zstd with one segment of 2 GiB",
    set: image([frame(0xa0, 0, 0, 0, 0x7f)]),
    refused: /takes 2032 MiB of memory/,
  },
  {
    name: "zstd with one segment of 16 EiB",
    set: image([frame(0xe0, ...Buffer.alloc(8, 0xff))]),
    refused: /MiB of memory, and at most 32/,
  },
  {
    name: "a second zstd frame with a window of 1 GiB",
    set: image([Buffer.concat([zstdFrame(rawTar([{ name: "a" }], 0)), frame(0, 0xa0)])]),
    refused: /takes 1024 MiB of memory/,
  },
  {
    name: "a zstd frame of 1 GiB behind one that is skipped",
    set: image([
      Buffer.concat([
        Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]),
        frame(0, 0xa0),
      ]),
    ]),
    refused: /takes 1024 MiB of memory/,
  },
  {
    name: "500,000 zstd blocks of one byte",
    set: image([
      Buffer.concat([
        zstdFrame(rawTar([{ name: "huge", size: "40000000000 " }], 0)),
        repeated(0x68, 500_000, 1),
      ]),
    ]),
    refused: /takes more than 3 s of CPU time/,
  },
  {
    name: "zstd blocks of 20 bytes that unpack to 6 GiB each, which the decoder writes to nowhere",
    set: image([Buffer.concat([zstdFrame(rawTar([{ name: "a" }], 0)), ...slowFrames(20)])]),
    refused: /unpacking (a block takes more than 3 s|it takes more than 3 s of CPU time)/,
  },
  {
    name: "zstd that breaks off in a block",
    set: image([zstdFrame(rawTar([program])).subarray(0, 700)], { Cmd: ["/other"] }),
    refused: /it ends early/,
  },
  {
    name: "zstd blocks of 2 MiB",
    set: image([repeated(0x38, 1000, (2 << 20) - 1)]),
    refused: /is not valid zstd/,
  },

  {
    name: "names of files with escape sequences and line breaks",
    set: files([
      ...withPax(
        { path: "app\x1b[2J\x1b]0;t\x07\nweb: verified\r\u202egnp.\u2028\x9b31m<{%fg 1%}>" },
        { ...program, body: arm },
      ),
      symlink("app", "/app\x1b[2J\x1b]0;t\x07\nweb: verified\r\u202egnp.\u2028\x9b31m<{%fg 1%}>"),
    ]),
    refused:
      /\/app\\u001b\[2J\\u001b\]0;t\\u0007\\nweb: verified\\r\\u202egnp\.\\u2028\\u009b31m<\\u007b%fg 1%}> holds code/,
  },
  {
    name: "a command with escape sequences",
    set: withConfigured({ Cmd: ["/app\x1b[31m\nweb: ok"] }),
    warned: /\/app\\u001b\[31m\\nweb: ok does not exist in the image/,
  },
  {
    name: "a command of 1 MiB",
    set: withConfigured({ Cmd: ["/" + "a".repeat(1 << 20)] }),
    warned: /a path of 1048577 characters/,
  },
  {
    name: "a PATH of 50,000 folders",
    set: withConfigured({
      Cmd: ["app"],
      Env: [
        `PATH=${"/a:/b:".repeat(3)}${[...many(50_000, (at) => ({ name: `/d${at}` }))].map(({ name }) => name).join(":")}`,
      ],
    }),
    warned: /a PATH of 50002 folders/,
  },
  {
    name: "a PATH of 64 folders at a depth of 1,900, and 500 layers",
    set: image(
      Array.from({ length: 500 }, () => gz(rawTar([{ name: "a" }]))),
      {
        Cmd: ["app"],
        Env: [
          `PATH=${[...many(64, (at) => ({ name: `/${at}${"/a".repeat(1900)}` }))].map(({ name }) => name).join(":")}`,
        ],
      },
    ),
    warned: /a PATH of \d+ characters \(at most 8192 are searched\)/,
  },
  {
    name: "a working folder of 1 MiB",
    set: withConfigured({ Cmd: ["./app"], WorkingDir: "/a".repeat(1 << 19) }),
    warned: /a path of \d+ characters/,
  },
  {
    name: "a working folder that is a number",
    set: withConfigured({ Cmd: ["/app"], WorkingDir: 5 }),
    refused: /configuration sha256:\w+ is not valid/,
  },
  {
    name: "an entrypoint that is a number",
    set: withConfigured({ Entrypoint: 5 }),
    refused: /configuration sha256:\w+ is not valid/,
  },
  {
    name: "an entrypoint of objects",
    set: withConfigured({ Entrypoint: [{}, []] }),
    refused: /is not valid/,
  },
  {
    name: "an environment that is a string",
    set: withConfigured({ Cmd: ["app"], Env: "PATH=/" }),
    refused: /is not valid/,
  },
  { name: "a configuration that is a list", set: withConfigured([["/app"]]), warned: /^$/ },
  {
    name: "a platform that is an object",
    set: (registry) => withConfig(registry, { os: {}, architecture: ["amd64"] }, []),
    refused: /is not valid/,
  },
  {
    name: "a platform with escape sequences",
    set: (registry) => withConfig(registry, { os: "linux", architecture: "amd64\x1b[2J\n" }, []),
    refused: /is not valid/,
  },
];
