/** What the resources of this plugin share: AWS's refusals, tags, and waiting. */
"use strict";

const { randomBytes } = require("node:crypto");

/** @typedef {import("./types").Context} Context */
/** @typedef {Record<string, string>} Tags */

/**
 * An error in the form of AWS's own, for what the emulators don't refuse.
 *
 * @param {string} code
 * @param {string} message
 */
function refusal(code, message) {
  return Object.assign(new Error(message), { name: code, $metadata: {} });
}

/**
 * Whether AWS answered with one of these codes.
 *
 * @param {any} error
 * @param {string[]} codes
 */
function hasCode(error, ...codes) {
  return codes.includes(error?.name) || codes.includes(error?.cause?.name);
}

/**
 * Asks until the answer isn't undefined.
 *
 * @template T
 * @param {Context} context
 * @param {{ state: string, seconds: number, last?: () => string | undefined }} wanted
 * @param {() => Promise<T | undefined>} probe
 * @returns {Promise<T>}
 */
async function waitFor(context, { state, seconds, last }, probe) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) {
      return answer;
    }
    if (context.aborted()) {
      throw new Error("context canceled");
    }
    if (Date.now() >= end) {
      // terraform-plugin-sdk helper/retry, TimeoutError
      const seen = last?.() ? `last state: '${last()}', ` : "";
      throw new Error(
        `timeout while waiting for state to become '${state}' (${seen}timeout: ${seconds}s)`,
      );
    }
    await context.sleep(500);
  }
}

/**
 * The provider's default tags with the resource's own over them.
 *
 * @param {Context} context
 * @param {Tags | undefined} tags
 * @returns {Tags}
 */
function allTags(context, tags) {
  return { ...context.defaultTags, ...tags };
}

/**
 * The form that EC2, ELB and SSM take.
 *
 * @param {Tags} tags
 */
function tagList(tags) {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/**
 * The reverse, without AWS's own tags.
 *
 * @param {{ Key?: string, Value?: string }[] | undefined} list
 * @returns {Tags}
 */
function tagMap(list = []) {
  const own = list.filter(({ Key = "" }) => !Key.startsWith("aws:"));
  return Object.fromEntries(own.map(({ Key = "", Value = "" }) => [Key, Value]));
}

/**
 * The keys that are to go, and the tags that are to be written.
 *
 * @param {Tags} olds
 * @param {Tags} news
 */
function tagChanges(olds, news) {
  const removed = Object.keys(olds).filter((key) => !(key in news));
  const written = Object.entries(news).filter(([key, value]) => olds[key] !== value);
  return { removed, written: Object.fromEntries(written) };
}

/**
 * JSON with sorted keys.
 *
 * @param {any} value
 * @returns {string | undefined}
 */
function canonical(value) {
  return JSON.stringify(value, (_, part) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) {
      return part;
    }
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * The names of the properties that differ.
 *
 * @param {any} olds
 * @param {any} news
 * @param {string[]} names
 */
function changed(olds, news, ...names) {
  return names.filter((name) => canonical(olds?.[name]) !== canonical(news?.[name]));
}

/**
 * Whether a property that the new inputs state differs from what is there. AWS fills in what they don't.
 *
 * @param {any} present
 * @param {any} wanted
 * @returns {boolean}
 */
function differs(present, wanted) {
  if (wanted === undefined) {
    return false;
  }
  if (wanted !== null && typeof wanted === "object" && !Array.isArray(wanted)) {
    return Object.entries(wanted).some(([key, value]) => differs(present?.[key], value));
  }
  const sorted = (/** @type {any} */ value) =>
    Array.isArray(value) ? value.map(canonical).sort() : value;
  return canonical(sorted(present)) !== canonical(sorted(wanted));
}

/** A name with a given start, as Terraform's id.PrefixedUniqueId makes them. @param {string} prefix */
function uniqueName(prefix) {
  return prefix + randomBytes(13).toString("hex");
}

module.exports = {
  allTags,
  canonical,
  changed,
  differs,
  hasCode,
  refusal,
  tagChanges,
  tagList,
  tagMap,
  uniqueName,
  waitFor,
};
