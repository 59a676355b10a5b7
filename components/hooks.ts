import * as pulumi from "@pulumi/pulumi";
import { printableLines } from "./errors";
import { log } from "./log";

/**
 * A check that runs before a resource is made or changed, and never on an unchanged one: in `up`, and in previews unless told
 * otherwise. What it throws is the error that the user sees. Names are global to the program, and stand in the error.
 */
export function beforeChange(
  name: string,
  check: (args: pulumi.ResourceHookArgs) => Promise<void>,
  onDryRun = true,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const printed = (args: pulumi.ResourceHookArgs) =>
    check(withoutMarks(args)).catch((error: Error) => {
      error.message = printableLines(error.message);
      throw error;
    });
  const hook = new pulumi.ResourceHook(name, printed, { onDryRun });
  return { beforeCreate: [hook], beforeUpdate: [hook] };
}

/**
 * The arguments of a hook in which a secret value is an output of the plain value. The SDK leaves the marks of secrets within a
 * secret, such as those that Pulumi's command provider puts into a connection.
 */
export const withoutMarks = <T extends pulumi.ResourceHookArgs | pulumi.ErrorHookArgs>(args: T) =>
  withoutMark({ ...args }) as T;

function withoutMark(value: unknown): unknown {
  if (pulumi.Output.isInstance(value)) return value.apply(withoutMark);
  if (pulumi.runtime.isRpcSecret(value)) return withoutMark(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(withoutMark);
  if (value?.constructor !== Object) return value; // an asset, among others
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutMark(one)]));
}

/** The values of a map by their paths: `environment.TOKEN`. */
export function pathsOf<T>(field: string, values: Readonly<Record<string, T>> = {}) {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`${field}.${key}`, value]),
  );
}

/** Values by the user's fields. */
export type Values = Readonly<Record<string, pulumi.Input<unknown> | undefined>>;

/** The fields whose values are secret. */
export async function secretFields(values: Values): Promise<string[]> {
  const found = Object.entries(values).map(async ([field, value]) =>
    (await pulumi.isSecret(pulumi.output(value))) ? [field] : [],
  );
  return (await Promise.all(found)).flat();
}

/** Throws what is said of the first field whose value is secret. */
export async function refuseSecrets(values: Values, say: (field: string) => string): Promise<void> {
  const [first] = await secretFields(values);
  if (first !== undefined) throw new Error(say(first));
}

/**
 * Says one more sentence where a resource could not be made, changed or removed. `subject` is what it is shown on. The sentence is
 * given the provider's raw text, and what the engine knows of the resource; undefined says nothing.
 */
export function explainFailure(
  name: string,
  subject: pulumi.Resource,
  sentence: (raw: string, failure: pulumi.ErrorHookArgs) => Promise<string | undefined>,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const hook = new pulumi.ErrorHook(name, async (failure) => {
    const said = await sentence(failure.errors.join("\n"), withoutMarks(failure));
    if (said !== undefined) await log.error(said, subject);
    return false;
  });
  return { onError: [hook] };
}

/** Several hooks on one resource, of whatever kinds. */
export function joinHooks(...bindings: pulumi.ResourceHookBinding[]): pulumi.ResourceHookBinding {
  const joined: Record<string, unknown[]> = {};
  for (const binding of bindings)
    for (const [kind, hooks] of Object.entries(binding) as [string, unknown[] | undefined][])
      joined[kind] = [...(joined[kind] ?? []), ...(hooks ?? [])];
  return joined;
}

/** Pulumi's mocks can't register hooks (and fail when asked to), so tests of users' programs would hang on them. */
export function hooksSupported(): boolean {
  const monitor = pulumi.runtime.getMonitor() as { registerResourceHook?: unknown } | undefined;
  return typeof monitor?.registerResourceHook === "function";
}

/** The value of an output in a hook. The inputs of its resource are known by then, so what takes long is a mistake of ours. */
export function settled<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error("a value that must be known isn't")), 10_000);
    limit.unref();
    output.apply((value) => {
      clearTimeout(limit);
      resolve(value as T);
    });
  });
}
