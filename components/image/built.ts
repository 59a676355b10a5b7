import * as pulumi from "@pulumi/pulumi";
import type { DockerfileWatch } from "../dockerfile/watch";
import type { Plan } from "../plan";
import type { Report } from "../verification/gate";
import type { Image } from "./image";
import type { ImageArgs } from "./imageArgs";
import type { RegistryAccess } from "./inputs";

/** One platform's image in the registry. */
export interface PlatformImage {
  /** `linux/amd64` */
  platform: string;
  /** `repository@sha256:…`, what a target of this platform is given. */
  ref: string;
  /** `sha256:…` */
  digest: string;
  /** Compressed bytes: layers and configuration. */
  size: number;
}

/** An image that is being made: whose it is, and what is known of it before any resource is. */
export interface Making {
  readonly image: Image;
  readonly name: string;
  /** With the registry that it lies in. */
  readonly args: ImageArgs;
  readonly plan: Plan;
  readonly parent: pulumi.Resource | undefined;
  /** A name that no other image of the program has: names of hooks are global, and stand in error messages. */
  readonly id: string;
  /** The path of a user's field. */
  readonly path: (field: string) => string;
  /** How its registry is reached. */
  readonly access: RegistryAccess;
  /** Looks at its Dockerfile. */
  readonly dockerfile: DockerfileWatch;
  /** The references that targets asked for; filled in while the program goes on. */
  readonly deployed: Map<string, pulumi.Output<string>>;
}

/** What was built, or found in the registry. */
export interface Built {
  readonly imageUri: pulumi.Output<string>;
  readonly platforms: pulumi.Output<string[]>;
  readonly images: pulumi.Output<PlatformImage[]>;
  /** What the verification found. */
  readonly report: pulumi.Output<Report>;
  readonly refs: ReadonlyMap<string, pulumi.Output<string>>;
}

/** What an image's own methods need. Not in fields: Pulumi would take even private ones for outputs of the component. */
export const builtBy = new WeakMap<
  Image,
  Making &
    Built & {
      /** Where the image lies in a Repository of ours. */
      readonly repositoryArn?: pulumi.Output<string>;
    }
>();

/** A digest that isn't there yet is told by the providers as "" in previews: that is unknown, never a digest. */
export function onceKnown(digest: pulumi.Output<string>): pulumi.Output<string> {
  return digest.apply((text) => text || (pulumi.unknown as unknown as string));
}
