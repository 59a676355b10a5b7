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

/** The object that a text of JSON holds, or undefined. What is in it is for the caller to check. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- somebody else's JSON
export function parseObject(text: string | Buffer): any {
  const value: unknown = attempt(() => JSON.parse(text.toString()));
  return Object(value) === value ? value : undefined;
}
