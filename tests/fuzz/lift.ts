import * as pulumi from "@pulumi/pulumi";

type Kind = "output" | "promise" | "secret" | "unknown" | "raw";

/**
 * A value that can't be made while arguments are generated: an Output needs the mocks, and others can't be printed. Made of a
 * description by `made`.
 */
export class Lift {
  constructor(
    readonly kind: Kind,
    readonly value: unknown,
    /** For raw ones: what it is. */
    readonly name = "",
  ) {}

  toJSON(): unknown {
    return this.kind === "raw" ? `<${this.name}>` : { [`<${this.kind}>`]: this.value };
  }
}

/** What nobody may see: every text with it in a secret is looked for in what is registered. */
const canary = /canary\d+/g;

/** The arguments as the component gets them. Adds to `hidden` what is in secrets. */
export function made(value: unknown, hidden: Set<string>): unknown {
  if (value instanceof Lift) {
    if (value.kind === "raw") return (value.value as () => unknown)();
    const inner = made(value.value, hidden);
    if (value.kind === "promise") return Promise.resolve(inner);
    if (value.kind === "unknown") return pulumi.output(pulumi.unknown);
    if (value.kind === "secret") for (const [found] of canariesIn(value.value)) hidden.add(found);
    try {
      return value.kind === "secret" ? pulumi.secret(inner) : pulumi.output(inner);
    } catch {
      // Pulumi rejects what contains itself before a component sees it.
      return inner;
    }
  }
  if (Array.isArray(value)) return value.map((one) => made(one, hidden));
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, made(one, hidden)]));
}

/** The canaries in a value. */
export function canariesIn(value: unknown): IterableIterator<RegExpMatchArray> {
  return (typeof value === "string" ? value : print(value, Infinity)).matchAll(canary);
}

/** For messages: long texts are cut. */
export function print(value: unknown, most = 200): string {
  const seen = new Set<unknown>();
  const text = JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === "bigint" || typeof one === "symbol" || typeof one === "function")
      return `<${typeof one}>`;
    if (one === undefined) return "<undefined>";
    if (typeof one === "number" && !Number.isFinite(one)) return `<${one}>`;
    if (typeof one === "object" && one !== null) {
      if (seen.has(one)) return "<again>";
      seen.add(one);
    }
    return typeof one === "string" && one.length > most ? `${one.slice(0, 60)}…${one.length}` : one;
  });
  return text ?? "<undefined>";
}
