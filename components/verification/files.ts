import { posix } from "node:path";
import type { Head } from "./elf";
import { type Entry, type Layer, longestPath } from "./layer";

/** A regular file of an image. */
export interface File {
  /** With all links followed. */
  readonly path: string;
  /** What it is; absent where it isn't executable. */
  readonly head?: Head;
}

/** As many links as Linux follows. */
const mostLinks = 40;

/** What a layer says about a path. */
type Hit =
  | { readonly path: string; readonly kind: "file"; readonly file: File }
  /** Another name for what lies in this layer. */
  | { readonly path: string; readonly kind: "hardlink"; readonly to: string }
  /** `link`, the path itself or a folder on its way, leads elsewhere. */
  | { readonly path: string; readonly kind: "symlink"; readonly to: string; readonly link: string }
  /** There is something that is no file, or that no path leads through. */
  | { readonly path: string; readonly kind: "none" };

/**
 * The files of an image, as its layers lie over each other
 * (https://github.com/opencontainers/image-spec/blob/main/layer.md). Reads layers from the newest, each no further than it must.
 */
export class Files {
  /** @param layers from the newest */
  constructor(private readonly layers: readonly Layer[]) {}

  /**
   * The file at a path. Of several paths: the first that shows up and is executable, which isn't always the first of the list,
   * for that would take reading everything.
   */
  async find(
    paths: readonly string[],
    from = 0,
    links = { left: mostLinks + 4 * paths.length },
  ): Promise<File | undefined> {
    const search = paths.length > 1;
    let alive = [...new Set(paths)];
    for (let at = from; at < this.layers.length && alive.length > 0;) {
      const layer = this.layers[at]!;
      const near = new Set(alive.flatMap(withFolders));
      const hit = await layer.read(() => firstOf(alive, (path) => look(layer, path)), near);
      if (!hit) {
        alive = alive.filter((path) => !layer.hides(path));
        at++;
      } else if (hit.kind === "file" && (hit.file.head || !search)) {
        return hit.file;
      } else if (hit.kind === "hardlink" && links.left-- > 0) {
        // In this layer or beneath it, whatever lies above.
        const file = await this.find([hit.to], at, links);
        if (file && (file.head || !search)) return { ...file, path: hit.path };
        alive = alive.filter((path) => path !== hit.path);
      } else if (
        hit.kind === "symlink" &&
        links.left-- > 0 &&
        hit.to.length <= longestPath &&
        !this.#covered(hit.link, from, at)
      ) {
        alive = [...new Set(alive.map((path) => (path === hit.path ? hit.to : path)))];
        at = from; // what is read already is only looked up
      } else {
        alive = alive.filter((path) => path !== hit.path);
      }
    }
    return undefined;
  }

  /** Whether a folder of a newer layer lies where a link was. */
  #covered(link: string, from: number, to: number): boolean {
    const newer = this.layers.slice(from, to);
    return newer.some(({ entries }) => entries.get(link)?.kind === "directory");
  }
}

/** A path, and the folders on its way. */
function withFolders(path: string): string[] {
  const all = [path];
  for (let at = path; at !== "/"; all.push(at)) at = posix.dirname(at);
  return all;
}

function firstOf<T, U>(values: readonly T[], use: (value: T) => U | undefined): U | undefined {
  for (const value of values) {
    const given = use(value);
    if (given !== undefined) return given;
  }
  return undefined;
}

/** What is known of a path in one layer; undefined: nothing yet. */
function look({ entries }: Layer, path: string): Hit | undefined {
  const entry = entries.get(path);
  if (entry) return meaning(entry, path);
  for (let above = posix.dirname(path); above !== "/"; above = posix.dirname(above)) {
    const parent = entries.get(above);
    if (!parent || parent.kind === "directory") continue;
    if (parent.kind !== "symlink") return { path, kind: "none" };
    const to = posix.join(targetOf(above, parent.to), path.slice(above.length));
    return { path, kind: "symlink", to, link: above };
  }
  return undefined;
}

function meaning(entry: Entry, path: string): Hit {
  switch (entry.kind) {
    case "file":
      return { path, kind: "file", file: { path, ...entry } };
    case "hardlink":
      return { path, kind: "hardlink", to: entry.to };
    case "symlink":
      return { path, kind: "symlink", to: targetOf(path, entry.to), link: path };
    default:
      return { path, kind: "none" };
  }
}

/** Where a symbolic link leads, as far as texts tell: `..` behind another link is rare, and its own layer's. */
function targetOf(link: string, to: string): string {
  return posix.resolve(posix.dirname(link), to);
}
