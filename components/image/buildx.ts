import { Command } from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";
import { loader, nodeProgram } from "../nodeProgram";
import { onceKnown } from "./built";

/** What is made of which image. One of `target` and `scan` is given. */
export interface BuildxArgs {
  /** Whose image it is, for messages. */
  readonly name: string;
  /** What stands before the user's fields, for messages: `image.`, or nothing. */
  readonly path: string;
  /** `repository@sha256:…` of an index or an image. */
  readonly source: pulumi.Input<string>;
  /** `repository:tag`, for a copy. */
  readonly target?: pulumi.Input<string>;
  /** For an SBOM. */
  readonly scan?: Scan;
  /** For all registries in it, the image's own last; the last one for a registry counts, and one without a name is none. */
  readonly logins: readonly Login[];
}

/** How an SBOM is made. */
export interface Scan {
  readonly platform: string;
  /** The builder's name, where it isn't the selected one. */
  readonly builder?: string;
  /** The scanner's image, where it isn't BuildKit's own. */
  readonly generator?: pulumi.Input<string>;
}

/** Credentials for a registry, where there are any. */
export interface Login {
  readonly address: pulumi.Input<string>;
  readonly username?: pulumi.Input<string>;
  readonly password?: pulumi.Input<string>;
}

/**
 * What Docker's client makes of an image in a registry. A copy of it or of a whole index, byte for byte and so with the same digest,
 * under a tag that keeps it. Or its SBOM, in an index beside the same image. It runs again when any of that changes, with the
 * credentials of that run. Nothing is deleted with it: what was released may still run.
 */
export class Buildx {
  readonly urn: pulumi.Output<pulumi.URN>;
  /** `sha256:…` of the index that holds the SBOM; unknown in a preview where it will be made. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: BuildxArgs, opts: pulumi.CustomResourceOptions) {
    const { logins, ...settings } = args;
    const command = new Command(
      name,
      {
        create: "node -; exit $?",
        stdin: loader,
        environment: {
          MULTIARCH_PROGRAM: nodeProgram("image/buildxProgram"),
          MULTIARCH_BUILDX: pulumi.jsonStringify(settings),
          MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify(logins)),
        },
        triggers: [args.source, args.target ?? args.scan?.generator ?? ""],
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { ...opts, ignoreChanges: ["stdin", "environment"], protect: false },
    );
    this.urn = command.urn;
    // Secret because the environment is.
    this.digest = onceKnown(pulumi.unsecret(command.stdout));
  }

  /** The value, once it is made. A URN is known in previews, so a known value stays known. */
  passed<T>(value: pulumi.Input<T>): pulumi.Output<T> {
    return pulumi.all([value, this.urn]).apply(([unwrapped]) => unwrapped) as pulumi.Output<T>;
  }
}
