/** Something wrong with what the user wrote: which field, what is wrong, and what to write instead. */
export interface Problem {
  /** The user's own field, as they would write it: `image.platforms[1]`, `host.ports`. */
  readonly path: string;
  /** What is wrong, with the value got and the values allowed. Lower case, no full stop. */
  readonly what: string;
  /** What to do about it. Lower case, no full stop. */
  readonly fix: string;
}

/** Shows a value as it would stand in source code, cut short where it is long. */
export function show(value: unknown): string {
  if (typeof value === "object" && value !== null && "__pulumiOutput" in value) return "an output";
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The text of one or more problems, one a line, each starting with the component's name. */
export function describeProblems(name: string, problems: readonly Problem[]): string {
  return problems
    .map((problem) => `${name}: ${problem.path}: ${problem.what}; ${problem.fix}`)
    .join("\n");
}
