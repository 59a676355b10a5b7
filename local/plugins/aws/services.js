/** All service files: each is a piece of AWS, with its resource types and invokes. */
"use strict";

const { existsSync } = require("node:fs");
const path = require("node:path");

/** @typedef {import("./types").Resource} Resource */
/** @typedef {import("./types").Invoke} Invoke */

const FILES = ["identity", "ecr", "iam", "logs", "ecs", "ec2", "ssm", "elb", "lambda"];

/** @type {Record<string, Resource>} */
const resources = {};
/** @type {Record<string, Invoke>} */
const invokes = {};
/** @type {[string, string][]} */
const unusable = [];
for (const file of FILES) {
  const place = path.join(__dirname, `${file}.js`);
  if (!existsSync(place)) continue;
  try {
    const service = require(place);
    Object.assign(resources, service.resources);
    Object.assign(invokes, service.invokes);
  } catch (error) {
    // One that is broken must not take the others with it; whoever needs it hears why.
    unusable.push([file, error instanceof Error ? (error.stack ?? error.message) : String(error)]);
  }
}

for (const [type, resource] of Object.entries(resources)) {
  // Since version 7 every resource but the global ones may be in a region of its own.
  if (!type.startsWith("aws:iam/")) {
    resource.inputs = { ...resource.inputs, region: "string" };
    resource.forceNew = [...(resource.forceNew ?? []), "region"];
  }
}

/** @param {string} token */
function reasonFor(token) {
  const broken = unusable.map(([file, why]) => `\n${file}.js can't be loaded: ${why}`).join("");
  return `${token} is not in this stand-in for the aws plugin; local/plugins/aws/README.md lists what is${broken}`;
}

/** @param {string} type */
function resourceOf(type) {
  const resource = resources[type];
  if (!resource) throw new Error(reasonFor(type));
  return resource;
}

/** @param {string} token */
function invokeOf(token) {
  const invoke = invokes[token];
  if (!invoke) throw new Error(reasonFor(token));
  return invoke;
}

module.exports = { invokeOf, invokes, resourceOf, resources };
