import { createHash } from "node:crypto";
import { platformSlug } from "../platform";

/** A tag holds 128 characters at most (OCI distribution specification, "Pulling manifests"). */
const maximalTagLength = 128;

/**
 * The tag under which the build cache of one platform lies: of its own for each app, stack and platform, so that two
 * writers never overwrite each other's.
 */
export function cacheTag(app: string, stack: string, platform: string): string {
  return tagOf(["cache", app, stack, platformSlug(platform)].join("-"));
}

/** The tag of what a stack runs of an app. */
export function liveTag(app: string, stack: string): string {
  return tagOf(["live", app, stack].join("-"));
}

/** A tag derived from what the index holds: the same content has the same tag, other content another. */
export function contentTag(digests: Readonly<Record<string, string>>): string {
  const lines = Object.entries(digests)
    .map(([platform, digest]) => `${platform}=${digest}`)
    .sort();
  return `sha-${createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 24)}`;
}

/** Makes a text fit the grammar of tags. What was changed is told apart by a hash of the original. */
function tagOf(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9_.-]/g, "-");
  if (clean === text && clean.length <= maximalTagLength) return clean;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return `${clean.slice(0, maximalTagLength - hash.length - 1)}-${hash}`;
}
