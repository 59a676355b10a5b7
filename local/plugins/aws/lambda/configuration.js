/** A function's code and configuration: what has changed of them, and how Lambda takes them. */
"use strict";

const { changed, differs } = require("../sdk.js");

/** Their change is a new code. */
const CODE = ["architectures", "imageUri"];
/** Their change is a new configuration. */
const CONFIGURATION = [
  "deadLetterConfig",
  "description",
  "environment",
  "ephemeralStorage",
  "imageConfig",
  "kmsKeyArn",
  "loggingConfig",
  "memorySize",
  "role",
  "timeout",
  "tracingConfig",
  "vpcConfig",
];

/** What AWS fills in: left out, it stays as it is. */
const COMPUTED = ["architectures", "ephemeralStorage", "loggingConfig", "tracingConfig"];
const DEFAULTS = { memorySize: 128, timeout: 3 };

/**
 * Whether one of the properties is another than in the state.
 *
 * @param {any} olds
 * @param {any} news
 * @param {string[]} names
 */
function isChanged(olds, news, names) {
  const [before, after] = [olds, news].map((one) => ({ ...DEFAULTS, ...one }));
  return names.some((name) =>
    COMPUTED.includes(name)
      ? differs(before[name], after[name])
      : changed(before, after, name).length > 0,
  );
}

/** @param {any} inputs */
function configurationOf(inputs) {
  const { environment, ephemeralStorage, imageConfig, loggingConfig, tracingConfig } = inputs;
  return {
    DeadLetterConfig: inputs.deadLetterConfig && { TargetArn: inputs.deadLetterConfig.targetArn },
    Description: inputs.description ?? "",
    Environment: { Variables: environment?.variables ?? {} },
    EphemeralStorage: ephemeralStorage && { Size: ephemeralStorage.size },
    // An empty one takes back what the image says.
    ImageConfig: {
      Command: imageConfig?.commands,
      EntryPoint: imageConfig?.entryPoints,
      WorkingDirectory: imageConfig?.workingDirectory,
    },
    KMSKeyArn: inputs.kmsKeyArn,
    LoggingConfig: loggingConfig && {
      ApplicationLogLevel: loggingConfig.applicationLogLevel,
      LogFormat: loggingConfig.logFormat,
      LogGroup: loggingConfig.logGroup,
      SystemLogLevel: loggingConfig.systemLogLevel,
    },
    MemorySize: inputs.memorySize ?? DEFAULTS.memorySize,
    Role: inputs.role,
    Timeout: inputs.timeout ?? DEFAULTS.timeout,
    TracingConfig: tracingConfig && { Mode: tracingConfig.mode },
    VpcConfig: inputs.vpcConfig && {
      Ipv6AllowedForDualStack: inputs.vpcConfig.ipv6AllowedForDualStack,
      SecurityGroupIds: inputs.vpcConfig.securityGroupIds,
      SubnetIds: inputs.vpcConfig.subnetIds,
    },
  };
}

module.exports = { CODE, CONFIGURATION, DEFAULTS, configurationOf, isChanged };
