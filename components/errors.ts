/** Something wrong with what the user wrote: which field, what is wrong, and what to write instead. */
export interface Problem {
  /** The user's own field, as they would write it: `image.platforms[1]`, `host.ports`. */
  readonly path: string;
  /** What is wrong, with the value got and the values allowed. Lower case, no full stop. */
  readonly what: string;
  /** What to do about it. Lower case, no full stop. */
  readonly fix: string;
}

/** A failure in the user's own terms: what is wrong and what to do. Each argument is printed as one line. */
export class Refusal extends Error {
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.map(printable).join("\n"));
    this.lines = lines;
  }
}

/** The longest line that is printed. Pulumi's command plugin stops reading at 64 KiB. */
const longestLine = 8000;

/**
 * Escapes what a terminal obeys or hides, as in JSON: control characters, line and paragraph separators, direction marks. `<{%` is
 * escaped too, because the Pulumi CLI reads it as the start of a color.
 */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?<=<)\{(?=%)/gu, escaped);

/** Text from a registry, an image, a container or a host, as one line of limited length that can be printed safely. */
export function printable(text: string): string {
  const shown = escapeControls(text.slice(0, longestLine));
  return shown.length < text.length || shown.length > longestLine
    ? `${shown.slice(0, longestLine)}… (${text.length} characters)`
    : shown;
}

/** Foreign text with lines short enough for patterns whose time grows with the square of a line. */
export const shortLines = (text: string): string =>
  text.replace(/[^\n]{4000,}/g, (line) => line.slice(0, 4000));

/** Text of several lines that we wrote ourselves. Every foreign string in it must be `printable` already, or it could start a line. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");

/** What to print for an error. Only a Refusal has several lines: other messages can contain foreign line breaks. */
export const messageOf = (error: unknown): string =>
  error instanceof Refusal ? printableLines(error.message) : printable((error as Error).message);

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const escaped = (one: string): string =>
  shortEscapes[one] ??
  Array.from(
    one.split(""),
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  ).join("");

/** Shows a value as it would stand in source code, cut short where it is long. What holds others isn't shown: a secret may be among them. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "a list";
  if (typeof value === "object" && value !== null)
    return "__pulumiOutput" in value ? "an output" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The text of one or more problems, one a line, each starting with the component's name. */
export function describeProblems(name: string, problems: readonly Problem[]): string {
  return problems
    .map(
      ({ path, what, fix }) => `${name}: ${printable(path)}: ${printable(what)}; ${printable(fix)}`,
    )
    .join("\n");
}
