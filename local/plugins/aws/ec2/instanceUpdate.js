/**
 * What changes on an instance that stays. Source of order, stops and texts: terraform-provider-aws,
 * internal/service/ec2/ec2_instance.go, resourceInstanceUpdate.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt } = require("../errors.js");
const { changed, differs } = require("../sdk.js");
const { mirrorProfile } = require("./instanceProfile.js");
const { findInstance, rootVolume, stateOf, waitForState } = require("./instanceState.js");
const { updateTags } = require("./tags.js");

/** @typedef {import("../types").Context} Context */

/** Userdata travels in base64. @param {any} inputs */
function userDataOf(inputs) {
  return inputs.userData === undefined
    ? inputs.userDataBase64
    : Buffer.from(inputs.userData).toString("base64");
}

/** @param {any} options */
function metadataOf(options) {
  return (
    options && {
      HttpEndpoint: options.httpEndpoint,
      HttpProtocolIpv6: options.httpProtocolIpv6,
      HttpPutResponseHopLimit: options.httpPutResponseHopLimit,
      HttpTokens: options.httpTokens,
      InstanceMetadataTags: options.instanceMetadataTags,
    }
  );
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 * @param {any} old
 */
async function update(context, id, inputs, old) {
  const client = context.client("ec2", ec2.EC2Client);
  const modify = (/** @type {object} */ attribute) =>
    client.send(new ec2.ModifyInstanceAttributeCommand({ InstanceId: id, ...attribute }));
  const changes = (/** @type {string} */ name) => differs(old[name], inputs[name]);

  await updateTags(context, id, inputs, old);
  if (changes("iamInstanceProfile")) {
    await updateProfile(context, id, inputs.iamInstanceProfile);
  }
  if (changes("vpcSecurityGroupIds")) {
    await attempt(
      `updating EC2 Instance (${id}) security groups`,
      modify({ Groups: inputs.vpcSecurityGroupIds }),
    );
  }
  if (changes("instanceType")) {
    await attempt(`updating EC2 Instance (${id}) type`, () =>
      whileStopped(context, id, () => modify({ InstanceType: { Value: inputs.instanceType } })),
    );
  }
  if (changed(old, inputs, "userData", "userDataBase64").length > 0) {
    // moto wants it in base64 twice here.
    const Value = Buffer.from(userDataOf(inputs) ?? "");
    await attempt(`updating EC2 Instance (${id}) user data`, () =>
      whileStopped(context, id, () => modify({ UserData: { Value } })),
    );
  }
  if (changes("instanceInitiatedShutdownBehavior")) {
    const Value = inputs.instanceInitiatedShutdownBehavior;
    await modify({ InstanceInitiatedShutdownBehavior: { Value } });
  }
  if (changes("disableApiTermination")) {
    await modify({ DisableApiTermination: { Value: inputs.disableApiTermination } });
  }
  if (changes("metadataOptions")) {
    const options = { InstanceId: id, ...metadataOf(inputs.metadataOptions) };
    await attempt(
      `updating EC2 Instance (${id}) metadata options`,
      client.send(new ec2.ModifyInstanceMetadataOptionsCommand(options)),
    );
  }
  await updateRoot(context, id, inputs.rootBlockDevice, old.rootBlockDevice);
  const instance = await findInstance(context, id);
  if (instance === undefined) {
    throw new Error(`reading EC2 Instance (${id}): couldn't find resource`);
  }
  return stateOf(context, instance, inputs);
}

/**
 * Type and user data have a stop and a start each. Source: modifyInstanceAttributeWithStopStart.
 *
 * @param {Context} context
 * @param {string} id
 * @param {() => Promise<unknown>} change
 */
async function whileStopped(context, id, change) {
  const client = context.client("ec2", ec2.EC2Client);
  await client.send(new ec2.StopInstancesCommand({ InstanceIds: [id] }));
  await waitForState(context, id, "stopped", "stop");
  await change();
  await client.send(new ec2.StartInstancesCommand({ InstanceIds: [id] }));
  await waitForState(context, id, "running", "start");
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {string} name
 */
async function updateProfile(context, id, name) {
  const client = context.client("ec2", ec2.EC2Client);
  await attempt(`updating EC2 Instance (${id}) IAM instance profile`, async () => {
    const IamInstanceProfile = { Name: await mirrorProfile(context, name) };
    const Filters = [{ Name: "instance-id", Values: [id] }];
    const look = new ec2.DescribeIamInstanceProfileAssociationsCommand({ Filters });
    const present = (await client.send(look)).IamInstanceProfileAssociations?.[0];
    if (present) {
      const AssociationId = present.AssociationId;
      const change = { AssociationId, IamInstanceProfile };
      await client.send(new ec2.ReplaceIamInstanceProfileAssociationCommand(change));
    } else {
      const first = { InstanceId: id, IamInstanceProfile };
      await client.send(new ec2.AssociateIamInstanceProfileCommand(first));
    }
  });
}

/**
 * @param {Context} context
 * @param {string} id
 * @param {any} device
 * @param {any} old
 */
async function updateRoot(context, id, device, old) {
  const { volumeSize, volumeType, iops, throughput, tags } = device ?? {};
  if (!differs(old, { volumeSize, volumeType, iops, throughput, tags })) {
    return;
  }
  const instance = await findInstance(context, id);
  const volume = instance && (await rootVolume(context, instance))?.id;
  const client = context.client("ec2", ec2.EC2Client);
  if (volume && differs(old?.tags, tags)) {
    await updateTags(context, volume, { tags }, { tagsAll: old?.tags });
  }
  if (differs(old, { volumeSize, volumeType, iops, throughput })) {
    const change = { Iops: iops, Size: volumeSize, Throughput: throughput, VolumeType: volumeType };
    await attempt(
      `updating EC2 Instance (${id}) volume (${volume})`,
      client.send(new ec2.ModifyVolumeCommand({ VolumeId: volume, ...change })),
    );
  }
}

module.exports = { metadataOf, update, userDataOf };
