import type * as pulumi from "@pulumi/pulumi";

/** What the SDK keeps on every resource, and does not declare. */
interface Identity {
  readonly __name?: string;
  readonly __pulumiType?: string;
  readonly __parentResource?: Identity;
}

const app = "multiarch:index:App";
const stack = "pulumi:pulumi:Stack";

/** The components that a resource with this parent lies in, outermost first, the stack and an App left out. */
function ancestors(parent: pulumi.Resource | undefined): Identity[] {
  const found: Identity[] = [];
  let at = parent as Identity | undefined;
  while (at !== undefined && at.__pulumiType !== stack) {
    if (at.__pulumiType !== app) found.unshift(at);
    at = at.__parentResource;
  }
  return found;
}

/**
 * A name that tells components apart which have the same name under different parents: `web`, or `shop/web` within a
 * component `shop`. An App and its parts share one.
 */
export function scopedName(name: string, parent: pulumi.Resource | undefined): string {
  return [...ancestors(parent).map((one) => one.__name ?? ""), name].join("/");
}

/** A name for messages and hooks, which no other component of the program has: `App web`, `Image web (shop:index:Shop one)`. */
export function uniqueName(
  name: string,
  parent: pulumi.Resource | undefined,
  own = "Image",
): string {
  const kind = isInApp(parent) ? "App" : own;
  const within = ancestors(parent).map((one) => `${one.__pulumiType} ${one.__name}`);
  return `${kind} ${name}${within.length === 0 ? "" : ` (${within.join(", ")})`}`;
}

/** How the user reaches a component's arguments: as `image` in an App; empty for an Image alone. */
export function partPath(parent: pulumi.Resource | undefined, part: string): string {
  return isInApp(parent) ? part : "";
}

/** Whether the parent of a resource is an App. */
export function isInApp(parent: pulumi.Resource | undefined): boolean {
  return (parent as Identity | undefined)?.__pulumiType === app;
}
