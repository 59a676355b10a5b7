/** Runs that take turns, and what is said of them. Pairs of neighbours are compared: what else loads the machine, loads both. */

/** One side of a comparison: gives what it measured, in the comparison's unit. */
export type Side = () => Promise<number>;

/** What was measured of both sides, in the order of the rounds. */
export interface Compared {
  readonly ours: number[];
  readonly other: number[];
  /** The other side once more in each round: how much the machine alone makes of a difference. */
  readonly again: number[];
}

/** A line of the table. */
export interface Row {
  readonly measure: string;
  readonly ours: string;
  readonly other: string;
  readonly result: string;
  /** None where the row explains another. */
  readonly goal?: string;
  readonly met?: boolean;
  readonly noise: string;
}

const progress = (text: string) => void process.stderr.write(text);

/** What each side measured, round by round; they take turns, in every second round the other way round. */
export async function turns(sides: readonly Side[], rounds = 10): Promise<number[][]> {
  const results = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...sides.keys()];
    if (round % 2 === 1) order.reverse();
    for (const nth of order) results[nth]!.push(await sides[nth]!());
    progress(".");
  }
  progress("\n");
  return results;
}

/** The other side, ours, and the other side again. */
export async function alternate(
  ours: Side,
  other: Side,
  { rounds = 10, noise = true } = {},
): Promise<Compared> {
  const sides = noise ? [other, ours, other] : [other, ours];
  const [others, own, again = []] = await turns(sides, rounds);
  return { ours: own!, other: others!, again };
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The ratios of two lists, pair by pair. */
export const ratios = (over: readonly number[], under: readonly number[]): number[] =>
  over.map((value, nth) => value / under[nth]!);

/** `2.31 s (2.20–2.60)`: the median, the smallest and the largest. */
export function spread(values: readonly number[], unit = "", digits = 2): string {
  if (values.length === 0) return "–";
  const text = (value: number) => value.toFixed(digits);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${text(median(values))}${unit && ` ${unit}`} (${text(low)}–${text(high)})`;
}

/** A row of the median of the ratios, pair by pair, against a goal. */
export function ratioRow(
  measure: string,
  compared: Compared,
  goal: number | undefined,
  unit = "s",
  digits = 2,
): Row {
  const both = ratios(compared.ours, compared.other);
  return {
    measure,
    ours: spread(compared.ours, unit, digits),
    other: spread(compared.other, unit, digits),
    result: spread(both),
    ...(goal !== undefined && { goal: `≤ ${goal}`, met: median(both) <= goal }),
    noise: spread(ratios(compared.again, compared.other)),
  };
}

/** A row of something that is or isn't so. */
export const factRow = (measure: string, result: string, goal: string, met: boolean): Row => ({
  ...{ measure, result, goal, met },
  ...{ ours: "–", other: "–", noise: "–" },
});

const heading = ["measure", "multiarch", "the other", "result", "goal", "", "noise"];

/** The rows as a table in Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ measure, ours, other, result, goal, met, noise }) => [
    ...[measure, ours, other, result, goal ?? "–"],
    ...[met === undefined ? "–" : met ? "met" : "**missed**", noise],
  ]);
  return [heading, heading.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
