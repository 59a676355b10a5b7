import * as fc from "fast-check";
import { Chooser } from "./chooser";
import { print } from "./lift";
import { addNulls, mutate } from "./mutate";
import { run } from "./run";
import { alwaysRejected, everyField, placesIn, root } from "./schema";
import { type ArgumentSet, validSet } from "./valid";

/** One set of arguments, and the mistakes in it. */
interface Case extends ArgumentSet {
  readonly mistakes: readonly string[];
}

const arbitrary: fc.Arbitrary<Case> = fc.gen().map((g) => {
  const set = validSet(g);
  const choose = new Chooser(g, set.preview);
  const count = choose.one([0, 0, 1, 1, 1, 2, 3]);
  const other = count === 0 ? set : validSet(g, 1000);
  if (choose.often(30)) addNulls(choose, set.args);
  return { ...set, mistakes: mutate(choose, set.args, other.args, count) };
});

interface Fuzzed {
  readonly good: boolean;
  readonly lines: readonly string[];
}

/** Makes Apps of so many sets of arguments. */
export async function fuzz(asked: { seed: number; count: number; only?: number }): Promise<Fuzzed> {
  const { seed, count, only } = asked;
  const began = Date.now();
  const sets = fc.sample(arbitrary, { seed, numRuns: count });
  const generated = Date.now() - began;
  const missing = everyField();
  for (const field of alwaysRejected) missing.delete(field);
  const kinds = { plan: 0, error: 0 };
  const lines: string[] = [];
  let slowest = { at: -1, took: 0 };
  let findings = 0;
  for (const [at, set] of sets.entries()) {
    if (only !== undefined && only !== at) continue;
    for (const { field, holder, key } of placesIn(set.args, root))
      if (field !== undefined && (holder[key] ?? undefined) !== undefined) missing.delete(field);
    // Of the processor: another program may have the machine meanwhile.
    const before = process.cpuUsage();
    const { kind, message, findings: found, resources } = await run(set.args, set.preview);
    const { user, system } = process.cpuUsage(before);
    const took = Math.round((user + system) / 1000);
    if (took > slowest.took) slowest = { at, took };
    kinds[kind]++;
    const all = [...found];
    if (set.mistakes.length === 0 && kind === "error")
      all.push(`right arguments are refused: ${message}`);
    // What Pulumi itself takes for a resource (an index for each of 3,000 tags, say) isn't ours.
    if (took > 5000 + 20 * resources) all.push(`took ${took} ms for ${resources} resources`);
    if (only !== undefined) lines.push(`${kind}: ${message}`, print(set.args));
    if (all.length === 0) continue;
    findings++;
    lines.push(
      `finding: set ${at}${set.preview ? " in a preview" : ""}: ${set.mistakes.join("; ") || "no mistakes"}`,
    );
    lines.push(...all.map((one) => `  ${one}`));
  }
  const total = Date.now() - began;
  const share = (part: number) => `${part} (${Math.round((100 * part) / count)} %)`;
  lines.push(`fields that were never given: ${[...missing].join(", ") || "none"}`);
  lines.push(
    `slowest: set ${slowest.at} in ${slowest.took} ms; ${generated} ms to generate, ${Math.round((1000 * total) / count)} ms per 1,000`,
  );
  lines.push(`plans ${share(kinds.plan)}, errors ${share(kinds.error)}, findings ${findings}`);
  const least = 0.2 * count;
  const balanced = kinds.plan >= least && kinds.error >= least;
  if (!balanced) lines.push("plans and errors must each be a fifth at least");
  return { good: findings === 0 && missing.size === 0 && balanced, lines };
}
