import * as pulumi from "@pulumi/pulumi";
import type { App } from "./app";
import { isFields } from "./check";
import { refuse } from "./refuse";

/**
 * What an {@link App} holds, as another stack sees it: the same names, with outputs as the values themselves, and the parts (`image`,
 * `repository`, `ec2`, `ecs`, `lambda`, `host`) as objects. The repository's credentials are not among them.
 */
export type AppOutputs = Plain<App>;

/** The outputs of a component, without its methods and without credentials, which hold for one run. */
type Plain<T> = {
  [
    K in keyof T as K extends "getProvider" | "platformRef" | "username" | "password" ? never : K
  ]: PlainValue<T[K]>;
};
type PlainValue<T> =
  T extends pulumi.Output<infer V> ? V : T extends pulumi.Resource ? Plain<T> : T;

/**
 * Reads an App of another stack, whose program exports it whole (`export const web = new multiarch.App("web", …)`). The result has
 * the App's own outputs, and they are known in previews too. For programs in TypeScript or JavaScript, on both sides: the package's
 * functions are for these only, and programs in other languages don't export what a component holds.
 *
 * The run ends with an error where that stack has no such output, or where what it holds is no App.
 *
 * @param stack the other stack
 * @param name the name under which its program exports the App
 *
 * @example
 * import * as pulumi from "@pulumi/pulumi";
 *
 * const staging = new pulumi.StackReference("acme/web/staging");
 * const web = multiarch.appOutputs(staging, "web");
 * const production = new multiarch.App("web", {
 *   image: { ref: web.imageUri },   // the very image that runs there, verified again
 *   ecs: { architecture: "arm64" },
 * });
 */
export function appOutputs(stack: pulumi.StackReference, name: string): pulumi.Output<AppOutputs> {
  return stack.getOutput(name).apply((value: unknown): pulumi.Input<AppOutputs> => {
    if (isApp(value)) return value;
    return pulumi.all([stack.name, stack.outputs]).apply(([stackName, outputs]): never => {
      const what =
        value === undefined
          ? `is no output of the stack, which has ${Object.keys(outputs).join(", ") || "none"}`
          : `is no App: it holds ${kindOf(value)}`;
      const fix = `write there \`export const ${name} = new multiarch.App(…)\` and run \`pulumi up\``;
      refuse(stackName, [{ path: name, what, fix }]);
      throw new Error("unreachable");
    });
  }) as pulumi.Output<AppOutputs>;
}

/** An exported App is the object of its outputs, of which the URN says what it was. */
function isApp(value: unknown): value is AppOutputs {
  return isFields(value) && /[:$]multiarch:index:App::/.test(String(value.urn));
}

/** Never the value: it may be a secret. */
function kindOf(value: unknown): string {
  if (isFields(value)) return `an object with ${Object.keys(value).join(", ") || "no fields"}`;
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
