import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { type Problem, Refusal, show } from "../errors";
import { attempt } from "../registry/attempt";
import { IgnoreRules, type Matched, parseIgnoreFile } from "./ignore";

/** Where a build's files come from. Each value is a folder of this machine or a remote address. */
export interface BuildSources {
  readonly context: string;
  readonly named?: Readonly<Record<string, string>>;
  /** The path of the Dockerfile, unless it is `Dockerfile` in the context. */
  readonly dockerfile?: string;
  readonly inline?: boolean;
}

/** A folder that BuildKit reads. */
interface Folder {
  /** The name of the context; "" for the main one. */
  readonly name: string;
  readonly root: string;
  /** The rules that BuildKit applies. */
  readonly rules: IgnoreRules;
  /** The rules that the docker-build provider applies for its own hash. */
  readonly hashed: IgnoreRules;
}

/**
 * A hash of what can change the image although the docker-build provider's own hash stays the same; undefined if there is nothing of the
 * kind. The provider hashes the content, mode and path of files. It leaves out link targets, empty folders and the modes of folders, stops
 * in a folder at the first link that leads nowhere, applies the main context's ignore file to named contexts too, and doesn't separate
 * contexts from one another.
 *
 * @throws Refusal where the provider could not read the context
 */
export async function hashUnwatched(sources: BuildSources): Promise<string | undefined> {
  const folders = foldersOf(sources);
  const facts: string[][] = layoutsOf(sources);
  for (const folder of folders) {
    const found = walk(folder);
    facts.push(...found.facts);
    const covered = !found.hidesFiles && sameLines(folder.rules, folder.hashed);
    for (const path of found.files) {
      if (!covered) facts.push([folder.name, path, await contentHash(join(folder.root, path))]);
      else if (folders.length > 1) facts.push([folder.name, path]);
    }
  }
  if (facts.length === 0) return undefined;
  const lines = facts.map((fact) => JSON.stringify(fact)).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 32);
}

/** A file that the build writes must not be among those that it reads: each build would then change the next one. */
export function tarballProblems(
  file: string | undefined,
  sources: BuildSources,
  path: (field: string) => string,
): Problem[] {
  if (file === undefined) return [];
  const real = realPath(file);
  const within = foldersOf(sources).find(({ root, rules, hashed }) => {
    const inside = relative(realpathSync(root), real).split(sep).join("/");
    if (inside === "" || isAbsolute(inside) || inside.startsWith("../")) return false;
    return !rules.excludes(inside) || !hashed.excludes(inside);
  });
  if (within === undefined) return [];
  return [
    {
      path: path("tarball.path"),
      what: `${show(file)} is inside the build context ${show(within.root)}, so each build would contain the tarball of the previous one`,
      fix: "add it to .dockerignore, or choose a path outside of the context",
    },
  ];
}

function foldersOf({ context, named = {}, dockerfile, inline }: BuildSources): Folder[] {
  const local = isFolder(context);
  const location = dockerfile ?? (local ? join(context, "Dockerfile") : "");
  const own = local ? [join(context, ".dockerignore")] : [];
  // For an inline Dockerfile, the provider looks for ".dockerignore" in the program's folder first.
  const hashed = firstRules([`${inline ? "" : location}.dockerignore`, ...own]);
  const main = firstRules([...(inline ? [] : [`${location}.dockerignore`]), ...own], context);
  return [
    ...(local ? [{ name: "", root: context, rules: main, hashed }] : []),
    ...Object.entries(named)
      .filter(([, root]) => isFolder(root))
      .map(([name, root]) => {
        const rules = firstRules([join(root, ".dockerignore")], root);
        return { name, root, rules, hashed };
      }),
  ];
}

/** The rules in the first of these files that exists. BuildKit doesn't follow a link that leaves the context's `root`. */
function firstRules(paths: readonly string[], root?: string): IgnoreRules {
  const found = paths.find((path) => existsSync(path));
  const outside = root !== undefined && found?.startsWith(join(root, "/")) && leaves(found, root);
  const text = found && !outside && attempt(() => readFileSync(found, "utf8"));
  return parseIgnoreFile(text || "");
}

const leaves = (path: string, root: string) =>
  relative(realpathSync(root), realpathSync(path)).startsWith("..");

const sameLines = (one: IgnoreRules, other: IgnoreRules) =>
  JSON.stringify(one.lines) === JSON.stringify(other.lines);

/** What is in a folder, of what BuildKit is sent. */
interface Found {
  readonly files: string[];
  /** What the provider leaves out. */
  readonly facts: string[][];
  /** A link leads nowhere: the provider skips what follows it in its folder. */
  hidesFiles: boolean;
}

function walk({ name, root, rules, hashed }: Folder): Found {
  const found: Found = { files: [], facts: [], hidesFiles: false };
  /** The number of entries that are sent. */
  const visit = (folder: string, parent?: Matched): number => {
    let sent = 0;
    const list = () => readdirSync(join(root, folder), { withFileTypes: true });
    for (const entry of attempt(list) ?? []) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const full = join(root, path);
      const { excluded, matched } = rules.test(path, parent);
      if (entry.isDirectory()) {
        if (excluded && !rules.mayInclude(path)) continue;
        const inside = visit(path, matched);
        if (excluded && inside === 0) continue;
        const mode = lstatSync(full).mode & 0o7777;
        if (inside === 0 || mode !== 0o755) found.facts.push([name, path, mode.toString(8)]);
      } else if (excluded) continue;
      else if (entry.isFile()) found.files.push(path);
      else if (entry.isSymbolicLink()) {
        found.facts.push([name, path, "->", readlinkSync(full)]);
        if (!hashed.excludes(path) && hides(full)) found.hidesFiles = true;
      } else found.facts.push([name, path, "special"]);
      sent++;
    }
    return sent;
  };
  visit("");
  return found;
}

/** Whether a link leads nowhere. */
function hides(link: string): boolean {
  try {
    const target = statSync(link);
    if (target.isFile() || target.isDirectory() || realpathSync(link) === "/dev/null") return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ELOOP") return code === "ENOENT" || code === "ENOTDIR";
  }
  throw new Refusal(`the link ${link} leads to itself, or to a device, socket or FIFO`);
}

/** The indexes of contexts that are OCI image layouts. */
function layoutsOf({ named = {} }: BuildSources): string[][] {
  return Object.entries(named).flatMap(([name, location]) => {
    const path = /^oci-layout:\/\/(.+?)(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$/.exec(location)?.[1];
    const index = path && attempt(() => readFileSync(join(path, "index.json"), "utf8"));
    return index ? [[name, "index.json", createHash("sha256").update(index).digest("hex")]] : [];
  });
}

async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    const { size, mode } = lstatSync(path);
    // A stream takes ten times as long for a small file.
    if (size < 1 << 20) hash.update(readFileSync(path));
    else for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return `${mode.toString(8)} ${hash.digest("hex")}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

/** The path without links; what doesn't exist yet is taken as it is. */
function realPath(path: string): string {
  const real = attempt(() => realpathSync(path));
  return real ?? join(realPath(dirname(path)), basename(path));
}
