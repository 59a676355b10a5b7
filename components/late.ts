import * as pulumi from "@pulumi/pulumi";
import { isFields, isLater } from "./check";
import type { Problem } from "./errors";
import { refuse } from "./refuse";

/**
 * The arguments, in which each value that is known later is checked then, as if it had been known before: what other stacks and
 * resources give is often nothing at all, over which the code behind would stumble, or a provider, which knows no field of the user's.
 *
 * @param args those that have no problems with what is known of them
 * @param problems what is wrong with arguments
 */
export function checkedLate<T>(name: string, args: T, problems: (args: T) => Problem[]): T {
  const visit = (value: unknown, within: (known: unknown) => T): unknown => {
    if (isLater(value)) {
      const output = pulumi.output(value) as pulumi.Output<unknown>;
      const secret = pulumi.isSecret(output);
      return output.apply(async (known) => {
        const found = problems(within(known));
        // What is secret isn't shown, and a problem may show it.
        const hide = found.length > 0 && (await secret);
        const what = "is a secret that this field doesn't take as it is";
        const fix = "look at what it holds";
        refuse(name, hide ? found.map(({ path }) => ({ path, what, fix })) : found);
        return known;
      });
    }
    if (Array.isArray(value))
      return value.map((one, at) =>
        visit(one, (known) => within(value.map((item, nth) => (nth === at ? known : item)))),
      );
    // A resource is no fields of the user's.
    if (!isFields(value) || pulumi.Resource.isInstance(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        visit(one, (known) => within({ ...value, [key]: known })),
      ]),
    );
  };
  return visit(args, (known) => known as T) as T;
}
