import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { scopedName } from "../scope";
import { builtBy } from "./built";
import { liveTag } from "./cache";
import type { Image } from "./image";
import { indexRegistry, repositoryOf } from "./inputs";

/**
 * The tag `live-<project>-<app>-<stack>`, moved to a release once what runs it (`after`) is there: a lifecycle rule keeps what has it. For
 * the registry's clean-up alone; nothing is deployed by it.
 */
export function markLive(image: Image, after: pulumi.Resource[]): void {
  const { name, args, parent, sources, access } = builtBy.get(image)!;
  if (sources === undefined) return;
  const tag = liveTag(pulumi.getProject(), scopedName(name, parent), pulumi.getStack());
  new dockerBuild.Index(
    `${name}-live`,
    {
      tag: pulumi.interpolate`${repositoryOf(args)}:${tag}`,
      sources,
      registry: indexRegistry(args, access),
    },
    { parent: image, protect: false, retainOnDelete: true, dependsOn: after },
  );
}
