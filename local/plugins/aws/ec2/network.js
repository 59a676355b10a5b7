/**
 * aws:ec2/getVpc:getVpc, getSubnet and getSubnets. Source of the filters and texts:
 * terraform-provider-aws, internal/service/ec2/vpc_data_source.go, vpc_subnet_data_source.go and
 * vpc_subnets_data_source.go.
 */
"use strict";

const ec2 = require("@aws-sdk/client-ec2");
const { attempt } = require("../errors.js");
const { tagMap } = require("../sdk.js");
const { filtersOf } = require("./filters.js");

/** @typedef {import("../types").Kind} Kind */

/**
 * Source: internal/tfresource/not_found_error.go, SingularDataSourceFindError.
 *
 * @template T
 * @param {string} what
 * @param {T[]} found
 */
function single(what, found) {
  const [one] = found;
  if (one === undefined) {
    throw new Error(`no matching ${what} found`);
  }
  if (found.length > 1) {
    throw new Error(
      `multiple ${what}s matched; use additional constraints to reduce matches to a single ${what}`,
    );
  }
  return one;
}

/** @type {Kind} */
const filters = { list: { object: { name: "string", values: { list: "string" } } } };
/** @type {Kind} */
const tags = { map: "string" };

/** @type {import("../types").Invoke} */
const getVpc = {
  inputs: {
    cidrBlock: "string",
    default: "boolean",
    dhcpOptionsId: "string",
    filters,
    id: "string",
    region: "string",
    state: "string",
    tags,
  },
  async call(context, args) {
    const client = context.client("ec2", ec2.EC2Client);
    const properties = {
      cidr: args.cidrBlock,
      "dhcp-options-id": args.dhcpOptionsId,
      // "false" isn't asked for: the provider can't tell it from absent.
      isDefault: args.default === true ? "true" : undefined,
      state: args.state,
    };
    const Filters = filtersOf(args, properties);
    const VpcIds = args.id ? [args.id] : undefined;
    const command = new ec2.DescribeVpcsCommand({ Filters, VpcIds });
    const { Vpcs = [] } = await attempt("reading EC2 VPC", client.send(command));
    const vpc = single("EC2 VPC", Vpcs);
    const VpcId = vpc.VpcId ?? "";
    const attribute = (/** @type {import("@aws-sdk/client-ec2").VpcAttributeName} */ name) =>
      client.send(new ec2.DescribeVpcAttributeCommand({ VpcId, Attribute: name }));
    const main = [
      { Name: "association.main", Values: ["true"] },
      { Name: "vpc-id", Values: [VpcId] },
    ];
    const [names, support, tables] = await Promise.all([
      attribute("enableDnsHostnames"),
      attribute("enableDnsSupport"),
      client.send(new ec2.DescribeRouteTablesCommand({ Filters: main })),
    ]);
    const { accountId, partition, region } = context;
    return {
      ...args,
      arn: `arn:${partition}:ec2:${region}:${accountId}:vpc/${VpcId}`,
      cidrBlock: vpc.CidrBlock,
      cidrBlockAssociations: (vpc.CidrBlockAssociationSet ?? []).map((one) => ({
        associationId: one.AssociationId,
        cidrBlock: one.CidrBlock,
        state: one.CidrBlockState?.State ?? "",
      })),
      default: vpc.IsDefault ?? false,
      dhcpOptionsId: vpc.DhcpOptionsId,
      enableDnsHostnames: names.EnableDnsHostnames?.Value ?? false,
      enableDnsSupport: support.EnableDnsSupport?.Value ?? false,
      id: VpcId,
      instanceTenancy: vpc.InstanceTenancy,
      ipv6AssociationId: "",
      ipv6CidrBlock: "",
      mainRouteTableId: tables.RouteTables?.[0]?.RouteTableId ?? "",
      ownerId: vpc.OwnerId,
      region,
      state: vpc.State,
      tags: tagMap(vpc.Tags),
    };
  },
};

/** @param {import("@aws-sdk/client-ec2").Subnet} subnet */
function describe(subnet) {
  const names = subnet.PrivateDnsNameOptionsOnLaunch;
  return {
    arn: subnet.SubnetArn,
    assignIpv6AddressOnCreation: subnet.AssignIpv6AddressOnCreation ?? false,
    availabilityZone: subnet.AvailabilityZone,
    availabilityZoneId: subnet.AvailabilityZoneId,
    availableIpAddressCount: subnet.AvailableIpAddressCount,
    cidrBlock: subnet.CidrBlock,
    customerOwnedIpv4Pool: subnet.CustomerOwnedIpv4Pool ?? "",
    defaultForAz: subnet.DefaultForAz ?? false,
    enableDns64: subnet.EnableDns64 ?? false,
    enableLniAtDeviceIndex: subnet.EnableLniAtDeviceIndex ?? 0,
    enableResourceNameDnsARecordOnLaunch: names?.EnableResourceNameDnsARecord ?? false,
    enableResourceNameDnsAaaaRecordOnLaunch: names?.EnableResourceNameDnsAAAARecord ?? false,
    id: subnet.SubnetId,
    ipv6CidrBlock: "",
    ipv6CidrBlockAssociationId: "",
    ipv6Native: subnet.Ipv6Native ?? false,
    mapCustomerOwnedIpOnLaunch: subnet.MapCustomerOwnedIpOnLaunch ?? false,
    mapPublicIpOnLaunch: subnet.MapPublicIpOnLaunch ?? false,
    outpostArn: subnet.OutpostArn ?? "",
    ownerId: subnet.OwnerId,
    privateDnsHostnameTypeOnLaunch: names?.HostnameType ?? "",
    state: subnet.State,
    tags: tagMap(subnet.Tags),
    vpcId: subnet.VpcId,
  };
}

/** @type {import("../types").Invoke} */
const getSubnet = {
  inputs: {
    availabilityZone: "string",
    availabilityZoneId: "string",
    cidrBlock: "string",
    defaultForAz: "boolean",
    filters,
    id: "string",
    region: "string",
    state: "string",
    tags,
    vpcId: "string",
  },
  async call(context, args) {
    const properties = {
      "availability-zone": args.availabilityZone,
      "availability-zone-id": args.availabilityZoneId,
      "cidr-block": args.cidrBlock,
      "default-for-az": args.defaultForAz === true ? "true" : undefined,
      state: args.state,
      "vpc-id": args.vpcId,
    };
    const command = new ec2.DescribeSubnetsCommand({
      Filters: filtersOf(args, properties),
      SubnetIds: args.id ? [args.id] : undefined,
    });
    const work = context.client("ec2", ec2.EC2Client).send(command);
    const { Subnets = [] } = await attempt("reading EC2 Subnet", work);
    return { ...args, ...describe(single("EC2 Subnet", Subnets)), region: context.region };
  },
};

/** @type {import("../types").Invoke} */
const getSubnets = {
  inputs: { filters, region: "string", tags },
  async call(context, args) {
    const command = new ec2.DescribeSubnetsCommand({ Filters: filtersOf(args) });
    const work = context.client("ec2", ec2.EC2Client).send(command);
    const { Subnets = [] } = await attempt("reading EC2 Subnets", work);
    // None is an empty list, no error.
    return {
      ...args,
      id: context.region,
      ids: Subnets.map(({ SubnetId }) => SubnetId),
      region: context.region,
      tags: args.tags ?? {},
    };
  },
};

module.exports = {
  resources: {},
  invokes: {
    "aws:ec2/getVpc:getVpc": getVpc,
    "aws:ec2/getSubnet:getSubnet": getSubnet,
    "aws:ec2/getSubnets:getSubnets": getSubnets,
  },
};
