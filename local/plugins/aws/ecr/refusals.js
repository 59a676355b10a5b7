/** What ECR refuses and its emulator takes. */
"use strict";

const { refusal } = require("../sdk.js");

const NAME = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** API reference, CreateRepository: pattern and length of repositoryName. @param {string} name */
function checkName(name) {
  if (NAME.test(name) && name.length >= 2 && name.length <= 256) return;
  throw refusal(
    "InvalidParameterException",
    `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '${NAME.source}' and have 2 to 256 characters'`,
  );
}

/** API reference, ImageTagMutabilityExclusionFilter; at most 5 of them. @param {any} inputs */
function checkExclusions({
  imageTagMutability: mutability,
  imageTagMutabilityExclusionFilters = [],
}) {
  const wanted = /_WITH_EXCLUSION$/.test(mutability ?? "");
  const filters = imageTagMutabilityExclusionFilters;
  const bad = filters.find(
    (/** @type {any} */ { filter, filterType }) =>
      filterType !== "WILDCARD" ||
      !/^[\w.*-]{1,128}$/.test(filter) ||
      (filter.match(/\*/g) ?? []).length > 2,
  );
  const problem =
    (bad && `the filter '${bad.filter}' of type '${bad.filterType}' is not valid`) ||
    (wanted && filters.length === 0 && `${mutability} needs at least one filter`) ||
    (filters.length > 5 && "there may be at most 5 filters");
  if (problem) {
    throw refusal(
      "InvalidParameterException",
      `Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '${problem}'`,
    );
  }
}

const COUNT_TYPES = ["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled"];

/**
 * User guide, "Lifecycle policy template" and "evaluation rules".
 *
 * @param {any} rule
 * @returns {string | false | undefined}
 */
function ruleProblem({ rulePriority, selection = {}, action }) {
  const { tagStatus, tagPrefixList = [], tagPatternList = [] } = selection;
  const { countType, countUnit, countNumber } = selection;
  const listed = tagPrefixList.length + tagPatternList.length;
  return (
    (!(Number.isInteger(rulePriority) && rulePriority > 0) &&
      "rulePriority must be a positive integer") ||
    (!["tagged", "untagged", "any"].includes(tagStatus) &&
      "tagStatus must be tagged, untagged or any") ||
    (tagStatus === "tagged" && listed === 0 && "tagged needs tagPrefixList or tagPatternList") ||
    (tagPrefixList.length > 0 &&
      tagPatternList.length > 0 &&
      "tagPrefixList and tagPatternList exclude each other") ||
    (tagStatus !== "tagged" &&
      listed > 0 &&
      `${tagStatus} allows no tagPrefixList or tagPatternList`) ||
    (!COUNT_TYPES.includes(countType) && `countType must be one of ${COUNT_TYPES.join(", ")}`) ||
    (countType !== "imageCountMoreThan" &&
      countUnit !== "days" &&
      `${countType} needs countUnit days`) ||
    (countType === "imageCountMoreThan" &&
      countUnit !== undefined &&
      "imageCountMoreThan allows no countUnit") ||
    (!(Number.isInteger(countNumber) && countNumber > 0) &&
      "countNumber must be a positive integer") ||
    (!["expire", "transition"].includes(action?.type) && "action type must be expire or transition")
  );
}

/** @param {string} text */
function checkLifecycle(text) {
  const { rules } = JSON.parse(text);
  const list = Array.isArray(rules) ? rules : [];
  const priorities = list.map(({ rulePriority }) => rulePriority);
  const twice = priorities.find((priority, i) => priorities.indexOf(priority) !== i);
  const any = list.filter(({ selection }) => selection?.tagStatus === "any");
  const untagged = list.filter(({ selection }) => selection?.tagStatus === "untagged");
  const wrong = list.map((rule) => [rule.rulePriority, ruleProblem(rule)]).find(([, why]) => why);
  const problem =
    (list.length === 0 && "there is no rule") ||
    (wrong && `rule ${wrong[0]}: ${wrong[1]}`) ||
    (twice !== undefined && `two rules have the priority ${twice}`) ||
    (any.length > 1 && "only one rule may select any image") ||
    (any.length === 1 &&
      any[0].rulePriority !== Math.max(...priorities) &&
      "the rule that selects any image must be evaluated last: give it the highest rulePriority") ||
    (untagged.length > 1 && "only one rule may select untagged images");
  if (problem) {
    throw refusal(
      "InvalidParameterException",
      `Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: ${problem}'`,
    );
  }
}

module.exports = { checkExclusions, checkLifecycle, checkName };
