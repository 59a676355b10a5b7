import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";

/** What the registry was seen to hold. */
export interface Report {
  /** `repository@sha256:…` of the index, or of the plain image where the reference names one. */
  readonly reference: string;
  readonly images: readonly VerifiedImage[];
}

/** One platform's image, as the registry holds it. */
export interface VerifiedImage {
  readonly platform: string;
  readonly digest: string;
  /** Compressed bytes: layers and configuration. */
  readonly size: number;
}

/** What has to be there before anything is deployed. */
export interface GateArgs {
  /** Whose image it is, and the user's field where one names it, for messages: `App web: image.ref`. */
  readonly name: string;
  /** The index or image to look at. */
  readonly reference: pulumi.Input<string>;
  /** Platforms that it must hold, each with the user's fields that ask for it. */
  readonly requiredBy: Readonly<Record<string, string>>;
  /** What was built for each platform, where it was built here: the index must hold exactly these. */
  readonly images?: Readonly<Record<string, pulumi.Input<string>>>;
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
    const settings = pulumi.jsonStringify({
      name: args.name,
      reference: args.reference,
      platforms: Object.keys(args.requiredBy),
      requiredBy: args.requiredBy,
      images: args.images,
      exact: args.images !== undefined,
    });
    const command = new Command(
      name,
      {
        create: "node -",
        stdin: program(),
        environment: {
          MULTIARCH_VERIFY: settings,
          ...(args.username === undefined ? {} : { MULTIARCH_REGISTRY_USERNAME: args.username }),
          ...(args.password === undefined
            ? {}
            : { MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(args.password) }),
        },
        triggers: [args.reference, Object.keys(args.requiredBy).join(",")],
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      // The program's text and the environment change without meaning anything new; a replacement takes them as they are.
      { ...opts, ignoreChanges: ["stdin", "environment"], protect: false },
    );
    this.#urn = command.urn;
    // stdout is secret because the environment is; what the program prints holds no credential.
    this.report = pulumi.unsecret(command.stdout).apply(parseReport);
  }

  /**
   * The value, once the gate is passed: whoever uses it waits for the verification. A URN is known in previews, so a
   * known value stays known.
   */
  passed<T>(value: pulumi.Output<T>): pulumi.Output<T> {
    return pulumi.all([value, this.#urn]).apply(([unwrapped]) => unwrapped) as pulumi.Output<T>;
  }
}

/**
 * The verification program as one text for `node -`, which needs no file beside it: each module in a function, as Node
 * itself wraps modules, with a `require` that knows the ones before it.
 */
export function program(): string {
  const modules = ["../registry/client", "./verify"].map((name) => {
    const source = readFileSync(join(__dirname, `${name}.js`), "utf8");
    return `(function (module, require) {\n${source}\n})((modules["${name}"] = { exports: {} }), find);\n`;
  });
  return `const modules = {};
const find = (name) => modules[name]?.exports ?? require(name);
${modules.join("")}find("./verify").main();
`;
}

/** An engine that previews says nothing, or an empty text, where the program will run. */
function parseReport(stdout: string | undefined): Report {
  if (stdout === undefined || stdout === "") return pulumi.unknown as unknown as Report;
  return JSON.parse(stdout) as Report;
}
