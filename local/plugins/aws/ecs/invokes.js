/**
 * What a program asks of ECS. Rules: terraform-provider-aws v6, internal/service/ecs (service_data_source.go,
 * cluster_data_source.go, task_definition_data_source.go).
 */
"use strict";

const { find: findCluster } = require("./cluster.js");
const { tagsOut } = require("./common.js");
const { deploymentsOf, describe } = require("./steady.js");
const { find: findTask } = require("./taskDefinition.js");

/** @typedef {import("../types").Invoke} Invoke */

/** As Terraform writes times. @param {Date | undefined} date */
const time = (date) => date?.toISOString().replace(/\.\d+Z$/, "Z") ?? "";

/** @type {Invoke} */
const getService = {
  inputs: { clusterArn: "string", serviceName: "string", tags: { map: "string" } },
  required: ["clusterArn", "serviceName"],
  async call(context, { clusterArn, serviceName }) {
    const found = await describe(context, serviceName, clusterArn);
    if (!found || found.status === "INACTIVE") {
      throw new Error(`reading ECS Service (${serviceName}): couldn't find resource`);
    }
    const { deploymentConfiguration: deployment, networkConfiguration: network } = found;
    const breaker = deployment?.deploymentCircuitBreaker;
    const vpc = network?.awsvpcConfiguration;
    return {
      id: found.serviceArn,
      region: context.region,
      arn: found.serviceArn,
      availabilityZoneRebalancing: found.availabilityZoneRebalancing ?? "DISABLED",
      capacityProviderStrategies: found.capacityProviderStrategy ?? [],
      clusterArn: found.clusterArn,
      createdAt: time(found.createdAt),
      createdBy: found.createdBy ?? "",
      deploymentConfigurations: [
        {
          alarms: [],
          bakeTimeInMinutes: "",
          canaryConfigurations: [],
          deploymentCircuitBreakers: breaker ? [breaker] : [],
          lifecycleHooks: [],
          linearConfigurations: [],
          maximumPercent: deployment?.maximumPercent ?? 0,
          minimumHealthyPercent: deployment?.minimumHealthyPercent ?? 0,
          strategy: "ROLLING",
        },
      ],
      deploymentControllers: [{ type: found.deploymentController?.type ?? "ECS" }],
      deployments: deploymentsOf(found).map((one) => ({
        createdAt: time(one.createdAt),
        desiredCount: one.desiredCount ?? 0,
        id: one.id,
        pendingCount: one.pendingCount ?? 0,
        runningCount: one.runningCount ?? 0,
        status: one.status,
        taskDefinition: one.taskDefinition,
        updatedAt: time(one.updatedAt),
      })),
      desiredCount: found.desiredCount,
      enableEcsManagedTags: found.enableECSManagedTags ?? false,
      enableExecuteCommand: found.enableExecuteCommand ?? false,
      events: (found.events ?? []).map(({ id, createdAt, message }) => ({
        id,
        createdAt: time(createdAt),
        message,
      })),
      healthCheckGracePeriodSeconds: found.healthCheckGracePeriodSeconds ?? 0,
      iamRole: found.roleArn ?? "",
      launchType: found.launchType ?? "",
      loadBalancers: (found.loadBalancers ?? []).map(({ loadBalancerName = "", ...rest }) => ({
        ...rest,
        elbName: loadBalancerName,
        advancedConfigurations: [],
      })),
      networkConfigurations: vpc
        ? [{ ...vpc, assignPublicIp: vpc.assignPublicIp === "ENABLED" }]
        : [],
      orderedPlacementStrategies: found.placementStrategy ?? [],
      pendingCount: found.pendingCount ?? 0,
      placementConstraints: found.placementConstraints ?? [],
      platformFamily: found.platformFamily ?? "",
      platformVersion: found.platformVersion ?? "",
      propagateTags: found.propagateTags ?? "",
      runningCount: found.runningCount ?? 0,
      schedulingStrategy: found.schedulingStrategy,
      serviceName: found.serviceName,
      serviceRegistries: found.serviceRegistries ?? [],
      status: found.status,
      tags: tagsOut({ ...context, defaultTags: {} }, found.tags).tags,
      taskDefinition: found.taskDefinition,
      taskSets: [],
    };
  },
};

/** @type {Invoke} */
const getCluster = {
  inputs: { clusterName: "string", tags: { map: "string" } },
  required: ["clusterName"],
  async call(context, { clusterName }) {
    const found = await findCluster(context, clusterName);
    if (!found) throw new Error(`reading ECS Cluster (${clusterName}): couldn't find resource`);
    return {
      id: found.clusterArn,
      region: context.region,
      arn: found.clusterArn,
      clusterName: found.clusterName,
      pendingTasksCount: found.pendingTasksCount ?? 0,
      registeredContainerInstancesCount: found.registeredContainerInstancesCount ?? 0,
      runningTasksCount: found.runningTasksCount ?? 0,
      serviceConnectDefaults: [],
      settings: found.settings ?? [],
      status: found.status,
      tags: tagsOut({ ...context, defaultTags: {} }, found.tags).tags,
    };
  },
};

/** @type {Invoke} */
const getTaskDefinition = {
  inputs: { taskDefinition: "string" },
  required: ["taskDefinition"],
  async call(context, { taskDefinition }) {
    const found = (await findTask(context, taskDefinition))?.taskDefinition;
    if (!found) {
      throw new Error(`reading ECS Task Definition (${taskDefinition}): couldn't find resource`);
    }
    const arn = found.taskDefinitionArn ?? "";
    const { runtimePlatform, ephemeralStorage } = found;
    return {
      id: arn,
      region: context.region,
      arn,
      arnWithoutRevision: arn.replace(/:\d+$/, ""),
      containerDefinitions: JSON.stringify(found.containerDefinitions ?? []),
      cpu: found.cpu ?? "",
      enableFaultInjection: found.enableFaultInjection ?? false,
      ephemeralStorages: ephemeralStorage ? [{ sizeInGib: ephemeralStorage.sizeInGiB }] : [],
      executionRoleArn: found.executionRoleArn ?? "",
      family: found.family,
      ipcMode: found.ipcMode ?? "",
      memory: found.memory ?? "",
      networkMode: found.networkMode ?? "",
      pidMode: found.pidMode ?? "",
      placementConstraints: found.placementConstraints ?? [],
      proxyConfigurations: [],
      requiresCompatibilities: found.requiresCompatibilities ?? [],
      revision: found.revision,
      runtimePlatforms: runtimePlatform
        ? [{ cpuArchitecture: "", operatingSystemFamily: "", ...runtimePlatform }]
        : [],
      status: found.status,
      taskRoleArn: found.taskRoleArn ?? "",
      volumes: (found.volumes ?? []).map(({ name, host }) => ({
        name,
        hostPath: host?.sourcePath ?? "",
      })),
    };
  },
};

module.exports = {
  "aws:ecs/getCluster:getCluster": getCluster,
  "aws:ecs/getService:getService": getService,
  "aws:ecs/getTaskDefinition:getTaskDefinition": getTaskDefinition,
};
