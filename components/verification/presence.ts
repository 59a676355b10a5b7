import * as pulumi from "@pulumi/pulumi";
import type { Making } from "../image/built";
import type { RegistryAccess } from "../image/inputs";
import { besides } from "../hosting";
import { exists } from "../registry/client";
import { log } from "../log";

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

/**
 * Asks the registry in every run whether what was released is still there: nothing else would notice that a clean-up or a
 * person removed it. One request a run, so previews ask for the index, and `up` for what the targets were given (which
 * some clean-ups remove while the index stays). Feeds nothing, so it can fail nothing; what it finds is a warning.
 *
 * @param index what other stacks and people pull
 * @param rebuild the commands that make the index, and what the targets were given, again; empty where it was built elsewhere
 */
export function watchPresence(
  { image, access, deployed }: Making,
  index: pulumi.Output<string>,
  rebuild: { readonly index: pulumi.Input<string>; readonly deployed: pulumi.Input<string> },
): void {
  // The index is known before the program has made its targets, so what they were given is read in the callback.
  const looked = index.apply((known) => {
    const asked = [...deployed.values()];
    const whole = pulumi.runtime.isDryRun() || asked.length === 0;
    const references = whole ? [known] : asked;
    const again = whole ? rebuild.index : rebuild.deployed;
    const looks = references.map((reference) => {
      const missing = isMissing(reference, access);
      return pulumi.all([missing, reference, again]).apply(async ([gone, ref, command]) => {
        if (!gone) return;
        const mend = command === "" ? "name another image" : `\`${command}\` makes it again`;
        await log.warn(
          `${ref} is no longer in the registry, and can't be pulled again: ${mend}`,
          image,
        );
      });
    });
    return pulumi.all(looks);
  });
  besides(looked);
}
