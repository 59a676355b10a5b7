import * as pulumi from "@pulumi/pulumi";
import { Checker, isFields } from "./check";
import type { Problem } from "./errors";
import { Image } from "./image/image";
import type { ImageArgs } from "./image/imageArgs";
import { recordedArgs, registryAccess } from "./image/inputs";
import { builderProblems, imageProblems } from "./image/imageProblems";
import { describePlan, makePlan, type Plan, type Requirement } from "./plan";
import { Architecture, parseArchitecture, platformOf } from "./platform";
import { refuse } from "./refuse";
import { type HostArgs, HostTarget, hostProblems } from "./targets/host/host";

/** What is built, and where it runs. */
export interface AppArgs {
  /** The image. Its platforms follow from the targets unless they are listed. */
  image: ImageArgs;
  /** Runs the image as a container on this machine. */
  host?: HostArgs;
}

const appFields: Readonly<Record<keyof AppArgs, true>> = { image: true, host: true };

/**
 * An app: one image, built for what its targets need, verified in the registry, and then run by them. Change a target's
 * architecture, and one preview shows the platform, the image and the target that change with it.
 *
 * @example
 * const web = new multiarch.App("web", {
 *   image: { context: "./app", registry: { address: "ghcr.io", repository: "team/web" } },
 *   host: { architecture: multiarch.Architecture.Arm64, ports: [{ container: 8080 }] },
 * });
 * export const url = web.url;
 */
export class App extends pulumi.ComponentResource {
  /** `repository@sha256:…`, the index: what people, other stacks and laptops pull. */
  public readonly imageUri: pulumi.Output<string>;
  /** The platforms that the index holds, sorted. */
  public readonly platforms: pulumi.Output<string[]>;
  /** The address to open, where a target has one. */
  public readonly url: pulumi.Output<string | undefined>;
  /** The command that shows the app's logs, where a target has one. */
  public readonly logsCommand: pulumi.Output<string | undefined>;
  /** The image, for further targets. */
  public readonly image: Image;
  /** The container on this machine, where there is one. */
  public readonly host?: HostTarget;

  constructor(name: string, args: AppArgs, opts?: pulumi.ComponentResourceOptions) {
    const plan = planApp(args);
    refuse(name, appProblems(args, plan));
    super(
      "multiarch:index:App",
      name,
      { image: recordedArgs(args.image, plan), host: args.host },
      opts,
    );
    void pulumi.log.info(`platforms: ${describePlan(plan)}`, this);

    this.image = new Image(
      name,
      { ...args.image, platforms: [...plan.platforms], reasons: plan.requiredBy },
      { parent: this },
    );
    if (args.host !== undefined) {
      this.host = new HostTarget(
        name,
        {
          ...args.host,
          image: this.image.platformRef(platformOf(hostArchitecture(args.host)!)),
          registry: registryAccess(args.image),
        },
        { parent: this },
      );
    }

    this.imageUri = this.image.imageUri;
    this.platforms = this.image.platforms;
    this.url = pulumi.output(this.host?.url);
    this.logsCommand = pulumi.output(this.host?.logsCommand);
    this.registerOutputs({
      imageUri: this.imageUri,
      platforms: this.platforms,
      url: this.url,
      logsCommand: this.logsCommand,
    });
  }
}

function planApp(args: AppArgs): Plan {
  const requirements: Requirement[] = [];
  const architecture = isFields(args?.host) ? hostArchitecture(args.host) : undefined;
  if (architecture !== undefined) requirements.push({ path: "host.architecture", architecture });
  return makePlan({
    requirements,
    platforms: isFields(args?.image) ? args.image.platforms : undefined,
    platformsPath: "image.platforms",
  });
}

/** Undefined where the text names no architecture, which the host's own check reports. */
function hostArchitecture(host: HostArgs): Architecture | undefined {
  const given: unknown = host.architecture ?? Architecture.X86_64;
  return typeof given === "string" ? parseArchitecture(given) : undefined;
}

function appProblems(args: AppArgs, plan: Plan): Problem[] {
  const check = new Checker();
  if (args === undefined)
    check.add("image", "is missing", `write for example { context: "./app" }`);
  if (!check.fields(args, "", Object.keys(appFields))) return check.problems;
  // Where a target's architecture can't be told, the plan lacks a reason, and complaining of that would mislead.
  const planned =
    isFields(args.image) &&
    (args.host === undefined || (isFields(args.host) && hostArchitecture(args.host) !== undefined));
  return [
    ...check.problems,
    ...imageProblems(args.image, "image"),
    ...(args.host === undefined ? [] : hostProblems(args.host, "host")),
    ...(planned ? [...plan.problems, ...builderProblems(args.image, "image", plan.platforms)] : []),
  ];
}
