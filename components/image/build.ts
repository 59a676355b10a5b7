import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import type { BuilderArgs } from "../builders/builderArgs";
import { ensureBuilder } from "../builders/ensure";
import { beforeChange, hooksSupported, pathsOf, refuseSecrets } from "../hooks";
import { platformSlug, valueFor } from "../platform";
import { refuse } from "../refuse";
import { helperProblem } from "../registry/providerLogins";
import { scopedName } from "../scope";
import { type Built, type Making, onceKnown } from "./built";
import { type Buildx, buildx } from "./buildx";
import { cacheTag } from "./cache";
import { CacheMode, type ImageArgs } from "./imageArgs";
import {
  dockerfileOf,
  exportOf,
  mapValues,
  ownRegistry,
  pullRegistries,
  rawExport,
  relativeContext,
  relativePath,
  repositoryOf,
} from "./inputs";
import { join } from "./join";
import { buildHooks } from "./preflight";
import { type Watched, watchSources } from "./watched";
import { log } from "../log";

/** One docker-build Image for each platform, joined. */
export function build(making: Making): Built {
  const { args, plan } = making;
  const repository = repositoryOf(args);
  const watched = watchSources(making);
  // Unknown as a whole if the repository is: the provider rejects an export without a name.
  const exports = pulumi
    .all([repository, readable(making)])
    .apply(([known]) => [exportOf(args, known)]);
  const images = plan.platforms.map((platform) =>
    platformImage(making, platform, exports, watched),
  );
  const { provenance, sbom } = args.attestations ?? {};
  const attested =
    provenance === true || sbom === true
      ? plan.platforms.map((platform, at) => attest(making, platform, images[at]!))
      : undefined;
  const pushed = attested ?? images;
  const digests = new Map(plan.platforms.map((one, at) => [one, onceKnown(pushed[at]!.digest)]));
  const sources = new Map(
    [...digests].map(([one, digest]) => [one, pulumi.interpolate`${repository}@${digest}`]),
  );
  return join(making, {
    sources,
    digests,
    plain: attested === undefined,
    resources: [...images, ...(attested ?? [])],
  });
}

/** Builds one platform's image again, from the cache of the first build, with the attestations that the provider can't add. */
function attest(making: Making, platform: string, built: dockerBuild.Image): Buildx {
  const { image, name, args, id, path } = making;
  const { provenance = false, sbom = false, sbomGenerator: generator } = args.attestations!;
  const [builder, field] = builderOf(args, platform);
  const say = (text: string) => log.info(text, image);
  const hook = `preflight of the attestations of ${id} (${platform})`;
  const hooks = beforeChange(hook, async () => {
    const contexts = { context: args.context, ...pathsOf("namedContexts", args.namedContexts) };
    await refuseSecrets(
      contexts,
      (at) =>
        `${path(at)}: must not be secret with ${path("attestations")}, because every user of this machine can read the arguments of \`docker buildx build\`. Use a location without credentials`,
    );
    if (pulumi.runtime.isDryRun()) return;
    // If another machine built the image, its builder may not exist here yet.
    await ensureBuilder(builder, { path: path(field), preview: false, say });
  });
  const source = pulumi.interpolate`${repositoryOf(args)}@${onceKnown(built.digest)}`;
  const { context, dockerfile, buildArgs, ssh, target, labels, network, addHosts, pull } = built;
  const { cacheFrom } = built;
  const definition = { context, dockerfile, buildArgs, ssh, target, labels, network, addHosts };
  const build = {
    ...{ ...definition, pull, cacheFrom, platform, builder: builder?.name },
    output: repositoryOf(args).apply((repository) => rawExport(args, repository)),
    attestations: { provenance, sbom, generator },
  };
  const own = `${name}-${platformSlug(platform)}-attested`;
  return buildx(making, own, { source, build }, args.pullCredentials, { hooks }, args.secrets);
}

/** The builder of a platform, and the field that names it. */
function builderOf(args: ImageArgs, platform: string): [BuilderArgs | undefined, string] {
  const own = valueFor(platform, args.builders);
  return own === undefined ? [args.builder, "builder"] : [own, `builders["${platform}"]`];
}

/** Fails if the provider could not read Docker's logins, which it would report without a fix. */
async function readable({ name, path }: Making): Promise<void> {
  // In unit tests with mocks, no provider runs.
  const what = hooksSupported() ? await helperProblem() : undefined;
  const fix = `replace credsStore with credHelpers for single registries in Docker's config.json, or set DOCKER_AUTH_CONFIG='{"auths":{}}' so that builds ignore these logins`;
  if (what !== undefined) refuse(name, [{ path: path("registry"), what, fix }]);
}

function platformImage(
  making: Making,
  platform: string,
  exports: pulumi.Output<dockerBuild.types.input.ExportArgs[]>,
  watched: Watched,
): dockerBuild.Image {
  const { image, name, args, parent, path } = making;
  const [builder, field] = builderOf(args, platform);
  const cacheRef = pulumi.interpolate`${repositoryOf(args)}:${cacheTag(scopedName(name, parent), pulumi.getStack(), platform)}`;
  const cached = args.cache?.enabled ?? true;
  const epoch = args.reproducible?.epoch;
  return new dockerBuild.Image(
    `${name}-${platformSlug(platform)}`,
    {
      platforms: [platform as dockerBuild.Platform],
      context: {
        location: relativeContext(args.context!),
        ...(args.namedContexts && {
          named: mapValues(args.namedContexts, (text) => ({ location: relativeContext(text) })),
        }),
      },
      ...dockerfileOf(args),
      buildArgs: {
        ...args.buildArgs,
        ...watched.buildArgs,
        ...(epoch !== undefined && { SOURCE_DATE_EPOCH: pulumi.output(epoch).apply(String) }),
      },
      ...(args.secrets && { secrets: mapValues(args.secrets, (value) => pulumi.secret(value)) }),
      ssh: args.ssh?.map(({ paths, ...rest }) => ({ ...rest, paths: paths?.map(relativePath) })),
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
      exports,
      push: false,
      buildOnPreview: args.buildOnPreview ?? false,
    },
    {
      parent: image,
      // What was released may still run somewhere, and by digest it may be somebody else's too.
      retainOnDelete: true,
      hooks: buildHooks(making, platform, builder, path(field)),
      transforms: watched.transforms,
    },
  );
}
