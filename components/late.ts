import * as pulumi from "@pulumi/pulumi";
import { isFields, isLater, under } from "./check";
import type { Problem } from "./errors";
import { shellWord } from "./quote";
import { refuse } from "./refuse";
import { isInApp } from "./scope";

/** The value, or the default if it is missing: an output can turn out to be undefined or empty. */
export function orElse<T>(
  value: pulumi.Input<T> | undefined,
  fallback: pulumi.Input<T>,
): pulumi.Input<T> {
  const chosen = (known: T | undefined) => ((known ?? "") === "" ? fallback : known!);
  return isLater(value) ? pulumi.output(value).apply(chosen as never) : chosen(value as T);
}

/** A problem with a value that is secret. */
export const hidden = ({ path }: Problem): Problem => ({
  path,
  what: "is not valid (value hidden because it is secret)",
  fix: "check the value of the secret",
});

/** A command that people copy, once its words are known, each quoted if a shell needs it. */
export const shellCommand = (
  text: TemplateStringsArray,
  ...words: pulumi.Input<string>[]
): pulumi.Output<string> =>
  pulumi.all(words).apply((known) => String.raw({ raw: text }, ...known.map(shellWord)));

/** Fields that decide which resources exist, or which blocks of one: whether they are set has to be known at once. */
const decisive =
  /^(\w+\.)?(ami|clusterArn|ephemeralStorage|kmsKeyArn|loadBalancer\.certificateArn|workingDirectory)$/;

const lateAbsence = (path: string): Problem => ({
  path,
  what: "is an Output without a value",
  fix: "leave the field out instead, because it decides what is created",
});

/**
 * The arguments, in which each value that is known later is checked then, as if it had been known before: what other stacks and
 * resources give is often nothing at all, over which the code behind would stumble, or a provider, which knows no field of the user's.
 *
 * @param args those that have no problems with what is known of them
 * @param problems what is wrong with arguments
 */
export function checkedLate<T>(name: string, args: T, problems: (args: T) => Problem[]): T {
  const visit = (value: unknown, path: string, within: (known: unknown) => T): unknown => {
    if (isLater(value)) {
      const output = pulumi.output(value) as pulumi.Output<unknown>;
      const secret = pulumi.isSecret(output);
      return output.apply(async (known) => {
        const absent = known === undefined && decisive.test(path);
        const found = absent ? [lateAbsence(path)] : problems(within(known));
        // What is secret isn't shown, and a problem may show it.
        const hide = found.length > 0 && (await secret);
        refuse(name, hide ? found.map(hidden) : found);
        return known;
      });
    }
    if (Array.isArray(value))
      return value.map((one, at) =>
        visit(one, `${path}[${at}]`, (known) =>
          within(value.map((item, nth) => (nth === at ? known : item))),
        ),
      );
    // A resource is no fields of the user's.
    if (!isFields(value) || pulumi.Resource.isInstance(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        visit(one, under(path)(key), (known) => within({ ...value, [key]: known })),
      ]),
    );
  };
  return visit(args, "", (known) => known as T) as T;
}

/**
 * The arguments of a component with `undefined` in place of null, at any depth and in values that are known later. JSON and other
 * languages have null for what TypeScript leaves out. The arguments of a part of an App come from the App, without nulls.
 */
export function withoutNulls<T>(args: T, parent?: pulumi.Resource): T {
  const visit = (value: unknown, around: readonly unknown[]): unknown => {
    if (value === null) return undefined;
    if (isLater(value)) return pulumi.output(value).apply((known) => visit(known, []));
    // Fields of a resource are not the user's. Circular values are rejected later.
    if (pulumi.Resource.isInstance(value) || around.includes(value)) return value;
    const within = [...around, value];
    if (Array.isArray(value)) return value.map((one) => visit(one, within));
    if (!isFields(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, visit(one, within)]));
  };
  return isInApp(parent) ? args : (visit(args, []) as T);
}

/** The arguments of a component, checked late. Those of a part of an App are checked with the App's. */
export function checkedAlone<T>(
  name: string,
  args: T,
  parent: pulumi.Resource | undefined,
  problems: (args: T, path: string) => Problem[],
): T {
  return isInApp(parent) ? args : checkedLate(name, args, (known) => problems(known, ""));
}
