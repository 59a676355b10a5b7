import { type Problem, show } from "./errors";

/** What the user wrote, of which nothing is known to be right. */
export type Fields = Record<string, unknown>;

/** The path of a field, as the user reaches it. */
export type At = (field: string) => string;

/** The paths of the fields of what is reached by a path: that of an object in an App, empty for a component alone. */
export const under =
  (path: string): At =>
  (field) =>
    path === "" ? field : `${path}.${field}`;

/** Whether a value is known only later: an Output or a promise. Such a value is checked by its provider. */
export function isLater(value: unknown): boolean {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    ("__pulumiOutput" in value || typeof (value as { then?: unknown }).then === "function")
  );
}

/** An object with fields: no list, no Output, and nothing of JavaScript's own such as a Map, whose entries are none. */
export function isFields(value: unknown): value is Fields {
  return Object.prototype.toString.call(value) === "[object Object]" && !isLater(value);
}

/** No argument, variable or file name can contain one, so what is behind it would be lost. */
export const noNul = "contains a NUL character, which is not allowed";

/**
 * Collects what is wrong with a user's arguments, each with the path of the field. Fields that are absent pass, and so do
 * single values that are known later; what holds them (objects, lists, maps) must be plain, for it decides which resources
 * there are. Every method says whether the value is there, plain and good.
 */
export class Checker {
  readonly problems: Problem[] = [];

  add(path: string, what: string, fix: string): false {
    this.problems.push({ path, what, fix });
    return false;
  }

  /** The value is there, known or not. */
  present(value: unknown, path: string, fix: string): boolean {
    return value !== undefined || this.add(path, "is missing", fix);
  }

  /** The value is known now. */
  plain(value: unknown, path: string): boolean {
    if (!isLater(value)) return value !== undefined;
    return this.add(
      path || "args",
      "is an output or a promise, and must be known before anything is made",
      "write the value itself; what it holds may be outputs",
    );
  }

  /** The value is an object that holds known fields only. */
  fields(value: unknown, path: string, known: Iterable<string>): value is Fields {
    if (!this.plain(value, path)) return false;
    const names = [...known];
    if (!isFields(value)) {
      return this.add(
        path || "args",
        `must be an object, got ${show(value)}`,
        `its fields are ${names.join(", ")}`,
      );
    }
    for (const name of Object.keys(value).filter((key) => !names.includes(key))) {
      const fix = `remove it, or take one of ${names.join(", ")}`;
      this.add(under(path)(name), "is not a field", fix);
    }
    return true;
  }

  text(value: unknown, path: string, example: string): value is string {
    if (value === undefined || isLater(value)) return false;
    if (typeof value !== "string" || value.trim() === "") {
      return this.add(
        path,
        `must be a text that isn't empty, got ${show(value)}`,
        `write ${example}`,
      );
    }
    return !value.includes("\0") || this.add(path, noNul, `write ${example}`);
  }

  /** A text that is known now. */
  plainText(value: unknown, path: string, example: string): value is string {
    return this.plain(value, path) && this.text(value, path, example);
  }

  flag(value: unknown, path: string): value is boolean {
    if (!this.plain(value, path)) return false;
    return (
      typeof value === "boolean" ||
      this.add(path, `must be true or false, got ${show(value)}`, "write one of them")
    );
  }

  /** A whole number from `least` to `most`. */
  whole(value: unknown, path: string, least: number, most: number, unit: string): value is number {
    if (value === undefined || isLater(value)) return false;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      const range = `a whole number of ${unit} from ${least} to ${most}`;
      return this.add(path, `must be ${range}, got ${show(value)}`, "write such a number");
    }
    return true;
  }

  /** A whole number that is known now. */
  plainWhole(value: unknown, path: string, least: number, most: number, unit: string): boolean {
    return this.plain(value, path) && this.whole(value, path, least, most, unit);
  }

  oneOf(value: unknown, path: string, allowed: readonly string[]): value is string {
    if (!this.plain(value, path)) return false;
    if (typeof value !== "string" || !allowed.includes(value)) {
      return this.add(
        path,
        `is ${show(value)}`,
        `write one of ${allowed.map((one) => `"${one}"`).join(", ")}`,
      );
    }
    return true;
  }

  list(value: unknown, path: string, example: string): value is unknown[] {
    if (!this.plain(value, path)) return false;
    if (!Array.isArray(value))
      return this.add(path, `must be a list, got ${show(value)}`, `write ${example}`);
    // `forEach` and `map` pass over a hole; this doesn't.
    const nothing = value.findIndex((item) => item === undefined);
    if (nothing < 0) return true;
    return this.add(`${path}[${nothing}]`, "is nothing", `remove it, or write ${example}`);
  }

  texts(value: unknown, path: string, example: string): value is string[] {
    if (!this.list(value, path, `[${example}]`)) return false;
    return value
      .map((item, index) => {
        const at = `${path}[${index}]`;
        return this.plain(item ?? null, at) && this.text(item ?? null, at, example);
      })
      .every(Boolean);
  }

  /** An object from names to texts; its values may be known later. */
  textMap(value: unknown, path: string, example: string): value is Fields {
    if (!this.plain(value, path)) return false;
    if (!isFields(value)) {
      // The value isn't shown: it may be a secret.
      const got = Array.isArray(value) ? "a list" : typeof value;
      return this.add(path, `must map names to texts, got ${got}`, `write ${example}`);
    }
    for (const [name, text] of Object.entries(value)) {
      if (name === "toString")
        this.add(`${path}.toString`, "is a name that Pulumi's SDK fails on", "use another name");
      if (name.trim() === "") this.add(path, "has an entry without a name", `write ${example}`);
      if (isLater(text)) continue;
      if (typeof text !== "string")
        this.add(`${path}.${name}`, `must be a string, got ${typeof text}`, "write a string");
      else if (text.includes("\0")) this.add(`${path}.${name}`, noNul, "remove it");
    }
    return true;
  }
}
