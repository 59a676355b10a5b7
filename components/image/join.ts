import * as pulumi from "@pulumi/pulumi";
import type { Built, Making } from "./built";
import type { Login } from "./buildx";
import { contentTag } from "./cache";
import { publish } from "./publish";

/** The platform images that are joined. */
export interface Parts {
  /** `repository@sha256:…` by platform. */
  readonly sources: ReadonlyMap<string, pulumi.Output<string>>;
  readonly digests: ReadonlyMap<string, pulumi.Output<string>>;
  /** Whether each digest is the image itself: with attestations it is an index that holds the image, and the registry says which. */
  readonly plain: boolean;
  /** Credentials for the registries of the sources. */
  readonly logins?: readonly Login[];
  /** The resources that build the images. */
  readonly resources?: readonly Pick<pulumi.Resource, "urn">[];
}

/** One index of the platform images under a tag made of its content. Without an index: the one image, as it is. */
export function join(making: Making, parts: Parts): Built {
  const { digests, logins, resources } = parts;
  const sources = [...parts.sources.values()];
  const content = Object.fromEntries(digests);
  const index = making.args.index ?? true;
  return publish(making, {
    ...(index ? {} : { reference: sources[0] }),
    push: { sources, tag: pulumi.all(content).apply(contentTag), index },
    digests,
    logins,
    resources,
    ...(parts.plain && { refs: parts.sources }),
  });
}
