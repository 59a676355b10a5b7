/** What differs where components run in the plugin for other languages, and not in the user's program. */
import * as pulumi from "@pulumi/pulumi";

let gathered: Promise<unknown>[] | undefined;
// A plugin serves one preview, or one `up`; these tell them apart where it should serve more.
const programs = { preview: {}, up: {} };
let inPlugin = false;

/**
 * Marks work that feeds nothing: a look at what runs, a file that is written. A program lives until it is done; the plugin is ended
 * as soon as its components have their outputs, and so must wait for it.
 */
export function besides(work: pulumi.Output<unknown>): void {
  gathered?.push(promiseOf(work));
}

/** The promise of an output, which the SDK has and doesn't declare: it resolves for unknown values too. */
export function promiseOf<T>(output: pulumi.Output<T>): Promise<T> {
  return (output as unknown as { promise(): Promise<T> }).promise();
}

/** The object that stands for the program that is running; none where tests have mocks in its place. */
export function program(): object | undefined {
  const hosted = pulumi.runtime.isDryRun() ? programs.preview : programs.up;
  return inPlugin ? hosted : pulumi.runtime.getStackResource();
}

/** Makes a component in the plugin, and gives the work that goes on besides it. */
export async function makeHosted<T>(
  parent: pulumi.Resource | undefined,
  make: () => T,
): Promise<{ readonly made: T; readonly work: Promise<unknown> }> {
  inPlugin = true;
  // Of the parent, which is a resource of another process, the plugin knows the URN alone.
  if (parent !== undefined) {
    const urn = await promiseOf(parent.urn);
    const [, , types = "", name] = urn.split("::");
    Object.assign(parent, { __name: name, __pulumiType: types.split("$").at(-1) });
  }
  const mine: Promise<unknown>[] = (gathered = []);
  try {
    return { made: make(), work: Promise.all(mine) };
  } finally {
    gathered = undefined;
  }
}
