/** What ECS refuses of a task definition and its emulator takes, and which definitions mean the same. */
"use strict";

const { refusal } = require("../sdk.js");

/** Numbers from one to another. @param {number} from @param {number} to @param {number} step */
const range = (from, to, step) =>
  Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step);

/**
 * Developer guide, "Task size": what memory (MiB) Fargate has for which CPU units.
 *
 * @type {Record<number, number[]>}
 */
const FARGATE = {
  256: [512, 1024, 2048],
  512: range(1024, 4096, 1024),
  1024: range(2048, 8192, 1024),
  2048: range(4096, 16384, 1024),
  4096: range(8192, 30720, 1024),
  8192: range(16384, 61440, 4096),
  16384: range(32768, 122880, 8192),
};

/** `1024`, `1 vCPU`, `2GB`. @param {string} text @param {RegExp} unit */
function amount(text, unit) {
  const [, number = "", suffix] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  return suffix && unit.test(suffix) ? Number(number) * 1024 : Number(number);
}

/** @param {string} message */
const invalid = (message) => refusal("ClientException", message);

/**
 * @param {any} inputs
 * @param {any[]} containers
 * @param {string} registry the host of ECR's images
 */
function checkTask(inputs, containers, registry) {
  const { cpu, memory, networkMode, executionRoleArn, family } = inputs;
  if (!/^[\w-]{1,255}$/.test(family)) {
    throw invalid(
      "Family contains invalid characters: letters, numbers, underscores and hyphens are allowed, and at most 255.",
    );
  }
  const names = containers.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw invalid(`Container names must be unique: ${twice}.`);
  if (!containers.some(({ essential = true }) => essential)) {
    throw invalid("At least one essential container must be specified.");
  }
  if (!inputs.requiresCompatibilities?.includes("FARGATE")) {
    if (!memory && containers.some((one) => !one.memory && !one.memoryReservation)) {
      throw invalid(
        "Invalid setting for container. At least one of 'memory' or 'memoryReservation' must be specified.",
      );
    }
    return;
  }
  if (networkMode !== "awsvpc") throw invalid("Fargate only supports network mode 'awsvpc'.");
  for (const [name, value] of [
    ["cpu", cpu],
    ["memory", memory],
  ]) {
    if (!value) throw invalid(`Fargate requires that '${name}' be defined at the task level.`);
  }
  const [units, size] = [amount(cpu, /^vcpu$/i), amount(memory, /^gb$/i)];
  if (!FARGATE[units]?.includes(size)) {
    throw invalid(
      `No Fargate configuration exists for given values: ${units} CPU, ${size} memory. See the AWS documentation for further information.`,
    );
  }
  for (const { dockerSecurityOptions, linuxParameters } of containers) {
    if (dockerSecurityOptions?.length) {
      throw invalid("Fargate compatible task definitions do not support dockerSecurityOptions");
    }
    // Developer guide, "Linux parameters".
    const added = linuxParameters?.capabilities?.add ?? [];
    if (added.some((/** @type {string} */ one) => one !== "SYS_PTRACE")) {
      throw invalid("Fargate compatible task definitions only support adding SYS_PTRACE");
    }
  }
  if (executionRoleArn) return;
  if (containers.some(({ image }) => String(image).startsWith(`${registry}/`))) {
    throw invalid(
      "Fargate requires task definition to have execution role ARN to support ECR images.",
    );
  }
  if (containers.some(({ logConfiguration: log }) => log?.logDriver === "awslogs")) {
    throw invalid(
      "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    );
  }
}

/**
 * Container definitions in the form that all equivalent ones have (container_definitions.go, `reduce`): what
 * says a default is left out, and what has no order is sorted.
 *
 * @param {string} text
 */
function reduced(text) {
  const sorted = (/** @type {any[]} */ list) =>
    [...list].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const ports = (/** @type {any[]} */ list) =>
    list.map((/** @type {any} */ { hostPort, protocol, ...rest }) => ({
      ...rest,
      ...(hostPort ? { hostPort } : {}),
      ...(protocol && protocol !== "tcp" ? { protocol } : {}),
    }));
  return JSON.parse(text).map((/** @type {any} */ definition) => {
    const { cpu = 0, essential = true, environment, secrets, portMappings, ...rest } = definition;
    const all = {
      ...rest,
      ...(cpu === 0 ? {} : { cpu }),
      ...(essential ? {} : { essential }),
      ...(environment && { environment: sorted(environment) }),
      ...(secrets && { secrets: sorted(secrets) }),
      ...(portMappings && { portMappings: ports(portMappings) }),
    };
    const said = Object.entries(all).filter(
      ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
    );
    return Object.fromEntries(said);
  });
}

/**
 * What the official provider can't read as container definitions (task_definition.go,
 * `expandContainerDefinitions`): Go reads JSON into structs, so that a number is no string.
 *
 * @param {string | undefined} text
 * @returns {string | undefined}
 */
function definitionProblem(text) {
  if (text === undefined) return undefined;
  const list = JSON.parse(text);
  const wrong = "ECS Task Definition container_definitions is invalid: ";
  if (!Array.isArray(list)) return `${wrong}json: cannot unmarshal object into Go value`;
  for (const definition of list) {
    const { name, image, environment = [], secrets = [], command = [] } = definition;
    const { readonlyRootFilesystem, dockerSecurityOptions = [], linuxParameters = {} } = definition;
    const { initProcessEnabled, capabilities = {}, tmpfs = [] } = linuxParameters;
    for (const [what, value] of Object.entries({ readonlyRootFilesystem, initProcessEnabled })) {
      if (value !== undefined && value !== null && typeof value !== "boolean") {
        return `${wrong}json: cannot unmarshal ${typeof value} into Go struct field ${what} of type bool`;
      }
    }
    const sizes = tmpfs.map((/** @type {any} */ { size }) => size);
    if (!sizes.every(Number.isInteger)) {
      return `${wrong}json: cannot unmarshal ${typeof sizes[0]} into Go struct field Tmpfs.Size of type int32`;
    }
    for (const [what, value] of Object.entries({ name, image })) {
      if (value !== undefined && typeof value !== "string") {
        return `${wrong}json: cannot unmarshal ${typeof value} into Go struct field ContainerDefinition.${what} of type string`;
      }
    }
    const texts = [
      ...environment.map((/** @type {any} */ { value }) => ["Environment.Value", value]),
      ...secrets.map((/** @type {any} */ { valueFrom }) => ["Secrets.ValueFrom", valueFrom]),
      ...command.map((/** @type {any} */ value) => ["Command", value]),
      ...[...dockerSecurityOptions, ...(capabilities.add ?? []), ...(capabilities.drop ?? [])].map(
        (value) => ["Security", value],
      ),
      ...tmpfs.map((/** @type {any} */ { containerPath }) => [
        "Tmpfs.ContainerPath",
        containerPath,
      ]),
    ];
    const bad = texts.find(([, value]) => value !== undefined && typeof value !== "string");
    if (bad) {
      return `${wrong}json: cannot unmarshal ${typeof bad[1]} into Go struct field ${bad[0]} of type string`;
    }
  }
  return undefined;
}

module.exports = { checkTask, definitionProblem, reduced };
