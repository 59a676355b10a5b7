/**
 * How the official provider waits for a service (terraform-provider-aws v6, internal/service/ecs/service.go,
 * `statusServiceWaitForStable`). It has two ways:
 *
 * - a deployment that is newer than the call is followed itself, and one that ECS rolled back or stopped is an
 *   error with ECS's reason;
 * - else the service is stable when it has one deployment and as many tasks as desired. That is what it does,
 *   and a rollback then looks like success, also where this machine's clock is ahead of AWS's, because the
 *   deployment's time is compared with this machine's. `MULTIARCH_AWS_CLOCK_AHEAD=1` stands for that.
 */
"use strict";

const ecs = require("@aws-sdk/client-ecs");
const { ecsOf } = require("./common.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("@aws-sdk/client-ecs").Service} Service */

/** @param {Context} context @param {string} service @param {string | undefined} cluster */
async function describe(context, service, cluster) {
  const include = /** @type {const} */ (["TAGS"]);
  const request = { cluster: cluster || undefined, services: [service], include: [...include] };
  const answer = await ecsOf(context).send(new ecs.DescribeServicesCommand(request));
  return answer.services?.[0];
}

/**
 * The deployments that ECS would show: the emulator keeps failed ones without tasks for ever.
 *
 * @param {Service} service
 */
function deploymentsOf({ deployments = [] }) {
  const empty = (/** @type {import("@aws-sdk/client-ecs").Deployment} */ one) =>
    (one.runningCount ?? 0) + (one.pendingCount ?? 0) === 0;
  return deployments.filter(
    (one) => one.status === "PRIMARY" || one.rolloutState !== "FAILED" || !empty(one),
  );
}

/** As Go writes a duration. @param {number} seconds */
function duration(seconds) {
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  const minutes = Math.floor(rest / 60);
  return `${hours ? `${hours}h` : ""}${hours || minutes ? `${minutes}m` : ""}${rest % 60}s`;
}

/**
 * Where a new deployment has got to.
 *
 * @param {Service} service
 * @param {string} id
 * @returns {boolean} whether it is done
 */
function followed(service, id) {
  const { deployments = [], deploymentConfiguration } = service;
  const own = deployments.find((one) => one.id === id);
  if (own?.rolloutState === "COMPLETED") return true;
  if (own?.rolloutState !== "FAILED") return false;
  // Only the end of a rollback is a final status: ROLLBACK_SUCCESSFUL, or STOPPED without one.
  const primary = deployments.find(({ status }) => status === "PRIMARY");
  const rollsBack = deploymentConfiguration?.deploymentCircuitBreaker?.rollback;
  if (rollsBack && primary && primary.id !== id && primary.rolloutState !== "COMPLETED") {
    return false;
  }
  throw new Error(own.rolloutStateReason || "Deployment failed");
}

/**
 * Waits until a service is stable.
 *
 * @param {Context} context
 * @param {{ service: string, cluster?: string, before: string[], stable: boolean }} wanted
 *   before: the deployments that were there already; stable: or only active
 */
async function waitForService(context, { service, cluster, before, stable }) {
  const limit = context.timeout || 20 * 60;
  const start = Date.now();
  /** @type {string | undefined} */
  let own;
  for (;;) {
    const found = await describe(context, service, cluster);
    if (found?.status === "ACTIVE") {
      const primary = found.deployments?.find(({ status }) => status === "PRIMARY");
      own ??= primary?.id;
      const isNew = own && !before.includes(own) && !process.env.MULTIARCH_AWS_CLOCK_AHEAD;
      const even = found.desiredCount === found.runningCount && deploymentsOf(found).length === 1;
      if (!stable || (isNew && own ? followed(found, own) : even)) return found;
    }
    const seconds = (Date.now() - start) / 1000;
    if (seconds >= limit || (context.aborted() && seconds >= (context.timeout ?? limit) - 1)) {
      const state = stable ? "tfSTABLE" : "ACTIVE";
      throw new Error(
        `timeout while waiting for state to become '${state}' (last state: '${stable ? "tfPENDING" : found?.status}', timeout: ${duration(limit)})`,
      );
    }
    if (context.aborted()) throw new Error("context canceled");
    await context.sleep(500);
  }
}

module.exports = { deploymentsOf, describe, waitForService };
