import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { beforeChange, plainly } from "../hooks";
import type { Making } from "../image/built";
import type { Login } from "../image/buildx";
import { isSameRegistry } from "../registry/reference";

/** Milliseconds for all questions to the registry. */
const patience = 3000;

/**
 * Compares a finished image with the planned platforms in a preview, before a verification that is due. Without an answer of the registry
 * in time, as offline or with credentials that only `up` has, the preview says nothing, and `up` verifies the image.
 */
export function previewPlatforms(
  { id, plan: { requiredBy } }: Making,
  label: string,
  reference: pulumi.Input<string>,
  logins: readonly Login[],
): pulumi.ResourceHookBinding {
  if (!pulumi.runtime.isDryRun()) return {};
  return beforeChange(`platforms of ${id}`, async () => {
    const known = await plainly(pulumi.all([reference, pulumi.output(logins)]));
    if (known === undefined) return;
    const [ref, given] = known;
    const usable = given.filter((one) => one.username && isSameRegistry(one.address, ref));
    const plan = { reference: ref, platforms: Object.keys(requiredBy), requiredBy };
    // Loaded only here: most runs verify nothing new.
    const [{ inspect }, { differences }] = await Promise.all([
      import("./inspect"),
      import("./verify"),
    ]);
    const { platforms } = plan;
    const options = { total: patience, request: patience, platforms };
    // A credential helper may take its time, too.
    const held = await Promise.race([
      inspect(ref, usable.at(-1), options).catch(() => undefined),
      sleep(patience, undefined, { ref: false }),
    ]);
    const problems = held ? differences(plan, held) : [];
    if (problems.length > 0) throw new Error(problems.map((one) => `${label}: ${one}`).join("\n"));
  });
}
