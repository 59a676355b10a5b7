import { type At, Checker, type Fields, under } from "../check";
import { type Problem, show } from "../errors";
import { ecrAddress } from "./ecr";
import { movingTags } from "./policies";
import type { RepositoryArgs } from "./repositoryArgs";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
const repositoryFields: Readonly<Record<keyof RepositoryArgs, true>> = {
  name: true,
  existing: true,
  mutableTags: true,
  scanOnPush: true,
  kmsKeyArn: true,
  untaggedDays: true,
  keepReleases: true,
  lifecycleRules: true,
  pullAccounts: true,
  lambdaPull: true,
  forceDelete: true,
  tags: true,
};

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
const namePattern = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_*][A-Za-z0-9_.*-]{0,127}$/;
const accountPattern = /^\d{12}$/;
/** ECR takes five patterns of tags that may move. */
export const mostMutableTags = 5 - movingTags.length;
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html and lifecycle_policy_parameters.html
const mostWildcards = { mutable: 2, lifecycle: 4 };

/** What is wrong with the arguments of a repository. `path` is that of the object, empty for a Repository alone. */
export function repositoryProblems(args: unknown, path: string): Problem[] {
  const check = new Checker();
  const at = under(path);
  if (!check.fields(args, path, Object.keys(repositoryFields))) return check.problems;
  if (args.existing !== undefined) {
    checkExisting(check, args, at);
    return check.problems;
  }
  checkName(check, args.name, at("name"));
  if (check.texts(args.mutableTags, at("mutableTags"), `"latest"`)) {
    args.mutableTags.forEach((tag, index) =>
      checkTag(check, tag, at(`mutableTags[${index}]`), mostWildcards.mutable),
    );
    if (args.mutableTags.length > mostMutableTags) {
      check.add(
        at("mutableTags"),
        `holds ${args.mutableTags.length} tags, and ECR takes ${mostMutableTags} besides those of caches and stacks`,
        "join some by a pattern such as stable-*",
      );
    }
  }
  check.flag(args.scanOnPush, at("scanOnPush"));
  check.flag(args.lambdaPull, at("lambdaPull"));
  check.flag(args.forceDelete, at("forceDelete"));
  const key = args.kmsKeyArn;
  const keyExample = `"arn:aws:kms:region:account:key/…"`;
  if (check.text(key, at("kmsKeyArn"), keyExample) && !/^arn:[a-z-]+:kms:/.test(key))
    check.add(at("kmsKeyArn"), `${show(key)} is no ARN of a key`, `write ${keyExample}`);
  check.plainWhole(args.untaggedDays, at("untaggedDays"), 1, 36_500, "days");
  check.plainWhole(args.keepReleases, at("keepReleases"), 2, 1000, "releases");
  checkRules(check, args.lifecycleRules, at("lifecycleRules"));
  if (check.texts(args.pullAccounts, at("pullAccounts"), `"123456789012"`)) {
    args.pullAccounts.forEach((id, index) => checkAccount(check, id, at(`pullAccounts[${index}]`)));
  }
  check.textMap(args.tags, at("tags"), `{ team: "web" }`);
  return check.problems;
}

function checkExisting(check: Checker, args: Fields, at: At): void {
  for (const field of Object.keys(args)) {
    if (field === "existing" || args[field] === undefined) continue;
    check.add(
      at(field),
      `means nothing next to ${at("existing")}`,
      "remove one of them: nothing of an existing repository is changed",
    );
  }
  const { existing } = args;
  if (!check.fields(existing, at("existing"), ["name", "registryId"])) return;
  check.present(existing.name, at("existing.name"), `write its name, such as "team/web"`);
  checkName(check, existing.name, at("existing.name"));
  checkAccount(check, existing.registryId, at("existing.registryId"));
}

function checkName(check: Checker, name: unknown, path: string): void {
  if (!check.plainText(name, path, `"team/web"`)) return;
  if (ecrAddress(name) !== undefined) {
    const short = name.slice(name.indexOf("/") + 1);
    check.add(path, `${show(name)} is an address`, `write the name alone: "${short}"`);
  } else if (name.length < 2 || name.length > 256 || !namePattern.test(name)) {
    check.add(
      path,
      `${show(name)} is no name that ECR takes`,
      "write 2 to 256 lower-case letters and digits, parted by single dots, dashes, underscores or slashes",
    );
  }
}

function checkAccount(check: Checker, id: unknown, path: string): void {
  if (!check.plain(id, path) || (typeof id === "string" && accountPattern.test(id))) return;
  check.add(path, `${show(id)} is no AWS account`, "write its 12 digits as a text");
}

function checkTag(check: Checker, tag: string, path: string, most: number): boolean {
  if (!tagPattern.test(tag)) {
    return check.add(path, `${show(tag)} is no pattern of tags`, `write "pr-*"`);
  }
  const wildcards = tag.split("*").length - 1;
  if (wildcards > most) {
    return check.add(
      path,
      `${show(tag)} has ${wildcards} times *, and ECR takes ${most}`,
      `write a shorter one, such as "pr-*"`,
    );
  }
  if (mayMatchRelease(tag)) {
    return check.add(
      path,
      `${show(tag)} selects released indexes, which are tagged sha-…`,
      "choose another pattern; keepReleases says how many releases stay",
    );
  }
  return true;
}

/** Whether a pattern selects any tag of a release, `sha-` and 24 hexadecimal digits. */
function mayMatchRelease(pattern: string): boolean {
  const length = "sha-".length + 24;
  const fits = (character: string, at: number) =>
    at < 4 ? character === "sha-"[at] : at < length && /[0-9a-f]/.test(character);
  /** How much of a tag what was read of the pattern may stand for. */
  let ends = new Set([0]);
  for (const character of pattern) {
    const every = [...Array(length + 1).keys()];
    ends =
      character === "*"
        ? new Set(every.filter((at) => at >= Math.min(...ends)))
        : new Set([...ends].filter((at) => fits(character, at)).map((at) => at + 1));
  }
  return ends.has(length);
}

function checkRules(check: Checker, rules: unknown, path: string): void {
  if (!check.list(rules, path, `[{ tagPatterns: ["pr-*"], expireAfterDays: 30 }]`)) return;
  const fields = ["description", "tagPatterns", "expireAfterDays", "keepNewest"];
  rules.forEach((rule: unknown, index) => {
    const at = under(`${path}[${index}]`);
    if (!check.fields(rule, `${path}[${index}]`, fields)) return;
    check.text(rule.description, at("description"), "what the rule is for");
    const patterns = rule.tagPatterns;
    if (!Array.isArray(patterns) || patterns.length === 0) {
      check.add(at("tagPatterns"), "must name one pattern at least", `write ["pr-*"]`);
    } else if (check.texts(patterns, at("tagPatterns"), `"pr-*"`)) {
      patterns.forEach((tag, nth) => {
        if (!checkTag(check, tag, at(`tagPatterns[${nth}]`), mostWildcards.lifecycle)) return;
        if (tag.startsWith("live-"))
          check.add(at(`tagPatterns[${nth}]`), "selects what stacks run", "choose another");
      });
    }
    check.whole(rule.expireAfterDays, at("expireAfterDays"), 1, 36_500, "days");
    check.whole(rule.keepNewest, at("keepNewest"), 1, 1000, "images");
    if ((rule.expireAfterDays === undefined) === (rule.keepNewest === undefined)) {
      check.add(
        `${path}[${index}]`,
        "must have one of expireAfterDays and keepNewest",
        "write one of them",
      );
    }
  });
}
