/**
 * aws:ec2/getInstanceType:getInstanceType. Source of names and of the text for an unknown type:
 * terraform-provider-aws, internal/service/ec2/ec2_instance_type_data_source.go.
 */
"use strict";

const { attempt } = require("../errors.js");
const { findInstanceType } = require("./architecture.js");

/** @typedef {import("@aws-sdk/client-ec2").InstanceTypeInfo} Info */

/** What hardware the type has besides processors. @param {Info} info */
function devicesOf({ FpgaInfo, GpuInfo, InferenceAcceleratorInfo, InstanceStorageInfo }) {
  return {
    fpgas: (FpgaInfo?.Fpgas ?? []).map((fpga) => ({
      count: fpga.Count,
      manufacturer: fpga.Manufacturer,
      memorySize: fpga.MemoryInfo?.SizeInMiB,
      name: fpga.Name,
    })),
    gpuses: (GpuInfo?.Gpus ?? []).map((gpu) => ({
      count: gpu.Count,
      manufacturer: gpu.Manufacturer,
      memorySize: gpu.MemoryInfo?.SizeInMiB,
      name: gpu.Name,
    })),
    inferenceAccelerators: (InferenceAcceleratorInfo?.Accelerators ?? []).map((one) => ({
      count: one.Count,
      manufacturer: one.Manufacturer,
      memorySize: one.MemoryInfo?.SizeInMiB,
      name: one.Name,
    })),
    instanceDisks: (InstanceStorageInfo?.Disks ?? []).map((disk) => ({
      count: disk.Count,
      size: disk.SizeInGB,
      type: disk.Type,
    })),
    totalFpgaMemory: FpgaInfo?.TotalFpgaMemoryInMiB ?? 0,
    totalGpuMemory: GpuInfo?.TotalGpuMemoryInMiB ?? 0,
    totalInstanceStorage: InstanceStorageInfo?.TotalSizeInGB ?? 0,
  };
}

/** @param {Info} info */
function networkOf({ NetworkInfo: network, EbsInfo: ebs }) {
  const optimized = ebs?.EbsOptimizedInfo;
  return {
    defaultNetworkCardIndex: network?.DefaultNetworkCardIndex ?? 0,
    ebsEncryptionSupport: ebs?.EncryptionSupport,
    ebsNvmeSupport: ebs?.NvmeSupport,
    ebsOptimizedSupport: ebs?.EbsOptimizedSupport,
    ebsPerformanceBaselineBandwidth: optimized?.BaselineBandwidthInMbps ?? 0,
    ebsPerformanceBaselineIops: optimized?.BaselineIops ?? 0,
    ebsPerformanceBaselineThroughput: optimized?.BaselineThroughputInMBps ?? 0,
    ebsPerformanceMaximumBandwidth: optimized?.MaximumBandwidthInMbps ?? 0,
    ebsPerformanceMaximumIops: optimized?.MaximumIops ?? 0,
    ebsPerformanceMaximumThroughput: optimized?.MaximumThroughputInMBps ?? 0,
    efaMaximumInterfaces: network?.EfaInfo?.MaximumEfaInterfaces ?? 0,
    efaSupported: network?.EfaSupported ?? false,
    enaSrdSupported: network?.EnaSrdSupported ?? false,
    enaSupport: network?.EnaSupport,
    encryptionInTransitSupported: network?.EncryptionInTransitSupported ?? false,
    ipv6Supported: network?.Ipv6Supported ?? false,
    maximumIpv4AddressesPerInterface: network?.Ipv4AddressesPerInterface ?? 0,
    maximumIpv6AddressesPerInterface: network?.Ipv6AddressesPerInterface ?? 0,
    maximumNetworkCards: network?.MaximumNetworkCards ?? 0,
    maximumNetworkInterfaces: network?.MaximumNetworkInterfaces ?? 0,
    networkPerformance: network?.NetworkPerformance,
  };
}

/** @param {Info} info */
function processorsOf({ ProcessorInfo: processor, VCpuInfo: cpus, MemoryInfo: memory }) {
  return {
    defaultCores: cpus?.DefaultCores ?? 0,
    defaultThreadsPerCore: cpus?.DefaultThreadsPerCore ?? 0,
    defaultVcpus: cpus?.DefaultVCpus ?? 0,
    memorySize: memory?.SizeInMiB ?? 0,
    supportedArchitectures: processor?.SupportedArchitectures ?? [],
    supportedCpuFeatures: processor?.SupportedFeatures ?? [],
    sustainedClockSpeed: processor?.SustainedClockSpeedInGhz ?? 0,
    validCores: cpus?.ValidCores ?? [],
    validThreadsPerCores: cpus?.ValidThreadsPerCore ?? [],
  };
}

/** @type {import("../types").Invoke} */
const getInstanceType = {
  inputs: { instanceType: "string", region: "string" },
  required: ["instanceType"],
  call: (context, { instanceType }) =>
    attempt(`reading EC2 Instance Type (${instanceType})`, async () => {
      const info = await findInstanceType(context, instanceType);
      if (info === undefined) {
        const text = `The following supplied instance types do not exist: [${instanceType}]`;
        throw Object.assign(new Error(text), { name: "InvalidInstanceType", $metadata: {} });
      }
      return {
        autoRecoverySupported: info.AutoRecoverySupported ?? false,
        bareMetal: info.BareMetal ?? false,
        bootModes: info.SupportedBootModes ?? [],
        burstablePerformanceSupported: info.BurstablePerformanceSupported ?? false,
        currentGeneration: info.CurrentGeneration ?? false,
        dedicatedHostsSupported: info.DedicatedHostsSupported ?? false,
        freeTierEligible: info.FreeTierEligible ?? false,
        hibernationSupported: info.HibernationSupported ?? false,
        hypervisor: info.Hypervisor ?? "",
        id: instanceType,
        instanceStorageSupported: info.InstanceStorageSupported ?? false,
        instanceType,
        nitroEnclavesSupport: info.NitroEnclavesSupport,
        nitroTpmSupport: info.NitroTpmSupport,
        nitroTpmSupportedVersions: info.NitroTpmInfo?.SupportedVersions ?? [],
        phcSupport: info.PhcSupport,
        region: context.region,
        supportedPlacementStrategies: info.PlacementGroupInfo?.SupportedStrategies ?? [],
        supportedRootDeviceTypes: info.SupportedRootDeviceTypes ?? [],
        supportedUsagesClasses: info.SupportedUsageClasses ?? [],
        supportedVirtualizationTypes: info.SupportedVirtualizationTypes ?? [],
        ...processorsOf(info),
        ...networkOf(info),
        ...devicesOf(info),
      };
    }),
};

module.exports = {
  resources: {},
  invokes: { "aws:ec2/getInstanceType:getInstanceType": getInstanceType },
};
