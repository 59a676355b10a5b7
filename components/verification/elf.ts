/** What a program's first bytes say about the machine that it is for. Pure. */
import { spellings } from "../platform";

/** How many of a file's first bytes are read. Linkers put the path of the dynamic loader there. */
export const headSize = 4096;
/** How many bytes Linux reads of a `#!` line. */
const lineSize = 256;

/** What a file is that may be started, by its first bytes. */
export type Head =
  | {
      readonly kind: "elf";
      readonly machine: number;
      readonly bits: 32 | 64;
      readonly little: boolean;
      /** The path of its dynamic loader (PT_INTERP). Absent for a static program, or if the path is not in the first bytes. */
      readonly loader?: string;
    }
  | {
      readonly kind: "script";
      readonly interpreter: string;
      readonly argument: string;
      /** Whether its line ends with CR LF, as in files from Windows. */
      readonly crlf: boolean;
    }
  /** `name`: of a format that is known and that Linux doesn't run by itself. */
  | { readonly kind: "other"; readonly name?: string };

interface Machine {
  readonly machine: number;
  /** Absent: both. */
  readonly bits?: 32 | 64;
  readonly little: boolean;
  readonly name: string;
}

/** By OCI's name of the architecture; the numbers are ELF's `e_machine` (https://gabi.xinuos.com/elf/a-emachine.html). */
const machines: Readonly<Record<string, Machine>> = {
  "386": { machine: 3, bits: 32, little: true, name: "i386" },
  // Both, for x32 is 64-bit code with short pointers.
  amd64: { machine: spellings.x86_64.elfMachine, little: true, name: spellings.x86_64.uname },
  arm: { machine: 40, bits: 32, little: true, name: "32-bit ARM" },
  arm64: { machine: spellings.arm64.elfMachine, little: true, name: spellings.arm64.uname },
  loong64: { machine: 258, bits: 64, little: true, name: "LoongArch" },
  mips: { machine: 8, bits: 32, little: false, name: "MIPS" },
  mipsle: { machine: 8, bits: 32, little: true, name: "little-endian MIPS" },
  mips64: { machine: 8, bits: 64, little: false, name: "64-bit MIPS" },
  mips64le: { machine: 8, bits: 64, little: true, name: "little-endian 64-bit MIPS" },
  ppc64: { machine: 21, bits: 64, little: false, name: "big-endian PowerPC" },
  ppc64le: { machine: 21, bits: 64, little: true, name: "little-endian PowerPC" },
  riscv64: { machine: 243, bits: 64, little: true, name: "64-bit RISC-V" },
  s390x: { machine: 22, bits: 64, little: false, name: "s390x" },
};

/** Reads the beginning of a file. */
export function readHead(head: Buffer): Head {
  if (head.length >= 20 && head.readUInt32BE(0) === 0x7f454c46) {
    const little = head[5] === 1;
    const machine = little ? head.readUInt16LE(18) : head.readUInt16BE(18);
    const bits = head[4] === 2 ? 64 : 32;
    const loader = loaderIn(head, bits, little);
    return { kind: "elf", machine, bits, little, ...(loader && { loader: copy(loader) }) };
  }
  if (head.toString("latin1", 0, 2) === "#!") {
    const [whole = ""] = head.toString("utf8", 2, lineSize).split("\n");
    const crlf = whole.endsWith("\r");
    const line = crlf ? whole.slice(0, -1) : whole;
    const [, interpreter = "", argument = ""] = /^[ \t]*([^ \t\0]*)[ \t]*([^\0]*)/.exec(line) ?? [];
    if (interpreter !== "") {
      const words = { interpreter: copy(interpreter), argument: copy(argument.trimEnd()) };
      return { kind: "script", ...words, crlf };
    }
  }
  return { kind: "other", name: formatOf(head) };
}

/** The path in a program's PT_INTERP segment (https://gabi.xinuos.com/elf/07-pheader.html). */
function loaderIn(head: Buffer, bits: 32 | 64, little: boolean): string | undefined {
  const wide = bits === 64;
  if (head.length < (wide ? 64 : 52)) return undefined;
  const half = (at: number) => (little ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const word = (at: number) => (little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const long = (at: number) =>
    wide ? Number(little ? head.readBigUInt64LE(at) : head.readBigUInt64BE(at)) : word(at);
  const size = wide ? 56 : 32;
  if (half(wide ? 54 : 42) !== size) return undefined;
  const first = long(wide ? 32 : 28);
  for (let index = 0; index < half(wide ? 56 : 44); index++) {
    const at = first + index * size;
    if (at + size > head.length) return undefined;
    if (word(at) !== 3) continue;
    const start = long(at + (wide ? 8 : 4));
    const end = start + long(at + (wide ? 32 : 16));
    return end > head.length ? undefined : head.toString("utf8", start, end).split("\0")[0];
  }
  return undefined;
}

/** A string of its own: a part of another keeps the whole of that in memory. */
const copy = (text: string): string => Buffer.from(text).toString();

/** The architecture of an ELF file in OCI's words, or undefined. */
export function architectureOf({
  machine,
  bits,
  little,
}: Head & { kind: "elf" }): string | undefined {
  return Object.keys(machines).find((name) => {
    const known = machines[name]!;
    return (
      known.machine === machine &&
      known.little === little &&
      (known.bits === undefined || known.bits === bits)
    );
  });
}

/** What a person calls it: `x86_64 (ELF machine 62)`. */
export function describe(elf: Head & { kind: "elf" }): string {
  const name = machines[architectureOf(elf) ?? ""]?.name;
  return `${name ?? "an unknown machine"} (ELF machine ${elf.machine})`;
}

/**
 * Whether a platform's machines run code of an architecture. Every x86_64 kernel that is in use runs i386 too. 32-bit ARM is for
 * some arm64 machines and not for others, which is for a person to know.
 */
export function runs(platform: string, architecture: string | undefined): "yes" | "no" | "some" {
  const [, own] = platform.split("/");
  if (architecture === own || (own === "amd64" && architecture === "386")) return "yes";
  return own === "arm64" && architecture === "arm" ? "some" : "no";
}

function formatOf(head: Buffer): string | undefined {
  if (head.length < 4) return undefined;
  const magic = head.readUInt32BE(0);
  if ([0xcffaedfe, 0xcefaedfe, 0xfeedface, 0xfeedfacf].includes(magic))
    return "a program for macOS";
  if (head.toString("latin1", 0, 2) === "MZ") return "a program for Windows";
  return magic === 0x0061736d ? "WebAssembly" : undefined;
}
