/** Systems Manager: documents, associations, parameters and managed instances. moto answers. */
"use strict";

const pieces = [
  require("./ssm/document.js"),
  require("./ssm/association.js"),
  require("./ssm/parameter.js"),
  require("./ssm/managedInstances.js"),
];

/** @type {import("./types").Service} */
module.exports = {
  resources: Object.assign({}, ...pieces.map(({ resources }) => resources)),
  invokes: Object.assign({}, ...pieces.map(({ invokes }) => invokes)),
};
