import * as pulumi from "@pulumi/pulumi";
import { isLater } from "../check";
import { Refusal } from "../errors";
import { hooksSupported } from "../hooks";
import { log } from "../log";
import { refuse } from "../refuse";
import type { Making } from "./built";
import { commitOf, isRemoteContext, parseGitContext, withoutCredentials } from "./gitContexts";
import { type BuildSources, hashUnwatched, tarballProblems } from "./sources";

/** Inputs of a docker-build Image that change when its sources do. */
export interface Watched {
  /** The Dockerfile doesn't declare these arguments, so BuildKit ignores them. */
  readonly buildArgs: Readonly<Record<string, pulumi.Input<string>>>;
  readonly transforms: pulumi.ResourceTransform[];
}

/** Watches what the docker-build provider's own hash of the context leaves out. */
export function watchSources({ args, image, name, path }: Making): Watched {
  const { context, namedContexts, dockerfile, dockerfileInline } = args;
  const inline = dockerfileInline !== undefined;
  const sources = pulumi.output({ context: context!, named: namedContexts, dockerfile, inline });
  // A hash of files is not secret, although the path of a context may be.
  const files = pulumi.unsecret(
    sources.apply((given) => checkedHash(given, args.tarball?.path, name, path)),
  ) as pulumi.Output<string>;
  const remote = [context, ...Object.values(namedContexts ?? {})].some(
    (location) => isLater(location) || isRemoteContext(location as string),
  );
  // With `pull`, every `up` builds.
  if (!remote || args.pull === true)
    return { buildArgs: { MULTIARCH_FILES: files }, transforms: [] };
  // A commit is not secret, although a token may be needed to look it up.
  const commits = pulumi.unsecret(
    pulumi
      .all([sources, args.secrets ?? {}])
      .apply(([given, secrets]) => commitsOf(given, secrets, path, image)),
  ) as pulumi.Output<string>;
  return {
    buildArgs: { MULTIARCH_FILES: files, MULTIARCH_COMMITS: commits },
    transforms: hooksSupported() ? [keepCommits] : [],
  };
}

async function checkedHash(
  given: BuildSources,
  tarball: string | undefined,
  name: string,
  path: Making["path"],
): Promise<string | undefined> {
  refuse(name, tarballProblems(tarball, given, path));
  try {
    return await hashUnwatched(given);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const fix = "remove it, or add it to .dockerignore";
    refuse(name, [{ path: path("context"), what: error.message, fix }]);
    return undefined;
  }
}

/** A commit that could not be resolved is not a change: the one in the state stays. */
const keepCommits: pulumi.ResourceTransform = ({ props, opts }) =>
  (props.buildArgs as Record<string, unknown>).MULTIARCH_COMMITS !== undefined
    ? undefined
    : {
        props,
        opts: pulumi.mergeOptions(opts, { ignoreChanges: ["buildArgs.MULTIARCH_COMMITS"] }),
      };

/** The commits of Git contexts, by the contexts' names; undefined if there are none, or not all could be resolved. */
async function commitsOf(
  { context, named }: BuildSources,
  secrets: Readonly<Record<string, string>>,
  path: Making["path"],
  image: pulumi.Resource,
): Promise<string | undefined> {
  const remotes = Object.entries({ context, ...prefixed(named) }).filter(([, location]) =>
    isRemoteContext(location),
  );
  const commits = remotes.map(async ([field, location]) => {
    const address = withoutCredentials(location);
    const git = parseGitContext(location);
    if (git === undefined) {
      const text = `${path(field)}: changes to ${address} are not detected, because it is not a Git repository. To build on every update, set ${path("pull")}: true`;
      await log.info(text, image);
      return [];
    }
    const { commit, detail } = await commitOf(git, secrets);
    if (commit !== undefined) return [`${field} ${commit}`];
    const text = `${path(field)}: changes to ${address} are not detected in this run, because its commit could not be resolved: ${detail}`;
    await log.warn(text, image);
    return undefined;
  });
  const resolved = await Promise.all(commits);
  if (resolved.includes(undefined) || resolved.flat().length === 0) return undefined;
  return resolved.flat().join(", ");
}

const prefixed = (named: BuildSources["named"] = {}) =>
  Object.fromEntries(Object.entries(named).map(([name, at]) => [`namedContexts.${name}`, at]));
