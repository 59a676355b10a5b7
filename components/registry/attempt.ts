import { readFileSync } from "node:fs";

/** What work gives, or undefined where it fails. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** A file's text; empty where it can't be read. */
export function slurp(file: string): string {
  return attempt(() => readFileSync(file, "utf8")) ?? "";
}

/** Does the same with each value, a few at a time. The results are in the order of the values. */
export async function eachOf<T, U>(
  values: readonly T[],
  work: (value: T) => Promise<U>,
  atOnce = 6,
): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async () => {
    while (next < values.length) {
      const at = next++;
      results[at] = await work(values[at]!);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
  } finally {
    next = values.length;
  }
  return results;
}

/** Of a JSON text. Each takes some 60 bytes of memory, however short it is. */
const mostValues = 250_000;

/** The object that a text of JSON holds, or undefined. What is in it is for the caller to check. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- somebody else's JSON
export function parseObject(given: string | Buffer): any {
  const text = given.toString();
  let values = 0;
  for (let at = text.length; at-- > 0;) if (",[{".includes(text[at]!)) values++;
  if (values > mostValues) return undefined;
  const value: unknown = attempt(() => JSON.parse(text));
  return Object(value) === value ? value : undefined;
}
