import { posix } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type At, under } from "../check";
import { printable } from "../errors";
import { besides } from "../hosting";
import { log } from "../log";
import { partPath } from "../scope";
import type { TargetImage } from "./targetImage";

const replaced = (at: At) =>
  `each release starts with an empty one, and the data of the previous release is deleted with its container. Mount a volume at that path (${at("volumes")}), or set ${at("tmpfs")} for data that can be lost`;

/** What becomes of the data in a volume that is not mounted, and what to do. A missing target fails to compile. */
const consequences: Readonly<Record<"host" | "ec2" | "ecs" | "lambda", (at: At) => string>> = {
  host: replaced,
  ec2: replaced,
  ecs: (at) =>
    `its data is lost when the task stops. Keep the data outside the task, or set ${at("tmpfs")} for data that can be lost`,
  lambda: () =>
    "Lambda mounts no volumes, and only /tmp is writable. Write to /tmp, and keep data that must last outside the function",
};

/**
 * Warns of the volumes (`VOLUME` in a Dockerfile) that an image declares and a target does not mount. In every run, like a doubt of the
 * verification: the next release loses the data, and its preview does not know the volumes of an image that is not built yet. Only a
 * mount at the same path counts: below any other one, the engine mounts an empty volume.
 */
export function warnOfVolumes(
  component: pulumi.Resource,
  target: keyof typeof consequences,
  { volumes }: TargetImage,
  parent: pulumi.Resource | undefined,
  mounts: readonly pulumi.Input<readonly { readonly target: pulumi.Input<string> }[] | undefined>[],
): void {
  const consequence = consequences[target](under(partPath(parent, target)));
  const looked = pulumi.all([volumes, pulumi.all([...mounts])]).apply(async ([declared, lists]) => {
    // A target that became known late may be of any type. The release rejects it.
    const mounted = lists
      .flatMap((list) => list ?? [])
      .map(({ target: path }) => (typeof path === "string" ? posix.resolve("/", path) : path));
    for (const path of new Set(declared.filter((one) => !mounted.includes(one))))
      await log.warn(
        `${target}: the image declares the volume ${printable(path)}, which is not mounted: ${consequence}`,
        component,
      );
  });
  besides(looked);
}
