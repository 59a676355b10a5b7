/** EC2: instances, security groups, addresses, and what can be looked up. moto answers. */
"use strict";

const pieces = [
  require("./ec2/instance.js"),
  require("./ec2/securityGroup.js"),
  require("./ec2/securityGroupRule.js"),
  require("./ec2/elasticIp.js"),
  require("./ec2/instanceType.js"),
  require("./ec2/image.js"),
  require("./ec2/network.js"),
];

/** @type {import("./types").Service} */
module.exports = {
  resources: Object.assign({}, ...pieces.map(({ resources }) => resources)),
  invokes: Object.assign({}, ...pieces.map(({ invokes }) => invokes)),
};
