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
  readonly goal: string;
  readonly met: boolean;
  readonly noise: string;
}

const progress = (text: string) => void process.stderr.write(text);

/** The other side, ours, and the other side again, in each round; what comes first changes from round to round. */
export async function alternate(
  ours: Side,
  other: Side,
  { rounds = 10, noise = true } = {},
): Promise<Compared> {
  const result: Compared = { ours: [], other: [], again: [] };
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => void result.other.push(await other()),
      async () => void result.ours.push(await ours()),
      async () => void (noise && result.again.push(await other())),
    ];
    // Ours lies between both: so each round has a neighbour on either side, and none is always first.
    for (const turn of round % 2 === 0 ? turns : noise ? turns : [...turns].reverse()) await turn();
    progress(".");
  }
  progress("\n");
  return result;
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
  goal: number,
  unit = "s",
  digits = 2,
): Row {
  const both = ratios(compared.ours, compared.other);
  return {
    measure,
    ours: spread(compared.ours, unit, digits),
    other: spread(compared.other, unit, digits),
    result: spread(both),
    goal: `≤ ${goal}`,
    met: median(both) <= goal,
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
    ...[measure, ours, other, result, goal, met ? "met" : "**missed**", noise],
  ]);
  return [heading, heading.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
