import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isRemoteContext } from "../image/gitContexts";
import { attempt } from "../registry/attempt";
import { adviseEmulated } from "./advice";
import {
  type Access,
  type AskPlatforms,
  type BaseImage,
  baseImagesOf,
  checkBaseImages,
} from "./baseImages";
import { checkStages, type Finding } from "./check";
import { type BuildSettings, readDockerfile } from "./stages";

/** A build whose Dockerfile is looked at. */
export interface DockerfileRequest extends BuildSettings {
  /** The context's folder or URL, relative to the program. */
  readonly context?: string;
  /** The path of the Dockerfile, if that isn't `Dockerfile` in the context. */
  readonly location?: string;
  /** Its text, instead. */
  readonly inline?: string;
  /** The planned platforms, with the user's fields that ask for each. */
  readonly requiredBy: Readonly<Record<string, string>>;
  /** Credentials for the registries of base images. */
  readonly access: Access;
  /** Whether every update builds. */
  readonly pull?: boolean;
  /** Whether a warning is an error. */
  readonly strict: boolean;
  /** The path of a user's field. */
  readonly path: (field: string) => string;
}

/** What is said of a Dockerfile, a line each. */
export interface DockerfileReport {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/** What is wrong with a Dockerfile for the planned platforms: by its text, and by what the registries of its base images say. */
export async function checkDockerfile(
  request: DockerfileRequest,
  ask?: AskPlatforms,
): Promise<DockerfileReport> {
  const { name, text } = sourceOf(request) ?? {};
  const file = text === undefined ? undefined : readDockerfile(text);
  if (file === undefined) return { errors: [], warnings: [], notes: [] };
  const platforms = Object.keys(request.requiredBy);
  const all = baseImagesOf(file, platforms, request);
  const images = file.skips("InvalidBaseImagePlatform") ? [] : all;
  const findings = [
    ...checkStages(file, platforms, request),
    ...(await checkBaseImages(images, request.requiredBy, request.access, ask)),
    ...(request.pull ? [] : unwatchedTags(all, request.path("pull"))),
  ];
  const lines = (level: Finding["level"]) =>
    findings
      .filter((finding) => finding.level === level)
      .map(({ line, what, fix }) => `${name}:${line}: ${what}; ${fix}`);
  const [warnings, notes] = [lines("warning"), lines("note")];
  return request.strict
    ? { errors: warnings, warnings: [], notes }
    : { errors: [], warnings, notes };
}

/** Base images that may change without a build. It is said when something is built, and not in every run. */
function unwatchedTags(images: readonly BaseImage[], pull: string): Finding[] {
  return images
    .filter(({ image }) => !image.includes("@"))
    .map(({ image, line }) => ({
      level: "note",
      line,
      what: `a newer image under the tag ${image} will not trigger a build`,
      fix: `name it by digest, or set ${pull}: true`,
    }));
}

/** The advice that fits a Dockerfile whose steps are emulated; undefined where none is slow. */
export function adviseDockerfile(request: DockerfileRequest, platform: string): string | undefined {
  const source = sourceOf(request);
  if (source === undefined) return undefined;
  return adviseEmulated(source.text, {
    ...request,
    platform,
    file: source.name,
    buildersPath: request.path("builders"),
  });
}

/** The Dockerfile's text; undefined where it isn't on this machine, or can't be read, which BuildKit tells. */
export function sourceOf(request: DockerfileRequest): { name: string; text: string } | undefined {
  const { inline, context, location, path } = request;
  if (inline !== undefined) return { name: path("dockerfileInline"), text: inline };
  if (context === undefined || isRemoteContext(context)) return undefined;
  const name = location ?? join(context, "Dockerfile");
  return attempt(() => ({ name, text: readFileSync(name, "utf8") }));
}
