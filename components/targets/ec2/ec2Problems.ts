import { type At, Checker, type Fields, isFields, under } from "../../check";
import { type Problem, show } from "../../errors";
import { type CanonicalArchitecture, parseArchitecture } from "../../platform";
import { environmentProblems } from "../aws/environment";
import { logRetentionProblem } from "../aws/logs";
import { networkProblems } from "../aws/network";
import { policyArnProblems } from "../aws/policyAttachments";
import { reachProblems } from "../aws/reach";
import { hardeningFields, hardeningProblems } from "../hardening";
import { architectureProblem, imageProblem } from "../targetImage";
import { clientNames, containerProblems } from "../host/hostProblems";
import type { Ec2Args } from "./ec2Args";
import { familyArchitecture, familyOf, isMac } from "./instanceTypes";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
export const ec2Fields: Readonly<Record<keyof Ec2Args, true>> = {
  instanceType: true,
  architecture: true,
  instances: true,
  ami: true,
  containerPort: true,
  hostPort: true,
  ingressCidrs: true,
  loadBalancer: true,
  health: true,
  command: true,
  user: true,
  volumes: true,
  memory: true,
  strategy: true,
  release: true,
  stopTimeout: true,
  rootVolumeSize: true,
  elasticIp: true,
  assignPublicIp: true,
  policyArns: true,
  releaseTimeout: true,
  logRetentionDays: true,
  tags: true,
  vpcId: true,
  subnetIds: true,
  environment: true,
  secrets: true,
  ...hardeningFields,
};

/** Undefined where neither the family nor the user tells it, which `ec2Problems` reports. */
export function ec2Architecture(args: Ec2Args): CanonicalArchitecture | undefined {
  const type: unknown = args.instanceType;
  const given: unknown = args.architecture;
  return typeof given === "string"
    ? parseArchitecture(given)
    : typeof type === "string"
      ? familyArchitecture(type)
      : undefined;
}

/** What is wrong with the arguments of an EC2 target. `path` is that of the object in an App, empty for the target alone. */
export function ec2Problems(given: unknown, path: string): Problem[] {
  const check = new Checker();
  const at = under(path);
  const known = [...Object.keys(ec2Fields), ...(path === "" ? ["image", "ref"] : [])];
  const args: unknown = given ?? null;
  if (!check.fields(args, path, known)) return check.problems;
  if (path === "") imageProblem(check, args);
  checkType(check, args, at);
  reachProblems(check, args, at);
  checkInstances(check, args, at);
  checkContainer(check, args, path, at);
  hardeningProblems(check, args, at);
  environmentProblems(check, args, at);
  for (const name of Object.keys(isFields(args.secrets) ? args.secrets : {})) {
    if (!clientNames.test(name)) continue;
    check.add(
      at(`secrets.${name}`),
      "is a name that the engine's own client on the instance reads",
      "use another name",
    );
  }
  networkProblems(check, args, at);
  policyArnProblems(check, args.policyArns, at("policyArns"));
  logRetentionProblem(check, args.logRetentionDays, at("logRetentionDays"));
  check.textMap(args.tags, at("tags"), `{ team: "web" }`);
  return check.problems;
}

function checkType(check: Checker, args: Fields, at: At): void {
  const { instanceType: type, architecture } = args;
  const field = at("instanceType");
  if (!check.present(type, field, `write for example "t4g.small"`)) return;
  if (!check.plain(type, field)) return;
  if (typeof type !== "string" || familyOf(type) === undefined) {
    check.add(field, `${show(type)} is no instance type`, `write family.size, such as "t4g.small"`);
    return;
  }
  if (isMac(type)) {
    check.add(field, `${type} runs macOS, which runs no containers of Linux`, "choose another");
    return;
  }
  if (!check.plain(architecture, at("architecture"))) {
    if (familyArchitecture(type) === undefined && architecture === undefined)
      check.add(
        at("architecture"),
        `is missing, and ${familyOf(type)} is no family that multiarch knows`,
        `write "x86_64" or "arm64", as AWS lists it for ${type}; it is confirmed before anything is made`,
      );
    return;
  }
  const parsed = parseArchitecture(architecture);
  const expected = familyArchitecture(type);
  const fix = expected && `remove it, or write "${expected}"`;
  architectureProblem(check, architecture, at("architecture"), "EC2", fix);
  if (parsed !== undefined && expected !== undefined && parsed !== expected) {
    check.add(
      at("architecture"),
      `is ${parsed}, but ${field} ${type} is ${expected}`,
      "leave it out, or change one of the two",
    );
  }
}

function checkInstances(check: Checker, args: Fields, at: At): void {
  // As many as one association names.
  check.plainWhole(args.instances, at("instances"), 1, 50, "instances");
  check.plainWhole(args.hostPort, at("hostPort"), 1, 65_535, "a TCP port");
  check.plainWhole(args.rootVolumeSize, at("rootVolumeSize"), 8, 16_384, "GiB");
  check.plainWhole(args.releaseTimeout, at("releaseTimeout"), 1, 360, "minutes");
  check.text(args.ami, at("ami"), `"ami-0123456789abcdef0"`);
  check.flag(args.elasticIp, at("elasticIp"));
  check.flag(args.assignPublicIp, at("assignPublicIp"));
  const several = typeof args.instances === "number" && args.instances > 1;
  if (several && args.ingressCidrs !== undefined && args.loadBalancer === undefined)
    check.add(
      at("instances"),
      `is ${show(args.instances)}, and callers would have to know each instance's address`,
      `put ${at("loadBalancer")} in front, or run one`,
    );
  if (args.elasticIp === true && (several || args.loadBalancer !== undefined))
    check.add(
      at("elasticIp"),
      "is for one instance without a load balancer",
      "leave it out: the load balancer has the address",
    );
  else if (args.elasticIp === true && args.containerPort === undefined)
    check.add(at("elasticIp"), "needs a port to be reached on", `add ${at("containerPort")}`);
  if (args.hostPort !== undefined && args.containerPort === undefined)
    check.add(at("hostPort"), `needs ${at("containerPort")}`, "add it, or leave this one out");
}

/** What the container's fields share with those of the host target. */
function checkContainer(check: Checker, args: Fields, path: string, at: At): void {
  const { health, command, user, volumes, memory, strategy, release, stopTimeout } = args;
  const port = args.containerPort;
  const container = { command, user, volumes, memory, strategy, release, stopTimeout };
  if (isFields(health) && health.path !== undefined && port === undefined) {
    check.add(
      at("health.path"),
      "needs a port to ask on, and there is none",
      `write ${at("containerPort")}, or give a health command`,
    );
    containerProblems(check, container, path);
    return;
  }
  const good = typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536;
  const ports = good ? [{ container: port }] : [];
  containerProblems(check, { ...container, health, ports }, path);
}
