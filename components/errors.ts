/** Something wrong with what the user wrote: which field, what is wrong, and what to write instead. */
export interface Problem {
  /** The user's own field, as they would write it: `image.platforms[1]`, `host.ports`. */
  readonly path: string;
  /** What is wrong, with the value got and the values allowed. Lower case, no full stop. */
  readonly what: string;
  /** What to do about it. Lower case, no full stop. */
  readonly fix: string;
}

/** A failure in the user's own terms: what is wrong and what to do, in one sentence. */
export class Refusal extends Error {}

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
    .map((problem) => oneLine(`${name}: ${problem.path}: ${problem.what}; ${problem.fix}`))
    .join("\n");
}

/** A problem holds the user's own keys and values, which may hold line breaks and what a terminal obeys. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f]/g, (one) => JSON.stringify(one).slice(1, -1));
}
