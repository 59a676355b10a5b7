import * as fc from "fast-check";
import { Lift } from "./lift";

/** Draws from fast-check, so that one seed gives the same arguments always. */
export class Chooser {
  #count: number;

  /** @param count of the canaries that another one gave away */
  constructor(
    readonly g: fc.GeneratorValue,
    readonly preview: boolean,
    count = 0,
  ) {
    this.#count = count;
  }

  /** Whether, in so many cases of a hundred. */
  often(percent: number): boolean {
    return this.whole(0, 99) < percent;
  }

  whole(least: number, most: number): number {
    return this.g(fc.integer, { min: least, max: most });
  }

  one<T>(all: readonly T[]): T {
    return all[this.whole(0, all.length - 1)]!;
  }

  some<T>(all: readonly T[], least = 0): T[] {
    const chosen = all.filter(() => this.often(50));
    return chosen.length < least ? all.slice(0, least) : chosen;
  }

  /** A text of its own, which can be found again wherever it goes. */
  canary(): string {
    return `canary${++this.#count}`;
  }

  /** As an Input may be given. */
  input(value: unknown): unknown {
    const chance = this.whole(0, 99);
    if (chance < 70) return value;
    if (chance < 82) return new Lift("output", value);
    if (chance < 92) return new Lift("secret", value);
    return this.preview && chance > 95 ? new Lift("unknown", value) : new Lift("promise", value);
  }

  /** Some of the optional fields. */
  fields(optional: Record<string, () => unknown>, percent = 35): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(optional).flatMap(([field, make]) =>
        this.often(percent) ? [[field, make()]] : [],
      ),
    );
  }

  /** A map of texts. */
  texts(names: readonly string[]): Record<string, unknown> {
    return Object.fromEntries(this.some(names).map((name) => [name, this.input(this.canary())]));
  }

  digest(): string {
    return `sha256:${this.one(["a", "b", "0"]).repeat(64)}`;
  }

  /** Of a secret in Secrets Manager. */
  secretArn(): string {
    return `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${this.canary()}`;
  }

  /** Of a secret or a parameter. */
  anySecretArn(): string {
    const arn = this.secretArn();
    return this.often(50)
      ? arn
      : arn.replace("secretsmanager", "ssm").replace("secret:", "parameter/");
  }

  /** An architecture in one of its spellings. */
  architecture(): string {
    return this.one([
      "x86_64",
      "arm64",
      "amd64",
      "aarch64",
      "ARM64",
      "X86_64",
      "x64",
      "linux/arm64",
    ]);
  }
}
