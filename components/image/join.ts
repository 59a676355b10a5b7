import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { once } from "../nodeProgram";
import { quote } from "../quote";
import { scopedName } from "../scope";
import { makeGate } from "../verification/gate";
import { watchPresence } from "../verification/presence";
import { type Built, builtBy, digestOf, fromReport, imagesIn, type Making } from "./built";
import { buildx } from "./buildx";
import { contentTag, liveTag } from "./cache";
import type { Image } from "./image";
import { indexRegistry, repositoryOf } from "./inputs";
import { indexHooks } from "./preflight";

/** The platform images that are joined. */
export interface Parts {
  /** `repository@sha256:…` by platform. */
  readonly sources: ReadonlyMap<string, pulumi.Output<string>>;
  readonly digests: ReadonlyMap<string, pulumi.Output<string>>;
  /** Whether each digest is the image itself: with attestations it is an index that holds the image, and the registry says which. */
  readonly plain: boolean;
  /** What is made again where the registry lost it; none where it was built elsewhere. */
  readonly resources: readonly Pick<pulumi.Resource, "urn">[];
}

/** One index of the platform images, one gate, and the tags for people. Without an index: the one image, tagged as it is. */
export function join(making: Making, parts: Parts): Built {
  const { name, args, plan, id } = making;
  const repository = repositoryOf(args);
  const sources = [...parts.sources.values()];
  const tag = pulumi.all(Object.fromEntries(parts.digests)).apply(contentTag);
  const tagged = (text: pulumi.Input<string>, key: string, of: pulumi.Output<string>[]) => {
    if (args.index !== false) {
      const { urn, ref } = indexOf(making, key, text, of, { hooks: indexHooks(making, key) });
      return { urn, reference: digestReference(ref) };
    }
    const copy = { source: of[0]!, target: pulumi.interpolate`${repository}:${text}` };
    const made = buildx(making, `${key}-copied`, copy);
    return { urn: made.urn, reference: once(of[0]!, made) };
  };

  const root = tagged(tag, name, sources);
  const { reference } = root;
  const gate = makeGate(making, id, reference, Object.fromEntries(parts.digests));
  // A tag for people moves only to what was verified.
  const verified = sources.map((source) => once(source, gate));
  const moved = (args.tags ?? []).map((text) => tagged(text, `${name}:${text}`, verified));
  const rebuilt = [...parts.resources, root, ...moved];
  const again = pulumi
    .all(rebuilt.map(({ urn }) => urn))
    .apply((urns) => `pulumi up ${urns.map((urn) => `--replace ${quote(urn)}`).join(" ")}`);
  const deployed = parts.resources.length === 0 ? "" : again;
  watchPresence(making, reference, { index: again, deployed });
  const refs = plan.platforms.map((platform, at): [string, pulumi.Output<string>] => [
    platform,
    parts.plain ? verified[at]! : fromReport(gate, platform),
  ]);
  return {
    imageUri: once(reference, gate),
    sources: verified,
    platforms: once([...plan.platforms], gate),
    images: imagesIn(gate),
    refs: new Map(refs),
  };
}

/** An index under a tag. Replaced with each release, and nothing is lost by it: `protect` is for what would be. */
function indexOf(
  { image, args, access }: Making,
  name: string,
  tag: pulumi.Input<string>,
  sources: pulumi.Output<string>[],
  opts: pulumi.CustomResourceOptions,
): dockerBuild.Index {
  return new dockerBuild.Index(
    name,
    {
      tag: pulumi.interpolate`${repositoryOf(args)}:${tag}`,
      sources,
      registry: indexRegistry(args, access),
    },
    { parent: image, protect: false, retainOnDelete: true, ...opts },
  );
}

/**
 * The tag `live-<project>-<app>-<stack>`, moved to a release once what runs it (`after`) is there: a lifecycle rule keeps what has it. For
 * the registry's clean-up alone; nothing is deployed by it.
 */
export function markLive(image: Image, after: pulumi.Resource[]): void {
  const built = builtBy.get(image)!;
  const { name, parent, sources } = built;
  if (sources === undefined) return;
  const tag = liveTag(pulumi.getProject(), scopedName(name, parent), pulumi.getStack());
  indexOf(built, `${name}-live`, tag, sources, { dependsOn: after });
}

/** `repository@sha256:…` of `repository:tag@sha256:…`. */
function digestReference(ref: pulumi.Output<string>): pulumi.Output<string> {
  return ref.apply((text) =>
    // Mocks of a user's own tests may give nothing.
    (text as string | undefined)?.includes("@")
      ? `${text.slice(0, text.lastIndexOf(":", text.indexOf("@")))}@${digestOf(text)}`
      : (pulumi.unknown as unknown as string),
  );
}
