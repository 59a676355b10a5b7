import { readFileSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import type * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { orElse } from "../late";
import type { Plan } from "../plan";
import { refuse } from "../refuse";
import type { Making } from "./built";
import type { ErrorPlace } from "./explain";
import { Compression, type ImageArgs, type RegistryArgs } from "./imageArgs";
import { isRemoteContext } from "./gitContexts";
import { ecrAccess } from "../registry/ecrAccess";
import { isSameRegistry, parseReference, printReference } from "../registry/reference";
import { mismatchProblems } from "./registryProblems";

export function repositoryOf(args: ImageArgs): pulumi.Output<string> {
  const { address, repository } = args.registry!;
  return pulumi.all([address!, repository]).apply(([host, path]) => {
    const parsed = parseReference(`${host}/${path}`);
    return parsed.ok ? printReference(parsed.reference) : `${host}/${path}`;
  });
}

/** Where the image lies: in the ECR repository that was given, else in the registry that was, else where its sources do. */
export function placed(args: ImageArgs): RegistryArgs | undefined {
  if (args.repository !== undefined) {
    const { repositoryUrl, repositoryName, username, password } = args.repository;
    const address = pulumi.output(repositoryUrl).apply((url) => url.slice(0, url.indexOf("/")));
    return { address, repository: repositoryName, username, password };
  }
  const [source] = Object.values(args.sources ?? {});
  if (args.registry !== undefined)
    return { ...args.registry, address: orElse(args.registry.address, "docker.io") };
  if (source === undefined) return undefined;
  const parsed = pulumi.output(source).apply(parseReference);
  return {
    address: parsed.apply((one) => (one.ok ? one.reference.registry : "")),
    repository: parsed.apply((one) => (one.ok ? one.reference.repository : "")),
  };
}

/**
 * The credentials for the image's registry: those given, or for ECR a token from the AWS provider.
 * @param args as the user wrote them: without a `registry`, sources are joined in the registry of the first
 */
export function accessTo(
  args: ImageArgs,
  { image, name, path }: Pick<Making, "image" | "name" | "path">,
): RegistryAccess {
  const { ref, registry } = args;
  const { address, username, password } = placed(args) ?? {};
  const [source] = Object.values(args.sources ?? {});
  // Sources may be in other registries than the index that joins them.
  const joined =
    typeof address === "string" ? `${address}/any` : pulumi.interpolate`${address}/any`;
  const finished =
    ref ?? (source === undefined || args.repository ? undefined : registry ? joined : source);
  if (username === undefined && finished !== undefined) return ecrAccess(finished, image);
  if (username === undefined || ref === undefined) return { username, password };
  return onlyFor(address, { username, password }, ref, (given) => {
    if (registry !== undefined) refuse(name, mismatchProblems(...given, path));
  });
}

/** Where the credentials of the image's own registry come from. */
export function credentialsOf({ registry, repository }: ImageArgs): ErrorPlace["credentials"] {
  if (repository !== undefined) return "aws";
  return registry?.username === undefined ? "stored" : "given";
}

/** The registry that is pushed to, where its credentials are given; else the provider takes Docker's stored ones. */
export function ownRegistry(args: ImageArgs): dockerBuild.types.input.RegistryArgs[] {
  const { address, username, password } = args.registry ?? {};
  if (username === undefined || password === undefined) return [];
  return [{ address: address!, username, password: pulumi.secret(password) }];
}

export function pullRegistries(args: ImageArgs): dockerBuild.types.input.RegistryArgs[] {
  return (args.pullCredentials ?? []).map((entry) => ({
    ...entry,
    password: pulumi.secret(entry.password),
  }));
}

/** How the image's registry is reached. Credentials that were given for one registry are never shown to another. */
export interface RegistryAccess {
  readonly username?: pulumi.Input<string>;
  readonly password?: pulumi.Input<string>;
}

/**
 * Credentials, known only once it is certain that they are for the registry of a reference.
 * @param address of their registry; without one, they are for that of the reference
 */
export function onlyFor(
  address: pulumi.Input<string> | undefined,
  { username, password }: RegistryAccess,
  reference: pulumi.Input<string>,
  mismatch: (given: [address: string, reference: string]) => void,
): RegistryAccess {
  // A secret address makes no secret of the username.
  const fits = pulumi.unsecret(pulumi.all([address, reference])).apply(([host, ref]) => {
    if (!host || isSameRegistry(host, ref)) return true;
    mismatch([host, ref]);
    return false;
  });
  const only = (value: pulumi.Input<string> | undefined) =>
    pulumi.all([value, fits]).apply(([text, same]) => (same ? (text ?? "") : ""));
  return { username: only(username), password: only(password) };
}

export function dockerfileOf(args: ImageArgs): {
  dockerfile?: pulumi.Input<dockerBuild.types.input.DockerfileArgs>;
} {
  if (args.dockerfileInline !== undefined) return { dockerfile: { inline: args.dockerfileInline } };
  if (args.dockerfile === undefined) return {};
  return { dockerfile: pulumi.all([args.context!, args.dockerfile]).apply(placeDockerfile) };
}

/** Where the Dockerfile is, for the provider. */
function placeDockerfile([context, path]: [string, string | undefined]): {
  inline?: string;
  location?: string;
} {
  if (path === undefined) return undefined!;
  if (!isRemoteContext(context)) return { location: toRelative(path) };
  if (isAbsolute(path)) return { inline: readFileSync(path, "utf8") };
  // The provider only accepts the path of a local file, or what looks like a remote address. BuildKit resolves this to `path`.
  return { location: `dockerfile@context:/../${path}` };
}

export function mapValues<T, U>(values: Readonly<Record<string, T>>, map: (value: T) => U) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

/** State is shared between machines and checkouts, so no path in it is absolute. */
export function relativePath(path: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.output(path).apply(toRelative);
}

export function relativeContext(location: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi
    .output(location)
    .apply((text) => (isRemoteContext(text) || text.includes("://") ? text : toRelative(text)));
}

function toRelative(path: string): string {
  // A Dockerfile that turns out to be nothing is none that was named.
  return path !== undefined && isAbsolute(path) ? relative(process.cwd(), path) || "." : path;
}

/**
 * What the component is recorded with: the plan and the user's arguments, so that `preview --diff` shows a change on the
 * component itself. Credentials and secrets aren't in it: a rotated token is no change.
 */
export function recordedArgs(args: ImageArgs, plan: Plan): pulumi.Inputs {
  const { registry, secrets, ssh, pullCredentials, context, dockerfile, namedContexts, ...rest } =
    args;
  const { builder, builders } = args;
  return {
    ...rest,
    reasons: undefined,
    repository: undefined,
    ...(builder && { builder: builder.name }),
    ...(builders && { builders: mapValues(builders, ({ name }) => name) }),
    ...(context !== undefined && { context: relativeContext(context) }),
    ...(dockerfile !== undefined && { dockerfile: relativePath(dockerfile) }),
    ...(namedContexts && { namedContexts: mapValues(namedContexts, relativeContext) }),
    ...(registry && { registry: { address: registry.address, repository: registry.repository } }),
    ...(ssh && { ssh: ssh.map((entry) => entry.id) }),
    ...(secrets && { secrets: Object.keys(secrets).sort() }),
    ...(pullCredentials && { pullCredentials: pullCredentials.map((entry) => entry.address) }),
    ...(args.tarball && { tarball: { ...args.tarball, path: toRelative(args.tarball.path) } }),
    platforms: plan.requiredBy,
  };
}

/** Pushed by digest, without a tag: the index's tag is what keeps it. */
export function exportOf(args: ImageArgs, repository: string): dockerBuild.types.input.ExportArgs {
  if (moreOf(args).length > 0) return { raw: rawExport(args, repository) };
  return {
    image: {
      names: [repository],
      push: true,
      pushByDigest: true,
      nameCanonical: true,
      ociMediaTypes: true,
    },
  };
}

/** The same for `docker buildx build --output`. */
export function rawExport(args: ImageArgs, repository: string): string {
  const common = ["push=true", "push-by-digest=true", "name-canonical=true", "oci-mediatypes=true"];
  return ["type=image", `name=${repository}`, ...common, ...moreOf(args)].join(",");
}

/** What the provider's typed export doesn't support, or doesn't detect as a change. */
function moreOf({ compression = Compression.Gzip, reproducible }: ImageArgs): string[] {
  return [
    ...(compression === Compression.Gzip
      ? []
      : [`compression=${compression}`, "force-compression=true"]),
    ...(reproducible === undefined ? [] : ["rewrite-timestamp=true"]),
  ];
}
