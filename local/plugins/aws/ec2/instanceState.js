/** An instance as EC2 describes it, in the words of the official provider's state. */
"use strict";

const {
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  EC2Client,
} = require("@aws-sdk/client-ec2");
const { attempt, ifFound } = require("../errors.js");
const { allTags, waitFor } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("@aws-sdk/client-ec2").Instance} Instance */

/**
 * The instance, or undefined where there is none; a terminated one is none.
 * Source: terraform-provider-aws, internal/service/ec2/find.go, findInstanceByID.
 *
 * @param {Context} context
 * @param {string} id
 */
async function findInstance(context, id) {
  const work = context
    .client("ec2", EC2Client)
    .send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  const answer = await ifFound(work, "InvalidInstanceID.NotFound");
  const instance = answer?.Reservations?.[0]?.Instances?.[0];
  return instance?.State?.Name === "terminated" ? undefined : instance;
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {string} state
 * @param {string} what
 */
function waitForState(context, id, state, what) {
  /** @type {string | undefined} */
  let seen;
  const wanted = { state, seconds: 600, last: () => seen };
  return attempt(`waiting for EC2 Instance (${id}) ${what}`, () =>
    waitFor(context, wanted, async () => {
      const instance = await findInstance(context, id);
      seen = instance?.State?.Name;
      if (instance === undefined) {
        throw new Error(`unexpected state 'terminated', wanted target '${state}'`);
      }
      return seen === state ? instance : undefined;
    }),
  );
}

/**
 * @param {Context} context
 * @param {Instance} instance
 */
async function rootVolume(context, instance) {
  const mapping = instance.BlockDeviceMappings?.find(
    ({ DeviceName }) => DeviceName === instance.RootDeviceName,
  );
  const id = mapping?.Ebs?.VolumeId;
  if (id === undefined) {
    return undefined;
  }
  const command = new DescribeVolumesCommand({ VolumeIds: [id] });
  const { Volumes } = await context.client("ec2", EC2Client).send(command);
  const volume = Volumes?.[0];
  return volume && mapping && { id, mapping, volume };
}

/**
 * @param {Context} context
 * @param {Instance} instance
 * @param {any} inputs
 */
async function stateOf(context, instance, inputs) {
  const { accountId, partition, region } = context;
  const root = await rootVolume(context, instance);
  const options = instance.MetadataOptions;
  const primary = instance.NetworkInterfaces?.find(
    ({ Attachment }) => (Attachment?.DeviceIndex ?? 0) === 0,
  );
  return {
    ami: instance.ImageId,
    arn: `arn:${partition}:ec2:${region}:${accountId}:instance/${instance.InstanceId}`,
    associatePublicIpAddress: instance.PublicIpAddress !== undefined,
    availabilityZone: instance.Placement?.AvailabilityZone,
    ebsOptimized: instance.EbsOptimized ?? false,
    iamInstanceProfile: instance.IamInstanceProfile?.Arn?.split("/").pop() ?? "",
    instanceState: instance.State?.Name,
    instanceType: instance.InstanceType,
    keyName: instance.KeyName ?? "",
    metadataOptions: options && {
      httpEndpoint: options.HttpEndpoint ?? "enabled",
      httpProtocolIpv6: options.HttpProtocolIpv6 ?? "disabled",
      httpPutResponseHopLimit: options.HttpPutResponseHopLimit ?? 1,
      httpTokens: options.HttpTokens ?? "optional",
      instanceMetadataTags: options.InstanceMetadataTags ?? "disabled",
    },
    monitoring: instance.Monitoring?.State === "enabled",
    primaryNetworkInterfaceId: primary?.NetworkInterfaceId ?? "",
    privateDns: instance.PrivateDnsName ?? "",
    privateIp: instance.PrivateIpAddress ?? "",
    publicDns: instance.PublicDnsName ?? "",
    publicIp: instance.PublicIpAddress ?? "",
    rootBlockDevice: root && {
      deleteOnTermination: root.mapping.Ebs?.DeleteOnTermination ?? true,
      deviceName: root.mapping.DeviceName,
      encrypted: root.volume.Encrypted ?? false,
      iops: root.volume.Iops ?? 0,
      kmsKeyId: root.volume.KmsKeyId ?? "",
      throughput: root.volume.Throughput ?? 0,
      volumeId: root.id,
      volumeSize: root.volume.Size,
      volumeType: root.volume.VolumeType,
      tags: inputs.rootBlockDevice?.tags ?? {},
    },
    subnetId: primary?.SubnetId ?? instance.SubnetId ?? "",
    tagsAll: allTags(context, inputs.tags),
    // moto lists the groups of an interface that was asked for only there.
    vpcSecurityGroupIds: (primary?.Groups ?? instance.SecurityGroups ?? []).map(
      ({ GroupId }) => GroupId,
    ),
  };
}

module.exports = { findInstance, rootVolume, stateOf, waitForState };
