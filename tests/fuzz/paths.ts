import { Lift } from "./lift";
import { fieldsOf, root, type Shape, typeOf } from "./schema";

/** What is wrong with the text of an error: each line is to start with the path of a field that the user has, or lacks. */
export function pathProblems(text: string, name: string, args: readonly unknown[]): string[] {
  const problems: string[] = [];
  if (text === "") problems.push("an error without a text");
  if (/undefined is not|is not a function|Cannot read|error serializing|\n\s+at /.test(text))
    problems.push(`the text of a crash: ${text.slice(0, 300)}`);
  // A map of thousands has as many lines of one kind.
  for (const line of text.split("\n").slice(0, 50)) {
    const rest = line.startsWith(`${name}: `) ? line.slice(name.length + 2) : undefined;
    if (rest === undefined || !rest.includes("; "))
      problems.push(`no problem of an App: ${line.slice(0, 300)}`);
    else if (!args.some((one) => startsWithPath(rest, one)))
      problems.push(`no path of the user's: ${line.slice(0, 300)}`);
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(line))
      problems.push(`control characters in an error: ${line.slice(0, 300)}`);
  }
  return problems;
}

/** As control characters of keys are shown. */
const shown = (key: string): string => JSON.stringify(key).slice(1, -1).replaceAll('\\"', '"');

function startsWithPath(text: string, args: unknown): boolean {
  return text.startsWith("args: ") || below(text, args, { $ref: `#/types/${root}` }, true);
}

function below(text: string, value: unknown, shape: Shape | undefined, first = false): boolean {
  if (!first && text.startsWith(": ")) return true;
  const inner = value instanceof Lift ? value.value : value;
  const type = first ? root : typeOf(shape);
  const fields = new Map(Object.entries(type === undefined ? {} : fieldsOf(type)));
  const entry = shape?.items ?? shape?.additionalProperties;
  if (Array.isArray(inner)) {
    const index = /^\[(\d+)\]/.exec(text);
    return index !== null && below(text.slice(index[0].length), inner[Number(index[1])], entry);
  }
  const own = new Map(Object.entries(Object(inner) as object));
  const cut = /^(.*)… \(\d+ characters\): /.exec(text)?.[1]; // a path of thousands of characters
  return [...new Set([...fields.keys(), ...own.keys()])].some((key) => {
    const spelt = first ? [shown(key)] : [`.${shown(key)}`, `["${shown(key)}"]`];
    if (cut !== undefined && spelt.some((one) => one.startsWith(cut))) return true;
    const start = spelt.find((one) => text.startsWith(one));
    return (
      start !== undefined && below(text.slice(start.length), own.get(key), fields.get(key) ?? entry)
    );
  });
}
