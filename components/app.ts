import * as pulumi from "@pulumi/pulumi";
import { announced } from "./announcement";
import { Checker, isFields } from "./check";
import { pathsOf } from "./hooks";
import type { Problem } from "./errors";
import { Image } from "./image/image";
import { markLive } from "./image/publish";
import type { ImageArgs } from "./image/imageArgs";
import { recordedArgs } from "./image/inputs";
import { planImage } from "./image/origin";
import { plannedProblems, imageProblems } from "./image/imageProblems";
import { checkedLate, withoutNulls } from "./late";
import { describePlan, type Plan, type Requirement } from "./plan";
import { type CanonicalArchitecture, statedArchitecture } from "./platform";
import { refuse } from "./refuse";
import { repositoryArnIn } from "./registry/ecrAccess";
import { Repository, type RepositoryArgs } from "./registry/repository";
import { mostMutableTags, repositoryProblems } from "./registry/repositoryProblems";
import { ec2Architecture, type Ec2Args, ec2Problems, Ec2Target } from "./targets/ec2/ec2";
import { type EcsArgs, ecsProblems, EcsTarget } from "./targets/ecs/ecs";
import { type HostArgs, hostProblems, HostTarget, recordedHost } from "./targets/host/host";
import { type LambdaArgs, lambdaProblems, LambdaTarget } from "./targets/lambda/lambda";
import { promiseOf } from "./hosting";
import { log } from "./log";

/** What is built, and where it runs. */
export interface AppArgs {
  /** The image. Its platforms follow from the targets unless they are listed. */
  image: ImageArgs;
  /**
   * The ECR repository that the image lies in.
   * @default one is made where a target is on AWS and the image names no registry; else none
   */
  repository?: RepositoryArgs;
  /** Runs the image as a container on instances of EC2. */
  ec2?: Ec2Args;
  /** Runs it as a service of ECS. */
  ecs?: EcsArgs;
  /** Runs it as a function of Lambda. */
  lambda?: LambdaArgs;
  /** Runs it as a container on this machine, or on hosts that are reached over SSH. */
  host?: HostArgs;
}

type TargetName = Exclude<keyof AppArgs, "image" | "repository">;

interface Target {
  readonly problems: (args: unknown, path: string) => Problem[];
  /** Undefined where it can't be told, which `problems` reports. */
  readonly architecture: (args: never) => CanonicalArchitecture | undefined;
  readonly onAws: boolean;
}

/** What there is to know of each target before anything is made. A missing one fails to compile. */
const targets: Readonly<Record<TargetName, Target>> = {
  ec2: { problems: ec2Problems, architecture: ec2Architecture, onAws: true },
  ecs: { problems: ecsProblems, architecture: statedArchitecture, onAws: true },
  lambda: { problems: lambdaProblems, architecture: statedArchitecture, onAws: true },
  host: { problems: hostProblems, architecture: statedArchitecture, onAws: false },
};

const targetNames = Object.keys(targets) as TargetName[];

/**
 * An app: one image, built for what its targets need, verified in the registry, and then run by them. Change a target's
 * architecture, and one preview shows the platform, the image and the target that change with it.
 *
 * @example
 * const web = new multiarch.App("web", {
 *   image: { context: "./app" },
 *   ec2: { instanceType: "t4g.small", containerPort: 8080, ingressCidrs: ["203.0.113.0/24"] },
 * });
 * export const url = web.url;
 */
export class App extends pulumi.ComponentResource {
  /** `repository@sha256:…`, the index: what people, other stacks and laptops pull. After a failed release, the index of the release that is still running. */
  public readonly imageUri: pulumi.Output<string>;
  /** The platforms that the index holds, sorted. */
  public readonly platforms: pulumi.Output<string[]>;
  /** The address to open: that of the first target that has one, in the order ec2, ecs, lambda, host; empty where none has. Set when the release succeeds. */
  public readonly url: pulumi.Output<string>;
  /** The command that shows the app's logs, of the first target. */
  public readonly logsCommand: pulumi.Output<string>;
  /** The command that opens a shell where the app runs, of the first target; empty on Lambda. */
  public readonly shellCommand: pulumi.Output<string>;
  /** The image, for further targets. */
  public readonly image: Image;
  /** The ECR repository, where the App made one or was told of one. */
  public readonly repository?: Repository;
  /** The instances on EC2, where there are any. */
  public readonly ec2?: Ec2Target;
  /** The service on ECS, where there is one. */
  public readonly ecs?: EcsTarget;
  /** The function on Lambda, where there is one. */
  public readonly lambda?: LambdaTarget;
  /** The container on this machine, or those on its hosts, where there are any. */
  public readonly host?: HostTarget;

  /** @throws pulumi.RunError with a line for each thing that is wrong with the arguments */
  constructor(name: string, args: AppArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args);
    const plan = planApp(args);
    refuse(name, appProblems(name, args, plan));
    args = lateChecked(name, args, plan);
    const recorded = {
      ...args,
      image: recordedArgs(args.image, plan),
      ...(args.host && { host: recordedHost(args.host) }),
    };
    super("multiarch:index:App", name, recorded, announced(undefined, name, recorded, opts));
    // Not before it is registered: a line on a component that never is would keep all later ones back, errors too.
    this.urn.apply(() => log.info(`platforms: ${describePlan(plan)}`, this));
    const opt = { parent: this };

    if (needsRepository(name, args))
      this.repository = new Repository(name, repositoryArgs(args), opt);
    const image = { ...args.image, repository: this.repository ?? args.image.repository };
    this.image = new Image(
      name,
      { ...image, platforms: [...plan.platforms], reasons: plan.requiredBy },
      opt,
    );
    const given = { image: this.image };
    if (args.ec2) this.ec2 = new Ec2Target(name, { ...args.ec2, ...given }, opt);
    if (args.ecs) this.ecs = new EcsTarget(name, { ...args.ecs, ...given }, opt);
    if (args.lambda) this.lambda = new LambdaTarget(name, { ...args.lambda, ...given }, opt);
    if (args.host) this.host = new HostTarget(name, { ...args.host, ...given }, opt);
    const made = [this.ec2, this.ecs, this.lambda, this.host].filter((one) => one !== undefined);
    if (args.repository?.keepReleases !== undefined) markLive(this.image, made);

    // A failed release on any target leaves the outputs of what runs. (As promises: an unknown URL makes nothing else unknown.)
    const done = Promise.all(made.map(({ url }) => promiseOf(url)));
    const released = <T>(value: pulumi.Output<T>) =>
      pulumi.all([value, done]).apply(([known]) => known) as pulumi.Output<T>;
    this.imageUri = released(this.image.imageUri);
    this.platforms = released(this.image.platforms);
    this.url = pulumi.all(made.map(({ url }) => url)).apply((urls) => urls.find(Boolean) ?? "");
    this.logsCommand = released(pulumi.output(made[0]?.logsCommand ?? ""));
    const [shell] = [this.ec2, this.ecs, this.host].flatMap((one) => one?.shellCommand ?? []);
    this.shellCommand = released(pulumi.output(shell ?? ""));
    this.registerOutputs({
      imageUri: this.imageUri,
      platforms: this.platforms,
      url: this.url,
      logsCommand: this.logsCommand,
      shellCommand: this.shellCommand,
    });
  }
}

/** The architecture of a target, whatever else is wrong with it; undefined where it is absent or that can't be told. */
function architectureOf(args: AppArgs, name: TargetName): CanonicalArchitecture | undefined {
  const target: unknown = isFields(args) ? args[name] : undefined;
  return isFields(target) ? targets[name].architecture(target as never) : undefined;
}

function planApp(args: AppArgs): Plan {
  const requirements = targetNames.flatMap((name): Requirement[] => {
    const architecture = architectureOf(args, name);
    if (architecture === undefined) return [];
    const byType = name === "ec2" && args.ec2?.architecture === undefined;
    return [{ path: `${name}.${byType ? "instanceType" : "architecture"}`, architecture }];
  });
  return planImage(args?.image, "image", requirements);
}

/** Whether the image lies in a repository of the App's: it was asked for, or a target pulls from AWS and nothing else is named. */
function needsRepository(name: string, args: AppArgs): boolean {
  if (args.repository !== undefined) return true;
  const { ref, sources, registry, repository } = args.image;
  if (registry !== undefined || repository !== undefined) return false;
  const finished = [ref, ...(isFields(sources) ? Object.values(sources) : [])].filter(Boolean);
  // Going back to an earlier release keeps the repository that the App made, by Pulumi's own name for it, and that the release lies in.
  const own = (text: unknown) =>
    typeof text === "string" &&
    /repository\/(.+)-[0-9a-f]{7}$/.exec(repositoryArnIn(text) ?? "")?.[1] === name;
  if (finished.length > 0 && !finished.some(own)) return false;
  return targetNames.some((name) => args[name] !== undefined && targets[name].onAws);
}

function repositoryArgs(args: AppArgs): RepositoryArgs {
  if (args.repository?.existing !== undefined) return args.repository;
  const tags = [...(args.image.tags ?? []), ...(args.repository?.mutableTags ?? [])];
  return {
    lambdaPull: args.lambda !== undefined,
    ...args.repository,
    mutableTags: [...new Set(tags)],
  };
}

function appProblems(name: string, args: AppArgs, plan: Plan): Problem[] {
  const check = new Checker();
  check.present(args, "image", `write for example { context: "./app" }`);
  if (!check.fields(args, "", ["image", "repository", ...targetNames])) return check.problems;
  const image: unknown = args.image;
  const placed = isFields(image) && needsRepository(name, args);
  if (args.repository !== undefined) {
    check.problems.push(...repositoryProblems(args.repository, "repository"));
    for (const field of ["registry", "repository"] as const) {
      if (!isFields(image) || image[field] === undefined) continue;
      check.add(`image.${field}`, "is given next to repository", "keep one of them");
    }
  }
  if (isFields(image) && args.lambda !== undefined) lambdaRegistryProblem(check, args.image);
  if (isFields(image)) privateRegistryProblem(check, args);
  if (placed && Array.isArray(args.image.tags) && args.image.tags.length > mostMutableTags)
    check.add(
      "image.tags",
      `holds ${args.image.tags.length} tags, and ECR lets ${mostMutableTags} move besides those of caches and stacks`,
      "leave some out",
    );
  // Where a target's architecture can't be told, the plan lacks a reason, and complaining of that would mislead.
  const wanted = targetNames.filter((name) => args[name] !== undefined);
  const planned =
    isFields(image) && wanted.every((name) => architectureOf(args, name) !== undefined);
  return [
    ...check.problems,
    ...imageProblems(image, "image", placed),
    ...wanted.flatMap((name) => targets[name].problems(args[name], name)),
    ...(planned ? [...plan.problems, ...plannedProblems(image, "image", plan.platforms)] : []),
  ];
}

/** A host's script checks what it is given by itself. */
function lateChecked(name: string, { host, ...args }: AppArgs, plan: Plan): AppArgs {
  const problems = (known: typeof args) => appProblems(name, { ...known, host }, plan);
  return { ...checkedLate(name, args, problems), ...(host && { host }) };
}

/** Lambda pulls from ECR only (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html). */
function lambdaRegistryProblem(check: Checker, image: ImageArgs): void {
  const { ref, registry } = image;
  const sources = registry === undefined && isFields(image.sources) ? image.sources : {};
  const finished = { "image.ref": ref, ...pathsOf("image.sources", sources) };
  for (const [path, text] of Object.entries(finished)) {
    if (typeof text !== "string" || !text.includes("/") || repositoryArnIn(text)) continue;
    if (/^(localhost|127\.)/.test(text)) continue;
    check.add(
      path,
      "is not in ECR, and Lambda pulls from ECR only",
      "copy it there (image.copyOf)",
    );
  }
  const address = registry?.address ?? "docker.io";
  if (registry !== undefined && typeof address === "string" && ref === undefined) {
    if (repositoryArnIn(`${address}/any`) !== undefined) return;
    check.add(
      "image.registry",
      `is ${address}, and Lambda pulls from ECR only`,
      "leave it out, and a repository of ECR is made",
    );
  }
}

/** EC2 pulls with the instance's role, ECS with its own or a secret: neither has the credentials that are given for the push. */
function privateRegistryProblem(check: Checker, args: AppArgs): void {
  const { registry } = args.image;
  if (!isFields(registry) || registry.username === undefined) return;
  const address: unknown = registry.address ?? "docker.io";
  if (typeof address !== "string" || repositoryArnIn(`${address}/any`) !== undefined) return;
  const what = `holds credentials for ${address}, which`;
  if (args.ec2 !== undefined)
    check.add(
      "image.registry",
      `${what} an instance of EC2 doesn't get`,
      "leave it out, and a repository of ECR is made",
    );
  if (isFields(args.ecs) && args.ecs.pullSecretArn === undefined)
    check.add(
      "image.registry",
      `${what} ECS doesn't get`,
      "leave it out, and a repository of ECR is made; or give ecs.pullSecretArn",
    );
}
