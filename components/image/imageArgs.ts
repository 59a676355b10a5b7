import type * as pulumi from "@pulumi/pulumi";
import type { BuilderArgs } from "../builders/builderArgs";
import type { ImageRepositoryArgs } from "../registry/repositoryArgs";

/** How layers are compressed on their way to the registry. */
export const Compression = {
  /** Read by everything. */
  Gzip: "gzip",
  /** Faster and smaller; not read by Docker before 23 and by Lambda. Recompresses the base image's layers too. */
  Zstd: "zstd",
} as const;
export type Compression = (typeof Compression)[keyof typeof Compression];

/** How much of a build is cached. */
export const CacheMode = {
  /** Every stage of the Dockerfile. */
  Max: "max",
  /** The layers of the final image only. */
  Min: "min",
} as const;
export type CacheMode = (typeof CacheMode)[keyof typeof CacheMode];

/** Which network RUN steps see. */
export const BuildNetwork = {
  /** The builder's sandboxed network. */
  Default: "default",
  /** The network of the builder's machine; the builder must allow it. */
  Host: "host",
  /** None. */
  None: "none",
} as const;
export type BuildNetwork = (typeof BuildNetwork)[keyof typeof BuildNetwork];

/** How deep an image is looked into before anything is deployed. Each depth holds the ones before it. */
export const VerifyDepth = {
  /** Index, manifests and configurations: the platforms that the registry says it has. */
  Manifest: "manifest",
  /** The file that the container starts, in the layers: the architecture of its code. */
  Entrypoint: "entrypoint",
  /** The image itself, started for each platform by the engine of the machine that runs Pulumi. */
  Run: "run",
} as const;
export type VerifyDepth = (typeof VerifyDepth)[keyof typeof VerifyDepth];

/** What is verified before anything is deployed, and what a doubt costs. */
export interface VerifyArgs {
  /**
   * How deep the image is looked into.
   * @default VerifyDepth.Entrypoint
   */
  depth?: VerifyDepth;
  /**
   * Whether what is only a warning otherwise stops the run: a Dockerfile that fixes a platform or uses TARGETARCH without
   * ARG, a base image that lacks a planned platform.
   * @default false
   */
  strict?: boolean;
  /**
   * With VerifyDepth.Run: what is started in place of the image's own command, and must end with exit code 0, such as
   * `["--version"]`.
   * @default the image's own command, which must not end with an exit code other than 0
   */
  command?: string[];
  /**
   * With VerifyDepth.Run: seconds after which a container that still runs counts as good; with `command`, after which it
   * counts as failed.
   * @default 5, and 60 with `command`
   */
  seconds?: number;
}

/** The image in the engine of the machine that runs Pulumi, for `docker run` there. */
export interface LoadArgs {
  /**
   * The one platform that is loaded: an engine takes no more.
   * @default the engine's own
   */
  platform?: string;
  /**
   * What it is called there.
   * @default the component's name with the tag `latest`
   */
  tag?: pulumi.Input<string>;
}

/** What a tarball holds. */
export const TarballFormat = {
  /** An OCI image layout with the index (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). */
  Oci: "oci",
  /** What `docker load` reads, in every version: one entry for each platform, tagged with its architecture where there are several. */
  Docker: "docker",
} as const;
export type TarballFormat = (typeof TarballFormat)[keyof typeof TarballFormat];

/** The image as a file on the machine that runs Pulumi, with all its platforms. */
export interface TarballArgs {
  /**
   * The file's path, relative to the Pulumi program. Missing folders are created. If the file is inside the build context, an ignore file must
   * exclude it.
   */
  path: string;
  /**
   * What the tarball holds.
   * @default TarballFormat.Oci
   */
  format?: TarballFormat;
}

/**
 * Statements about the build beside the image in its index. `docker buildx build` adds them in a second build of each platform, from
 * the cache of the first.
 */
export interface AttestationsArgs {
  /**
   * How the image was built, as BuildKit's provenance of mode `min`: base images, but no build arguments (https://docs.docker.com/build/metadata/attestations/slsa-provenance/).
   * @default false
   */
  provenance?: boolean;
  /**
   * The packages in each platform's image, as an SBOM in the SPDX format (https://docs.docker.com/build/metadata/attestations/sbom/).
   * BuildKit scans the files of the image, not those of other stages.
   * @default false
   */
  sbom?: boolean;
  /**
   * The image that scans, which the builder pulls; `pullCredentials` are for a private one
   * (https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md). A tag that moves is no reason to scan again.
   * @default BuildKit's own, `docker/buildkit-syft-scanner`
   */
  sbomGenerator?: pulumi.Input<string>;
}

/** A repository in a registry, and who pushes to it. */
export interface RegistryArgs {
  /**
   * Host, and port where it isn't 443, without a scheme: `ghcr.io`, `localhost:5000`.
   * @default "docker.io"
   */
  address?: pulumi.Input<string>;
  /** The repository within the registry, lower case, without tag: `team/web`. */
  repository: pulumi.Input<string>;
  /**
   * User name, if credentials are given here. A change of it is an update of the images (rebuilt from cache).
   * @default the credentials that `docker login` stored on the machine that runs Pulumi
   */
  username?: pulumi.Input<string>;
  /** Password or token; kept secret. A rotated one is no change. */
  password?: pulumi.Input<string>;
}

/** Credentials for a registry that base images come from. */
export interface RegistryCredentialsArgs {
  /** Host, and port where it isn't 443: `docker.io`. */
  address: pulumi.Input<string>;
  /** User name. */
  username: pulumi.Input<string>;
  /** Password or token; kept secret. */
  password: pulumi.Input<string>;
}

/** The build cache kept in the image's own repository, one for each app, stack and platform. */
export interface CacheArgs {
  /**
   * Whether a cache is read and written.
   * @default true
   */
  enabled?: boolean;
  /**
   * How much is cached.
   * @default CacheMode.Max
   */
  mode?: CacheMode;
  /** Further cache images to read from, as full references: another stack's, or the main branch's. */
  from?: string[];
}

/** An SSH agent socket or keys that RUN steps may use with `--mount=type=ssh`. */
export interface SshArgs {
  /** The id that the Dockerfile names; `default` where it names none. */
  id: pulumi.Input<string>;
  /**
   * Sockets or key files on the machine that runs Pulumi.
   * @default the agent of SSH_AUTH_SOCK
   */
  paths?: string[];
}

/** A build that gives the same digest on every machine. */
export interface ReproducibleArgs {
  /**
   * The time that stands in the image for every file and for its creation, in seconds since 1970
   * (https://reproducible-builds.org/specs/source-date-epoch/). Take one that moves with releases, such as the
   * commit's: with a fixed one, Last-Modified and ETags of static web servers never change.
   */
  epoch: pulumi.Input<number>;
}

/** What is built, for which platforms, where it lies, and how it is cached. Or a finished image: `ref`. */
export interface ImageArgs {
  /**
   * A finished image or index, `repository@sha256:…`, instead of a build. It is verified just as a built one is. A tag
   * is resolved when this text or the platforms change: moving it alone has no effect.
   */
  ref?: pulumi.Input<string>;
  /**
   * Finished images by platform, each `repository@sha256:…`, instead of a build: what a CI built on a native runner for each
   * platform. They are joined to one index and verified. Requires docker buildx on the machine that runs Pulumi.
   */
  sources?: Record<string, pulumi.Input<string>>;
  /**
   * A finished image or index, `repository@sha256:…`, that is copied into this image's registry instead of a build: with the same
   * digest and everything its index holds. For promotion between stacks, accounts and registries. Requires docker buildx on the
   * machine that runs Pulumi.
   */
  copyOf?: pulumi.Input<string>;
  /**
   * The build context: a folder, relative to the Pulumi program; a Git repository (`https://….git#branch:folder`, `user@host:path.git`), whose
   * commit is looked up in each run; or the URL of an archive, whose changes are not detected.
   */
  context?: pulumi.Input<string>;
  /**
   * Path of the Dockerfile, relative to the Pulumi program. If `context` is a URL, a relative path is one inside that context.
   * @default `Dockerfile` in the context
   */
  dockerfile?: pulumi.Input<string>;
  /** The Dockerfile's text, instead of a path. */
  dockerfileInline?: pulumi.Input<string>;
  /** Build arguments. They stand in the image's history, so a secret value is refused: use `secrets`. */
  buildArgs?: Record<string, pulumi.Input<string>>;
  /**
   * Secrets for `RUN --mount=type=secret,id=…`, by id. They are in no layer, no history and no cache, and a changed value
   * alone runs no step again (https://docs.docker.com/build/building/secrets/).
   */
  secrets?: Record<string, pulumi.Input<string>>;
  /** SSH agents or keys for `RUN --mount=type=ssh`. */
  ssh?: SshArgs[];
  /** The stage of the Dockerfile to build; default: the last. */
  target?: pulumi.Input<string>;
  /** Labels of the image. Everybody who pulls it can read them, so a secret value is refused. */
  labels?: Record<string, pulumi.Input<string>>;
  /** Further build contexts by name: folders relative to the Pulumi program, URLs, or `docker-image://…`. */
  namedContexts?: Record<string, pulumi.Input<string>>;
  /**
   * Platforms to build, `os/architecture[/variant]` in any usual spelling. If given, exactly these; they must hold what
   * every target needs. Plain values: they decide which resources there are.
   * @default in an App: what its targets need
   */
  platforms?: string[];
  /**
   * Who needs each platform, for previews and messages: `{ "linux/amd64": "host.architecture" }`. An App says it by itself.
   * @default "platforms" for each
   */
  reasons?: Record<string, string>;
  /**
   * Where the image lies, if that isn't ECR. Next to `ref`: the credentials for its registry. Default next to `sources`: where the
   * first of them lies.
   */
  registry?: RegistryArgs;
  /** The ECR repository that it lies in, a `Repository`. An App with an AWS target makes one by itself. */
  repository?: ImageRepositoryArgs;
  /** Credentials for private base images, a private `sbomGenerator`, and the registries of `copyOf` and `sources`. */
  pullCredentials?: RegistryCredentialsArgs[];
  /** The build cache. On unless switched off. */
  cache?: CacheArgs;
  /**
   * The buildx builder for every platform.
   * @default the builder that `docker buildx use` selected; if that is Docker's own, which can't push these images, the first running
   * builder by name; if no builder is running, `pulumi up` starts a new builder in a container, which stays on this machine
   */
  builder?: BuilderArgs;
  /** Builders by platform, for native nodes. Every platform must be in it. */
  builders?: Record<string, BuilderArgs>;
  /** Further tags for people, moved with each release. Nothing is ever deployed by tag. */
  tags?: string[];
  /**
   * Ask for newer base images. Builds on every `up`, for nothing else can tell.
   * @default false
   */
  pull?: boolean;
  /**
   * Network of RUN steps.
   * @default BuildNetwork.Default
   */
  network?: BuildNetwork;
  /** Further lines for /etc/hosts in RUN steps, `name:address`. */
  extraHosts?: string[];
  /**
   * Build in `pulumi preview` too, without pushing: previews then find errors of the build, and take as long as one.
   * @default false
   */
  buildOnPreview?: boolean;
  /** Makes digests the same on every machine. Default: off. */
  reproducible?: ReproducibleArgs;
  /**
   * How layers are compressed.
   * @default Compression.Gzip
   */
  compression?: Compression;
  /**
   * Whether an index is made. False pushes the one platform there is as a plain image, for registries that take no index.
   * @default true
   */
  index?: boolean;
  /** Attestations, which lie in the index beside the images. Targets are given the image alone. Default: none. */
  attestations?: AttestationsArgs;
  /** What is verified before anything is deployed. */
  verify?: VerifyArgs;
  /** Loads the image into the engine of the machine that runs Pulumi too, made sure of in every `up`. Default: it isn't. */
  load?: LoadArgs;
  /** Writes the image to a file on the machine that runs Pulumi too, made sure of in every `up`. Default: it isn't. */
  tarball?: TarballArgs;
}
