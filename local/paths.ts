import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { LocalError } from "./errors";

/** The checkout that this code lies in. */
export const checkout = dirname(__dirname);

/** What the environment must remember, per user: `MULTIARCH_STATE_DIR` puts it elsewhere. */
export function stateDir(...parts: string[]): string {
  const root =
    process.env.MULTIARCH_STATE_DIR ||
    join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "multiarch");
  return join(root, ...parts);
}

/** What can be built again, per user: `MULTIARCH_CACHE_DIR` puts it elsewhere. */
export function cacheDir(...parts: string[]): string {
  const root =
    process.env.MULTIARCH_CACHE_DIR ||
    join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "multiarch");
  return join(root, ...parts);
}

/** Makes a directory and its parents, and gives its path. */
export function ensureDir(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** Makes a directory that only this user can open: it has sockets, keys, passwords and programs that are run. */
export function ensurePrivateDir(path: string): void {
  ensureDir(path);
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new LocalError(
      `${path} is not a directory of this user`,
      "another user could read or replace what the environment keeps there",
      "remove it, or set MULTIARCH_STATE_DIR and MULTIARCH_CACHE_DIR to directories of your own",
    );
  }
  chmodSync(path, 0o700);
}

/** Writes a file whole or not at all: a killed run leaves the old one. */
export function writeAtomically(path: string, content: string, mode = 0o644): void {
  ensureDir(dirname(path));
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

/**
 * Fills a directory whole or not at all: `fill` works in a temporary directory beside it, which is
 * renamed when it is done. Leftovers of killed runs are swept by the next one; the caller has the lock.
 */
export async function fillAtomically(
  path: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const parent = ensureDir(dirname(path));
  for (const entry of readdirSync(parent)) {
    // A build that outlived its killed command then writes into nothing.
    if (entry.startsWith(`${basename(path)}.partial`)) {
      rmSync(join(parent, entry), { recursive: true, force: true });
    }
  }
  const temporary = ensureDir(`${path}.partial-${process.pid}`);
  try {
    await fill(temporary);
    rmSync(path, { recursive: true, force: true });
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
