/** Random build contexts for the property test: a tree in memory, random edits of it, and its files on disk. */
import fs from "node:fs";
import path from "node:path";
import { pseudoRandom } from "./random";

/** Where the Dockerfile is. */
export const layouts = ["context", "inline", "outside"] as const;
export type Layout = (typeof layouts)[number];

type Node =
  | { readonly kind: "file"; readonly text: string; readonly mode: number }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "folder"; readonly mode: number };

/** A main context (`app`) and a named one (`shared`), by path. */
export interface State {
  readonly layout: Layout;
  readonly tree: ReadonlyMap<string, Node>;
  /** The edit that led to it. */
  readonly edit: string;
}

export const dockerfile = "FROM scratch\nCOPY . /app/\nCOPY --from=shared . /shared/\n";

const names = ["a", "b", "c", "d"];
const texts = ["1", "2", "3", ""];
const targets = ["a", "b", "c/a", "../b", "../c", "/nowhere", "/elsewhere", "d/d"];
const patterns = [
  "*",
  "!a",
  "!b",
  "a",
  "a/b",
  "**/b",
  "*/c",
  "!**/d",
  "b*",
  "[a-c]",
  "!a/b",
  "d/**",
  "?",
  "**/*",
];
const fileModes = [0o644, 0o755, 0o600];
const folderModes = [0o755, 0o700, 0o775];
const rooted = (file: string) => file === "app" || file === "shared";

/** States, each one edit after the one before. */
export function randomStates(seed: number, count: number): State[] {
  const random = pseudoRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const layout = pick(layouts);
  let tree = new Map<string, Node>([
    ["app", { kind: "folder", mode: 0o755 }],
    ["shared", { kind: "folder", mode: 0o755 }],
  ]);
  if (layout === "context")
    tree.set("app/Dockerfile", { kind: "file", text: dockerfile, mode: 0o644 });
  const randomNode = (): Node => {
    const kind = pick(["file", "file", "file", "link", "folder"] as const);
    if (kind === "file") return { kind, text: pick(texts), mode: pick(fileModes) };
    if (kind === "link") return { kind, target: pick(targets) };
    return { kind, mode: pick(folderModes) };
  };
  const ignoreFiles = ["app/.dockerignore", "shared/.dockerignore"];
  if (layout !== "inline")
    ignoreFiles.push(
      layout === "context" ? "app/Dockerfile.dockerignore" : "Dockerfile.dockerignore",
    );
  const change = (next: Map<string, Node>): string => {
    const folders = [...next].filter(([, node]) => node.kind === "folder").map(([file]) => file);
    const others = [...next.keys()].filter((file) => !rooted(file) && !/ocker/.test(file));
    const place = () =>
      `${pick(folders.filter((folder) => folder.split("/").length < 4))}/${pick(names)}`;
    const kind = pick([
      "add",
      "add",
      "add",
      "change",
      "change",
      "change",
      "move",
      "remove",
      "ignore",
    ] as const);
    if (kind === "ignore") {
      const file = pick(ignoreFiles);
      const lines = Array.from({ length: Math.floor(random() * 4) }, () => pick(patterns));
      if (lines.length === 0) next.delete(file);
      else next.set(file, { kind: "file", text: `${lines.join("\n")}\n`, mode: 0o644 });
      return `${file}: ${lines.join(" ") || "removed"}`;
    }
    if (kind === "add" || others.length === 0) {
      const [file, node] = [place(), randomNode()];
      if (!next.has(file)) next.set(file, node);
      return `${file}: ${JSON.stringify(node)}`;
    }
    const file = pick(others);
    const node = next.get(file)!;
    const below = [...next.keys()].filter((one) => one === file || one.startsWith(`${file}/`));
    if (kind === "move") {
      const to = place();
      if (next.has(to) || `${to}/`.startsWith(`${file}/`)) return "nothing";
      const moved = below.map((one) => [to + one.slice(file.length), next.get(one)!] as const);
      below.forEach((one) => next.delete(one));
      moved.forEach(([one, kept]) => next.set(one, kept));
      return `${file} moved to ${to}`;
    }
    if (kind === "remove") {
      below.forEach((one) => next.delete(one));
      return `${file} removed`;
    }
    if (node.kind === "link") next.set(file, { ...node, target: pick(targets) });
    else if (node.kind === "folder") next.set(file, { ...node, mode: pick(folderModes) });
    else if (random() < 0.5) next.set(file, { ...node, mode: pick(fileModes) });
    else next.set(file, { ...node, text: pick(texts) });
    return `${file}: ${JSON.stringify(next.get(file))}`;
  };
  const states: State[] = [{ layout, tree, edit: "" }];
  while (states.length < count) {
    const next = new Map(tree);
    const edit = change(next);
    if (loops(next)) continue;
    tree = next;
    states.push({ layout, tree, edit });
  }
  return states;
}

/** Whether a link leads to itself, which is refused. */
function loops(tree: ReadonlyMap<string, Node>): boolean {
  const probe = fs.mkdtempSync("/tmp/multiarch-links-");
  try {
    writeState({ layout: "inline", tree, edit: "" }, probe);
    return [...tree].some(([file, { kind }]) => {
      if (kind !== "link") return false;
      try {
        fs.statSync(path.join(probe, file));
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "ELOOP";
      }
    });
  } finally {
    fs.rmSync(probe, { recursive: true, force: true });
  }
}

/** Writes the state's files into an empty folder. */
export function writeState({ layout, tree }: State, base: string): void {
  const entries = [...tree].sort(([one], [other]) => one.length - other.length);
  for (const [file, node] of entries) {
    const full = path.join(base, file);
    if (node.kind === "folder") fs.mkdirSync(full, { recursive: true });
    else if (node.kind === "link") fs.symlinkSync(node.target, full);
    else fs.writeFileSync(full, node.text);
  }
  if (layout === "outside") fs.writeFileSync(path.join(base, "Dockerfile"), dockerfile);
  for (const [file, node] of entries)
    if (node.kind !== "link") fs.chmodSync(path.join(base, file), node.mode);
}

/** The state's arguments of an Image. */
export function argumentsOf({ layout }: State, folder: string) {
  return {
    context: `${folder}/app`,
    namedContexts: { shared: `${folder}/shared` },
    ...(layout === "inline" && { dockerfileInline: dockerfile }),
    ...(layout === "outside" && { dockerfile: `${folder}/Dockerfile` }),
  };
}
