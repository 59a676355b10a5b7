/** Elastic Load Balancing v2. ministack answers. */
"use strict";

const pieces = [
  require("./elb/loadBalancer.js"),
  require("./elb/targetGroup.js"),
  require("./elb/listener.js"),
];

/** @type {import("./types").Service} */
module.exports = { resources: Object.assign({}, ...pieces.map(({ resources }) => resources)) };
