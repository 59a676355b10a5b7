/**
 * aws:ec2/eip:Eip and aws:ec2/eipAssociation:EipAssociation. Source: terraform-provider-aws,
 * internal/service/ec2/ec2_eip.go and ec2_eip_association.go.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, differs, hasCode, waitFor } = require("../sdk.js");
const { specifications, updateTags } = require("./tags.js");

/** @typedef {import("../types").Context} Context */

/** @param {Context} context */
const client = (context) => context.client("ec2", ec2.EC2Client);

/**
 * @param {Context} context
 * @param {object} which
 */
async function find(context, which) {
  const work = client(context).send(new ec2.DescribeAddressesCommand(which));
  const gone = ["InvalidAllocationID.NotFound", "InvalidAssociationID.NotFound"];
  return (await ifFound(work, ...gone))?.Addresses?.[0];
}

/** EC2's name of a public address. @param {Context} context @param {string} address */
function publicName({ region }, address) {
  const zone = region === "us-east-1" ? "compute-1" : `${region}.compute`;
  return `ec2-${address.replaceAll(".", "-")}.${zone}.amazonaws.com`;
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 */
async function stateOf(context, id, inputs) {
  const address = await find(context, { AllocationIds: [id] });
  if (address === undefined) {
    return undefined;
  }
  const { accountId, partition, region } = context;
  const { PublicIp = "", PrivateIpAddress: privateIp = "" } = address;
  const dashed = privateIp.replaceAll(".", "-");
  return {
    allocationId: id,
    arn: `arn:${partition}:ec2:${region}:${accountId}:elastic-ip/${id}`,
    associationId: address.AssociationId ?? "",
    domain: address.Domain,
    instance: address.InstanceId ?? "",
    networkBorderGroup: address.NetworkBorderGroup ?? region,
    networkInterface: address.NetworkInterfaceId ?? "",
    privateDns: privateIp && `ip-${dashed}.ec2.internal`,
    privateIp,
    publicDns: publicName(context, PublicIp),
    publicIp: PublicIp,
    tagsAll: allTags(context, inputs.tags),
  };
}

/**
 * An address in a VPC moves without being asked to, unless it is told `false`, which the official provider
 * never sends (GetOk); moto wants to be asked.
 *
 * @param {Context} context
 * @param {any} target
 */
async function associate(context, target) {
  const command = new ec2.AssociateAddressCommand({ ...target, AllowReassociation: true });
  return (await client(context).send(command)).AssociationId ?? "";
}

/**
 * @param {Context} context
 * @param {string | undefined} id
 */
async function disassociate(context, id) {
  if (id) {
    const work = client(context).send(new ec2.DisassociateAddressCommand({ AssociationId: id }));
    await attempt(`disassociating EC2 EIP (${id})`, ifFound(work, "InvalidAssociationID.NotFound"));
  }
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 */
async function attach(context, id, { instance, networkInterface, associateWithPrivateIp }) {
  if (instance || networkInterface) {
    const target = {
      AllocationId: id,
      InstanceId: instance,
      NetworkInterfaceId: networkInterface,
      PrivateIpAddress: associateWithPrivateIp,
    };
    await attempt(`associating EC2 EIP (${id})`, () => associate(context, target));
  }
}

/** @type {import("../types").Resource} */
const eip = {
  inputs: {
    address: "string",
    associateWithPrivateIp: "string",
    domain: "string",
    instance: "string",
    networkInterface: "string",
    tags: { map: "string" },
  },
  outputs: [
    "allocationId",
    "arn",
    "associationId",
    "domain",
    "instance",
    "networkBorderGroup",
    "networkInterface",
    "privateDns",
    "privateIp",
    "publicDns",
    "publicIp",
  ],
  forceNew: ["address", "domain"],
  async create(context, inputs) {
    const command = new ec2.AllocateAddressCommand({
      Address: inputs.address,
      Domain: inputs.domain ?? "vpc",
      TagSpecifications: specifications(context, "elastic-ip", inputs.tags),
    });
    const id = await attempt("creating EC2 EIP", async () => {
      return (await client(context).send(command)).AllocationId ?? "";
    });
    try {
      await attach(context, id, inputs);
      return { id, outputs: (await stateOf(context, id, inputs)) ?? {} };
    } catch (error) {
      throw made(error, { id, outputs: {} });
    }
  },
  read: (context, id, state) => stateOf(context, id, state),
  async update(context, id, inputs, old) {
    const { associateWithPrivateIp, instance, networkInterface } = inputs;
    if (differs(old, { associateWithPrivateIp, instance, networkInterface })) {
      await disassociate(context, old.associationId);
      await attach(context, id, inputs);
    }
    await updateTags(context, id, inputs, old);
    const state = await stateOf(context, id, inputs);
    if (state === undefined) {
      throw new Error(`reading EC2 EIP (${id}): couldn't find resource`);
    }
    return state;
  },
  async delete(context, id, state) {
    // Only what it has attached itself: an EipAssociation has its own delete.
    if (state.instance || state.networkInterface) {
      await disassociate(context, (await find(context, { AllocationIds: [id] }))?.AssociationId);
    }
    const command = new ec2.ReleaseAddressCommand({ AllocationId: id });
    await attempt(`deleting EC2 EIP (${id})`, () =>
      waitFor(context, { state: "deleted", seconds: 180 }, async () => {
        try {
          await ifFound(client(context).send(command), "InvalidAllocationID.NotFound");
          return true;
        } catch (error) {
          if (hasCode(error, "AuthFailure", "InvalidIPAddress.InUse")) {
            return undefined;
          }
          throw error;
        }
      }),
    );
  },
};

/**
 * @param {Context} context
 * @param {string} id
 */
async function associationState(context, id) {
  const Filters = [{ Name: "association-id", Values: [id] }];
  const address = await find(context, { Filters });
  return (
    address && {
      allocationId: address.AllocationId,
      instanceId: address.InstanceId ?? "",
      networkInterfaceId: address.NetworkInterfaceId ?? "",
      privateIpAddress: address.PrivateIpAddress ?? "",
      publicIp: address.PublicIp,
    }
  );
}

/** @type {import("../types").Resource} */
const eipAssociation = {
  inputs: {
    allocationId: "string",
    allowReassociation: "boolean",
    instanceId: "string",
    networkInterfaceId: "string",
    privateIpAddress: "string",
    publicIp: "string",
  },
  outputs: ["allocationId", "instanceId", "networkInterfaceId", "privateIpAddress", "publicIp"],
  forceNew: [
    "allocationId",
    "allowReassociation",
    "instanceId",
    "networkInterfaceId",
    "privateIpAddress",
    "publicIp",
  ],
  async create(context, inputs) {
    const target = {
      AllocationId: inputs.allocationId,
      InstanceId: inputs.instanceId,
      NetworkInterfaceId: inputs.networkInterfaceId,
      PrivateIpAddress: inputs.privateIpAddress,
      PublicIp: inputs.publicIp,
    };
    const id = await attempt("creating EC2 EIP Association", () => associate(context, target));
    return { id, outputs: (await associationState(context, id)) ?? {} };
  },
  read: associationState,
  delete: disassociate,
};

module.exports = {
  resources: {
    "aws:ec2/eip:Eip": eip,
    "aws:ec2/eipAssociation:EipAssociation": eipAssociation,
  },
  invokes: {},
};
