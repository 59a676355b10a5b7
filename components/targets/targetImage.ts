import * as pulumi from "@pulumi/pulumi";
import { type Checker, isFields } from "../check";
import { type Problem, show } from "../errors";
import { builtBy, type PlatformImage } from "../image/built";
import { Image } from "../image/image";
import type { RegistryArgs } from "../image/imageArgs";
import { type RegistryAccess, onlyFor } from "../image/inputs";
import { mismatchProblems } from "../image/registryProblems";
import { orElse } from "../late";
import { refuse } from "../refuse";
import { parseReference, registryIn } from "../registry/reference";
import { type CanonicalArchitecture, parseArchitecture, platformOf } from "../platform";
import { repositoryArnIn } from "../registry/ecrAccess";

/** What a target must know of an image. An `Image` has it; in other languages its output is given. */
export interface ImageOutputsArgs {
  /** The image of each platform. */
  images: pulumi.Input<PlatformImage[]>;
}

/** The image that a target on AWS runs: one of both. */
export interface TargetImageArgs {
  /** An Image of this program, such as `web.image` of an App; it must hold the target's platform. */
  image?: ImageOutputsArgs;
  /**
   * A finished image or index, `repository@sha256:…`, from another stack or built elsewhere. It is verified before the target is
   * touched, and of an index the target's platform is taken.
   */
  ref?: pulumi.Input<string>;
}

/** What a target is given to run. */
export interface TargetImage {
  /** `repository@sha256:…` of the target's own platform, verified. */
  readonly ref: pulumi.Output<string>;
  /** The ECR repository's ARN; empty where the image lies in another registry. */
  readonly repositoryArn: pulumi.Output<string>;
  /** The paths of the volumes that the image declares. */
  readonly volumes: pulumi.Output<readonly string[]>;
  /** How its registry is reached. */
  readonly access: RegistryAccess;
  /** The Repository of ours that it lies in: whoever pulls by its policy waits for it. */
  readonly repository?: pulumi.Resource;
}

export function imageProblem(check: Checker, args: TargetImageArgs): void {
  if ((args.image === undefined) === (args.ref === undefined)) {
    check.add(
      "image",
      args.image === undefined ? "is missing" : "is given next to ref",
      `give one of them: an Image such as web.image, or ref: "repository@sha256:…"`,
    );
  } else if (args.image !== undefined && !(isFields(args.image) && "images" in args.image)) {
    check.add(
      "image",
      "must be an Image",
      `give web.image of an App, or ref: "repository@sha256:…"`,
    );
  } else if (
    check.text(args.ref, "ref", `"repository@sha256:…"`) &&
    !args.ref.includes("@sha256:")
  ) {
    check.add(
      "ref",
      `${show(args.ref)} names no digest`,
      `write "repository@sha256:…": no tag is ever deployed`,
    );
  }
}

/** Checks what a script on a host pulls, before the script contains it. */
export function pulledProblems(reference: string): Problem[] {
  const parsed = parseReference(String(reference));
  if (parsed.ok && parsed.reference.digest !== undefined) return [];
  const what = `${show(reference)} is not a valid reference with a digest`;
  return [{ path: "image", what, fix: `use "repository@sha256:…"` }];
}

/** Checks the architecture of a target, which is a service of AWS. */
export function architectureProblem(
  check: Checker,
  architecture: unknown,
  path: string,
  service: string,
  fix = `write "x86_64" or "arm64"`,
): void {
  if (!check.plain(architecture, path) || parseArchitecture(architecture) !== undefined) return;
  const what = `${show(architecture)} is not an architecture of ${service}`;
  check.add(path, what, fix);
}

/** What a target records on itself: its arguments, with the one digest that it runs in place of an Image. */
export function recordedTarget(
  args: TargetImageArgs,
  architecture: CanonicalArchitecture,
): pulumi.Inputs {
  const own =
    args.image instanceof Image ? args.image.platformRef(platformOf(architecture)) : undefined;
  return { ...args, image: undefined, ref: own ?? refOf(args, architecture) };
}

/** The reference that is to be verified: the given one, or that of the platform among an image's outputs. */
function refOf(
  { image, ref }: TargetImageArgs,
  architecture: CanonicalArchitecture,
): pulumi.Input<string> {
  if (ref !== undefined) return ref;
  const platform = platformOf(architecture);
  // Where the platform is missing, the verification of another's image says so.
  return pulumi
    .output(image!.images)
    .apply((all) => (all.find((one) => one.platform === platform) ?? all[0])?.ref ?? "");
}

/** The image for a machine of this architecture. A reference gets a verification of its own, with the credentials given. */
export function targetImage(
  target: pulumi.Resource,
  name: string,
  args: TargetImageArgs,
  architecture: CanonicalArchitecture,
  registry?: Omit<RegistryArgs, "repository">,
): TargetImage {
  const platform = platformOf(architecture);
  const finished = args.image instanceof Image ? undefined : refOf(args, architecture);
  const image =
    args.image instanceof Image
      ? args.image
      : new Image(
          name,
          {
            ref: finished,
            platforms: [platform],
            reasons: { [platform]: "architecture" },
            ...(registry?.username !== undefined && {
              registry: {
                ...registry,
                address: orElse(
                  registry.address,
                  pulumi.output(finished!).apply((text) => registryIn(text) ?? ""),
                ),
                repository: undefined!, // the reference's own
              },
            }),
          },
          { parent: target },
        );
  const ref = image.platformRef(platform);
  const { access, repositoryArn, report, args: made } = builtBy.get(image)!;
  return {
    ref,
    volumes: report.apply(
      ({ images }) => images.find((one) => one.platform === platform)?.volumes ?? [],
    ),
    repositoryArn: repositoryArn ?? ref.apply((text) => repositoryArnIn(text) ?? ""),
    access:
      registry?.username === undefined
        ? access
        : onlyFor(registry.address, registry, ref, ([address, reference]) =>
            refuse(
              name,
              mismatchProblems(address, reference, (field) =>
                field === "ref" && args.image ? "image" : field,
              ),
            ),
          ),
    repository: pulumi.Resource.isInstance(made.repository) ? made.repository : undefined,
  };
}
