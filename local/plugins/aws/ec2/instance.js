/**
 * aws:ec2/instance:Instance. Source of what is ForceNew, of the waits and of the texts:
 * terraform-provider-aws, internal/service/ec2/ec2_instance.go.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt, ifFound, made } = require("../errors.js");
const { changed, differs, tagList, waitFor } = require("../sdk.js");
const { checkLaunch, typeReplaces } = require("./architecture.js");
const { mirrorProfile } = require("./instanceProfile.js");
const { findInstance, rootVolume, stateOf, waitForState } = require("./instanceState.js");
const { metadataOf, update, userDataOf } = require("./instanceUpdate.js");
const { specifications } = require("./tags.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("../types").Kind} Kind */

/**
 * @param {any} device
 * @param {import("@aws-sdk/client-ec2").Image | undefined} image
 */
function mappingOf(device, image) {
  const Ebs = {
    DeleteOnTermination: device.deleteOnTermination ?? true,
    Encrypted: device.encrypted,
    Iops: device.iops,
    KmsKeyId: device.kmsKeyId,
    Throughput: device.throughput,
    VolumeSize: device.volumeSize,
    VolumeType: device.volumeType,
  };
  return { DeviceName: image?.RootDeviceName ?? "/dev/xvda", Ebs };
}

/** The public address is asked for on the interface, which then has the rest. @param {any} inputs */
function networkOf(inputs) {
  const place = { SubnetId: inputs.subnetId, PrivateIpAddress: inputs.privateIp };
  const groups = inputs.vpcSecurityGroupIds;
  const AssociatePublicIpAddress = inputs.associatePublicIpAddress;
  return AssociatePublicIpAddress === undefined
    ? { ...place, SecurityGroupIds: groups }
    : {
        NetworkInterfaces: [{ ...place, AssociatePublicIpAddress, DeviceIndex: 0, Groups: groups }],
      };
}

/**
 * @param {Context} context
 * @param {any} inputs
 */
async function run(context, inputs) {
  const image = await checkLaunch(context, inputs.ami, inputs.instanceType);
  const profile = await mirrorProfile(context, inputs.iamInstanceProfile);
  const root = inputs.rootBlockDevice;
  const command = new ec2.RunInstancesCommand({
    BlockDeviceMappings: root && [mappingOf(root, image)],
    DisableApiTermination: inputs.disableApiTermination,
    EbsOptimized: inputs.ebsOptimized,
    IamInstanceProfile: profile ? { Name: profile } : undefined,
    ImageId: inputs.ami,
    InstanceInitiatedShutdownBehavior: inputs.instanceInitiatedShutdownBehavior,
    InstanceType: inputs.instanceType,
    KeyName: inputs.keyName,
    MaxCount: 1,
    MinCount: 1,
    MetadataOptions: metadataOf(inputs.metadataOptions),
    Monitoring: inputs.monitoring === undefined ? undefined : { Enabled: inputs.monitoring },
    Placement: inputs.availabilityZone && { AvailabilityZone: inputs.availabilityZone },
    ...networkOf(inputs),
    TagSpecifications: specifications(context, "instance", inputs.tags),
    UserData: userDataOf(inputs),
  });
  const { Instances } = await context.client("ec2", ec2.EC2Client).send(command);
  return Instances?.[0]?.InstanceId ?? "";
}

/** @type {Kind} */
const tags = { map: "string" };

/** @type {import("../types").Resource} */
const instance = {
  inputs: {
    ami: "string",
    associatePublicIpAddress: "boolean",
    availabilityZone: "string",
    disableApiTermination: "boolean",
    ebsOptimized: "boolean",
    iamInstanceProfile: "string",
    instanceInitiatedShutdownBehavior: "string",
    instanceType: "string",
    keyName: "string",
    metadataOptions: {
      object: {
        httpEndpoint: "string",
        httpProtocolIpv6: "string",
        httpPutResponseHopLimit: "number",
        httpTokens: "string",
        instanceMetadataTags: "string",
      },
    },
    monitoring: "boolean",
    privateIp: "string",
    rootBlockDevice: {
      object: {
        deleteOnTermination: "boolean",
        encrypted: "boolean",
        iops: "number",
        kmsKeyId: "string",
        tags,
        throughput: "number",
        volumeSize: "number",
        volumeType: "string",
      },
    },
    subnetId: "string",
    tags,
    userData: "string",
    userDataBase64: "string",
    userDataReplaceOnChange: "boolean",
    vpcSecurityGroupIds: { set: "string" },
  },
  // A launch template could give them; there is none in this stand-in.
  required: ["ami", "instanceType"],
  defaults: { userDataReplaceOnChange: false },
  outputs: [
    "arn",
    "associatePublicIpAddress",
    "availabilityZone",
    "ebsOptimized",
    "iamInstanceProfile",
    "instanceState",
    "keyName",
    "metadataOptions",
    "monitoring",
    "primaryNetworkInterfaceId",
    "privateDns",
    "privateIp",
    "publicDns",
    "publicIp",
    "rootBlockDevice",
    "subnetId",
    "vpcSecurityGroupIds",
  ],
  forceNew: [
    "ami",
    "associatePublicIpAddress",
    "availabilityZone",
    "ebsOptimized",
    "keyName",
    "privateIp",
    "subnetId",
  ],
  async diff(olds, news, context) {
    const replace = [];
    if (await typeReplaces(context, olds.instanceType, news.instanceType)) {
      replace.push("instanceType");
    }
    if (news.userDataReplaceOnChange === true) {
      replace.push(...changed(olds, news, "userData", "userDataBase64"));
    }
    // Both are ForceNew in the block.
    const { encrypted, kmsKeyId } = news.rootBlockDevice ?? {};
    if (differs(olds.rootBlockDevice, { encrypted, kmsKeyId })) {
      replace.push("rootBlockDevice");
    }
    return { replace };
  },
  async create(context, inputs) {
    const id = await attempt("creating EC2 Instance", () => run(context, inputs));
    try {
      const started = await waitForState(context, id, "running", "create");
      const volume = inputs.rootBlockDevice?.tags && (await rootVolume(context, started));
      if (volume) {
        const labels = tagList(inputs.rootBlockDevice.tags);
        const command = new ec2.CreateTagsCommand({ Resources: [volume.id], Tags: labels });
        await context.client("ec2", ec2.EC2Client).send(command);
      }
      return { id, outputs: await stateOf(context, started, inputs) };
    } catch (error) {
      throw made(error, { id, outputs: {} });
    }
  },
  async read(context, id, state) {
    const present = await findInstance(context, id);
    return present && stateOf(context, present, state);
  },
  update,
  async delete(context, id) {
    const command = new ec2.TerminateInstancesCommand({ InstanceIds: [id] });
    const work = context.client("ec2", ec2.EC2Client).send(command);
    await attempt(`terminating EC2 Instance (${id})`, ifFound(work, "InvalidInstanceID.NotFound"));
    await attempt(`waiting for EC2 Instance (${id}) delete`, () =>
      waitFor(context, { state: "terminated", seconds: 1200 }, async () =>
        (await findInstance(context, id)) === undefined ? true : undefined,
      ),
    );
  },
};

module.exports = { resources: { "aws:ec2/instance:Instance": instance }, invokes: {} };
