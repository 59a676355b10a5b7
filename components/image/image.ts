import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { makePlan, type Plan } from "../plan";
import { normalisePlatform, platformSlug } from "../platform";
import { pathsOf, settled } from "../hooks";
import { refuse } from "../refuse";
import { ecrAccess } from "../registry/ecrAccess";
import { fieldPath, scopedName, uniqueName } from "../scope";
import { cacheTag, contentTag } from "./cache";
import { Gate } from "../verification/gate";
import { CacheMode, type ImageArgs } from "./imageArgs";
import {
  dockerfileOf,
  exportOf,
  ownRegistry,
  pullRegistries,
  recordedArgs,
  registryAccess,
  relativeContext,
  repositoryOf,
  secretValues,
  withRegistry,
} from "./inputs";
import { type Built, builtBy, type PlatformImage } from "./built";
import { plannedProblems, imageProblems } from "./imageProblems";
import { buildHooks, indexHooks, type PreflightArgs } from "./preflight";
import { isMissing, watchPresence } from "../verification/presence";

export type { PlatformImage } from "./built";

/**
 * An image for one or more platforms: built for each with a cache of its own, joined to one index, and verified in the
 * registry before anything that uses its outputs is touched. Or a finished one (`ref`), verified just the same.
 *
 * @example
 * const image = new multiarch.Image("web", {
 *   context: "./app",
 *   platforms: ["linux/amd64", "linux/arm64"],
 *   registry: { address: "ghcr.io", repository: "team/web" },
 * });
 * export const uri = image.imageUri;
 */
export class Image extends pulumi.ComponentResource {
  /** `repository@sha256:…`, the index: what people, other stacks and laptops pull. Known once it is verified. */
  public readonly imageUri: pulumi.Output<string>;
  /** `sha256:…` of the index. */
  public readonly digest: pulumi.Output<string>;
  /** The platforms that it holds, sorted. */
  public readonly platforms: pulumi.Output<string[]>;
  /** Reference, digest and size of each platform's image. */
  public readonly images: pulumi.Output<PlatformImage[]>;

  constructor(name: string, args: ImageArgs, opts?: pulumi.ComponentResourceOptions) {
    const plan = makePlan({
      requirements: [],
      platforms: args?.platforms,
      platformsPath: "platforms",
      reasons: args?.reasons,
    });
    refuse(name, [
      ...imageProblems(args, ""),
      ...plan.problems,
      ...plannedProblems(args, "", plan.platforms),
    ]);
    super("multiarch:index:Image", name, recordedArgs(args, plan), opts);
    const placed = withRegistry(args);
    const built = buildOrTake(this, name, placed, plan, opts?.parent);
    const repositoryArn = args.repository?.arn;
    builtBy.set(this, { ...built, name, args: placed, parent: opts?.parent, repositoryArn });
    this.imageUri = built.imageUri;
    this.digest = built.imageUri.apply(digestOf);
    this.platforms = built.platforms;
    this.images = built.images;
    this.registerOutputs({
      imageUri: this.imageUri,
      digest: this.digest,
      platforms: this.platforms,
      images: this.images,
    });
  }

  /** The reference of one platform's image: what a target is given. Whoever uses it waits for the verification. */
  public platformRef(platform: string): pulumi.Output<string> {
    const { name, refs, deployed } = builtBy.get(this)!;
    const normalised = normalisePlatform(platform) ?? platform;
    const ref = refs.get(normalised);
    if (ref === undefined) {
      refuse(name, [
        {
          path: "platforms",
          what: `lacks ${JSON.stringify(platform)}, which is asked for; planned are ${[...refs.keys()].join(", ")}`,
          fix: "add it",
        },
      ]);
    }
    deployed.set(normalised, ref!);
    return ref!;
  }
}

function buildOrTake(
  image: Image,
  name: string,
  args: ImageArgs,
  plan: Plan,
  parent: pulumi.Resource | undefined,
): Built {
  return args.ref === undefined
    ? build(image, name, args, plan, parent)
    : take(image, name, args, args.ref, plan, parent);
}

/** A finished image: what it holds is what the gate saw. */
function take(
  image: Image,
  name: string,
  args: ImageArgs,
  ref: pulumi.Input<string>,
  plan: Plan,
  parent: pulumi.Resource | undefined,
): Built {
  // An image in ECR needs no credentials to be given: the provider's own are asked for them.
  const access =
    args.registry?.username === undefined ? ecrAccess(ref, image) : registryAccess(args);
  const gate = new Gate(
    `${name}-verified`,
    {
      name: `${uniqueName(name, parent)}: ${fieldPath(parent, "image", "ref")}`,
      reference: ref,
      requiredBy: plan.requiredBy,
      verify: args.verify,
      ...access,
    },
    { parent: image },
  );
  const imageUri = gate.report.apply((report) => report.reference);
  const images = gate.report.apply((report) =>
    report.images.map((one) => withRef(report.reference, one)),
  );
  const refOf = (platform: string) =>
    images.apply((all) => all.find((one) => one.platform === platform)?.ref ?? missing(platform));
  const deployed = new Map<string, pulumi.Output<string>>();
  watchPresence(image, { index: imageUri, deployed, access, rebuild: "" });
  const platforms = images.apply((all) => all.map((one) => one.platform));
  return {
    imageUri,
    platforms,
    images,
    deployed,
    access,
    refs: new Map(plan.platforms.map((one) => [one, refOf(one)])),
  };
}

/** One docker-build Image for each platform, one Index, one gate. */
function build(
  image: Image,
  name: string,
  args: ImageArgs,
  plan: Plan,
  parent: pulumi.Resource | undefined,
): Built {
  const repository = repositoryOf(args);
  const access = registryAccess(args);
  const preflight: PreflightArgs = {
    id: uniqueName(name, parent),
    resource: image,
    path: (field) => fieldPath(parent, "image", field),
    registry: repository.apply((text) => text.slice(0, text.indexOf("/"))),
    credentials: args.repository
      ? "aws"
      : args.registry?.username === undefined
        ? "stored"
        : "given",
    isMissing: (reference) => settled(isMissing(reference, access)),
    published: {
      ...pathsOf("buildArgs", args.buildArgs),
      ...pathsOf("labels", args.labels),
      dockerfileInline: args.dockerfileInline,
      target: args.target,
    },
  };
  const digests = new Map<string, pulumi.Output<string>>();
  const resources: dockerBuild.Image[] = [];
  for (const platform of plan.platforms) {
    const resource = platformImage(image, name, args, platform, repository, preflight, parent);
    resources.push(resource);
    // Where a build is due but not done in preview, the provider says "": that is unknown, never a digest.
    digests.set(
      platform,
      resource.digest.apply((text) => text || unknown<string>()),
    );
  }
  const sources = plan.platforms.map(
    (platform) => pulumi.interpolate`${repository}@${digests.get(platform)!}`,
  );
  const tag = pulumi.all(Object.fromEntries(digests)).apply(contentTag);
  const index = indexOf(image, name, args, repository, tag, sources, preflight);
  const reference = index.ref.apply((text) =>
    // Mocks of a user's own tests may give nothing.
    (text as string | undefined)?.includes("@")
      ? `${text.slice(0, text.lastIndexOf(":", text.indexOf("@")))}@${digestOf(text)}`
      : unknown<string>(),
  );
  const gate = new Gate(
    `${name}-verified`,
    {
      name: preflight.id,
      reference,
      requiredBy: plan.requiredBy,
      images: Object.fromEntries(digests),
      verify: args.verify,
      ...access,
    },
    { parent: image },
  );
  // A tag for people moves only to what was verified.
  const verified = sources.map((source) => gate.passed(source));
  const tagged = (args.tags ?? []).map((text) =>
    indexOf(image, `${name}:${text}`, args, repository, pulumi.output(text), verified, preflight),
  );
  const rebuild = pulumi
    .all([...resources, index, ...tagged].map((resource) => resource.urn))
    .apply((urns) => `pulumi up ${urns.map((urn) => `--replace '${urn}'`).join(" ")}`);
  const deployed = new Map<string, pulumi.Output<string>>();
  watchPresence(image, { index: reference, deployed, access, rebuild });
  return {
    imageUri: gate.passed(reference),
    deployed,
    access,
    sources: verified,
    platforms: gate.passed(pulumi.output([...plan.platforms])),
    images: gate.report.apply((report) =>
      report.images.map((one) => withRef(report.reference, one)),
    ),
    refs: new Map(plan.platforms.map((platform, at) => [platform, verified[at]!])),
  };
}

function platformImage(
  image: Image,
  name: string,
  args: ImageArgs,
  platform: string,
  repository: pulumi.Output<string>,
  preflight: PreflightArgs,
  parent: pulumi.Resource | undefined,
): dockerBuild.Image {
  const builders = Object.entries(args.builders ?? {});
  const own = builders.find(([spelling]) => normalisePlatform(spelling) === platform)?.[1];
  const builder = own ?? args.builder;
  const builderPath = preflight.path(own === undefined ? "builder" : `builders["${platform}"]`);
  const cacheRef = pulumi.interpolate`${repository}:${cacheTag(scopedName(name, parent), pulumi.getStack(), platform)}`;
  const cached = args.cache?.enabled ?? true;
  const epoch = args.reproducible?.epoch;
  return new dockerBuild.Image(
    `${name}-${platformSlug(platform)}`,
    {
      platforms: [platform as dockerBuild.Platform],
      context: {
        location: relativeContext(args.context!),
        ...(args.namedContexts && {
          named: Object.fromEntries(
            Object.entries(args.namedContexts).map(([key, location]) => [
              key,
              { location: relativeContext(location) },
            ]),
          ),
        }),
      },
      ...dockerfileOf(args),
      buildArgs: {
        ...args.buildArgs,
        ...(epoch !== undefined && { SOURCE_DATE_EPOCH: pulumi.output(epoch).apply(String) }),
      },
      ...(args.secrets && { secrets: secretValues(args.secrets) }),
      ssh: args.ssh,
      target: args.target,
      labels: args.labels,
      network: args.network as dockerBuild.NetworkMode | undefined,
      addHosts: args.extraHosts,
      pull: args.pull,
      ...(builder !== undefined && { builder: { name: builder.name } }),
      registries: [...ownRegistry(args), ...pullRegistries(args)],
      cacheFrom: cached
        ? [cacheRef, ...(args.cache?.from ?? [])].map((ref) => ({ registry: { ref } }))
        : [],
      cacheTo: cached
        ? [
            {
              registry: {
                ref: cacheRef,
                mode: args.cache?.mode ?? CacheMode.Max,
                // ECR takes a cache only as an OCI image manifest; the provider's own default is the older form.
                imageManifest: true,
                ociMediaTypes: true,
                // A cache that can't be written makes the next build slower, and is no reason not to deploy.
                ignoreError: true,
              },
            },
          ]
        : [],
      // Unknown as a whole where the repository is: the provider takes an export without a name for a mistake.
      exports: repository.apply((name) => [exportOf(args, name)]),
      push: false,
      buildOnPreview: args.buildOnPreview ?? false,
    },
    {
      parent: image,
      // What was released may still run somewhere, and by digest it may be somebody else's too.
      retainOnDelete: true,
      hooks: buildHooks(preflight, platform, builder?.name, builderPath),
    },
  );
}

function indexOf(
  image: Image,
  name: string,
  args: ImageArgs,
  repository: pulumi.Output<string>,
  tag: pulumi.Output<string>,
  sources: pulumi.Output<string>[],
  preflight: PreflightArgs,
): dockerBuild.Index {
  return new dockerBuild.Index(
    name,
    { tag: pulumi.interpolate`${repository}:${tag}`, sources, registry: ownRegistry(args)[0] },
    // Replaced with each release, and nothing is lost by it: `protect` is for what would be.
    { parent: image, protect: false, retainOnDelete: true, hooks: indexHooks(preflight, name) },
  );
}

function withRef(
  reference: string,
  { platform, digest, size }: { platform: string; digest: string; size: number },
): PlatformImage {
  const repository = reference.slice(0, reference.indexOf("@"));
  return { platform, digest, size, ref: `${repository}@${digest}` };
}

function digestOf(reference: string): string {
  return reference.slice(reference.indexOf("@") + 1);
}

function missing(platform: string): never {
  throw new Error(`the verification reported no image for ${platform}`);
}

function unknown<T>(): T {
  return pulumi.unknown as unknown as T;
}
