/**
 * Property values as they travel between the engine and a provider: plain JSON in which secrets,
 * unknowns, assets and archives are marked. What compares them and passes secrets and unknowns on
 * follows pulumi-go-provider v1.3.0 (the framework of @pulumi/command 1.2.1) and the differ of
 * pulumi/sdk v3; each rule names its source.
 */
"use strict";

const { createRequire } = require("node:module");

const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
/** @type {typeof import("@pulumi/pulumi/runtime/rpc")} */
const rpc = sdk("@pulumi/pulumi/runtime/rpc.js");

/** @typedef {import("./types").Value} Value */
/** @typedef {import("./types").Properties} Properties */

/**
 * The marks of an unknown, one for each type that Go would give it
 * (sdk/go/common/resource/plugin/rpc.go, `Unknown*Value`). Node sends the first only.
 */
const UNKNOWNS = new Set([
  rpc.unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** @param {Value | undefined} value @returns {value is Properties} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {Value | undefined} value @param {string} signature */
function hasSignature(value, signature) {
  return isObject(value) && value[rpc.specialSigKey] === signature;
}

/**
 * Takes the marks off the top of a value.
 *
 * @param {Value | undefined} value
 * @returns {{ value: Value | undefined, known: boolean, secret: boolean }}
 */
function unwrap(value) {
  if (isObject(value) && hasSignature(value, rpc.specialSecretSig)) {
    return { ...unwrap(value.value), secret: true };
  }
  if (isObject(value) && hasSignature(value, rpc.specialOutputValueSig)) {
    const inner = unwrap(value.value);
    const known = value.value !== undefined && inner.known;
    return { ...inner, known, secret: value.secret === true || inner.secret };
  }
  return { value, known: !(typeof value === "string" && UNKNOWNS.has(value)), secret: false };
}

/**
 * A value without any mark, as the command needs it. An unknown becomes undefined.
 *
 * @param {Value | undefined} value
 * @returns {Value | undefined}
 */
function plain(value) {
  const top = unwrap(value);
  if (!top.known) {
    return undefined;
  }
  if (Array.isArray(top.value)) {
    return top.value.map((item) => plain(item) ?? null);
  }
  if (isObject(top.value)) {
    const entries = Object.entries(top.value).map(([key, item]) => [key, plain(item)]);
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
  }
  return top.value;
}

/**
 * A value without any mark but those of unknowns, for comparing and for previews.
 *
 * @param {Value | undefined} value
 * @returns {Value | undefined}
 */
function withUnknowns(value) {
  const top = unwrap(value);
  if (!top.known) {
    return rpc.unknownValue;
  }
  if (Array.isArray(top.value)) {
    return top.value.map((item) => withUnknowns(item) ?? null);
  }
  if (isObject(top.value)) {
    const entries = Object.entries(top.value).map(([key, item]) => [key, withUnknowns(item)]);
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
  }
  return top.value;
}

/**
 * Whether there is a secret in a value, at any depth.
 *
 * @param {Value | undefined} value
 * @returns {boolean}
 */
function hasSecret(value) {
  const top = unwrap(value);
  if (top.secret || !isObject(top.value)) {
    return top.secret || (Array.isArray(top.value) && top.value.some(hasSecret));
  }
  return Object.values(top.value).some(hasSecret);
}

/** @param {Value} value @returns {Value} */
function secret(value) {
  return { [rpc.specialSigKey]: rpc.specialSecretSig, value };
}

/**
 * Properties without nulls, at any depth of objects: the framework reads every request so
 * (pulumi-go-provider v1.3.0 provider.go, `getMap`, SkipNulls).
 *
 * @param {Properties} properties
 * @returns {Properties}
 */
function withoutNulls(properties) {
  /** @param {Value} value @returns {Value} */
  const clean = (value) => {
    if (Array.isArray(value)) {
      return value.map(clean);
    }
    return isObject(value) ? withoutNulls(value) : value;
  };
  const entries = Object.entries(properties).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, clean(value)]));
}

/**
 * Equal, marks included: a value that becomes secret has changed (sdk/v3 properties_diff.go,
 * `DeepEquals`). Assets and archives are compared by their hash, since the engine leaves out the
 * contents of old ones.
 *
 * @param {Value | undefined} a
 * @param {Value | undefined} b
 * @returns {boolean}
 */
function equal(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    if ("hash" in a && "hash" in b && isAsset(a) && isAsset(b)) {
      return a.hash === b.hash;
    }
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => equal(a[key], b[key]));
  }
  return a === b;
}

/** @param {Value} value */
function isAsset(value) {
  return hasSignature(value, rpc.specialAssetSig) || hasSignature(value, rpc.specialArchiveSig);
}

/**
 * The changes from `olds` to `news`, by the path of the smallest part that changed
 * (`PropertyMap.Diff` and `NewDetailedDiffFromObjectDiff` of sdk/v3). A change *within* a property
 * has a path of several parts.
 *
 * @param {Properties} olds
 * @param {Properties} news
 * @returns {Map<string, "ADD" | "DELETE" | "UPDATE">}
 */
function changes(olds, news) {
  /** @type {Map<string, "ADD" | "DELETE" | "UPDATE">} */
  const found = new Map();
  /** @param {string} path @param {Value | undefined} a @param {Value | undefined} b */
  const visit = (path, a, b) => {
    if (equal(a, b)) {
      return;
    }
    const marked = [a, b].some((value) => isObject(value) && rpc.specialSigKey in value);
    if (a === undefined || a === null) {
      found.set(path, "ADD");
    } else if (b === undefined || b === null) {
      found.set(path, "DELETE");
    } else if (Array.isArray(a) && Array.isArray(b)) {
      for (let index = 0; index < Math.max(a.length, b.length); index++) {
        visit(`${path}[${index}]`, a[index], b[index]);
      }
    } else if (isObject(a) && isObject(b) && !marked) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        visit(path + step(key, path === ""), a[key], b[key]);
      }
    } else {
      found.set(path, "UPDATE");
    }
  };
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    visit(step(key, true), olds[key], news[key]);
  }
  return found;
}

/**
 * One part of a property path (sdk/v3 property_path.go, `PropertyPath.String`).
 *
 * @param {string} key
 * @param {boolean} first
 */
function step(key, first) {
  if (/^[A-Za-z_$][\w$]*$/.test(key)) {
    return first ? key : `.${key}`;
  }
  return `["${key.replace(/(["\\])/g, "\\$1")}"]`;
}

/**
 * Marks the outputs that are not known yet (pulumi-go-provider v1.3.0 infer/resource.go,
 * `markComputed`, with the default that every output depends on every input, which Command keeps):
 *
 * - an output that repeats an input is as known as that input;
 * - on create, everything else is unknown in preview;
 * - on update, everything else is unknown in preview when an input *that the state has already* is
 *   unknown, has another value, or is gone. An input that is new to the state marks nothing:
 *   `stdout` then keeps its old value in preview. That is how the official provider behaves.
 *
 * @param {Properties} outputs
 * @param {Properties} inputs
 * @param {Properties | undefined} state absent on create
 * @param {readonly string[]} inputNames
 * @returns {Properties}
 */
function markUnknowns(outputs, inputs, state, inputNames) {
  const stale =
    state === undefined ||
    inputNames.some(
      (name) => !unwrap(inputs[name]).known || (name in state && !equal(inputs[name], state[name])),
    );
  const entries = Object.entries(outputs).map(([name, value]) => [
    name,
    stale && !(name in inputs && equal(inputs[name], value)) ? rpc.unknownValue : value,
  ]);
  return Object.fromEntries(entries);
}

module.exports = {
  changes,
  equal,
  hasSecret,
  isObject,
  markUnknowns,
  plain,
  secret,
  unknown: rpc.unknownValue,
  unwrap,
  withUnknowns,
  withoutNulls,
};
