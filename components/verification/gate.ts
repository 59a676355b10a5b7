import * as pulumi from "@pulumi/pulumi";
import type { Making } from "../image/built";
import type { Login } from "../image/buildx";
import { VerifyDepth } from "../image/imageArgs";
import type { Tagging } from "../image/imagetools";
import { buildxHooks } from "../image/preflight";
import { nodeCommand } from "../nodeProgram";
import { log } from "../log";

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

/** What the gate verifies, and what it pushes first. */
export interface GateArgs {
  /** Whose image it is, and the user's field if one names it, for messages: `App web: image.ref` */
  readonly label: string;
  /** The index or image to verify. */
  readonly reference: pulumi.Input<string>;
  /** What was built for each platform. The index must contain exactly these. */
  readonly images?: Readonly<Record<string, pulumi.Input<string>>>;
  /** The tag that is pushed before the verification. Nothing is pushed for an image that is in its registry already. */
  readonly push?: Pick<Tagging, "index" | "credentials" | "path"> & {
    readonly sources: readonly pulumi.Input<string>[];
    readonly target: pulumi.Input<string>;
    readonly rebuild?: pulumi.Input<string>;
  };
  /** Credentials for the registries of the sources. */
  readonly logins?: readonly Login[];
}

/**
 * The push of an index or a copy, and its verification, as one resource: a command that pushes, reads index, manifests and
 * configurations from the registry and compares them with the plan. It runs again when the reference or the plan changes, with the
 * credentials of that run. It has no delete, because what was released may still run, and no refresh, which would need credentials.
 */
export function makeGate(
  making: Making,
  { label, reference, images, push, logins = [] }: GateArgs,
): Gate {
  const { image, name, args, plan, path, access } = making;
  const { depth = VerifyDepth.Entrypoint, command: started, seconds } = args.verify ?? {};
  const platforms = Object.keys(plan.requiredBy);
  const settings = pulumi.jsonStringify({
    name: label,
    verifyPath: path("verify"),
    ...{ push, reference, platforms, requiredBy: plan.requiredBy, images },
    exact: images !== undefined,
    ...{ depth, command: started, seconds },
  });
  const { username, password } = access;
  const { urn, stdout } = nodeCommand(
    `${name}-verified`,
    "verification/main",
    {
      // A killed run ends the shell alone. The program must live on to remove its containers and temporary files.
      create: depth === VerifyDepth.Run || push ? "node -; exit $?" : "node -",
      environment: {
        MULTIARCH_VERIFY: settings,
        ...(username !== undefined && { MULTIARCH_REGISTRY_USERNAME: username }),
        ...(password !== undefined && { MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(password) }),
        ...(logins.length > 0 && { MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify(logins)) }),
      },
      triggers: [
        reference,
        platforms.join(","),
        started || seconds ? `${depth} ${JSON.stringify({ started, seconds })}` : depth,
      ],
    },
    { parent: image, hooks: push && buildxHooks(making) },
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
