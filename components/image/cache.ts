import { createHash } from "node:crypto";
import { platformSlug } from "../platform";

/** A tag holds 128 characters at most (OCI distribution specification, "Pulling manifests"). */
const maximalTagLength = 128;

/**
 * The tag under which the build cache of one platform lies: of its own for each app, stack and platform, so that two
 * writers never overwrite each other's.
 */
export function cacheTag(app: string, stack: string, platform: string): string {
  return tagOf("cache", [app, stack], platformSlug(platform));
}

/** The tag of what a stack runs of an app. Of its own for each project, too: what has the tag no longer may expire. */
export function liveTag(project: string, app: string, stack: string): string {
  return tagOf("live", [project, app, stack]);
}

/** A tag derived from what the index holds: the same content has the same tag, other content another. */
export function contentTag(digests: Readonly<Record<string, string>>): string {
  const lines = Object.entries(digests)
    .map(([platform, digest]) => `${platform}=${digest}`)
    .sort();
  return `sha-${createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 24)}`;
}

/** Joins parts to a tag. Where another app and stack would give the same, or a part doesn't fit the grammar, a hash tells them apart. */
function tagOf(kind: string, owner: readonly string[], ...rest: string[]): string {
  const text = [kind, ...owner, ...rest].join("-");
  const clean = text.replace(/[^A-Za-z0-9_.-]/g, "-");
  const ambiguous = owner.some((part) => part.includes("-"));
  if (clean === text && clean.length <= maximalTagLength && !ambiguous) return clean;
  const hash = createHash("sha256")
    .update([...owner, ...rest].join("\0"))
    .digest("hex")
    .slice(0, 8);
  return `${clean.slice(0, maximalTagLength - hash.length - 1)}-${hash}`;
}
