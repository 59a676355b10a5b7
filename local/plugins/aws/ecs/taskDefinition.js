/** Task definitions. Rules: terraform-provider-aws v6, internal/service/ecs/task_definition.go. */
"use strict";

const ecs = require("@aws-sdk/client-ecs");
const { attempt, ifFound } = require("../errors.js");
const { allTags, canonical } = require("../sdk.js");
const { ecsOf, ecsTags, tagsOut, updateTags } = require("./common.js");
const { checkTask, definitionProblem, reduced } = require("./taskRules.js");

/** @typedef {import("../types").Context} Context */

/** @param {Context} context @param {string} taskDefinition */
async function find(context, taskDefinition) {
  const include = /** @type {const} */ (["TAGS"]);
  const request = { taskDefinition, include: [...include] };
  const found = await attempt(`reading ECS Task Definition (${taskDefinition})`, () =>
    ifFound(ecsOf(context).send(new ecs.DescribeTaskDefinitionCommand(request)), "ClientException"),
  );
  return found?.taskDefinition?.status === "INACTIVE" ? undefined : found;
}

/** @param {any} definition */
function outputsOf({ taskDefinitionArn: arn = "", revision, networkMode }) {
  return { arn, arnWithoutRevision: arn.replace(/:\d+$/, ""), revision, networkMode };
}

/** What this stand-in can say to the emulator of a volume. @param {any} volume */
const volumeOf = ({ name, hostPath, dockerVolumeConfiguration }) => ({
  name,
  host: hostPath ? { sourcePath: hostPath } : undefined,
  dockerVolumeConfiguration,
});

/** @type {import("../types").Resource} */
const taskDefinition = {
  inputs: {
    containerDefinitions: "json",
    cpu: "string",
    enableFaultInjection: "boolean",
    ephemeralStorage: { object: { sizeInGib: "number" } },
    executionRoleArn: "string",
    family: "string",
    ipcMode: "string",
    memory: "string",
    networkMode: "string",
    pidMode: "string",
    placementConstraints: { set: { object: { expression: "string", type: "string" } } },
    requiresCompatibilities: { set: "string" },
    runtimePlatform: { object: { cpuArchitecture: "string", operatingSystemFamily: "string" } },
    skipDestroy: "boolean",
    tags: { map: "string" },
    taskRoleArn: "string",
    trackLatest: "boolean",
    volumes: {
      set: {
        object: {
          name: "string",
          hostPath: "string",
          dockerVolumeConfiguration: {
            object: {
              autoprovision: "boolean",
              driver: "string",
              driverOpts: { map: "string" },
              labels: { map: "string" },
              scope: "string",
            },
          },
        },
      },
    },
  },
  required: ["containerDefinitions", "family"],
  outputs: ["arn", "arnWithoutRevision", "networkMode", "revision"],
  // All but tags, skip_destroy and track_latest: a definition is never changed, the next revision is made.
  forceNew: [
    ...["containerDefinitions", "cpu", "enableFaultInjection", "ephemeralStorage"],
    ...["executionRoleArn", "family", "ipcMode", "memory", "networkMode", "pidMode"],
    ...[
      "placementConstraints",
      "requiresCompatibilities",
      "runtimePlatform",
      "taskRoleArn",
      "volumes",
    ],
  ],
  defaults: { skipDestroy: false, trackLatest: false },
  check({ containerDefinitions, runtimePlatform }) {
    const problem = definitionProblem(containerDefinitions);
    const architecture = runtimePlatform?.cpuArchitecture;
    /** @type {Record<string, string>} */
    const problems = problem ? { containerDefinitions: problem } : {};
    if (architecture !== undefined && !["X86_64", "ARM64"].includes(architecture)) {
      problems.runtimePlatform = `expected runtime_platform.0.cpu_architecture to be one of ["X86_64" "ARM64"], got ${architecture}`;
    }
    return problems;
  },
  diff(olds, news) {
    const [before, after] = [olds.containerDefinitions, news.containerDefinitions];
    const known = typeof before === "string" && typeof after === "string";
    const same = known && canonical(reduced(before)) === canonical(reduced(after));
    return { same: same ? ["containerDefinitions"] : [] };
  },
  async create(context, inputs) {
    const { family, containerDefinitions } = inputs;
    const containers = JSON.parse(containerDefinitions);
    const made = await attempt(`creating ECS Task Definition (${family})`, async () => {
      checkTask(inputs, containers, new URL(context.endpoint("ecr")).host);
      const { ephemeralStorage } = inputs;
      const answer = await ecsOf(context).send(
        new ecs.RegisterTaskDefinitionCommand({
          family,
          containerDefinitions: containers,
          cpu: inputs.cpu,
          memory: inputs.memory,
          executionRoleArn: inputs.executionRoleArn,
          taskRoleArn: inputs.taskRoleArn,
          networkMode: inputs.networkMode,
          ipcMode: inputs.ipcMode,
          pidMode: inputs.pidMode,
          placementConstraints: inputs.placementConstraints,
          requiresCompatibilities: inputs.requiresCompatibilities,
          runtimePlatform: inputs.runtimePlatform,
          ephemeralStorage: ephemeralStorage && { sizeInGiB: ephemeralStorage.sizeInGib },
          enableFaultInjection: inputs.enableFaultInjection,
          volumes: inputs.volumes?.map(volumeOf),
          tags: ecsTags(allTags(context, inputs.tags)),
        }),
      );
      return answer.taskDefinition;
    });
    return { id: family, outputs: outputsOf(made ?? {}) };
  },
  async read(context, id, state) {
    const found = await find(context, state.trackLatest || !state.arn ? id : state.arn);
    if (!found) return undefined;
    const definition = found.taskDefinition ?? {};
    return {
      ...outputsOf(definition),
      family: definition.family,
      cpu: definition.cpu,
      memory: definition.memory,
      executionRoleArn: definition.executionRoleArn || undefined,
      taskRoleArn: definition.taskRoleArn || undefined,
      requiresCompatibilities: definition.requiresCompatibilities,
      ...(definition.runtimePlatform && { runtimePlatform: definition.runtimePlatform }),
      // A revision never changes, and the emulator adds to what it was given.
      containerDefinitions: state.trackLatest
        ? JSON.stringify(definition.containerDefinitions)
        : (state.containerDefinitions ?? JSON.stringify(definition.containerDefinitions)),
      ...tagsOut(context, found.tags),
    };
  },
  async update(context, id, inputs, old) {
    await updateTags(context, `ECS Task Definition (${id})`, old.arn, inputs, old);
    return {};
  },
  async delete(context, id, state) {
    if (state.skipDestroy) return;
    await attempt(`deleting ECS Task Definition (${id})`, () =>
      ecsOf(context).send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition: state.arn })),
    );
  },
};

module.exports = { find, taskDefinition };
