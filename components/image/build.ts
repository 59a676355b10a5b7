import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { normalisePlatform, platformSlug } from "../platform";
import { scopedName } from "../scope";
import type { Built } from "./built";
import { cacheTag } from "./cache";
import { CacheMode } from "./imageArgs";
import {
  dockerfileOf,
  exportOf,
  ownRegistry,
  pullRegistries,
  relativeContext,
  repositoryOf,
  secretValues,
} from "./inputs";
import { join, type Making, preflightArgs } from "./join";
import { buildHooks, type PreflightArgs } from "./preflight";

/** One docker-build Image for each platform, joined. */
export function build(making: Making): Built {
  const { args, plan } = making;
  const repository = repositoryOf(args);
  const preflight = preflightArgs(making);
  const resources = new Map(
    plan.platforms.map((platform) => [
      platform,
      platformImage(making, platform, repository, preflight),
    ]),
  );
  const each = (value: (resource: dockerBuild.Image) => pulumi.Output<string>) =>
    new Map([...resources].map(([platform, resource]) => [platform, value(resource)]));
  // Where a build is due but not done in preview, the provider says "": that is unknown, never a digest.
  const digests = each(({ digest }) =>
    digest.apply((text) => text || (pulumi.unknown as unknown as string)),
  );
  const sources = new Map(
    [...digests].map(([platform, digest]) => [
      platform,
      pulumi.interpolate`${repository}@${digest}`,
    ]),
  );
  const plain = args.attestations?.provenance !== true;
  return join(making, { sources, digests, plain, resources: [...resources.values()] }, preflight);
}

function platformImage(
  { image, name, args, parent }: Making,
  platform: string,
  repository: pulumi.Output<string>,
  preflight: PreflightArgs,
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
      // The provider's own builds have no attestations; those of Docker's client, which it can start, have provenance.
      ...(args.attestations?.provenance === true && { exec: true }),
      push: false,
      buildOnPreview: args.buildOnPreview ?? false,
    },
    {
      parent: image,
      // What was released may still run somewhere, and by digest it may be somebody else's too.
      retainOnDelete: true,
      hooks: buildHooks(preflight, platform, builder, builderPath),
    },
  );
}
