import type * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { nodeCommand } from "../nodeProgram";
import { type Making, onceKnown } from "./built";
import type { ErrorPlace } from "./explain";
import { credentialsOf, type RegistryAccess } from "./inputs";

/** What Docker's client does with an image. Either `target` or `build` is set. */
export interface BuildxArgs {
  /** `repository@sha256:…` of an index or an image. */
  readonly source: pulumi.Input<string>;
  /** `repository:tag`, for a copy. */
  readonly target?: pulumi.Input<string>;
  /** The build that `source` is the result of, to repeat it with attestations. */
  readonly build?: AttestedBuild;
}

/** A build as the docker-build provider records it, and what to add to it. */
export type AttestedBuild = Pick<
  dockerBuild.Image,
  | "context"
  | "dockerfile"
  | "buildArgs"
  | "ssh"
  | "target"
  | "labels"
  | "network"
  | "addHosts"
  | "pull"
  | "cacheFrom"
> & {
  readonly platform: string;
  /** The name of the builder. @default the one that the provider uses without `builder` */
  readonly builder?: string;
  /** The value of `--output`. */
  readonly output: pulumi.Input<string>;
  readonly attestations: {
    readonly provenance: boolean;
    readonly sbom: boolean;
    /** The image of the scanner. @default BuildKit's own */
    readonly generator?: pulumi.Input<string>;
  };
};

/** What the program is given: whose image it is, and what stands before the user's fields (`image.`, or nothing), for messages. */
export type BuildxSettings = pulumi.Unwrap<BuildxArgs> & {
  /** The IDs of the build's secrets, in the order of their variables. */
  readonly secrets: readonly string[];
  readonly name: string;
  readonly path: string;
  /** Where the credentials of the image's registry come from, for messages. */
  readonly credentials: ErrorPlace["credentials"];
};

/** Credentials for a registry, where there are any. */
export type Login = RegistryAccess & { readonly address: pulumi.Input<string> };

/** The environment variable of a build's secret, by its place in the list of IDs. */
export const secretVariable = (index: number): string => `MULTIARCH_SECRET_${index}`;

/** What was made. */
export interface Buildx {
  readonly urn: pulumi.Output<pulumi.URN>;
  /** `sha256:…` of the index that contains the image and its attestations; unknown in a preview if the command will run. */
  readonly digest: pulumi.Output<string>;
}

/**
 * Runs Docker's client: copies an image or an index under a tag, with the same digest, or builds an image again with attestations. It
 * runs again when its image, target or attestations change, with the credentials of that run. Deleting it deletes no image, because
 * a release may still run.
 *
 * @param others credentials for other registries; the last one for a registry counts, and one without a username is ignored
 * @param secrets of the build, by ID. Each is a variable of its own: Linux limits a variable to 128 KiB
 */
export function buildx(
  { image, args, access, id, path }: Making,
  name: string,
  what: BuildxArgs,
  others: readonly Login[] = [],
  opts: pulumi.CustomResourceOptions = {},
  secrets: Readonly<Record<string, pulumi.Input<string>>> = {},
): Buildx {
  const { username, password } = access;
  const own = { address: args.registry!.address!, username, password };
  const ids = Object.keys(secrets).sort();
  const settings = {
    ...{ ...what, secrets: ids, name: id, path: path("") },
    credentials: credentialsOf(args),
  };
  const values = ids.map((at, index) => [secretVariable(index), pulumi.secret(secrets[at]!)]);
  const { urn, stdout } = nodeCommand(
    name,
    "image/buildxProgram",
    {
      create: "node -; exit $?",
      environment: {
        MULTIARCH_BUILDX: pulumi.jsonStringify(settings),
        MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify([...others, own])),
        ...(Object.fromEntries(values) as Record<string, pulumi.Output<string>>),
      },
      triggers: [what.source, what.target ?? pulumi.jsonStringify(what.build!.attestations)],
    },
    { parent: image, ...opts },
  );
  // Secret because the environment is.
  return { urn, digest: onceKnown(pulumi.unsecret(stdout)) };
}
