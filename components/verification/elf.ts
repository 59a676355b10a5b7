/** What a program's first bytes say about the machine that it is for. Pure. */
import { spellings } from "../platform";

/** How many of a file's first bytes are looked at: as many as Linux reads of a `#!` line. */
export const headSize = 256;

/** What a file is that may be started, by its first bytes. */
export type Head =
  | {
      readonly kind: "elf";
      readonly machine: number;
      readonly bits: 32 | 64;
      readonly little: boolean;
    }
  | { readonly kind: "script"; readonly interpreter: string; readonly argument: string }
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
    return { kind: "elf", machine, bits: head[4] === 2 ? 64 : 32, little };
  }
  if (head.toString("latin1", 0, 2) === "#!") {
    const [line = ""] = head.toString("utf8", 2).split("\n");
    const [, interpreter = "", argument = ""] = /^[ \t]*([^ \t\0]*)[ \t]*([^\0]*)/.exec(line) ?? [];
    if (interpreter !== "")
      return { kind: "script", interpreter: copy(interpreter), argument: copy(argument.trimEnd()) };
  }
  return { kind: "other", name: formatOf(head) };
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
