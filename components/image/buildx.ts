import * as pulumi from "@pulumi/pulumi";
import { orElse } from "../late";
import { nodeCommand } from "../nodeProgram";
import { type Making, onceKnown } from "./built";
import type { RegistryAccess } from "./inputs";

/** What is made of which image. One of `target` and `scan` is given. */
export interface BuildxArgs {
  /** `repository@sha256:…` of an index or an image. */
  readonly source: pulumi.Input<string>;
  /** `repository:tag`, for a copy. */
  readonly target?: pulumi.Input<string>;
  /** For an SBOM. */
  readonly scan?: {
    readonly platform: string;
    /** The builder's name, where it isn't the selected one. */
    readonly builder?: string;
    /** The scanner's image, where it isn't BuildKit's own. */
    readonly generator?: pulumi.Input<string>;
  };
}

/** What the program is given: whose image it is, and what stands before the user's fields (`image.`, or nothing), for messages. */
export type BuildxSettings = pulumi.Unwrap<BuildxArgs> & {
  readonly name: string;
  readonly path: string;
};

/** Credentials for a registry, where there are any. */
export type Login = RegistryAccess & { readonly address: pulumi.Input<string> };

/** What was made. */
export interface Buildx {
  readonly urn: pulumi.Output<pulumi.URN>;
  /** `sha256:…` of the index that holds the SBOM; unknown in a preview where it will be made. */
  readonly digest: pulumi.Output<string>;
}

/**
 * What Docker's client makes of an image in a registry. A copy of it or of a whole index, byte for byte and so with the same digest,
 * under a tag that keeps it. Or its SBOM, in an index beside the same image. It runs again when any of that changes, with the
 * credentials of that run. Nothing is deleted with it: what was released may still run.
 *
 * @param others credentials for other registries than the image's own; the last one for a registry counts, and one without a name is none
 */
export function buildx(
  { image, args, access, id, path }: Making,
  name: string,
  what: BuildxArgs,
  others: readonly Login[] = [],
  hooks: pulumi.ResourceHookBinding = {},
): Buildx {
  const { username, password } = access;
  const own = { address: args.registry!.address!, username, password };
  const settings = { ...what, name: id, path: path("") };
  const { urn, stdout } = nodeCommand(
    name,
    "image/buildxProgram",
    {
      create: "node -; exit $?",
      environment: {
        MULTIARCH_BUILDX: pulumi.jsonStringify(settings),
        MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify([...others, own])),
      },
      triggers: [what.source, orElse(what.target ?? what.scan?.generator, "")],
    },
    { parent: image, hooks },
  );
  // Secret because the environment is.
  return { urn, digest: onceKnown(pulumi.unsecret(stdout)) };
}
