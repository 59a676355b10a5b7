import * as pulumi from "@pulumi/pulumi";
import type { Making } from "../image/built";
import { VerifyDepth } from "../image/imageArgs";
import { nodeCommand } from "../nodeProgram";
import { log } from "../log";
import { previewPlatforms } from "./previewed";

/** What the registry was seen to hold: what the verification program prints, and the gate reads. */
export interface Report {
  /** `repository@sha256:…` of the index, or of the plain image where the reference names one. */
  readonly reference: string;
  readonly mediaType: string;
  readonly images: readonly VerifiedImage[];
  /** Bytes of layers that were read for it; absent where none were to be. */
  readonly downloaded?: number;
  /** What isn't sure to fail, and yet worth a look. */
  readonly warnings?: readonly string[];
}

/** One platform's image, as the registry holds it. */
export interface VerifiedImage {
  readonly platform: string;
  readonly digest: string;
  /** Compressed bytes: layers and configuration. */
  readonly size: number;
  /** The paths of the volumes that it declares; absent if there are none. */
  readonly volumes?: readonly string[];
  /** What the container starts; absent where that wasn't looked at or couldn't be told. */
  readonly code?: Code;
}

/** A program in an image. */
export interface Code {
  /** Its path, all links followed: of the interpreter, where a script is started. */
  readonly file: string;
  /** What its code is for, in OCI's words: `arm64`. */
  readonly architecture: string;
}

/** The gate: `urn` is known in previews too, so that what waits for it stays known. */
export interface Gate {
  readonly urn: pulumi.Output<pulumi.URN>;
  /** What was found. Unknown in a preview where it will be looked at again. */
  readonly report: pulumi.Output<Report>;
}

/**
 * Verification as a resource: a command that reads index, manifests and configurations from the registry and compares
 * them with the plan. It runs again when the digest or the plan changes, with the credentials of that run, and is
 * silent otherwise. It has no delete.
 *
 * @param label whose image it is, and the user's field where one names it, for messages: `App web: image.ref`
 * @param reference the index or image to look at
 * @param images what was built for each platform, where it was built here: the index must hold exactly these
 */
export function makeGate(
  making: Making,
  label: string,
  reference: pulumi.Input<string>,
  images?: Readonly<Record<string, pulumi.Input<string>>>,
): Gate {
  const { image, name, args, path, access } = making;
  const { requiredBy } = making.plan;
  const { depth = VerifyDepth.Entrypoint, command: started, seconds } = args.verify ?? {};
  const platforms = Object.keys(requiredBy);
  const settings = pulumi.jsonStringify({
    name: label,
    verifyPath: path("verify"),
    ...{ reference, platforms, requiredBy, images },
    exact: images !== undefined,
    ...{ depth, command: started, seconds },
  });
  const { username, password } = access;
  const { urn, stdout } = nodeCommand(
    `${name}-verified`,
    "verification/main",
    {
      // A killed run ends the shell alone: where containers were started, what it runs is to live on and remove them.
      create: depth === VerifyDepth.Run ? "node -; exit $?" : "node -",
      environment: {
        MULTIARCH_VERIFY: settings,
        ...(username !== undefined && { MULTIARCH_REGISTRY_USERNAME: username }),
        ...(password !== undefined && { MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(password) }),
      },
      triggers: [
        reference,
        platforms.join(","),
        started || seconds ? `${depth} ${JSON.stringify({ started, seconds })}` : depth,
      ],
    },
    { parent: image, hooks: images ? {} : previewPlatforms(making, label, reference) },
  );
  // stdout is secret because the environment is; what the program prints holds no credential.
  const report = pulumi.unsecret(stdout).apply(parseReport);
  // What a command prints while it runs is gone from the display when it ends. A doubt stays, and so is told in every run.
  report.apply(async ({ warnings = [] }) => {
    for (const warning of warnings) await log.warn(`${label}: ${warning}`, image);
  });
  return { urn, report };
}

/** An engine that previews says nothing, or an empty text, where the program will run. */
function parseReport(stdout: string | undefined): Report {
  if (stdout === undefined || stdout === "") return pulumi.unknown as unknown as Report;
  return JSON.parse(stdout) as Report;
}
