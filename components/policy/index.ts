/** A policy pack of one rule, for `pulumi preview --policy-pack`: also for workloads that were declared without this package. */
import { PolicyPack } from "@pulumi/policy";
import { platformOf } from "../platform";
import { inspect } from "../verification/inspect";
import { type Workload, workloadsOf } from "./workloads";

new PolicyPack("multiarch", {
  policies: [
    {
      name: "image-has-architecture",
      description: "A workload's image has the workload's architecture.",
      enforcementLevel: "advisory",
      validateResource: async ({ type, props }, report) => {
        await Promise.all(
          workloadsOf(type, props).map(async (workload) => {
            const problem = await problemOf(workload);
            if (problem !== undefined) report(problem);
          }),
        );
      },
    },
  ],
});

/** Undefined where the registry can't be read, too: then nothing is known of the image. */
async function problemOf({ image, architecture, field }: Workload): Promise<string | undefined> {
  const wanted = platformOf(architecture);
  const limits = { platforms: [wanted], request: 3000, total: 6000 };
  const held = await inspect(image, {}, limits).catch(() => undefined);
  if (held === undefined || held.platforms.includes(wanted)) return undefined;
  return (
    `${image} holds ${held.platforms.join(", ") || "no image"}, and ${field} asks for ${wanted}: ` +
    `build the image for ${wanted} too, or run it on a machine that it was built for`
  );
}
