import * as pulumi from "@pulumi/pulumi";
import type { ImageArgs } from "./imageArgs";
import { exists } from "./registryClient";

/** Asks the registry whether it lacks a reference; no answer, or an unclear one, is no "yes". */
export function isMissing(
  reference: pulumi.Input<string>,
  registry: ImageArgs["registry"],
): pulumi.Output<boolean> {
  return pulumi
    .all([reference, registry?.username, registry?.password])
    .apply(
      async ([ref, username, password]) =>
        (await exists(ref, { username, password })) === "missing",
    );
}

/**
 * Asks the registry once in every run whether the released index is still there: nothing else would notice that a
 * clean-up or a person removed it. Feeds nothing, so it can fail nothing; what it finds is a warning.
 */
export function watchPresence(
  resource: pulumi.Resource,
  reference: pulumi.Output<string>,
  args: ImageArgs,
  rebuild: pulumi.Input<string>,
): void {
  const missing = isMissing(reference, args.registry);
  pulumi.all([missing, reference, rebuild]).apply(async ([gone, ref, command]) => {
    if (!gone) return;
    const mend =
      command === "" ? "name another image" : `\`${command}\` builds and pushes it again`;
    await pulumi.log.warn(
      `${ref} is no longer in the registry; what runs now can't be pulled again: ${mend}`,
      resource,
    );
  });
}
