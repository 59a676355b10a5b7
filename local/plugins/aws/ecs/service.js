/** Services. Rules: terraform-provider-aws v6, internal/service/ecs/service.go. */
"use strict";

const ecs = require("@aws-sdk/client-ecs");
const { attempt, made } = require("../errors.js");
const { allTags, changed, refusal } = require("../sdk.js");
const { ecsOf, ecsTags, lastOf, tagsOut, updateTags } = require("./common.js");
const { describe, waitForService } = require("./steady.js");
const { find: findTask } = require("./taskDefinition.js");

/** @typedef {import("../types").Context} Context */

/** In what the official provider knows but the emulator can't do, it is not taken either. */
const inputs = /** @type {Record<string, import("../types").Kind>} */ ({
  availabilityZoneRebalancing: "string",
  capacityProviderStrategies: {
    set: { object: { base: "number", capacityProvider: "string", weight: "number" } },
  },
  cluster: "string",
  deploymentCircuitBreaker: { object: { enable: "boolean", rollback: "boolean" } },
  deploymentController: { object: { type: "string" } },
  deploymentMaximumPercent: "number",
  deploymentMinimumHealthyPercent: "number",
  desiredCount: "number",
  enableEcsManagedTags: "boolean",
  enableExecuteCommand: "boolean",
  forceDelete: "boolean",
  forceNewDeployment: "boolean",
  healthCheckGracePeriodSeconds: "number",
  iamRole: "string",
  launchType: "string",
  loadBalancers: {
    set: {
      object: {
        containerName: "string",
        containerPort: "number",
        elbName: "string",
        targetGroupArn: "string",
      },
    },
  },
  name: "string",
  networkConfiguration: {
    object: {
      assignPublicIp: "boolean",
      securityGroups: { set: "string" },
      subnets: { set: "string" },
    },
  },
  orderedPlacementStrategies: { list: { object: { field: "string", type: "string" } } },
  placementConstraints: { set: { object: { expression: "string", type: "string" } } },
  platformVersion: "string",
  propagateTags: "string",
  schedulingStrategy: "string",
  sigintRollback: "boolean",
  tags: { map: "string" },
  taskDefinition: "string",
  triggers: { map: "string" },
  waitForSteadyState: "boolean",
});

const OUTPUTS = ["arn", "cluster", "iamRole", "launchType", "name", "platformVersion", "triggers"];
const DEFAULTS = {
  deploymentMaximumPercent: 200,
  deploymentMinimumHealthyPercent: 100,
  desiredCount: 0,
  enableEcsManagedTags: false,
  enableExecuteCommand: false,
  forceDelete: false,
  forceNewDeployment: false,
  healthCheckGracePeriodSeconds: 0,
  propagateTags: "NONE",
  schedulingStrategy: "REPLICA",
  sigintRollback: false,
  waitForSteadyState: false,
};

/** @param {any} network */
function networkOf(network) {
  if (!network) return undefined;
  const { assignPublicIp, securityGroups, subnets } = network;
  return {
    awsvpcConfiguration: {
      assignPublicIp: assignPublicIp
        ? /** @type {const} */ ("ENABLED")
        : /** @type {const} */ ("DISABLED"),
      securityGroups,
      subnets,
    },
  };
}

/** @param {any[] | undefined} balancers */
const balancersOf = (balancers) =>
  balancers?.map(({ elbName, ...rest }) => ({ ...rest, loadBalancerName: elbName }));

/** @param {any} all */
function deploymentOf(all) {
  return {
    maximumPercent: all.deploymentMaximumPercent ?? 200,
    minimumHealthyPercent: all.deploymentMinimumHealthyPercent ?? 100,
    // To remove an existing circuit breaker, specify an empty one.
    deploymentCircuitBreaker: all.deploymentCircuitBreaker ?? { enable: false, rollback: false },
  };
}

/** What both requests have. @param {any} all */
function requestOf(all) {
  return {
    cluster: all.cluster,
    capacityProviderStrategy: all.capacityProviderStrategies,
    deploymentConfiguration: deploymentOf(all),
    desiredCount: all.schedulingStrategy === "DAEMON" ? undefined : (all.desiredCount ?? 0),
    enableECSManagedTags: all.enableEcsManagedTags ?? false,
    enableExecuteCommand: all.enableExecuteCommand ?? false,
    healthCheckGracePeriodSeconds: all.healthCheckGracePeriodSeconds,
    loadBalancers: balancersOf(all.loadBalancers),
    networkConfiguration: networkOf(all.networkConfiguration),
    placementConstraints: all.placementConstraints,
    placementStrategy: all.orderedPlacementStrategies,
    platformVersion: all.platformVersion,
    propagateTags: all.propagateTags,
    taskDefinition: all.taskDefinition,
  };
}

/** What ECS refuses and its emulator takes. @param {Context} context @param {any} all */
async function refuse(context, all) {
  const invalid = (/** @type {string} */ message) => refusal("InvalidParameterException", message);
  const { capacityProviderStrategies = [], launchType, networkConfiguration } = all;
  const task = all.taskDefinition && (await findTask(context, all.taskDefinition))?.taskDefinition;
  if (all.taskDefinition && !task) throw invalid("TaskDefinition not found.");
  if (task?.networkMode === "awsvpc" && !networkConfiguration) {
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (task && task.networkMode !== "awsvpc" && networkConfiguration) {
    throw invalid(
      "Network Configuration is not valid for the given networkMode of this task definition.",
    );
  }
  const providers = capacityProviderStrategies.map(
    (/** @type {any} */ { capacityProvider }) => capacityProvider,
  );
  const fargate =
    launchType === "FARGATE" || providers.some((/** @type {string} */ one) => /^FARGATE/.test(one));
  if (fargate && task && !task.requiresCompatibilities?.includes("FARGATE")) {
    throw invalid("Task definition does not support launch_type FARGATE.");
  }
  const containers = task?.containerDefinitions ?? [];
  for (const { containerName, containerPort } of all.loadBalancers ?? []) {
    const own = containers.find((/** @type {any} */ { name }) => name === containerName);
    const ports = own?.portMappings ?? [];
    if (!ports.some((/** @type {any} */ one) => one.containerPort === containerPort)) {
      throw invalid(
        `The container ${containerName} did not have a container port ${containerPort} defined.`,
      );
    }
  }
}

/** @param {any} found */
function outputsOf(found) {
  const [strategy, launchType] = [found?.capacityProviderStrategy ?? [], found?.launchType];
  return {
    arn: found?.serviceArn,
    iamRole: found?.roleArn || "/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
    launchType: strategy.length > 0 ? undefined : launchType,
    platformVersion: found?.platformVersion || (launchType === "FARGATE" ? "LATEST" : undefined),
  };
}

/** @type {import("../types").Resource} */
module.exports = {
  inputs,
  outputs: OUTPUTS,
  forceNew: ["cluster", "iamRole", "launchType", "name", "schedulingStrategy"],
  defaults: DEFAULTS,
  autoname: "name",
  autonameMax: 255,
  check({ launchType, propagateTags }) {
    /** @type {Record<string, string>} */
    const problems = {};
    if (launchType !== undefined && !["EC2", "FARGATE", "EXTERNAL"].includes(launchType)) {
      problems.launchType = `expected launch_type to be one of ["EC2" "FARGATE" "EXTERNAL"], got ${launchType}`;
    }
    if (propagateTags && !["TASK_DEFINITION", "SERVICE", "NONE"].includes(propagateTags)) {
      problems.propagateTags = `expected propagate_tags to be one of ["TASK_DEFINITION" "SERVICE" "NONE"], got ${propagateTags}`;
    }
    return problems;
  },
  diff(olds, news) {
    const { capacityProviderStrategies: before = [] } = olds;
    const { capacityProviderStrategies: after = [] } = news;
    if (changed({ before }, { before: after }, "before").length > 0 && !news.forceNewDeployment) {
      // capacityProviderStrategyCustomizeDiff
      throw new Error(
        "force_new_deployment should be true when capacity_provider_strategy is being updated",
      );
    }
    // triggersCustomizeDiff
    return { same: news.forceNewDeployment ? [] : ["triggers"] };
  },
  async create(context, all) {
    const { name, cluster } = all;
    const found = await attempt(`creating ECS Service (${name})`, async () => {
      await refuse(context, all);
      const answer = await ecsOf(context).send(
        new ecs.CreateServiceCommand({
          ...requestOf(all),
          serviceName: name,
          deploymentController: all.deploymentController,
          launchType: all.launchType,
          role: all.iamRole,
          schedulingStrategy: all.schedulingStrategy,
          tags: ecsTags(allTags(context, all.tags)),
        }),
      );
      return answer.service;
    });
    const id = found?.serviceArn ?? "";
    const outputs = { ...outputsOf(found), cluster: cluster ?? lastOf(found?.clusterArn) };
    const wanted = { service: id, cluster, before: [], stable: all.waitForSteadyState === true };
    await attempt(`waiting for ECS Service (${id}) create`, waitForService(context, wanted)).catch(
      (error) => {
        throw made(error, { id, outputs });
      },
    );
    return { id, outputs };
  },
  async read(context, id, state) {
    const found = await attempt(`reading ECS Service (${id})`, () =>
      describe(context, id, state.cluster ?? id.split("/")[1]),
    );
    if (!found || found.status === "INACTIVE") return undefined;
    const { deploymentConfiguration: deployment, networkConfiguration: network } = found;
    const vpc = network?.awsvpcConfiguration;
    return {
      ...outputsOf(found),
      name: found.serviceName,
      cluster: /^arn:/.test(state.cluster ?? "arn:") ? found.clusterArn : lastOf(found.clusterArn),
      // In the format in which the state has it.
      taskDefinition: /^arn:/.test(state.taskDefinition ?? "arn:")
        ? found.taskDefinition
        : lastOf(found.taskDefinition),
      capacityProviderStrategies: found.capacityProviderStrategy ?? [],
      deploymentCircuitBreaker: deployment?.deploymentCircuitBreaker,
      deploymentMaximumPercent: deployment?.maximumPercent,
      deploymentMinimumHealthyPercent: deployment?.minimumHealthyPercent,
      desiredCount: found.desiredCount,
      enableExecuteCommand: found.enableExecuteCommand,
      healthCheckGracePeriodSeconds: found.healthCheckGracePeriodSeconds,
      loadBalancers: (found.loadBalancers ?? []).map(({ loadBalancerName, ...rest }) => ({
        ...rest,
        ...(loadBalancerName ? { elbName: loadBalancerName } : {}),
      })),
      networkConfiguration: vpc && {
        ...vpc,
        assignPublicIp: vpc.assignPublicIp === "ENABLED",
      },
      schedulingStrategy: found.schedulingStrategy,
      ...tagsOut(context, found.tags),
    };
  },
  async update(context, id, all, old) {
    const { cluster } = all;
    const kept = { arn: old.arn, cluster: cluster ?? old.cluster };
    await updateTags(context, `ECS Service (${id})`, id, all, old);
    const computed = (/** @type {string} */ name) =>
      OUTPUTS.includes(name) && all[name] === undefined;
    const own = Object.keys(inputs).filter(
      (name) => !["forceDelete", "tags"].includes(name) && !computed(name),
    );
    const changes = changed({ ...DEFAULTS, ...old }, { ...DEFAULTS, ...all }, ...own);
    if (changes.length === 0)
      return { ...outputsOf({ serviceArn: id }), ...kept, iamRole: old.iamRole };
    const before = await describe(context, id, cluster);
    await attempt(`updating ECS Service (${id})`, async () => {
      await refuse(context, all);
      const { propagateTags, enableECSManagedTags, ...request } = requestOf(all);
      await ecsOf(context).send(
        new ecs.UpdateServiceCommand({
          ...request,
          ...(changes.includes("propagateTags") && { propagateTags }),
          ...(changes.includes("enableEcsManagedTags") && { enableECSManagedTags }),
          service: id,
          forceNewDeployment: all.forceNewDeployment ?? false,
        }),
      );
    });
    const wanted = {
      service: id,
      cluster,
      before: (before?.deployments ?? []).map((one) => one.id ?? ""),
      stable: all.waitForSteadyState === true,
    };
    const found = await attempt(
      `waiting for ECS Service (${id}) update`,
      waitForService(context, wanted),
    ).catch((error) => {
      // The planned state stays, as the provider leaves it: only a refresh tells what runs.
      throw made(error, { id, outputs: { ...outputsOf(before), ...kept } });
    });
    return { ...outputsOf(found), ...kept };
  },
  async delete(context, id, state) {
    const { cluster, forceDelete = false } = state;
    const found = await describe(context, id, cluster).catch((error) => {
      if (error.name !== "ClusterNotFoundException") throw error;
    });
    if (!found || found.status === "INACTIVE") return;
    if (found.status !== "DRAINING" && found.schedulingStrategy !== "DAEMON" && !forceDelete) {
      const request = { cluster, service: id, desiredCount: 0 };
      await attempt(`draining ECS Service (${id})`, () =>
        ecsOf(context).send(new ecs.UpdateServiceCommand(request)),
      );
    }
    await attempt(`deleting ECS Service (${id})`, () =>
      ecsOf(context).send(
        new ecs.DeleteServiceCommand({ cluster, service: id, force: forceDelete }),
      ),
    );
  },
};
