/**
 * Clusters and their capacity providers. Rules: terraform-provider-aws v6, internal/service/ecs (cluster.go,
 * cluster_capacity_providers.go).
 */
"use strict";

const ecs = require("@aws-sdk/client-ecs");
const { attempt, ifFound } = require("../errors.js");
const { allTags, refusal } = require("../sdk.js");
const { ecsOf, ecsTags, tagsOut, updateTags } = require("./common.js");

/** @typedef {import("../types").Context} Context */

const GONE = "ClusterNotFoundException";
const LOG = {
  object: {
    cloudWatchEncryptionEnabled: "boolean",
    cloudWatchLogGroupName: "string",
    s3BucketEncryptionEnabled: "boolean",
    s3BucketName: "string",
    s3KeyPrefix: "string",
  },
};

/** @param {Context} context @param {string} cluster */
async function find(context, cluster) {
  const include = /** @type {const} */ (["TAGS", "SETTINGS", "CONFIGURATIONS"]);
  const request = { clusters: [cluster], include: [...include] };
  const { clusters = [] } = await attempt(`reading ECS Cluster (${cluster})`, () =>
    ecsOf(context).send(new ecs.DescribeClustersCommand(request)),
  );
  return clusters.find(({ status }) => status !== "INACTIVE");
}

/** @param {any} configuration */
function configurationOf(configuration) {
  if (!configuration) return undefined;
  const { executeCommandConfiguration: execute, managedStorageConfiguration } = configuration;
  const log = execute?.logConfiguration;
  return {
    managedStorageConfiguration,
    executeCommandConfiguration: execute && {
      ...execute,
      logConfiguration: log && { ...log, s3EncryptionEnabled: log.s3BucketEncryptionEnabled },
    },
  };
}

/** @type {import("../types").Resource} */
const cluster = {
  inputs: {
    configuration: {
      object: {
        executeCommandConfiguration: {
          object: {
            kmsKeyId: "string",
            logConfiguration: /** @type {import("../types").Kind} */ (LOG),
            logging: "string",
          },
        },
        managedStorageConfiguration: {
          object: { fargateEphemeralStorageKmsKeyId: "string", kmsKeyId: "string" },
        },
      },
    },
    name: "string",
    serviceConnectDefaults: { object: { namespace: "string" } },
    settings: { set: { object: { name: "string", value: "string" } } },
    tags: { map: "string" },
  },
  outputs: ["arn", "name", "settings"],
  forceNew: ["name"],
  autoname: "name",
  autonameMax: 255,
  async create(context, inputs) {
    const { name } = inputs;
    const found = await attempt(`creating ECS Cluster (${name})`, async () => {
      if (!/^[\w-]{1,255}$/.test(name)) {
        throw refusal(
          "InvalidParameterException",
          "Identifier is longer than 255 characters or has other characters than letters, numbers, underscores and hyphens.",
        );
      }
      const answer = await ecsOf(context).send(
        new ecs.CreateClusterCommand({
          clusterName: name,
          configuration: configurationOf(inputs.configuration),
          serviceConnectDefaults: inputs.serviceConnectDefaults,
          settings: inputs.settings,
          tags: ecsTags(allTags(context, inputs.tags)),
        }),
      );
      return answer.cluster;
    });
    const arn = found?.clusterArn ?? "";
    return { id: arn, outputs: { arn, settings: found?.settings } };
  },
  async read(context, id) {
    const found = await find(context, id);
    return (
      found && {
        arn: found.clusterArn,
        name: found.clusterName,
        settings: found.settings,
        ...tagsOut(context, found.tags),
      }
    );
  },
  async update(context, id, inputs, old) {
    await attempt(`updating ECS Cluster (${id})`, () =>
      ecsOf(context).send(
        new ecs.UpdateClusterCommand({
          cluster: id,
          configuration: configurationOf(inputs.configuration),
          serviceConnectDefaults: inputs.serviceConnectDefaults,
          settings: inputs.settings,
        }),
      ),
    );
    await updateTags(context, `ECS Cluster (${id})`, id, inputs, old);
    return {};
  },
  async delete(context, id) {
    await attempt(`deleting ECS Cluster (${id})`, async () => {
      const found = await find(context, id);
      if ((found?.activeServicesCount ?? 0) > 0) {
        // The emulator deletes it.
        throw refusal(
          "ClusterContainsServicesException",
          "The Cluster cannot be deleted while Services are active.",
        );
      }
      await ifFound(ecsOf(context).send(new ecs.DeleteClusterCommand({ cluster: id })), GONE);
    });
  },
};

/** @param {Context} context @param {any} inputs */
async function put(context, inputs) {
  const { clusterName: name } = inputs;
  await attempt(`updating ECS Cluster Capacity Providers (${name})`, () =>
    ecsOf(context).send(
      new ecs.PutClusterCapacityProvidersCommand({
        cluster: name,
        capacityProviders: inputs.capacityProviders ?? [],
        defaultCapacityProviderStrategy: inputs.defaultCapacityProviderStrategies ?? [],
      }),
    ),
  );
}

/** @type {import("../types").Resource} */
const clusterCapacityProviders = {
  inputs: {
    capacityProviders: { set: "string" },
    clusterName: "string",
    defaultCapacityProviderStrategies: {
      set: { object: { base: "number", capacityProvider: "string", weight: "number" } },
    },
  },
  required: ["clusterName"],
  forceNew: ["clusterName"],
  async create(context, inputs) {
    await put(context, inputs);
    return { id: inputs.clusterName, outputs: {} };
  },
  async read(context, id) {
    const found = await find(context, id);
    return (
      found && {
        clusterName: found.clusterName,
        capacityProviders: found.capacityProviders,
        defaultCapacityProviderStrategies: found.defaultCapacityProviderStrategy,
      }
    );
  },
  async update(context, _id, inputs) {
    await put(context, inputs);
    return {};
  },
  async delete(context, id) {
    if (await find(context, id)) await put(context, { clusterName: id });
  },
};

module.exports = { cluster, clusterCapacityProviders, find };
