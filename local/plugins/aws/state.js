/** Properties between the engine, the state and a service file. */
"use strict";

const { hasSecret, isObject, plain, secret, unknown, withUnknowns } = require("../values.js");
const { current } = require("./context.js");
const { DEFAULTS } = require("./schema.js");

/** @typedef {import("../types").Properties} Properties */
/** @typedef {import("../types").Value} Value */
/** @typedef {import("./types").Resource} Resource */

/** @param {Properties} properties */
function withoutDefaults(properties) {
  const result = { ...properties };
  delete result[DEFAULTS];
  return result;
}

/** Properties as a service file gets them: no marks, and no `__defaults`. @param {Properties} value */
function bare(value) {
  return withoutDefaults(/** @type {Properties} */ (plain(value)));
}

/**
 * What the tags will be with those of the provider (internal/provider: `tagsResourceInterceptor`).
 *
 * @param {Resource} resource
 * @param {Properties} inputs
 * @returns {{ tagsAll?: Value }}
 */
function tagsAllOf(resource, inputs) {
  if (!("tags" in resource.inputs)) return {};
  const tags = withUnknowns(inputs.tags ?? {});
  return { tagsAll: isObject(tags) ? { ...current().defaultTags, ...tags } : unknown };
}

/** @param {Resource} resource @param {Properties} inputs @returns {{ region?: Value }} */
function regionOf(resource, inputs) {
  return resource.inputs.region ? { region: inputs.region ?? current().region ?? "" } : {};
}

/**
 * What is in the state: the inputs with their secrets, and what AWS made of them.
 *
 * @param {Resource} resource
 * @param {Properties} inputs
 * @param {object} outputs
 * @returns {Properties}
 */
function stateOf(resource, inputs, outputs) {
  const given = withoutDefaults(inputs);
  const all = { ...regionOf(resource, inputs), ...tagsAllOf(resource, inputs), ...outputs };
  const entries = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  const repeated = (/** @type {string} */ name) =>
    hasSecret(inputs[name === "tagsAll" ? "tags" : name]);
  const marked = entries.map(([name, value]) => [name, repeated(name) ? secret(value) : value]);
  return { ...given, ...Object.fromEntries(marked) };
}

/** What of the old state an update leaves as it is. @param {Resource} resource @param {Properties} state */
function computedIn(resource, state) {
  const { inputs, outputs = [] } = resource;
  const kept = Object.entries(state).filter(
    ([name]) => !(name in inputs) || outputs.includes(name),
  );
  return Object.fromEntries(kept);
}

/** @param {Properties} properties @returns {Properties} */
function clean(properties) {
  const entries = Object.entries(properties);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null));
}

module.exports = { bare, clean, computedIn, regionOf, stateOf, tagsAllOf };
