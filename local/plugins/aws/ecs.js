/** ECS: clusters, task definitions and services, whose tasks are real containers here. */
"use strict";

const { cluster, clusterCapacityProviders } = require("./ecs/cluster.js");
const { taskDefinition } = require("./ecs/taskDefinition.js");

module.exports = {
  invokes: require("./ecs/invokes.js"),
  resources: {
    "aws:ecs/cluster:Cluster": cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": clusterCapacityProviders,
    "aws:ecs/service:Service": require("./ecs/service.js"),
    "aws:ecs/taskDefinition:TaskDefinition": taskDefinition,
  },
};
