/**
 * aws:lb/targetGroup:TargetGroup and aws:lb/targetGroupAttachment:TargetGroupAttachment. Source:
 * terraform-provider-aws, internal/service/elbv2/target_group.go and target_group_attachment.go.
 */
"use strict";

const elb = require("@aws-sdk/client-elastic-load-balancing-v2");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, differs, hasCode, uniqueName, waitFor } = require("../sdk.js");
const { attributesOf, client, tagsOf, updateTags } = require("./attributes.js");

/** @typedef {import("../types").Context} Context */

const ATTRIBUTES = {
  deregistrationDelay: "deregistration_delay.timeout_seconds",
  loadBalancingAlgorithmType: "load_balancing.algorithm.type",
  loadBalancingCrossZoneEnabled: "load_balancing.cross_zone.enabled",
  slowStart: "slow_start.duration_seconds",
};
const STICKINESS = {
  cookieDuration: "stickiness.lb_cookie.duration_seconds",
  enabled: "stickiness.enabled",
  type: "stickiness.type",
};
const GONE = ["TargetGroupNotFoundException", "TargetGroupNotFound"];

/**
 * @param {Context} context
 * @param {string} arn
 */
async function find(context, arn) {
  const command = new elb.DescribeTargetGroupsCommand({ TargetGroupArns: [arn] });
  return (await ifFound(client(context).send(command), ...GONE))?.TargetGroups?.[0];
}

/** The health check as both calls take it. @param {any} check */
function checkOf(check) {
  return {
    HealthCheckEnabled: check?.enabled,
    HealthCheckIntervalSeconds: check?.interval,
    HealthCheckPath: check?.path,
    HealthCheckPort: check?.port,
    HealthCheckProtocol: check?.protocol,
    HealthCheckTimeoutSeconds: check?.timeout,
    HealthyThresholdCount: check?.healthyThreshold,
    Matcher: check?.matcher === undefined ? undefined : { HttpCode: check.matcher },
    UnhealthyThresholdCount: check?.unhealthyThreshold,
  };
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 */
async function stateOf(context, arn, inputs) {
  const group = await find(context, arn);
  return (
    group && {
      arn,
      arnSuffix: arn.slice(arn.indexOf("targetgroup/")),
      healthCheck: {
        enabled: group.HealthCheckEnabled,
        healthyThreshold: group.HealthyThresholdCount,
        interval: group.HealthCheckIntervalSeconds,
        matcher: group.Matcher?.HttpCode,
        path: group.HealthCheckPath,
        port: group.HealthCheckPort,
        protocol: group.HealthCheckProtocol,
        timeout: group.HealthCheckTimeoutSeconds,
        unhealthyThreshold: group.UnhealthyThresholdCount,
      },
      ipAddressType: group.IpAddressType ?? "ipv4",
      loadBalancerArns: group.LoadBalancerArns ?? [],
      name: group.TargetGroupName,
      port: group.Port,
      protocol: group.Protocol,
      protocolVersion: group.ProtocolVersion ?? "HTTP1",
      tagsAll: allTags(context, inputs.tags),
      targetType: group.TargetType,
      vpcId: group.VpcId,
    }
  );
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 */
async function applyAttributes(context, arn, inputs) {
  const Attributes = [
    // Left out, it goes back to what it is by default.
    ...attributesOf(ATTRIBUTES, { deregistrationDelay: 300, ...inputs }),
    ...attributesOf(STICKINESS, inputs.stickiness ?? {}),
  ];
  if (Attributes.length > 0) {
    const change = { TargetGroupArn: arn, Attributes };
    await attempt(
      `modifying ELBv2 Target Group (${arn}) attributes`,
      client(context).send(new elb.ModifyTargetGroupAttributesCommand(change)),
    );
  }
}

/** @type {import("../types").Resource} */
const targetGroup = {
  inputs: {
    deregistrationDelay: "number",
    healthCheck: {
      object: {
        enabled: "boolean",
        healthyThreshold: "number",
        interval: "number",
        matcher: "string",
        path: "string",
        port: "string",
        protocol: "string",
        timeout: "number",
        unhealthyThreshold: "number",
      },
    },
    ipAddressType: "string",
    loadBalancingAlgorithmType: "string",
    loadBalancingCrossZoneEnabled: "string",
    name: "string",
    namePrefix: "string",
    port: "number",
    protocol: "string",
    protocolVersion: "string",
    slowStart: "number",
    stickiness: { object: { cookieDuration: "number", enabled: "boolean", type: "string" } },
    tags: { map: "string" },
    targetType: "string",
    vpcId: "string",
  },
  autoname: "name",
  autonameMax: 32,
  defaults: { deregistrationDelay: 300, slowStart: 0, targetType: "instance" },
  outputs: [
    "arn",
    "arnSuffix",
    "healthCheck",
    "ipAddressType",
    "loadBalancerArns",
    "name",
    "protocolVersion",
  ],
  forceNew: [
    "ipAddressType",
    "name",
    "namePrefix",
    "port",
    "protocol",
    "protocolVersion",
    "targetType",
    "vpcId",
  ],
  check({ deregistrationDelay: wait = 300, name, namePrefix }) {
    /** @type {Record<string, string>} */
    const failures = {};
    if (name?.length > 32) {
      failures.name = `cannot be longer than 32 characters: ${JSON.stringify(name)}`;
    }
    // target_group.go: `namePrefix` leaves room for 26 characters.
    if (namePrefix?.length > 6) {
      failures.namePrefix = "cannot be longer than 6 characters";
    }
    if (wait < 0 || wait > 3600) {
      failures.deregistrationDelay = `expected deregistration_delay to be in the range (0 - 3600), got ${wait}`;
    }
    return failures;
  },
  async create(context, inputs) {
    const name = inputs.name ?? uniqueName(inputs.namePrefix);
    const targetType = inputs.targetType ?? "instance";
    // target_group.go, runtimeValidationsTargetGroup…: not in check, where they may be unknown.
    const lacking = ["port", "protocol", "vpcId"].find((key) => inputs[key] === undefined);
    if (lacking && targetType !== "lambda") {
      throw new Error(
        `Attribute "${lacking}" must be specified when "targetType" is "${targetType}"`,
      );
    }
    const arn = await attempt(`creating ELBv2 Target Group (${name})`, async () => {
      const command = new elb.CreateTargetGroupCommand({
        ...checkOf(inputs.healthCheck),
        IpAddressType: inputs.ipAddressType,
        Name: name,
        Port: inputs.port,
        Protocol: inputs.protocol,
        ProtocolVersion: inputs.protocolVersion,
        Tags: tagsOf(context, inputs),
        TargetType: targetType,
        VpcId: inputs.vpcId,
      });
      const { TargetGroups } = await client(context).send(command);
      return TargetGroups?.[0]?.TargetGroupArn ?? "";
    });
    try {
      await applyAttributes(context, arn, inputs);
      return { id: arn, outputs: (await stateOf(context, arn, inputs)) ?? {} };
    } catch (error) {
      throw made(error, { id: arn, outputs: { arn, name } });
    }
  },
  read: (context, id, state) => stateOf(context, id, state),
  async update(context, id, inputs, old) {
    if (differs(old.healthCheck, inputs.healthCheck)) {
      const change = { TargetGroupArn: id, ...checkOf(inputs.healthCheck) };
      await attempt(
        `modifying ELBv2 Target Group (${id})`,
        client(context).send(new elb.ModifyTargetGroupCommand(change)),
      );
    }
    await applyAttributes(context, id, inputs);
    await updateTags(context, id, inputs, old);
    const state = await stateOf(context, id, inputs);
    if (state === undefined) {
      throw new Error(`reading ELBv2 Target Group (${id}): couldn't find resource`);
    }
    return state;
  },
  async delete(context, id) {
    const command = new elb.DeleteTargetGroupCommand({ TargetGroupArn: id });
    // A listener that is just being deleted may still use it: 2 minutes in target_group.go.
    await attempt(`deleting ELBv2 Target Group (${id})`, () =>
      waitFor(context, { state: "deleted", seconds: 120 }, async () => {
        try {
          await ifFound(client(context).send(command), ...GONE);
          return true;
        } catch (error) {
          if (hasCode(error, "ResourceInUse", "ResourceInUseException")) {
            return undefined;
          }
          throw error;
        }
      }),
    );
  },
};

/** @param {any} inputs */
function targetOf({ availabilityZone, port, targetGroupArn, targetId }) {
  const target = { AvailabilityZone: availabilityZone, Id: targetId, Port: port };
  return { TargetGroupArn: targetGroupArn, Targets: [target] };
}

/** @type {import("../types").Resource} */
const attachment = {
  inputs: {
    availabilityZone: "string",
    port: "number",
    targetGroupArn: "string",
    targetId: "string",
  },
  required: ["targetGroupArn", "targetId"],
  forceNew: ["availabilityZone", "port", "targetGroupArn", "targetId"],
  async create(context, inputs) {
    await attempt(
      `registering ELBv2 Target Group (${inputs.targetGroupArn}) target`,
      client(context).send(new elb.RegisterTargetsCommand(targetOf(inputs))),
    );
    return { id: uniqueName(`${inputs.targetGroupArn}-`), outputs: {} };
  },
  async read(context, _, state) {
    const command = new elb.DescribeTargetHealthCommand(targetOf(state));
    const answer = await ifFound(client(context).send(command), ...GONE, "InvalidTarget");
    const health = answer?.TargetHealthDescriptions?.find(
      ({ Target }) => Target?.Id === state.targetId,
    );
    const gone = ["Target.NotRegistered", "Target.DeregistrationInProgress"];
    return health === undefined || gone.includes(health.TargetHealth?.Reason ?? "")
      ? undefined
      : state;
  },
  async delete(context, _, state) {
    const command = new elb.DeregisterTargetsCommand(targetOf(state));
    await attempt(
      `deregistering ELBv2 Target Group (${state.targetGroupArn}) target`,
      ifFound(client(context).send(command), ...GONE),
    );
  },
};

module.exports = {
  resources: {
    "aws:lb/targetGroup:TargetGroup": targetGroup,
    "aws:alb/targetGroup:TargetGroup": targetGroup,
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": attachment,
    "aws:alb/targetGroupAttachment:TargetGroupAttachment": attachment,
  },
};
