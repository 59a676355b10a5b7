import { Command } from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";
import { type VerifyArgs, VerifyDepth } from "../image/imageArgs";
import { loader, nodeProgram } from "../nodeProgram";
import type { Report } from "./report";

export type { Report, VerifiedImage } from "./report";

/** What has to be there before anything is deployed. */
export interface GateArgs {
  /** Whose image it is, and the user's field where one names it, for messages: `App web: image.ref`. */
  readonly name: string;
  /** The user's `verify`, for messages: `image.verify` within an App. */
  readonly verifyPath: string;
  /** The index or image to look at. */
  readonly reference: pulumi.Input<string>;
  /** Platforms that it must hold, each with the user's fields that ask for it. */
  readonly requiredBy: Readonly<Record<string, string>>;
  /** What was built for each platform, where it was built here: the index must hold exactly these. */
  readonly images?: Readonly<Record<string, pulumi.Input<string>>>;
  /** How deep is looked. */
  readonly verify?: Pick<VerifyArgs, "depth" | "command" | "seconds">;
  readonly username?: pulumi.Input<string>;
  readonly password?: pulumi.Input<string>;
}

/**
 * Verification as a resource: a command that reads index, manifests and configurations from the registry and compares
 * them with the plan. It runs again when the digest or the plan changes, with the credentials of that run, and is
 * silent otherwise. It has no delete.
 */
export class Gate {
  /** What was found. Unknown in a preview where it will be looked at again. */
  readonly report: pulumi.Output<Report>;
  readonly #urn: pulumi.Output<pulumi.URN>;

  constructor(name: string, args: GateArgs, opts: pulumi.CustomResourceOptions) {
    const { depth = VerifyDepth.Entrypoint, command: started, seconds } = args.verify ?? {};
    const settings = pulumi.jsonStringify({
      name: args.name,
      verifyPath: args.verifyPath,
      reference: args.reference,
      platforms: Object.keys(args.requiredBy),
      requiredBy: args.requiredBy,
      images: args.images,
      exact: args.images !== undefined,
      depth,
      command: started,
      seconds,
    });
    const command = new Command(
      name,
      {
        // A killed run ends the shell alone: where containers were started, what it runs is to live on and remove them.
        create: depth === VerifyDepth.Run ? "node -; exit $?" : "node -",
        stdin: loader,
        environment: {
          MULTIARCH_PROGRAM: nodeProgram("verification/main"),
          MULTIARCH_VERIFY: settings,
          ...(args.username === undefined ? {} : { MULTIARCH_REGISTRY_USERNAME: args.username }),
          ...(args.password === undefined
            ? {}
            : { MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(args.password) }),
        },
        triggers: [
          args.reference,
          Object.keys(args.requiredBy).join(","),
          started || seconds ? `${depth} ${JSON.stringify({ started, seconds })}` : depth,
        ],
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      // Loader and environment change without meaning anything new; a replacement takes them as they are.
      { ...opts, ignoreChanges: ["stdin", "environment"], protect: false },
    );
    this.#urn = command.urn;
    // stdout is secret because the environment is; what the program prints holds no credential.
    this.report = pulumi.unsecret(command.stdout).apply(parseReport);
    // What a command prints while it runs is gone from the display when it ends. A doubt stays, and so is told in every run.
    this.report.apply(async ({ warnings = [] }) => {
      for (const warning of warnings)
        await pulumi.log.warn(`${args.name}: ${warning}`, opts.parent);
    });
  }

  /**
   * The value, once the gate is passed: whoever uses it waits for the verification. A URN is known in previews, so a
   * known value stays known.
   */
  passed<T>(value: pulumi.Output<T>): pulumi.Output<T> {
    return pulumi.all([value, this.#urn]).apply(([unwrapped]) => unwrapped) as pulumi.Output<T>;
  }
}

/** An engine that previews says nothing, or an empty text, where the program will run. */
function parseReport(stdout: string | undefined): Report {
  if (stdout === undefined || stdout === "") return pulumi.unknown as unknown as Report;
  return JSON.parse(stdout) as Report;
}
