import * as pulumi from "@pulumi/pulumi";
import { announced } from "../announcement";
import { under } from "../check";
import { watchDockerfile } from "../dockerfile/watch";
import { checkedAlone, withoutNulls } from "../late";
import { normalisePlatform } from "../platform";
import { keepLocal } from "../outputs/local";
import { refuse } from "../refuse";
import { digestOf } from "../registry/reference";
import { partPath, uniqueName } from "../scope";
import { build } from "./build";
import { type Built, builtBy, type Making, type PlatformImage } from "./built";
import { copy, joinSources, take } from "./finished";
import type { ImageArgs } from "./imageArgs";
import { imageProblems, plannedProblems } from "./imageProblems";
import { accessTo, placed, recordedArgs } from "./inputs";
import { type ImageOrigin, originOf, planImage } from "./origin";

export type { PlatformImage } from "./built";

/**
 * An image for one or more platforms: built for each with a cache of its own, joined to one index, and verified in the
 * registry before anything that uses its outputs is touched. Or a finished one (`ref`), verified just the same.
 *
 * @example
 * const image = new multiarch.Image("web", {
 *   context: "./app",
 *   platforms: ["linux/amd64", "linux/arm64"],
 *   registry: { address: "ghcr.io", repository: "team/web" },
 * });
 * export const uri = image.imageUri;
 */
export class Image extends pulumi.ComponentResource {
  /** `repository@sha256:…`, the index: what people, other stacks and laptops pull. Known once it is verified. */
  public readonly imageUri: pulumi.Output<string>;
  /** `sha256:…` of the index. */
  public readonly digest: pulumi.Output<string>;
  /** The platforms that it holds, sorted. */
  public readonly platforms: pulumi.Output<string[]>;
  /** Reference, digest and size of each platform's image. */
  public readonly images: pulumi.Output<PlatformImage[]>;

  constructor(name: string, args: ImageArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent);
    const plan = planImage(args, "", []);
    refuse(name, [
      ...imageProblems(args, ""),
      ...plan.problems,
      ...plannedProblems(args, "", plan.platforms),
    ]);
    args = checkedAlone(name, args, opts?.parent, imageProblems);
    const recorded = recordedArgs(args, plan);
    super("multiarch:index:Image", name, recorded, announced("image", name, recorded, opts));
    const whole = { ...args, registry: placed(args) };
    const path = under(partPath(opts?.parent, "image"));
    const making: Making = {
      ...{ image: this, name, args: whole, plan, path, parent: opts?.parent },
      id: uniqueName(name, opts?.parent),
      access: accessTo(args, { image: this, name, path }),
      deployed: new Map(),
      dockerfile: watchDockerfile({
        ...{ resource: this, path, requiredBy: plan.requiredBy },
        strict: args.verify?.strict ?? false,
      }),
    };
    const built = made[originOf(args)](making);
    const repositoryArn = args.repository && pulumi.output(args.repository.arn);
    builtBy.set(this, { ...making, ...built, repositoryArn });
    keepLocal(making, built.imageUri);
    this.imageUri = built.imageUri;
    this.digest = built.imageUri.apply(digestOf);
    this.platforms = built.platforms;
    this.images = built.images;
    this.registerOutputs({
      imageUri: this.imageUri,
      digest: this.digest,
      platforms: this.platforms,
      images: this.images,
    });
  }

  /** The reference of one platform's image: what a target is given. Whoever uses it waits for the verification. */
  public platformRef(platform: string): pulumi.Output<string> {
    const { name, path, refs, deployed } = builtBy.get(this)!;
    const normalised = normalisePlatform(platform) ?? platform;
    const ref = refs.get(normalised);
    if (ref === undefined) {
      refuse(name, [
        {
          path: path("platforms"),
          what: `lacks ${JSON.stringify(platform)}, which is asked for; planned are ${[...refs.keys()].join(", ")}`,
          fix: "add it",
        },
      ]);
    }
    deployed.set(normalised, ref!);
    return ref!;
  }
}

const made: Readonly<Record<ImageOrigin, (making: Making) => Built>> = {
  build,
  ref: take,
  sources: joinSources,
  copyOf: copy,
};
