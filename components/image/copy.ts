import { Command } from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";
import { loader, nodeProgram } from "../nodeProgram";

/** What is copied where. */
export interface CopyArgs {
  /** Whose image it is, for messages. */
  readonly name: string;
  /** `repository@sha256:…` of an index or an image. */
  readonly source: pulumi.Input<string>;
  /** `repository:tag`. */
  readonly target: pulumi.Input<string>;
  /** For the registries of both; the last one for a registry counts, and one without a name is none. */
  readonly logins: readonly Login[];
}

/** Credentials for a registry, where there are any. */
export interface Login {
  readonly address: pulumi.Input<string>;
  readonly username?: pulumi.Input<string>;
  readonly password?: pulumi.Input<string>;
}

/**
 * A copy of an image or of a whole index, byte for byte and so with the same digest, under a tag that keeps it. It runs again
 * when source or target change, with the credentials of that run. Nothing is deleted with it: what was released may still run.
 */
export class Copy {
  readonly urn: pulumi.Output<pulumi.URN>;

  constructor(name: string, args: CopyArgs, opts: pulumi.CustomResourceOptions) {
    const { name: whose, source, target, logins } = args;
    const command = new Command(
      name,
      {
        create: "node -",
        stdin: loader,
        environment: {
          MULTIARCH_PROGRAM: nodeProgram("image/copyProgram"),
          MULTIARCH_COPY: pulumi.jsonStringify({ name: whose, source, target }),
          MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify(logins)),
        },
        triggers: [source, target],
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { ...opts, ignoreChanges: ["stdin", "environment"], protect: false },
    );
    this.urn = command.urn;
  }

  /** The value, once the copy is there. A URN is known in previews, so a known value stays known. */
  passed<T>(value: pulumi.Input<T>): pulumi.Output<T> {
    return pulumi.all([value, this.urn]).apply(([unwrapped]) => unwrapped) as pulumi.Output<T>;
  }
}
