import { existsSync, statSync } from "node:fs";
import { basename, isAbsolute, join, resolve } from "node:path";
import { type At, Checker, type Fields, isFields, under } from "../check";
import { type Problem, show } from "../errors";
import { normalisePlatform } from "../platform";
import { BuildNetwork, Compression } from "./imageArgs";
import { imageFields, originOf } from "./origin";
import { checkOutput, checkReference, checkPlannedOutput } from "./outputProblems";
import { checkBuilder, checkSameBuilders } from "../builders/builderProblems";
import { shellWord } from "../quote";
import { registryIn } from "../registry/reference";
import { isRemoteContext } from "./gitContexts";
import { type BuildSources, tarballProblems } from "./sources";
import { checkPullCredentials, checkRegistry, mismatchProblems } from "./registryProblems";

/**
 * Everything wrong with the image's arguments that can be told without asking anybody. The platforms are the plan's
 * matter. `path` is how the user reaches them: `image` in an App, empty in an Image alone. `placed`: somebody else says where
 * the image lies.
 */
export function imageProblems(args: unknown, path: string, placed = false): Problem[] {
  const check = new Checker();
  const at = under(path);
  if (args === undefined || args === null) {
    check.add(path || "args", "is missing", `write for example { context: "./app" }`);
    return check.problems;
  }
  // Within an App the reasons are the App's.
  const known = Object.keys(imageFields).filter((field) => path === "" || field !== "reasons");
  if (!check.fields(args, path, known)) return check.problems;
  const origin = originOf(args);
  for (const [field, origins] of Object.entries(imageFields)) {
    if (origins.includes(origin) || args[field] === undefined) continue;
    check.add(
      at(field),
      `means nothing next to ${at(origin)}, which names a finished image`,
      `remove ${at(field)}, or ${at(origin)}${origin === "build" ? "" : " to build"}`,
    );
  }
  if (origin === "build") {
    checkSource(check, args, at);
    checkBuild(check, args, at);
    checkBuilders(check, args, at);
  } else checkFinished(check, args, at, origin);
  checkOutput(check, args, at);
  checkRegistry(check, args, at, placed);
  checkPullCredentials(check, args, at);
  return check.problems;
}

function checkFinished(check: Checker, args: Fields, at: At, origin: "ref" | "sources" | "copyOf") {
  if (origin === "sources") return checkSources(check, args, at);
  checkOne(check, args[origin], at(origin), origin === "copyOf");
  if (origin === "ref") checkSameRegistry(check, args, at);
}

function checkSources(check: Checker, args: Fields, at: At): void {
  const example = `{ "linux/amd64": "repository@sha256:…" }`;
  if (!check.textMap(args.sources, at("sources"), example)) return;
  const spelt = Object.keys(args.sources).map(normalisePlatform);
  if (spelt.length === 0) check.add(at("sources"), "names no image", `write ${example}`);
  for (const [nth, [platform, ref]] of Object.entries(args.sources).entries()) {
    const path = at(`sources["${platform}"]`);
    if (spelt[nth] === undefined)
      check.add(path, "is no platform of a Linux image", "write for example linux/arm64");
    else if (spelt.indexOf(spelt[nth]) < nth)
      check.add(path, `is ${spelt[nth]}, which another entry names already`, "remove one of them");
    if (typeof ref !== "string") continue;
    const reference = checkReference(check, ref, path, `"repository@sha256:…"`);
    if (reference && reference.digest === undefined) {
      check.add(
        path,
        `${show(ref)} names no digest, and a tag may move`,
        `add the digest that the build printed: "repository@sha256:…"`,
      );
    }
  }
}

function checkOne(check: Checker, ref: unknown, path: string, exact: boolean): void {
  if (!check.text(ref, path, `"repository@sha256:…"`)) return;
  const reference = checkReference(check, ref, path, `"repository@sha256:…"`);
  if (reference && reference.digest === undefined && (exact || reference.tag === undefined)) {
    check.add(
      path,
      `${show(ref)} names ${exact ? "no digest, and a tag may move" : "neither a digest nor a tag"}`,
      `add the digest that \`docker buildx imagetools inspect ${shellWord(ref)}\` prints: "${ref}@sha256:…"`,
    );
  }
}

function checkSameRegistry(check: Checker, { registry, ref }: Fields, at: At): void {
  if (!isFields(registry) || registry.username === undefined || typeof ref !== "string") return;
  const address = registry.address ?? "docker.io";
  // What is no reference or no address is reported as such.
  if (typeof address !== "string" || registryIn(ref) === undefined) return;
  if (registryIn(`${address}/any`) === undefined) return;
  check.problems.push(...mismatchProblems(address, ref, at));
}

function checkSource(check: Checker, args: Fields, at: At): void {
  check.present(args.context, at("context"), `write the folder to build, for example "./app"`);
  if (args.dockerfile !== undefined && args.dockerfileInline !== undefined) {
    check.add(at("dockerfileInline"), `is given next to ${at("dockerfile")}`, "keep one of them");
  }
  check.text(args.dockerfileInline, at("dockerfileInline"), "the Dockerfile's text");
  const local = typeof args.context === "string" && !isRemoteContext(args.context);
  if (
    check.text(args.dockerfile, at("dockerfile"), `"./app/Dockerfile"`) &&
    // With a remote context, a relative path is one inside that context.
    (local || isAbsolute(args.dockerfile)) &&
    !isFile(args.dockerfile)
  ) {
    check.add(
      at("dockerfile"),
      `there is no file ${show(args.dockerfile)}`,
      "write its path relative to the Pulumi program",
    );
  }
  if (check.text(args.context, at("context"), `"./app"`) && !isRemoteContext(args.context)) {
    if (!isFolder(args.context)) {
      check.add(
        at("context"),
        `there is no folder ${show(args.context)}`,
        "write its path relative to the Pulumi program",
      );
    } else if (
      args.dockerfile === undefined &&
      args.dockerfileInline === undefined &&
      !isFile(join(args.context, "Dockerfile"))
    ) {
      check.add(
        at("context"),
        `${show(args.context)} holds no Dockerfile`,
        `add one, or name it with ${at("dockerfile")} or ${at("dockerfileInline")}`,
      );
    }
    // Embedded buildx 0.35 sends the folder's name (of its lexical absolute path) in a gRPC header. `docker buildx` 0.38 encodes it.
    const folder = basename(resolve(args.context));
    if (/[^ -~]/.test(folder))
      check.add(
        at("context"),
        `the folder name ${show(folder)} contains characters that are not ASCII, which the buildx in the docker-build provider can't send to BuildKit`,
        `rename the folder, or run \`ln -s ${shellWord(args.context)} app\` in the folder of the program and set ${at("context")} to "./app"`,
      );
  }
  if (check.textMap(args.namedContexts, at("namedContexts"), `{ name: "./folder" }`)) {
    for (const [name, location] of Object.entries(args.namedContexts)) {
      if (typeof location !== "string" || /^[a-z-]+:\/\//.test(location)) continue;
      if (isRemoteContext(location) || isFolder(location)) continue;
      check.add(
        at(`namedContexts.${name}`),
        `there is no folder ${show(location)}`,
        "write its path relative to the Pulumi program, a URL, or docker-image://…",
      );
    }
  }
  const { context, dockerfile, tarball } = args;
  const named = isFields(args.namedContexts) ? args.namedContexts : {};
  const inline = args.dockerfileInline !== undefined;
  const locations = [context, dockerfile ?? "", ...Object.values(named)];
  const file = isFields(tarball) ? tarball.path : undefined;
  if (typeof file !== "string" || !locations.every((one) => typeof one === "string")) return;
  const sources = { context, named, dockerfile, inline } as BuildSources;
  check.problems.push(...tarballProblems(file, sources, at));
}

function checkBuild(check: Checker, args: Fields, at: At): void {
  check.textMap(args.buildArgs, at("buildArgs"), `{ NAME: "value" }`);
  check.textMap(args.secrets, at("secrets"), `{ id: config.requireSecret("…") }`);
  check.textMap(args.labels, at("labels"), `{ "org.opencontainers.image.source": "…" }`);
  check.text(args.target, at("target"), "the name of a stage");
  check.flag(args.pull, at("pull"));
  check.flag(args.buildOnPreview, at("buildOnPreview"));
  check.oneOf(args.network, at("network"), Object.values(BuildNetwork));
  check.oneOf(args.compression, at("compression"), Object.values(Compression));
  if (check.list(args.ssh, at("ssh"), `[{ id: "default" }]`)) {
    args.ssh.forEach((entry, index) => {
      if (!check.fields(entry, at(`ssh[${index}]`), ["id", "paths"])) return;
      check.present(entry.id, at(`ssh[${index}].id`), `write "default"`);
      check.text(entry.id, at(`ssh[${index}].id`), `"default"`);
      check.texts(entry.paths, at(`ssh[${index}].paths`), `"/home/me/.ssh/id_ed25519"`);
    });
  }
  if (check.texts(args.extraHosts, at("extraHosts"), `"name:192.0.2.1"`)) {
    args.extraHosts.forEach((line, index) => {
      if (/^[^:=\s]+[:=]\S+$/.test(line)) return;
      check.add(at(`extraHosts[${index}]`), `${show(line)} is no host`, `write "name:address"`);
    });
  }
  if (check.fields(args.reproducible, at("reproducible"), ["epoch"])) {
    const { epoch } = args.reproducible;
    const fix = "write seconds since 1970, such as the commit's time";
    check.present(epoch, at("reproducible.epoch"), fix);
    check.whole(epoch, at("reproducible.epoch"), 0, 253402300799, "seconds");
  }
}

function checkBuilders(check: Checker, args: Fields, at: At): void {
  checkBuilder(check, args.builder, at("builder"));
  if (!check.plain(args.builders, at("builders"))) return;
  const example = `{ "linux/arm64": { name: "mybuilder" } }`;
  if (!isFields(args.builders)) {
    check.add(at("builders"), `must be an object, got ${show(args.builders)}`, `write ${example}`);
    return;
  }
  if (args.builder !== undefined) {
    check.add(at("builders"), `is given next to ${at("builder")}`, "keep one of them");
  }
  checkSameBuilders(check, args.builders, at("builders"));
  const spelt = Object.keys(args.builders).map(normalisePlatform);
  for (const [nth, [platform, builder]] of Object.entries(args.builders).entries()) {
    const path = at(`builders["${platform}"]`);
    if (spelt[nth] !== undefined && spelt.indexOf(spelt[nth]) < nth)
      check.add(path, `is ${spelt[nth]}, which another entry names already`, "remove one of them");
    checkBuilder(check, builder ?? null, path);
    if (normalisePlatform(platform) !== undefined) continue;
    check.add(path, "is no platform of a Linux image", "write for example linux/arm64");
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

/** Problems that only show once the plan is made. */
export function plannedProblems(
  args: unknown,
  path: string,
  platforms: readonly string[],
): Problem[] {
  const check = new Checker();
  if (isFields(args)) {
    checkPlannedBuilders(check, args, under(path), platforms);
    checkPlannedSources(check, args, under(path), platforms);
    checkPlannedOutput(check, args, under(path), platforms);
  }
  return check.problems;
}

/** Builders by platform must name every planned platform. */
function checkPlannedBuilders(check: Checker, args: Fields, at: At, platforms: readonly string[]) {
  if (!isFields(args.builders)) return;
  const named = new Set(Object.keys(args.builders).map(normalisePlatform));
  for (const platform of platforms.filter((one) => !named.has(one)))
    check.add(
      at("builders"),
      `names no builder for ${platform}, which is planned`,
      `add "${platform}": { name: "mybuilder" }`,
    );
}

/** What is joined is what is listed; without a list, the plan is made of the sources. */
function checkPlannedSources(check: Checker, args: Fields, at: At, platforms: readonly string[]) {
  if (originOf(args) !== "sources" || !isFields(args.sources) || args.platforms === undefined)
    return;
  const spelt = Object.keys(args.sources);
  const named = new Set(spelt.map(normalisePlatform));
  for (const platform of platforms.filter((one) => !named.has(one)))
    check.add(
      at("sources"),
      `names no image for ${platform}, which is planned`,
      `add "${platform}": "repository@sha256:…"`,
    );
  for (const spelling of spelt) {
    const platform = normalisePlatform(spelling);
    if (platform === undefined || platforms.length === 0 || platforms.includes(platform)) continue;
    check.add(
      at(`sources["${spelling}"]`),
      "is a platform that isn't planned",
      `remove it, or add it to ${at("platforms")}`,
    );
  }
}
