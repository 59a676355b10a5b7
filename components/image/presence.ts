import * as pulumi from "@pulumi/pulumi";
import type { ImageArgs } from "./imageArgs";
import { exists } from "./verify";

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
  const { username, password } = args.registry ?? {};
  pulumi
    .all([reference, rebuild, username, password])
    .apply(async ([ref, command, user, secret]) => {
      if ((await exists(ref, { username: user, password: secret })) !== "missing") return;
      const mend =
        command === "" ? "name another image" : `\`${command}\` builds and pushes it again`;
      await pulumi.log.warn(
        `${ref} is no longer in the registry; what runs now can't be pulled again: ${mend}`,
        resource,
      );
    });
}
