import { posix } from "node:path";
import { attempt } from "../registry/attempt";

/** Which patterns matched a path or one of its parent folders, by position. */
export type Matched = readonly boolean[];

/**
 * The rules of an ignore file, applied as BuildKit does. This is a port of github.com/moby/patternmatcher 0.6.1, because the npm package
 * (@balena/dockerignore) ports an older version that escapes fewer characters and treats parent folders differently.
 */
export class IgnoreRules {
  private readonly patterns: readonly Pattern[];

  constructor(readonly lines: readonly string[]) {
    this.patterns = lines.map(compile);
  }

  /** Whether the path is excluded. `parent` is the result for its folder. */
  test(path: string, parent?: Matched): { excluded: boolean; matched: Matched } {
    let excluded = false;
    const matched = this.patterns.map((pattern, nth) => {
      const matches =
        parent?.[nth] === true || (pattern.negated === excluded && pattern.matches(path));
      if (matches) excluded = !pattern.negated;
      return matches;
    });
    return { excluded, matched };
  }

  /** Whether the path or one of its parent folders is excluded. */
  excludes(path: string): boolean {
    let result: { excluded: boolean; matched?: Matched } = { excluded: false };
    const names = path.split("/");
    for (let count = 1; count <= names.length; count++)
      result = this.test(names.slice(0, count).join("/"), result.matched);
    return result.excluded;
  }

  /** Whether an exception could apply inside an excluded folder. Otherwise BuildKit doesn't read that folder. */
  mayInclude(folder: string): boolean {
    const exceptions = this.patterns
      .filter(({ negated }) => negated)
      .map(({ text }) => text.replace(/\/\*\*$/, "").replace(/\/\*$/, ""));
    return exceptions.some(
      (text) => /[*?[\]^\\]/.test(text) || `${text}/`.startsWith(`${folder}/`),
    );
  }
}

interface Pattern {
  readonly text: string;
  readonly negated: boolean;
  readonly matches: (path: string) => boolean;
}

/** The patterns in the text of an ignore file. */
export function parseIgnoreFile(text: string): IgnoreRules {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  return new IgnoreRules(
    lines.flatMap((line) => {
      if (line.startsWith("#") || line.trim() === "") return [];
      const negated = line.trim().startsWith("!");
      const pattern = clean(negated ? line.trim().slice(1).trim() : line.trim());
      const relative = pattern.length > 1 ? pattern.replace(/^\//, "") : pattern;
      return [`${negated ? "!" : ""}${relative}`];
    }),
  );
}

function clean(path: string): string {
  return path === "" ? "" : posix.normalize(path).replace(/(.)\/$/, "$1");
}

function compile(line: string): Pattern {
  const negated = line.startsWith("!");
  const text = negated ? line.slice(1) : line;
  if (text.startsWith("**") && !/[*?[\]\\]/.test(text.slice(2))) {
    const suffix = text.slice(2);
    const matches = (path: string) =>
      path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
    return { text, negated, matches };
  }
  if (!/[*?[\]\\]/.test(text)) return { text, negated, matches: (path) => path === text };
  const regexp = attempt(() => new RegExp(`^${source(text)}$`));
  return { text, negated, matches: (path) => regexp?.test(path) === true };
}

/** The regular expression for a pattern, as patternmatcher writes it. */
function source(text: string): string {
  const tokens = text.match(/\*\*\/?|\\[^]?|[^]/gu) ?? [];
  return tokens
    .map((token, nth) => {
      if (token.startsWith("**")) return nth === tokens.length - 1 ? ".*" : "(.*/)?";
      if (token === "*") return "[^/]*";
      if (token === "?") return "(?:[\\ud800-\\udbff][\\udc00-\\udfff]|[^/])";
      if (token === "\\") return "\\\\";
      return /^[.+()|{}$]$/.test(token) ? `\\${token}` : token;
    })
    .join("");
}
