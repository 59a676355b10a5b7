import { posix } from "node:path";
import { BrokenOff } from "../registry/blob";
import type { Registry } from "../registry/client";
import { printable, Refusal } from "../errors";
import { architectureOf, describe, type Head, runs } from "./elf";
import { type File, Files } from "./files";
import { type HeldImage, rebuild, type RuntimeConfig } from "./inspect";
import { Layer, type Limits, longestPath, Meter, TooMuch, Unread } from "./layer";
import type { Code } from "./gate";

/** What was seen in the layers. */
export interface Codes {
  /** By the image's digest. */
  readonly codes: ReadonlyMap<string, { readonly code?: Code }>;
  /** Bytes that were read. */
  readonly downloaded: number;
  readonly warnings: readonly string[];
}

/** Docker's, where an image states none. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** As many interpreters in a row as Linux starts. */
const mostInterpreters = 5;
/** As many folders in PATH as are searched, and characters in all of them: each layer is searched for each folder above each. */
const mostFolders = 64;
const mostPath = 8192;
/**
 * Bytes of layers, as they are transferred, that may be read to find a program's dynamic loader: more than the small images that lack
 * one have (scratch, Alpine, BusyBox, distroless), and less than those that have glibc's (27 MiB for the smallest Debian).
 */
const mostForLoader = 24 << 20;

/**
 * Reads what each image starts, and whether its code is for the image's platform. What is sure to fail wherever the image runs is
 * refused; what a volume, an argument of the target, or a machine's own settings might mend is a warning.
 *
 * @param without what a user does who would rather have no layers read: `set verify.depth to "manifest"`
 * @throws Refusal with a line for each image that holds another platform's code, or where layers can't be read
 */
export async function readCode(
  images: readonly HeldImage[],
  registry: Registry,
  without: string,
  limits: Limits = { bytes: 2 * 2 ** 30, total: 30 * 60_000 },
): Promise<Codes> {
  const meter = new Meter(limits);
  const layers = new Map<string, Layer>();
  const layerOf = (digest: string) => {
    const known = layers.get(digest) ?? new Layer(digest, () => registry.stream(digest), meter);
    layers.set(digest, known);
    return known;
  };
  const codes = new Map<string, { code?: Code }>();
  const warnings: string[] = [];
  const problems: string[] = [];
  try {
    for (const [at, image] of images.entries()) {
      meter.restart();
      const { platform, digest } = image;
      const { code, warning, problem } = await readImage(image, layerOf, without);
      if (code) codes.set(digest, { code });
      if (warning) warnings.push(printable(`${platform}: ${warning}`));
      if (problem) problems.push(`${platform}: ${problem}`);
      // What no later image has is forgotten.
      const later = images.slice(at + 1).flatMap((other) => other.layers);
      for (const layer of layers.values()) {
        layer.close();
        if (later.some((other) => other.digest === layer.digest)) continue;
        layers.delete(layer.digest);
        meter.memory -= layer.memory;
      }
    }
  } catch (error) {
    if (!(error instanceof BrokenOff || error instanceof Unread)) throw error;
    throw new Refusal(`${error.message}, or ${without}, which reads no layers`);
  } finally {
    for (const layer of layers.values()) layer.close();
  }
  if (problems.length > 0) throw new Refusal(...problems);
  return { codes, downloaded: meter.bytes, warnings };
}

/** What was found; one of warning and problem at most. */
interface Finding {
  readonly code?: Code;
  readonly warning?: string;
  readonly problem?: string;
}

async function readImage(
  image: HeldImage,
  layerOf: (digest: string) => Layer,
  without: string,
): Promise<Finding> {
  const words = commandOf(image.config);
  // Nothing is started that the target doesn't state.
  if (words.length === 0) return {};
  // Windows' base images, and layers that their owners let nobody copy, lie elsewhere.
  const here = image.layers.filter(
    ({ mediaType = "", urls = [] }) => !/foreign|nondistributable/.test(mediaType) || !urls.length,
  );
  const files = new Files([...here].reverse().map(({ digest }) => layerOf(digest)));
  const unread = () =>
    here
      .filter(({ digest }) => !layerOf(digest).complete)
      .reduce(
        (sum, { size = Infinity }) => sum + size,
        here.length < image.layers.length ? Infinity : 0,
      );
  try {
    const found = await new Start(image, files, unread).follow(words[0]!, []);
    if (here.length === image.layers.length || found.code) return found;
    return {
      warning: `some of its layers lie outside the registry, and nothing that is started was found in the others`,
    };
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    return {
      warning: `${words[0]!.slice(0, 200)} wasn't found in ${error.message}, so its code wasn't looked at; ${without}, which reads no layers`,
    };
  }
}

/** Entrypoint and command in one, a text for the shell included. */
function commandOf({ Entrypoint, Cmd }: RuntimeConfig): readonly string[] {
  const [first = [], second = []] = [Entrypoint, Cmd].map((words) =>
    typeof words === "string" ? ["/bin/sh", "-c", words] : (words ?? []),
  );
  return [...first, ...second].filter((word, at) => at > 0 || word !== "");
}

/** One start of one image: the program, its interpreter, and that one's. */
class Start {
  readonly #folder: string;
  readonly #path: readonly string[];

  constructor(
    private readonly image: HeldImage,
    private readonly files: Files,
    /** The size of the layers that were not read to their end, in bytes. */
    private readonly unread: () => number,
  ) {
    const { Env, WorkingDir } = image.config;
    this.#folder = posix.resolve("/", WorkingDir || "/");
    const stated = (Env ?? []).find((line) => line.startsWith("PATH="))?.slice("PATH=".length);
    this.#path = (stated ?? defaultPath)
      .split(":")
      .map((each) => posix.resolve(this.#folder, each));
  }

  /**
   * Looks at a program and what it is started by.
   *
   * @param word as a command names it
   * @param scripts that led here
   */
  async follow(word: string, scripts: readonly string[]): Promise<Finding> {
    const places = this.#placesOf(word);
    const seen = await this.files.find(places);
    const finding = await this.#judge(word, seen, scripts);
    if (!finding.problem || places.length === 1) return finding;
    // Before it is refused: is it what the folder that comes first in PATH holds?
    for (const place of places) {
      const exact = await this.files.find([place]);
      if (!exact?.head) continue;
      return exact.path === seen?.path ? finding : this.#judge(word, exact, scripts);
    }
    return finding;
  }

  #placesOf(word: string): string[] {
    const places = word.includes("/")
      ? [posix.resolve(this.#folder, word)]
      : [...new Set(this.#path.map((folder) => posix.join(folder, word)))];
    const longest = Math.max(...places.slice(0, mostFolders).map((place) => place.length));
    if (longest > longestPath)
      throw new TooMuch(`a path of ${longest} characters (Linux allows ${longestPath})`);
    if (places.length > mostFolders)
      throw new TooMuch(`a PATH of ${places.length} folders (at most ${mostFolders} are searched)`);
    const all = places.join("").length;
    if (all > mostPath)
      throw new TooMuch(`a PATH of ${all} characters (at most ${mostPath} are searched)`);
    return places;
  }

  async #judge(word: string, file: File | undefined, scripts: readonly string[]): Promise<Finding> {
    const runsWhat = scripts.length === 0 ? "" : `, which runs ${scripts.at(-1)},`;
    const named = file?.path ?? word;
    if (!file) return { warning: missing(named, scripts.at(-1)) };
    const { head } = file;
    if (!head)
      return { warning: `${named}${runsWhat} is not executable. COPY it with --chmod=755` };
    if (head.kind === "elf") return this.#program(file, head, runsWhat);
    if (head.kind === "script") return this.#interpret(file, head, scripts);
    const what = head.name ? `is ${head.name}` : "is no program, and has no #! line";
    return { warning: `${named}${runsWhat} ${what}: most engines say exec format error` };
  }

  /** A program, and the dynamic loader that starts it. */
  async #program(file: File, head: Head & { kind: "elf" }, runsWhat: string): Promise<Finding> {
    const found = this.#compare(file, head, runsWhat);
    const sure = found.problem !== undefined || found.warning !== undefined;
    if (sure || head.loader === undefined || this.unread() > mostForLoader) return found;
    const path = posix.resolve(this.#folder, head.loader);
    if (path.length > longestPath) return found;
    const loader = await this.files.find([path]).catch((error: unknown) => {
      if (error instanceof TooMuch) return "unknown" as const;
      throw error;
    });
    if (loader === "unknown") return found;
    const lacks = `${file.path}${runsWhat} is dynamically linked and needs ${path}`;
    if (!loader)
      return {
        ...found,
        warning: `${lacks}, which does not exist in the image: ${fails(file.path)}. ${withLoader(path)}`,
      };
    if (loader.head?.kind === "elf") {
      const other = this.#compare(loader, loader.head, `, the loader of ${file.path},`);
      return other.problem ? other : found;
    }
    return {
      ...found,
      warning: `${lacks}, which is not an executable program. ${withLoader(path)}`,
    };
  }

  #compare(file: File, head: Head & { kind: "elf" }, runsWhat: string): Finding {
    const architecture = architectureOf(head);
    const { platform } = this.image;
    const holds = `${file.path}${runsWhat} holds code for ${describe(head)}`;
    const verdict = runs(platform, architecture);
    if (verdict === "no") return { problem: `${holds} and can't run on ${platform}: ${rebuild}` };
    const code = { file: file.path, architecture: architecture! };
    return verdict === "yes"
      ? { code }
      : { code, warning: `${holds}, which only some machines of ${platform} run` };
  }

  async #interpret(
    { path }: File,
    { interpreter, argument, crlf }: Head & { kind: "script" },
    scripts: readonly string[],
  ): Promise<Finding> {
    const all = [...scripts, path];
    if (crlf)
      return {
        warning: `${path} has Windows line endings: the carriage return becomes part of its first line, ${JSON.stringify(`#!${[interpreter, argument].join(" ").trim()}\r`)}, and ${fails(path)}. Save it with LF line endings (in Git: "*.sh text eol=lf" in .gitattributes)`,
      };
    if (all.length >= mostInterpreters)
      return { warning: `${path} is started by a script that is started by a script, and so on` };
    const found = await this.follow(posix.resolve(this.#folder, interpreter), all);
    if (!found.code || found.warning || posix.basename(interpreter) !== "env") return found;
    const program = programOfEnv(argument);
    return program === undefined ? found : this.follow(program, all);
  }
}

/** What is said of a file that the image lacks. */
function missing(path: string, script: string | undefined): string {
  if (script === undefined)
    return `${path} does not exist in the image. Copy it into the image, or mount it with a volume`;
  return `${path}, which runs ${script}, does not exist in the image: ${fails(script)}. Install it, or change the first line of ${script}`;
}

const fails = (path: string) =>
  `starting ${path} fails with "no such file or directory", although it exists`;

/** What helps where a loader is missing. Its path says which C library a program was linked with. */
function withLoader(path: string): string {
  const musl = path.includes("ld-musl-");
  const [library, base] = musl ? ["musl", "alpine"] : ["glibc", "debian:stable-slim"];
  return `Link it statically (for Go: CGO_ENABLED=0), or use a base image with ${library}, such as ${base}`;
}

/** What `env` starts: the first word that is neither an option nor a variable. */
function programOfEnv(argument: string): string | undefined {
  const words = argument.replace(/^-S\s*|^--split-string[=\s]/, "").split(/\s+/);
  return words.find((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
}
