import { type At, type Checker, type Fields, isFields } from "../check";
import { show } from "../errors";
import { normalisePlatform } from "../platform";
import { parseReference, type Reference, tagPattern } from "../registry/reference";
import { mayContainCredentials } from "./gitContexts";
import { CacheMode, TarballFormat, VerifyDepth } from "./imageArgs";

/** What is wrong with where the image goes and how it is verified, in so far as it can be told without the plan. */
export function checkOutput(check: Checker, args: Fields, at: At): void {
  if (check.fields(args.cache, at("cache"), ["enabled", "mode", "from"])) {
    check.flag(args.cache.enabled, at("cache.enabled"));
    check.oneOf(args.cache.mode, at("cache.mode"), Object.values(CacheMode));
    if (check.texts(args.cache.from, at("cache.from"), `"repository:tag"`)) {
      args.cache.from.forEach((reference, index) =>
        checkReference(check, reference, at(`cache.from[${index}]`), `"repository:tag"`),
      );
    }
  }
  if (check.texts(args.tags, at("tags"), `"latest"`)) {
    args.tags.forEach((tag, index) => {
      if (!tagPattern.test(tag)) {
        check.add(
          at(`tags[${index}]`),
          `${show(tag)} is no tag`,
          "write up to 128 letters, digits, dots, dashes and underscores, without the repository",
        );
      } else if ((args.tags as string[]).indexOf(tag) < index) {
        check.add(at(`tags[${index}]`), `${show(tag)} is listed twice`, "remove one of them");
      }
    });
  }
  check.flag(args.index, at("index"));
  checkAttestations(check, args, at);
  checkVerify(check, args.verify, at);
  checkLocal(check, args, at);
}

function checkAttestations(check: Checker, args: Fields, at: At): void {
  const generator = at("attestations.sbomGenerator");
  const known = ["provenance", "sbom", "sbomGenerator"];
  if (!check.fields(args.attestations, at("attestations"), known)) return;
  const given = args.attestations;
  for (const field of ["provenance", "sbom"]) {
    const path = at(`attestations.${field}`);
    if (check.flag(given[field], path) && given[field] && args.index === false)
      check.add(path, `lies in an index, and ${at("index")} is false`, "remove one of them");
  }
  if (given.provenance === true || given.sbom === true) checkContexts(check, args, at);
  if (given.sbomGenerator !== undefined && given.sbom !== true)
    check.add(
      generator,
      `is given without ${at("attestations.sbom")}: true`,
      "add that, or remove it",
    );
  const example = `"ghcr.io/team/scanner:1"`;
  if (check.text(given.sbomGenerator, generator, example))
    checkReference(check, given.sbomGenerator, generator, example);
}

/** Docker's client builds with attestations, and everyone can read the arguments of a process. */
function checkContexts(check: Checker, { context, namedContexts }: Fields, at: At): void {
  const named = isFields(namedContexts) ? Object.entries(namedContexts) : [];
  const contexts = named.map(([name, location]) => [`namedContexts.${name}`, location] as const);
  for (const [field, location] of [["context", context] as const, ...contexts])
    if (typeof location === "string" && mayContainCredentials(location))
      check.add(
        at(field),
        `can't contain credentials with ${at("attestations")}, because they would be visible in the arguments of \`docker buildx build\``,
        `remove them from the address. For Git, set ${at("secrets.GIT_AUTH_TOKEN")}`,
      );
}

/** The reference that a text is, or a complaint. */
export function checkReference(
  check: Checker,
  text: string,
  path: string,
  example: string,
): Reference | undefined {
  const parsed = parseReference(text);
  if (parsed.ok) return parsed.reference;
  check.add(path, `${show(text)}: ${parsed.error}`, `write ${example}`);
  return undefined;
}

function checkVerify(check: Checker, verify: unknown, at: At): void {
  if (!check.fields(verify, at("verify"), ["depth", "strict", "command", "seconds"])) return;
  check.oneOf(verify.depth, at("verify.depth"), Object.values(VerifyDepth));
  check.flag(verify.strict, at("verify.strict"));
  if (
    check.texts(verify.command, at("verify.command"), `"--version"`) &&
    verify.command.length === 0
  )
    check.add(at("verify.command"), "is empty", `write for example ["--version"]`);
  check.plainWhole(verify.seconds, at("verify.seconds"), 1, 3600, "seconds");
  for (const field of ["command", "seconds"] as const) {
    if (verify[field] === undefined || verify.depth === VerifyDepth.Run) continue;
    check.add(
      at(`verify.${field}`),
      "is for images that are started",
      `write ${at("verify.depth")}: "run"`,
    );
  }
}

/** In bytes: file systems take 255 (https://man7.org/linux/man-pages/man7/path_resolution.7.html), and what is half written ends with ".part". */
const longestName = 250;

/** What is made on the machine that runs Pulumi. */
function checkLocal(check: Checker, args: Fields, at: At): void {
  if (check.fields(args.load, at("load"), ["platform", "tag"])) {
    const { platform, tag } = args.load;
    if (check.plainText(platform, at("load.platform"), `"linux/arm64"`)) {
      if (platform.includes(","))
        check.add(
          at("load.platform"),
          `${show(platform)} names several platforms, and an engine takes one`,
          `write one of them, or ${at("tarball")} for all`,
        );
      else if (normalisePlatform(platform) === undefined)
        check.add(
          at("load.platform"),
          `${show(platform)} is no platform of a Linux image`,
          "write for example linux/arm64",
        );
    }
    if (check.text(tag, at("load.tag"), `"web:latest"`)) {
      const reference = checkReference(check, tag, at("load.tag"), `"web:dev"`);
      if (reference?.digest !== undefined)
        check.add(
          at("load.tag"),
          `${show(tag)} holds a digest`,
          `write a name and a tag: "web:dev"`,
        );
    }
  }
  if (!check.fields(args.tarball, at("tarball"), ["path", "format"])) return;
  const { path } = args.tarball;
  check.present(path, at("tarball.path"), `write "./out/web.tar"`);
  if (check.plainText(path, at("tarball.path"), `"./out/web.tar"`)) {
    if (path.endsWith("/"))
      check.add(at("tarball.path"), `${show(path)} is a folder`, `write "${path}web.tar"`);
    if (path.split("/").some((name) => Buffer.byteLength(name) > longestName))
      check.add(
        at("tarball.path"),
        `${show(path)} holds a name of more than ${longestName} bytes`,
        "write a shorter one",
      );
  }
  check.oneOf(args.tarball.format, at("tarball.format"), Object.values(TarballFormat));
}

/** What only shows once the plan is made. */
export function checkPlannedOutput(
  check: Checker,
  args: Fields,
  at: At,
  platforms: readonly string[],
): void {
  if (args.index === false && platforms.length > 1)
    check.add(
      at("index"),
      `is false, and ${platforms.join(" and ")} are planned: a plain image holds one platform, and only an index holds more`,
      "remove it, and use a registry that takes indexes; or plan one platform",
    );
  const asked = isFields(args.load) ? args.load.platform : undefined;
  const platform = typeof asked === "string" ? normalisePlatform(asked) : undefined;
  if (platform !== undefined && !platforms.includes(platform))
    check.add(
      at("load.platform"),
      `is ${platform}, which isn't planned`,
      `write one of ${platforms.join(", ")}, or add it to ${at("platforms")}`,
    );
}
