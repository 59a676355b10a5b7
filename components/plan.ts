import { Checker } from "./check";
import { type Problem, show } from "./errors";
import { CanonicalArchitecture, normalisePlatform, platformOf, sortPlatforms } from "./platform";

/** What a target needs of the image, and which of the user's settings says so. */
export interface Requirement {
  /** The user's field that decides the architecture: `host.architecture`, `ec2.instanceType`. */
  readonly path: string;
  /** The architecture of the machine that will run the image. */
  readonly architecture: CanonicalArchitecture;
}

/** The reconciled platforms of one image, each with the user's settings that ask for it. */
export interface Plan {
  /** Sorted, without duplicates, in containerd's spelling. */
  readonly platforms: readonly string[];
  /** For each platform the fields that ask for it, as one readable text: `host.architecture, image.platforms`. */
  readonly requiredBy: Readonly<Record<string, string>>;
  /** Every contradiction found. A plan with problems is not to be carried out. */
  readonly problems: readonly Problem[];
}

/** The settings that decide which platforms an image is built for. */
export interface PlanInput {
  /** One for each target. */
  readonly requirements: readonly Requirement[];
  /** The platforms as the user wrote them, if they did: exactly this list, which must hold what every target needs. */
  readonly platforms?: unknown;
  /** The path of the list, for messages and reasons. */
  readonly platformsPath: string;
  /** Why each listed platform is there, where its owner knows better than "it is in the list". */
  readonly reasons?: Readonly<Record<string, string>>;
}

/** Works out who needs which platform. Asks nobody, and never looks at the machine it runs on. */
export function makePlan(input: PlanInput): Plan {
  const check = new Checker();
  const { problems } = check;
  const reasons = new Map<string, string[]>();
  const addReason = (platform: string, path: string) =>
    reasons.set(platform, [...(reasons.get(platform) ?? []), path]);
  for (const requirement of input.requirements) {
    addReason(platformOf(requirement.architecture), requirement.path);
  }
  if (input.platforms !== undefined) {
    const listed = parsePlatforms(check, input.platforms, input.platformsPath);
    for (const platform of listed) {
      addReason(platform, input.reasons?.[platform] ?? input.platformsPath);
    }
    if (problems.length === 0) checkMissing(check, input, listed);
  } else if (input.requirements.length === 0) {
    const what = "is absent, and no target says which platform is needed";
    check.add(input.platformsPath, what, `list the platforms, for example ["linux/amd64"]`);
  }
  const platforms = sortPlatforms(reasons.keys());
  const requiredBy = Object.fromEntries(
    platforms.map((platform) => [platform, [...new Set(reasons.get(platform))].join(", ")]),
  );
  return { platforms, requiredBy, problems };
}

/** One line for a person: `linux/amd64 (host.architecture), linux/arm64 (image.platforms)`. */
export function describePlan(plan: Plan): string {
  return plan.platforms.map((platform) => `${platform} (${plan.requiredBy[platform]})`).join(", ");
}

function parsePlatforms(check: Checker, list: unknown, path: string): Set<string> {
  const example = `write for example ["linux/amd64", "linux/arm64"]`;
  const platforms = new Map<string, number>();
  if (!Array.isArray(list)) {
    check.add(path, `must be a list of platforms, got ${show(list)}`, example);
    return new Set();
  }
  if (list.length === 0)
    check.add(path, "is empty", `leave it out to build what the targets need, or ${example}`);
  // Of a copy, which has no holes to pass over.
  [...(list as unknown[])].forEach((item, index) => {
    const at = `${path}[${index}]`;
    const platform = typeof item === "string" ? normalisePlatform(item) : undefined;
    const first = platforms.get(platform ?? "");
    if (platform === undefined)
      check.add(
        at,
        `${show(item)} is no platform of a Linux image`,
        "write os/architecture[/variant], for example linux/amd64, linux/arm64 or linux/arm/v7",
      );
    else if (first !== undefined)
      check.add(
        at,
        `${show(item)} is ${platform}, which ${path}[${first}] names already`,
        "remove one of them",
      );
    else platforms.set(platform, index);
  });
  return new Set(platforms.keys());
}

function checkMissing(check: Checker, input: PlanInput, listed: ReadonlySet<string>): void {
  const list = input.platformsPath;
  for (const { path, architecture } of input.requirements) {
    const platform = platformOf(architecture);
    if (listed.has(platform)) continue;
    check.add(
      list,
      `holds ${sortPlatforms(listed).join(", ")}, but ${path} is ${architecture}, which runs ${platform}`,
      `add "${platform}" to ${list}, leave the list out, or change ${path}`,
    );
  }
}
