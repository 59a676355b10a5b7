/**
 * Inputs against what a type takes, in the words of the official provider where it has some. The unknown
 * fits everything. Source: pulumi-terraform-bridge v3 (pkg/tfbridge: provider.go, `Check`; names.go,
 * `FromName`; typechecker.go).
 */
"use strict";

const { createHash, randomBytes } = require("node:crypto");
const {
  changes,
  hasSecret,
  isObject,
  secret,
  unknown,
  unwrap,
  withUnknowns,
} = require("../values.js");

/** @typedef {import("../types").Properties} Properties */
/** @typedef {import("../types").Value} Value */
/** @typedef {import("./types").Kind} Kind */
/** @typedef {import("./types").Resource} Resource */
/** @typedef {{ property: string, reason: string }} Failure */

/** Which inputs the provider has filled in by itself. */
const DEFAULTS = "__defaults";

/** @param {Kind} kind */
function nameOfKind(kind) {
  if (typeof kind === "string") return kind === "json" ? "string of JSON" : kind;
  if ("list" in kind || "set" in kind) return "list";
  return "map" in kind ? "map" : "object";
}

/**
 * @param {string} type
 * @param {string} path
 * @param {Value | undefined} wrapped
 * @param {Kind} kind
 * @returns {Failure[]}
 */
function kindFailures(type, path, wrapped, kind) {
  const { value, known } = unwrap(wrapped);
  if (!known || value === undefined || value === null) {
    return [];
  }
  /** @param {string} reason */
  const fail = (reason) => [{ property: path, reason: `${reason} (${type}, ${path})` }];
  const wrong = () => {
    const got = Array.isArray(value) ? "list" : isObject(value) ? "object" : typeof value;
    return fail(`expected ${nameOfKind(kind)} type, got ${got} type`);
  };
  if (kind === "json") {
    if (typeof value !== "string") return wrong();
    try {
      JSON.parse(value);
      return [];
    } catch (error) {
      return fail(`contains an invalid JSON: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (typeof kind === "string") return typeof value === kind ? [] : wrong();
  if ("list" in kind || "set" in kind) {
    const element = "list" in kind ? kind.list : kind.set;
    if (!Array.isArray(value)) return wrong();
    return value.flatMap((item, i) => kindFailures(type, `${path}[${i}]`, item, element));
  }
  if (!isObject(value)) return wrong();
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = "map" in kind ? kind.map : kind.object[key];
    if (key === DEFAULTS) return [];
    if (!inner) return [unsupported(type, `${path}.${key}`, "object" in kind ? kind.object : {})];
    return kindFailures(type, `${path}.${key}`, item, inner);
  });
}

/** @param {string} type @param {string} path @param {Record<string, Kind>} known */
function unsupported(type, path, known) {
  const name = path.split(".").at(-1);
  const near = Object.keys(known).find((key) => key.toLowerCase() === name?.toLowerCase());
  const hint = near ? `; did you mean ${near}?` : "";
  const reason = `Invalid or unknown key: an argument named "${name}" is not expected in ${type}, or not in this stand-in for the aws plugin${hint}`;
  return { property: path, reason };
}

/**
 * What is wrong with inputs.
 *
 * @param {string} type
 * @param {Properties} inputs
 * @param {Record<string, Kind>} kinds
 * @param {string[]} required
 * @returns {Failure[]}
 */
function failuresOf(type, inputs, kinds, required = []) {
  const missing = required.filter((name) => inputs[name] === undefined);
  return [
    ...missing.map((name) => ({
      property: "",
      reason: `Missing required argument: the argument "${name}" of ${type} is required, but no definition was found`,
    })),
    ...Object.entries(inputs).flatMap(([name, value]) => {
      if (name.startsWith("__")) return [];
      const kind = kinds[name];
      return kind ? kindFailures(type, name, value, kind) : [unsupported(type, name, kinds)];
    }),
  ];
}

/**
 * Fills in the name that Pulumi makes when there is none, and says so in `__defaults`: it stays the same as
 * long as nobody gives another.
 *
 * @param {Resource} resource
 * @param {string} name
 * @param {Properties} news
 * @param {Properties} olds
 * @param {string | Uint8Array} seed the engine's, so that a plan keeps its names
 */
function withAutoname(resource, name, news, olds, seed) {
  const { autoname, autonameMax = 0 } = resource;
  /** @type {string[]} */
  const filled = [];
  const inputs = { ...news };
  if (autoname && news[autoname] === undefined && news[`${autoname}Prefix`] === undefined) {
    const kept = Array.isArray(olds[DEFAULTS]) && olds[DEFAULTS].includes(autoname);
    const hash = () => createHash("sha256").update(seed).digest("hex");
    const random = seed.length > 0 ? hash() : randomBytes(4).toString("hex");
    const made = `${name}-${random.slice(0, 7)}`;
    inputs[autoname] = (kept && olds[autoname]) || made;
    filled.push(autoname);
    if (autonameMax > 0 && made.length > autonameMax) {
      throw new Error(
        `name '${name}-' plus 7 random chars is longer than maximum length ${autonameMax}`,
      );
    }
  }
  return { ...inputs, [DEFAULTS]: filled };
}

/**
 * Inputs with their JSON documents as text, where they were given as objects (TransformJSONDocument).
 *
 * @param {Properties} inputs
 * @param {Record<string, Kind>} kinds
 * @returns {Properties}
 */
function withDocuments(inputs, kinds) {
  const entries = Object.entries(inputs).map(([name, wrapped]) => {
    if (kinds[name] !== "json" || !isObject(unwrap(wrapped).value)) return [name, wrapped];
    const text = JSON.stringify(withUnknowns(wrapped));
    const value = text.includes(unknown) ? unknown : text;
    return [name, hasSecret(wrapped) ? secret(value) : value];
  });
  return Object.fromEntries(entries);
}

/**
 * A value in the one form that all that mean the same have.
 *
 * @param {Value | undefined} value without marks but those of unknowns
 * @param {Kind | undefined} kind
 * @returns {Value | undefined}
 */
function canonical(value, kind) {
  if (kind === "json" && typeof value === "string") {
    try {
      return JSON.stringify(sorted(JSON.parse(value)));
    } catch {
      return value; // The unknown's mark, or nothing that check would have let pass.
    }
  }
  if (kind === undefined || typeof kind === "string") return value;
  if (Array.isArray(value) && ("list" in kind || "set" in kind)) {
    const items = value.map(
      (item) => canonical(item, "list" in kind ? kind.list : kind.set) ?? null,
    );
    const text = (/** @type {Value} */ item) => JSON.stringify(sorted(item));
    return "set" in kind ? items.sort((a, b) => (text(a) < text(b) ? -1 : 1)) : items;
  }
  if (isObject(value) && ("map" in kind || "object" in kind)) {
    const entries = Object.entries(value)
      .filter(([key]) => key !== DEFAULTS)
      .map(([key, item]) => [key, canonical(item, "map" in kind ? kind.map : kind.object[key])]);
    return Object.fromEntries(entries);
  }
  return value;
}

/** @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

/** @param {Value | undefined} value */
function isEmpty(value) {
  return (isObject(value) || Array.isArray(value)) && Object.keys(value).length === 0;
}

/**
 * Inputs in canonical form, without the engine's own additions and without what means nothing.
 *
 * @param {Properties} inputs
 * @param {Resource} resource
 * @returns {Properties}
 */
function comparable(inputs, resource) {
  /** @type {Properties} */
  const result = {};
  for (const [name, kind] of Object.entries(resource.inputs)) {
    const value = canonical(withUnknowns(inputs[name]), kind);
    const fallback = /** @type {Value | undefined} */ (resource.defaults?.[name]);
    const said = value === undefined || isEmpty(value) ? fallback : value;
    if (said !== undefined) result[name] = said;
  }
  return result;
}

/**
 * The changes of a resource's inputs, by path.
 *
 * @param {Resource} resource
 * @param {Properties} olds
 * @param {Properties} news
 */
function inputChanges(resource, olds, news) {
  const [before, after] = [comparable(olds, resource), comparable(news, resource)];
  // What AWS fills in when it is absent (Optional and Computed) stays when it is taken away.
  for (const name of resource.outputs ?? []) {
    if (after[name] === undefined) delete before[name];
  }
  return changes(before, after);
}

/**
 * What an input becomes when AWS says something else about it than the state: only what the user wrote is
 * looked at, as AWS fills in much.
 *
 * @param {Value} old without marks
 * @param {Value | undefined} actual
 * @param {Kind | undefined} kind
 * @returns {Value | undefined}
 */
function refreshed(old, actual, kind) {
  if (JSON.stringify(canonical(old, kind)) === JSON.stringify(canonical(actual, kind))) {
    return old;
  }
  if (isObject(old) && isObject(actual)) {
    const open = typeof kind === "object" && "map" in kind;
    const keys = Object.keys(open ? { ...old, ...actual } : old).filter((key) => key !== DEFAULTS);
    const entries = keys.map((key) => {
      const inner = typeof kind === "object" && "object" in kind ? kind.object[key] : undefined;
      const before = old[key];
      if (before === undefined) return [key, actual[key]];
      return [key, key in actual ? refreshed(before, actual[key], inner) : undefined];
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (Array.isArray(old) && Array.isArray(actual) && old.length === actual.length) {
    const inner = typeof kind === "object" && "list" in kind ? kind.list : undefined;
    return inner ? old.map((item, i) => refreshed(item, actual[i], inner) ?? null) : actual;
  }
  return actual;
}

module.exports = { DEFAULTS, failuresOf, inputChanges, refreshed, withAutoname, withDocuments };
