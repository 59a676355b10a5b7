/**
 * aws:lb/loadBalancer:LoadBalancer. Source: terraform-provider-aws,
 * internal/service/elbv2/load_balancer.go.
 */
"use strict";

const { DescribeSubnetsCommand, EC2Client } = require("@aws-sdk/client-ec2");
const elb = require("@aws-sdk/client-elastic-load-balancing-v2");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, differs, refusal, uniqueName, waitFor } = require("../sdk.js");
const { attributesOf, client, tagsOf, updateTags } = require("./attributes.js");

/** @typedef {import("../types").Context} Context */

const ATTRIBUTES = {
  clientKeepAlive: "client_keep_alive.seconds",
  desyncMitigationMode: "routing.http.desync_mitigation_mode",
  dropInvalidHeaderFields: "routing.http.drop_invalid_header_fields.enabled",
  enableCrossZoneLoadBalancing: "load_balancing.cross_zone.enabled",
  enableDeletionProtection: "deletion_protection.enabled",
  enableHttp2: "routing.http2.enabled",
  idleTimeout: "idle_timeout.timeout_seconds",
  preserveHostHeader: "routing.http.preserve_host_header.enabled",
  xffHeaderProcessingMode: "routing.http.xff_header_processing.mode",
};

const DEFAULTS = {
  clientKeepAlive: 3600,
  desyncMitigationMode: "defensive",
  dropInvalidHeaderFields: false,
  enableDeletionProtection: false,
  enableHttp2: true,
  idleTimeout: 60,
  loadBalancerType: "application",
  preserveHostHeader: false,
  xffHeaderProcessingMode: "append",
};

/**
 * @param {Context} context
 * @param {string} arn
 */
async function find(context, arn) {
  const work = client(context).send(
    new elb.DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] }),
  );
  return (await ifFound(work, "LoadBalancerNotFoundException", "LoadBalancerNotFound"))
    ?.LoadBalancers?.[0];
}

/**
 * The subnets are in moto, so this looks there what AWS would: that they exist, and in two zones. Gives
 * the VPC, which ministack invents.
 *
 * @param {Context} context
 * @param {any} inputs
 */
async function vpcOf(context, { loadBalancerType = "application", subnets = [] }) {
  const command = new DescribeSubnetsCommand({ SubnetIds: subnets });
  const { Subnets = [] } =
    subnets.length > 0 ? await context.client("ec2", EC2Client).send(command) : {};
  const zones = new Set(Subnets.map(({ AvailabilityZone }) => AvailabilityZone));
  if (zones.size < (loadBalancerType === "application" ? 2 : 1)) {
    throw refusal(
      "ValidationError",
      "At least two subnets in two different Availability Zones must be specified",
    );
  }
  return Subnets[0]?.VpcId;
}

/**
 * @param {Context} context
 * @param {import("@aws-sdk/client-elastic-load-balancing-v2").LoadBalancer} found
 * @param {any} inputs
 */
async function stateOf(context, found, inputs) {
  const arn = found.LoadBalancerArn ?? "";
  return {
    arn,
    arnSuffix: arn.split(":loadbalancer/")[1],
    dnsName: found.DNSName,
    internal: found.Scheme === "internal",
    ipAddressType: found.IpAddressType,
    loadBalancerType: found.Type,
    name: found.LoadBalancerName,
    securityGroups: found.SecurityGroups ?? [],
    subnets: inputs.subnets ?? [],
    tagsAll: allTags(context, inputs.tags),
    vpcId: await vpcOf(context, inputs).catch(() => found.VpcId),
    zoneId: found.CanonicalHostedZoneId ?? "Z35SXDOTRQ7X7K",
  };
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 * @param {any} old
 */
async function applyAttributes(context, arn, inputs, old) {
  /** @type {any[]} */
  const [before, after] = [old, inputs].map((one) => ({ ...DEFAULTS, ...one }));
  const stated = Object.fromEntries(
    Object.keys(ATTRIBUTES)
      .filter((name) => differs(before[name], after[name]))
      .map((name) => [name, after[name]]),
  );
  const Attributes = attributesOf(ATTRIBUTES, stated);
  if (Attributes.length > 0) {
    const change = { LoadBalancerArn: arn, Attributes };
    await attempt(
      `modifying ELBv2 Load Balancer (${arn}) attributes`,
      client(context).send(new elb.ModifyLoadBalancerAttributesCommand(change)),
    );
  }
}

/** @param {Context} context @param {string} arn */
function waitUntilActive(context, arn) {
  /** @type {string | undefined} */
  let seen;
  return attempt(`waiting for ELBv2 Load Balancer (${arn}) create`, () =>
    waitFor(context, { state: "active", seconds: 600, last: () => seen }, async () => {
      const found = await find(context, arn);
      seen = found?.State?.Code;
      if (seen === "failed") {
        throw new Error(`unexpected state 'failed', wanted target 'active'`);
      }
      return seen === "active" ? found : undefined;
    }),
  );
}

/** @type {import("../types").Resource} */
const loadBalancer = {
  inputs: {
    clientKeepAlive: "number",
    desyncMitigationMode: "string",
    dropInvalidHeaderFields: "boolean",
    enableCrossZoneLoadBalancing: "boolean",
    enableDeletionProtection: "boolean",
    enableHttp2: "boolean",
    idleTimeout: "number",
    internal: "boolean",
    ipAddressType: "string",
    loadBalancerType: "string",
    name: "string",
    namePrefix: "string",
    preserveHostHeader: "boolean",
    securityGroups: { set: "string" },
    subnets: { set: "string" },
    tags: { map: "string" },
    xffHeaderProcessingMode: "string",
  },
  autoname: "name",
  autonameMax: 32,
  defaults: DEFAULTS,
  outputs: [
    "arn",
    "arnSuffix",
    "dnsName",
    "internal",
    "ipAddressType",
    "name",
    "securityGroups",
    "subnets",
    "vpcId",
    "zoneId",
  ],
  forceNew: ["internal", "loadBalancerType", "name", "namePrefix"],
  check({ name }) {
    // load_balancer.go, validName.
    return name?.length > 32 ? { name: "cannot be longer than 32 characters" } : undefined;
  },
  async create(context, inputs) {
    const name = inputs.name ?? uniqueName(inputs.namePrefix).slice(0, 32);
    const arn = await attempt(`creating ELBv2 application Load Balancer (${name})`, async () => {
      await vpcOf(context, inputs);
      const command = new elb.CreateLoadBalancerCommand({
        IpAddressType: inputs.ipAddressType,
        Name: name,
        Scheme: inputs.internal === true ? "internal" : undefined,
        SecurityGroups: inputs.securityGroups,
        Subnets: inputs.subnets,
        Tags: tagsOf(context, inputs),
        Type: inputs.loadBalancerType ?? "application",
      });
      const { LoadBalancers } = await client(context).send(command);
      return LoadBalancers?.[0]?.LoadBalancerArn ?? "";
    });
    try {
      const found = await waitUntilActive(context, arn);
      await applyAttributes(context, arn, inputs, {});
      return { id: arn, outputs: await stateOf(context, found, inputs) };
    } catch (error) {
      throw made(error, { id: arn, outputs: { arn, name } });
    }
  },
  async read(context, id, state) {
    const found = await find(context, id);
    return found && stateOf(context, found, state);
  },
  async update(context, id, inputs, old) {
    const which = { LoadBalancerArn: id };
    if (differs(old.securityGroups, inputs.securityGroups)) {
      const change = { ...which, SecurityGroups: inputs.securityGroups };
      await attempt(
        `setting ELBv2 Load Balancer (${id}) security groups`,
        client(context).send(new elb.SetSecurityGroupsCommand(change)),
      );
    }
    if (differs(old.subnets, inputs.subnets)) {
      await attempt(`setting ELBv2 Load Balancer (${id}) subnets`, async () => {
        await vpcOf(context, inputs);
        const change = { ...which, Subnets: inputs.subnets };
        await client(context).send(new elb.SetSubnetsCommand(change));
      });
    }
    if (differs(old.ipAddressType, inputs.ipAddressType)) {
      const change = { ...which, IpAddressType: inputs.ipAddressType };
      await client(context).send(new elb.SetIpAddressTypeCommand(change));
    }
    await applyAttributes(context, id, inputs, old);
    await updateTags(context, id, inputs, old);
    return stateOf(context, await waitUntilActive(context, id), inputs);
  },
  async delete(context, id) {
    await attempt(`deleting ELBv2 Load Balancer (${id})`, async () => {
      const which = { LoadBalancerArn: id };
      const look = new elb.DescribeLoadBalancerAttributesCommand(which);
      const gone = ["LoadBalancerNotFoundException", "LoadBalancerNotFound"];
      const found = await ifFound(client(context).send(look), ...gone);
      const protection = found?.Attributes?.find(
        ({ Key }) => Key === ATTRIBUTES.enableDeletionProtection,
      );
      if (protection?.Value === "true") {
        // ministack deletes it all the same.
        throw refusal(
          "OperationNotPermitted",
          `Load balancer '${id}' cannot be deleted because deletion protection is enabled`,
        );
      }
      await client(context).send(new elb.DeleteLoadBalancerCommand(which));
    });
  },
};

module.exports = {
  resources: {
    "aws:lb/loadBalancer:LoadBalancer": loadBalancer,
    "aws:alb/loadBalancer:LoadBalancer": loadBalancer,
  },
};
