import { printable } from "../../errors";

/** The progress that the host's script prints; its other lines say what went wrong. Those of containers and engines are indented. */
const progress = /^(pulling|renaming|running|starting|switching|waiting) /;

/**
 * What a failed command of a host says, in one sentence: the provider's own text starts with the shell command that ran.
 *
 * @param raw the provider's text, of which the first line is `exit status 1: running "…":`
 */
export function hostFailure(
  name: string,
  action: "pull" | "release" | "removal",
  raw: string,
): string | undefined {
  const [first = "", ...lines] = raw.split("\n");
  if (!/ running ".*":$/.test(first)) return undefined;
  const reasons = lines.filter((line) => /^\S/.test(line) && !progress.test(line));
  if (reasons.length === 0) return undefined;
  return printable(`${name}: the ${action} failed: ${reasons.join("; ")}`);
}
