import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, parseObject, slurp } from "../registry/attempt";
import { dockerFolder } from "../registry/credentials";

/** Something that the preflight made on this machine or on an engine, for `removeCreated`. */
export type Created =
  | {
      readonly kind: "builder";
      readonly name: string;
      readonly driver: string;
      readonly endpoints: readonly string[];
    }
  | {
      readonly kind: "emulator";
      /** The name of the kernel's entry: `qemu-riscv64`. */
      readonly name: string;
      /** The options of `docker` for the engine that registered it; absent where binfmt-support of this machine did. */
      readonly engine?: readonly string[];
    };

/** Beside buildx's own settings: who looks into another folder for builders sees other builders, too. */
function folder(): string {
  return join(process.env.BUILDX_CONFIG || join(dockerFolder(), "buildx"), "multiarch");
}

/** A file for each, so that two processes never write the same one with different things in it. */
function fileOf(one: Created): string {
  const engine = one.kind === "emulator" ? (one.engine ?? []).join(" ") : "";
  const name = `${one.kind}-${one.name.toLowerCase()}${engine && ` ${engine}`}`;
  return join(folder(), `${encodeURIComponent(name)}.json`);
}

/** Notes what was made. A run that is killed just before leaves it to the user; before it was made, it isn't ours to note. */
export function remember(one: Created): void {
  mkdirSync(folder(), { recursive: true });
  const temporary = `${fileOf(one)}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(one)}\n`);
  renameSync(temporary, fileOf(one));
}

/** Forgets what is no longer there. */
export function forget(one: Created): void {
  rmSync(fileOf(one), { force: true });
}

/** Everything that was made and not removed yet. */
export function remembered(): Created[] {
  return (attempt(() => readdirSync(folder())) ?? [])
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => {
      // What isn't ours, or was cut short by a full disk, tells nothing.
      const one = parseObject(slurp(join(folder(), name))) as Created | undefined;
      return one?.kind === "builder" || one?.kind === "emulator" ? [one] : [];
    });
}
