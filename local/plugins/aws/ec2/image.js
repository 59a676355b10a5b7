/**
 * aws:ec2/getAmi:getAmi. Source of rules and texts: terraform-provider-aws,
 * internal/service/ec2/ec2_ami_data_source.go.
 */
"use strict";

const { DescribeImagesCommand, EC2Client } = require("@aws-sdk/client-ec2");
const { attempt } = require("../errors.js");
const { tagMap } = require("../sdk.js");
const { filtersOf } = require("./filters.js");

/** @typedef {import("../types").Kind} Kind */
/** @typedef {import("@aws-sdk/client-ec2").Image} Image */

const NONE = "Your query returned no results. Please change your search criteria and try again.";
const SEVERAL =
  "Your query returned more than one result. Please try a more specific search criteria, or set " +
  "`most_recent` attribute to true.";

/**
 * @param {Image[]} images
 * @param {any} args
 */
function chosen(images, { mostRecent, nameRegex }) {
  const pattern = nameRegex === undefined ? undefined : new RegExp(nameRegex);
  const fitting = images
    .filter(({ Name = "" }) => pattern?.test(Name) ?? true)
    .sort((a, b) => ((a.CreationDate ?? "") < (b.CreationDate ?? "") ? 1 : -1));
  const [image] = fitting;
  if (image === undefined) {
    throw new Error(NONE);
  }
  if (fitting.length > 1 && mostRecent !== true) {
    throw new Error(SEVERAL);
  }
  return image;
}

/** @param {Image} image @param {import("../types").Context} context */
function describe(image, { partition, region }) {
  const root = image.BlockDeviceMappings?.find(
    ({ DeviceName }) => DeviceName === image.RootDeviceName,
  );
  return {
    architecture: image.Architecture,
    arn: `arn:${partition}:ec2:${region}::image/${image.ImageId}`,
    blockDeviceMappings: (image.BlockDeviceMappings ?? []).map((mapping) => ({
      deviceName: mapping.DeviceName ?? "",
      ebs: Object.fromEntries(
        Object.entries(mapping.Ebs ?? {}).map(([key, value]) => [
          key.charAt(0).toLowerCase() + key.slice(1),
          String(value),
        ]),
      ),
      noDevice: mapping.NoDevice ?? "",
      virtualName: mapping.VirtualName ?? "",
    })),
    bootMode: image.BootMode ?? "",
    creationDate: image.CreationDate,
    description: image.Description ?? "",
    enaSupport: image.EnaSupport ?? false,
    hypervisor: image.Hypervisor,
    id: image.ImageId,
    imageId: image.ImageId,
    imageLocation: image.ImageLocation ?? "",
    imageOwnerAlias: image.ImageOwnerAlias ?? "",
    imageType: image.ImageType,
    imdsSupport: image.ImdsSupport ?? "",
    name: image.Name,
    ownerId: image.OwnerId,
    platformDetails: image.PlatformDetails ?? "",
    public: image.Public ?? false,
    region,
    rootDeviceName: image.RootDeviceName,
    rootDeviceType: image.RootDeviceType,
    rootSnapshotId: root?.Ebs?.SnapshotId ?? "",
    state: image.State,
    tags: tagMap(image.Tags),
    virtualizationType: image.VirtualizationType,
  };
}

/** @type {Kind} */
const strings = { list: "string" };

/** @type {import("../types").Invoke} */
const getAmi = {
  inputs: {
    executableUsers: strings,
    filters: { list: { object: { name: "string", values: strings } } },
    includeDeprecated: "boolean",
    mostRecent: "boolean",
    nameRegex: "string",
    owners: strings,
    region: "string",
    tags: { map: "string" },
  },
  call: (context, args) =>
    attempt("reading EC2 AMIs", async () => {
      const command = new DescribeImagesCommand({
        ExecutableUsers: args.executableUsers,
        Filters: filtersOf(args),
        IncludeDeprecated: args.includeDeprecated,
        Owners: args.owners,
      });
      const { Images = [] } = await context.client("ec2", EC2Client).send(command);
      return { ...args, ...describe(chosen(Images, args), context) };
    }),
};

module.exports = { resources: {}, invokes: { "aws:ec2/getAmi:getAmi": getAmi } };
