import type * as pulumi from "@pulumi/pulumi";
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

/** What was built, or found in the registry. */
export interface Built {
  readonly imageUri: pulumi.Output<string>;
  readonly platforms: pulumi.Output<string[]>;
  readonly images: pulumi.Output<PlatformImage[]>;
  readonly refs: ReadonlyMap<string, pulumi.Output<string>>;
  /** The references that targets asked for. */
  readonly deployed: Map<string, pulumi.Output<string>>;
  /** How its registry is reached. */
  readonly access: RegistryAccess;
  /** What the index joins, verified; absent for a finished image. */
  readonly sources?: pulumi.Output<string>[];
}

/** What an image's own methods need. Not in fields: Pulumi would take even private ones for outputs of the component. */
export const builtBy = new WeakMap<
  Image,
  Built & {
    readonly name: string;
    readonly args: ImageArgs;
    readonly parent?: pulumi.Resource;
    readonly repositoryArn?: pulumi.Output<string>;
  }
>();

/** How the registry of an image is reached. */
export function accessTo(image: Image): RegistryAccess {
  return builtBy.get(image)!.access;
}

/** The ARN of the repository that an image lies in, where that is a Repository of ours. */
export function repositoryArnOf(image: Image): pulumi.Output<string> | undefined {
  return builtBy.get(image)?.repositoryArn;
}
