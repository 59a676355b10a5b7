import * as pulumi from "@pulumi/pulumi";
import type { RegistryAccess } from "../image/inputs";
import { besides } from "../hosting";
import { exists } from "../registry/client";

/** Asks the registry whether it lacks a reference; no answer, or an unclear one, is no "yes". */
export function isMissing(
  reference: pulumi.Input<string>,
  access: RegistryAccess,
): pulumi.Output<boolean> {
  return pulumi
    .all([reference, access.username, access.password])
    .apply(
      async ([ref, username, password]) =>
        (await exists(ref, { username, password })) === "missing",
    );
}

/** What was released, and who holds it. */
export interface Released {
  /** What other stacks and people pull. */
  readonly index: pulumi.Output<string>;
  /** The platform images that targets were given; filled in while the program goes on. */
  readonly deployed: ReadonlyMap<string, pulumi.Output<string>>;
  readonly access: RegistryAccess;
  /** The commands that make the index, and what the targets were given, again; empty where it was built elsewhere. */
  readonly rebuild: {
    readonly index: pulumi.Input<string>;
    readonly deployed: pulumi.Input<string>;
  };
}

/**
 * Asks the registry in every run whether what was released is still there: nothing else would notice that a clean-up or a
 * person removed it. One request a run, so previews ask for the index, and `up` for what the targets were given (which
 * some clean-ups remove while the index stays). Feeds nothing, so it can fail nothing; what it finds is a warning.
 */
export function watchPresence(resource: pulumi.Resource, released: Released): void {
  // The index is known before the program has made its targets, so what they were given is read in the callback.
  const looked = released.index.apply((index) => {
    const asked = [...released.deployed.values()];
    const whole = pulumi.runtime.isDryRun() || asked.length === 0;
    const references = whole ? [index] : asked;
    const rebuild = whole ? released.rebuild.index : released.rebuild.deployed;
    const looks = references.map((reference) => {
      const missing = isMissing(reference, released.access);
      return pulumi.all([missing, reference, rebuild]).apply(async ([gone, ref, command]) => {
        if (!gone) return;
        const mend = command === "" ? "name another image" : `\`${command}\` makes it again`;
        await pulumi.log.warn(
          `${ref} is no longer in the registry, and can't be pulled again: ${mend}`,
          resource,
        );
      });
    });
    return pulumi.all(looks);
  });
  besides(looked);
}
