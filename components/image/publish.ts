import * as pulumi from "@pulumi/pulumi";
import { once } from "../nodeProgram";
import { quote } from "../quote";
import { scopedName } from "../scope";
import { makeGate } from "../verification/gate";
import { watchPresence } from "../verification/presence";
import { type Built, builtBy, fromReport, imagesIn, type Making } from "./built";
import { buildx, type Login } from "./buildx";
import { liveTag } from "./cache";
import type { Image } from "./image";
import type { ImageArgs } from "./imageArgs";
import { repositoryOf } from "./inputs";
import { originOf } from "./origin";
import { credentialsOf } from "./preflight";

/** What is verified, and what is pushed first. */
export interface Publication {
  /** The field that names a finished image. */
  readonly field?: keyof ImageArgs;
  /** The reference to verify, if it is known before the push. Otherwise it is what the tag then names. */
  readonly reference?: pulumi.Output<string>;
  /** The tag to push, and what it is made of. Without it, the image is in its registry already. */
  readonly push?: {
    readonly sources: pulumi.Output<string>[];
    readonly tag: pulumi.Output<string>;
    readonly index?: boolean;
  };
  /** Credentials for the registries of the sources. */
  readonly logins?: readonly Login[];
  /** What the index is joined from, by platform. The index must contain exactly these. */
  readonly digests?: ReadonlyMap<string, pulumi.Output<string>>;
  /** The reference of each platform's image, if it is known before the verification. */
  readonly refs?: ReadonlyMap<string, pulumi.Output<string>>;
  /** The resources that build the sources. */
  readonly resources?: readonly Pick<pulumi.Resource, "urn">[];
}

/** The push and the verification, which every origin of an image has in common, and the tags for people. */
export function publish(making: Making, publication: Publication): Built {
  const { name, args, plan, id, path } = making;
  const { field, push, logins, digests, refs, resources = [] } = publication;
  const target = push && tagged(args, push.tag);
  const replace = (all: readonly Pick<pulumi.Resource, "urn">[]) =>
    pulumi
      .all(all.map(({ urn }) => urn))
      .apply((urns) => `pulumi up ${urns.map((urn) => `--replace ${quote(urn)}`).join(" ")}`);
  const gate = makeGate(making, {
    label: field === undefined ? id : `${id}: ${path(field)}`,
    reference: publication.reference ?? target!,
    images: digests && Object.fromEntries(digests),
    push: target && {
      ...{ sources: push.sources, target, index: push.index ?? false, path: path("") },
      credentials: credentialsOf(args),
      ...(resources.length > 0 && { rebuild: replace(resources) }),
    },
    logins,
  });
  const imageUri = gate.report.apply((report) => report.reference);
  // A tag for people moves only to what was verified.
  const moved = (args.tags ?? []).map((tag) =>
    buildx(making, `${name}:${tag}`, { source: imageUri, target: tagged(args, tag) }),
  );
  const again = push ? replace([...resources, gate, ...moved]) : "";
  // Images that were built elsewhere are not built again.
  const rebuilt = originOf(args) === "sources" ? "" : again;
  watchPresence(making, imageUri, { index: again, deployed: rebuilt });
  const images = imagesIn(gate);
  const listed = images.apply((all) => all.map((one) => one.platform));
  return {
    imageUri,
    platforms: digests ? once([...plan.platforms], gate) : listed,
    images,
    refs: new Map(
      plan.platforms.map((one) => [one, once(refs?.get(one) ?? fromReport(gate, one), gate)]),
    ),
  };
}

const tagged = (args: ImageArgs, tag: pulumi.Input<string>) =>
  pulumi.interpolate`${repositoryOf(args)}:${tag}`;

/**
 * The tag `live-<project>-<app>-<stack>`, moved to a release once what runs it (`after`) is there: a lifecycle rule keeps what has it. For
 * the registry's clean-up alone; nothing is deployed by it.
 */
export function markLive(image: Image, after: pulumi.Resource[]): void {
  const making = builtBy.get(image)!;
  const { name, parent, args, imageUri } = making;
  if (originOf(args) === "ref") return;
  const tag = liveTag(pulumi.getProject(), scopedName(name, parent), pulumi.getStack());
  const target = tagged(args, tag);
  buildx(making, `${name}-live`, { source: imageUri, target }, [], { dependsOn: after });
}
