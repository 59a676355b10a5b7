import { type At, Checker, type Fields, isFields, isLater, under } from "../../check";
import { type Problem, show } from "../../errors";
import { environmentProblems, secretArn } from "../aws/environment";
import { logRetentionProblem } from "../aws/logs";
import { networkProblems } from "../aws/network";
import { policyArnProblems } from "../aws/policyAttachments";
import { reachProblems } from "../aws/reach";
import { hardeningFields, hardeningProblems } from "../hardening";
import { architectureProblem, imageProblem } from "../targetImage";
import { type EcsArgs, EcsLaunchType } from "./ecsArgs";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
const ecsFields: Readonly<Record<keyof EcsArgs, true>> = {
  architecture: true,
  launchType: true,
  spot: true,
  clusterArn: true,
  cpu: true,
  memory: true,
  desiredCount: true,
  containerPort: true,
  ingressCidrs: true,
  loadBalancer: true,
  health: true,
  command: true,
  user: true,
  assignPublicIp: true,
  executeCommand: true,
  policyArns: true,
  executionPolicyArns: true,
  pullSecretArn: true,
  logRetentionDays: true,
  steadyStateTimeout: true,
  tags: true,
  vpcId: true,
  subnetIds: true,
  environment: true,
  secrets: true,
  ...hardeningFields,
};

/** What is wrong with the arguments of an ECS target. `path` is that of the object in an App, empty for the target alone. */
export function ecsProblems(given: unknown, path: string): Problem[] {
  const check = new Checker();
  const at = under(path);
  const known = [...Object.keys(ecsFields), ...(path === "" ? ["image", "ref"] : [])];
  const args: unknown = given ?? null;
  if (!check.fields(args, path, known)) return check.problems;
  if (path === "") imageProblem(check, args);
  checkMachine(check, args, at);
  reachProblems(check, args, at);
  checkContainer(check, args, at);
  checkHardening(check, args, at);
  environmentProblems(check, args, at);
  networkProblems(check, args, at);
  logRetentionProblem(check, args.logRetentionDays, at("logRetentionDays"));
  check.textMap(args.tags, at("tags"), `{ team: "web" }`);
  return check.problems;
}

function checkMachine(check: Checker, args: Fields, at: At): void {
  const { architecture, launchType, spot } = args;
  architectureProblem(check, architecture, at("architecture"), "ECS");
  check.oneOf(launchType, at("launchType"), Object.values(EcsLaunchType));
  check.flag(spot, at("spot"));
  const cluster = `"arn:aws:ecs:…:cluster/…"`;
  if (
    check.text(args.clusterArn, at("clusterArn"), cluster) &&
    !/^(arn:\S+:cluster\/)?[A-Za-z0-9_][\w-]*$/.test(args.clusterArn)
  )
    check.add(
      at("clusterArn"),
      `${show(args.clusterArn)} is not the ARN of a cluster`,
      `use ${cluster}`,
    );
  if (launchType === EcsLaunchType.Ec2) {
    if (args.clusterArn === undefined)
      check.add(
        at("clusterArn"),
        "is missing, and the launch type EC2 runs on a cluster's instances",
        "write the cluster's ARN",
      );
    if (spot === true)
      check.add(at("spot"), "is for Fargate", `remove it, or set ${at("launchType")} to "FARGATE"`);
  }
  check.plainWhole(args.cpu, at("cpu"), 128, 196_608, "CPU units");
  check.plainWhole(args.memory, at("memory"), 6, 1_048_576, "MiB");
  check.plainWhole(args.steadyStateTimeout, at("steadyStateTimeout"), 1, 360, "minutes");
  check.whole(args.desiredCount, at("desiredCount"), 0, 5000, "tasks");
}

function checkContainer(check: Checker, args: Fields, at: At): void {
  check.flag(args.assignPublicIp, at("assignPublicIp"));
  check.flag(args.executeCommand, at("executeCommand"));
  check.text(args.user, at("user"), `"1000"`);
  if (args.command !== undefined && !isLater(args.command)) {
    if (check.list(args.command, at("command"), `["serve"]`))
      args.command.forEach((word, index) =>
        check.text(word ?? null, at(`command[${index}]`), `"serve"`),
      );
  }
  policyArnProblems(check, args.policyArns, at("policyArns"));
  policyArnProblems(check, args.executionPolicyArns, at("executionPolicyArns"));
  const secret = args.pullSecretArn;
  const example = `"arn:aws:secretsmanager:region:account:secret:…"`;
  if (
    check.text(secret, at("pullSecretArn"), example) &&
    !(secretArn.test(secret) && secret.includes(":secret:"))
  )
    check.add(at("pullSecretArn"), "is no ARN of a secret in Secrets Manager", `write ${example}`);
  checkHealth(check, args.health, at);
}

/** What ECS, or Fargate, does not support (see the sources in `HardeningArgs`). */
function checkHardening(check: Checker, args: Fields, at: At): void {
  hardeningProblems(check, args, at);
  if (args.pidsLimit !== undefined)
    check.add(
      at("pidsLimit"),
      "is not supported by ECS: a task definition has no process limit",
      "remove it; on your own instances, set ECS_TASK_PIDS_LIMIT of the ECS agent",
    );
  if (args.executeCommand === true && args.readOnlyRootFilesystem === true)
    check.add(
      at("executeCommand"),
      `can't be combined with ${at("readOnlyRootFilesystem")}: ECS Exec writes to the root file system`,
      "remove one of them",
    );
  if (args.launchType === EcsLaunchType.Ec2) return;
  const fix = `remove it, or set ${at("launchType")} to "EC2"`;
  if (args.noNewPrivileges === true)
    check.add(at("noNewPrivileges"), "is not supported on Fargate", fix);
  const added = isFields(args.capabilities) ? args.capabilities.add : undefined;
  (Array.isArray(added) ? added : []).forEach((name: unknown, index) => {
    if (isLater(name) || name === "SYS_PTRACE") return;
    const what = `${show(name)} can't be added on Fargate, which supports SYS_PTRACE only`;
    check.add(at(`capabilities.add[${index}]`), what, fix);
  });
}

function checkHealth(check: Checker, health: unknown, at: At): void {
  if (isFields(health) && health.path !== undefined) {
    check.add(
      at("health.path"),
      "is asked by nobody: ECS itself runs commands",
      `write ${at("loadBalancer.healthPath")}, or a command that asks: ["wget", "-qO-", "http://127.0.0.1:8080/health"]`,
    );
    return;
  }
  const fields = ["command", "interval", "timeout", "retries", "startPeriod"];
  if (!check.fields(health, at("health"), fields)) return;
  if (!Array.isArray(health.command) || health.command.length === 0) {
    check.add(
      at("health.command"),
      `must be a list that isn't empty, got ${show(health.command)}`,
      `write ["/healthy"]`,
    );
  } else {
    check.texts(health.command, at("health.command"), `"/healthy"`);
  }
  check.plainWhole(health.interval, at("health.interval"), 5, 300, "seconds");
  check.plainWhole(health.timeout, at("health.timeout"), 2, 60, "seconds");
  check.plainWhole(health.retries, at("health.retries"), 1, 10, "failures");
  check.plainWhole(health.startPeriod, at("health.startPeriod"), 0, 300, "seconds");
}
