import { sortPlatforms } from "../platform";
import { compilesIn, crossCompiles } from "./compilers";
import {
  type Build,
  buildOf,
  type BuildSettings,
  type BuiltStage,
  type Dockerfile,
  type Stage,
} from "./stages";
import { undeclaredIn } from "./undeclared";

/** Something in a Dockerfile that gives an image of another platform than planned. */
export interface Finding {
  /** A note is what may be meant so: it is said, and never an error. */
  readonly level: "warning" | "note";
  /** Counted from 1. */
  readonly line: number;
  readonly what: string;
  readonly fix: string;
}

/** What is wrong with a Dockerfile for the planned platforms, in so far as its text tells; in the order of lines. */
export function checkStages(
  file: Dockerfile,
  platforms: readonly string[],
  settings: BuildSettings,
): Finding[] {
  const builds = platforms.flatMap((platform) => {
    const build = buildOf(file, platform, settings);
    return build === undefined ? [] : [{ platform, build }];
  });
  const findings = [
    ...fixedPlatforms(file, builds),
    ...(file.skips("UndefinedVar") ? [] : undeclaredArgs(builds)),
    ...(file.skips("all") ? [] : foreignCode(builds)),
  ];
  return findings.sort((one, other) => one.line - other.line);
}

interface Planned {
  readonly platform: string;
  readonly build: Build;
}

/** A `--platform` in the stages that become the image: the image then holds another platform's code than it says. */
function fixedPlatforms(file: Dockerfile, builds: readonly Planned[]): Finding[] {
  const found = gather(builds, ({ build: { chain }, platform }) => {
    const first = chain.at(-1)!;
    const wrong = first.platform !== undefined && first.platform !== platform;
    return wrong ? [first] : [];
  });
  return [...found].flatMap(([{ stage, platform }, planned]) => {
    const { line, platform: written = "" } = stage;
    const skipped = file.skips("FromPlatformFlagConstDisallowed") && platform !== "builder";
    if (skipped || file.skips("all")) return [];
    const images = `the ${planned.length === 1 ? "image" : "images"} for ${listOf(planned)}`;
    return {
      level: "warning",
      line,
      what:
        platform === "builder"
          ? `FROM --platform=${written} in the stage that becomes the image: ${images} would hold the builder's architecture`
          : `FROM --platform=${written} fixes the stage that becomes the image: ${images} would hold code of ${platform}`,
      fix: "remove --platform there; a stage that only compiles may have --platform=$BUILDPLATFORM",
    } as const;
  });
}

/** A platform argument is empty in a stage that doesn't declare it; in FROM it needs no ARG. */
function undeclaredArgs(builds: readonly Planned[]): Finding[] {
  const stages = gather(builds, ({ build }) => [...build.stages]);
  return [...stages.keys()].flatMap((built) =>
    undeclaredIn(built).map(({ name, line }) => ({
      level: "warning",
      line,
      what: `$${name} is empty in ${built.stage.label}, which has no ARG ${name} before this line`,
      fix: `write ARG ${name} after the stage's FROM`,
    })),
  );
}

/** Compiled code that COPY --from takes from a stage of a fixed platform, where nothing there names the planned one. */
function foreignCode(builds: readonly Planned[]): Finding[] {
  const found = gather(builds, ({ build, platform }) => {
    const copied = build.stages.filter((one) => !build.chain.includes(one));
    return copied.filter(
      (one) => one.platform !== undefined && one.platform !== platform && one.base.kind === "image",
    );
  });
  return [...found].flatMap(([{ stage, platform }, planned]) => {
    const compiled = compilesIn(stage).find(({ compiler }) => compiler.native);
    if (compiled === undefined || crossCompiles(stage)) return [];
    const where = platform === "builder" ? "the builder's architecture" : platform;
    return {
      level: "note",
      line: compiled.line,
      what: `${compiled.compiler.name} in ${stage.label} compiles for ${where}, and nothing in that stage names ${listOf(planned)}`,
      fix: `where it makes what the image runs: ${compiled.compiler.fix}`,
    } as const;
  });
}

/** The stages that are found, each with the platforms that it is found for. */
function gather(
  builds: readonly Planned[],
  find: (planned: Planned) => BuiltStage[],
): Map<BuiltStage, string[]> {
  const found = new Map<Stage, { built: BuiltStage; platforms: string[] }>();
  for (const planned of builds)
    for (const built of find(planned)) {
      const entry = found.get(built.stage) ?? { built, platforms: [] };
      found.set(built.stage, entry);
      entry.platforms.push(planned.platform);
    }
  return new Map([...found.values()].map(({ built, platforms }) => [built, platforms]));
}

/** `linux/amd64 and linux/arm64` */
export function listOf(platforms: readonly string[]): string {
  return sortPlatforms(platforms).join(" and ");
}
