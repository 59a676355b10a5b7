import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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
  const docker = process.env.DOCKER_CONFIG || join(homedir(), ".docker");
  return join(process.env.BUILDX_CONFIG || join(docker, "buildx"), "multiarch");
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
  let names: string[];
  try {
    names = readdirSync(folder());
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder(), name), "utf8")) as Created);
}
