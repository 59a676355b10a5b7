import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as ecs from "@pulumi/aws/ecs/index.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws, lookedUp } from "../../aws";
import { besides } from "../../hosting";
import { once } from "../../nodeProgram";
import { announced } from "../../announcement";
import { under } from "../../check";
import { beforeChange, explainFailure, settled } from "../../hooks";
import { type CanonicalArchitecture, spellings, statedArchitecture } from "../../platform";
import { checkedAlone, orElse, shellCommand, withoutNulls } from "../../late";
import { refuse } from "../../refuse";
import { partPath, scopedName, uniqueName } from "../../scope";
import { refuseReadableSecrets } from "../aws/environment";
import {
  logStatements,
  policy,
  pullStatements,
  secretStatements,
  shellStatement,
  taskTrust,
  trust,
} from "../aws/iam";
import { type Balanced, frontOf } from "../aws/loadBalancer";
import { logGroup, logsCommand } from "../aws/logs";
import { networkOf } from "../aws/network";
import { attachPolicies } from "../aws/policyAttachments";
import { recordedTarget, type TargetImage, targetImage } from "../targetImage";
import { warnOfVolumes } from "../volumes";
import { containerDefinitions } from "./containerDefinitions";
import { type EcsArgs, EcsLaunchType, type EcsTargetArgs } from "./ecsArgs";
import { ecsProblems } from "./ecsProblems";
import { fargateSizeWarning } from "./fargateSizes";
import { failedService, rolloutProblem } from "./rollout";
import { log } from "../../log";

export * from "./ecsArgs";
export { ecsProblems } from "./ecsProblems";

const defaults = { cpu: 256, memory: 512 };

/**
 * Runs an image as a service of ECS, on Fargate or on the instances of a cluster of yours. A release that doesn't get healthy is
 * rolled back by ECS, and fails the `up`.
 *
 * @example
 * const worker = new multiarch.EcsTarget("worker", { image: web.image, architecture: "arm64", cpu: 512, memory: 1024 });
 * export const logs = worker.logsCommand;
 */
export class EcsTarget extends pulumi.ComponentResource {
  /** The address of the load balancer; empty without one, for a task's own address changes with each release. */
  public readonly url: pulumi.Output<string>;
  /** The cluster's ARN. */
  public readonly clusterArn: pulumi.Output<string>;
  /** The service's name. */
  public readonly serviceName: pulumi.Output<string>;
  /** The revision that runs, with its number behind the last colon. */
  public readonly taskDefinitionArn: pulumi.Output<string>;
  /** The command that shows the logs. */
  public readonly logsCommand: pulumi.Output<string>;
  /** The command that opens a shell in the first task. It needs AWS's Session Manager plugin; empty unless `executeCommand` is true. */
  public readonly shellCommand: pulumi.Output<string>;

  /** @throws pulumi.RunError with a line for each thing that is wrong with the arguments */
  constructor(name: string, args: EcsTargetArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent);
    refuse(name, ecsProblems(args, ""));
    args = checkedAlone(name, args, opts?.parent, ecsProblems);
    const architecture = statedArchitecture(args)!;
    const recorded = recordedTarget(args, architecture);
    super("multiarch:index:EcsTarget", name, recorded, announced("ecs", name, recorded, opts));
    const path = under(partPath(opts?.parent, "ecs"));
    const unique = uniqueName(name, opts?.parent, "EcsTarget");
    warnOfSize(this, args, path);

    const image = targetImage(this, name, args, architecture);
    warnOfVolumes(this, "ecs", image, opts?.parent, [args.tmpfs]);
    const region = lookedUp(aws.getRegion({}, { parent: this })).region;
    const logs = logGroup(name, args, { parent: this });
    const place: Place = { target: this, name, args, architecture, image, region, logs };
    const roles = makeRoles(place);
    const container = scopedName(name, opts?.parent).replace(/[^A-Za-z0-9_-]/g, "-");
    const family = `${pulumi.getProject()}-${pulumi.getStack()}-${container}`
      .replace(/[^A-Za-z0-9_-]/g, "-")
      .slice(0, 255);
    const fargate = args.launchType !== EcsLaunchType.Ec2;
    const { command, user, tmpfs, capabilities } = args;
    const task = new aws.ecs.TaskDefinition(
      name,
      {
        family,
        requiresCompatibilities: [args.launchType ?? EcsLaunchType.Fargate],
        networkMode: "awsvpc",
        cpu: String(args.cpu ?? defaults.cpu),
        memory: String(args.memory ?? defaults.memory),
        // Fargate takes x86_64 where it isn't told; on instances the placement constraint decides.
        ...(fargate && {
          runtimePlatform: {
            operatingSystemFamily: "LINUX",
            cpuArchitecture: spellings[architecture].ecs,
          },
        }),
        executionRoleArn: roles.execution.arn,
        taskRoleArn: roles.task.arn,
        containerDefinitions: containerDefinitions(place, container),
        tags: args.tags,
      },
      {
        parent: this,
        protect: false, // each release is another revision
        // Revisions cost nothing, and ECS rolls back to the one before: what may still run is not deleted.
        retainOnDelete: true,
        hooks: beforeChange(
          `environment of ECS for ${unique}`,
          refuseReadableSecrets(
            args.environment,
            { command, user, tmpfs, capabilities },
            path,
            path("secrets"),
          ),
        ),
      },
    );
    const showLogs = logsCommand(logs.name, region);
    const cluster = args.clusterArn ?? makeCluster(place);
    const { service, balanced } = makeService(place, {
      ...{ task, cluster, container },
      dependsOn: roles.policies,
      explain: explainFailure(
        `service of ECS for ${unique}`,
        this,
        async (raw, { failedOperation }) =>
          failedOperation !== "delete" && /waiting for|circuit breaker/i.test(raw)
            ? failedService(await settled(showLogs))
            : undefined,
      ),
    });
    // A failed rollout leaves the outputs of the tasks that run.
    const confirmed = confirmRollout(place, task, service, showLogs);
    const released = <T>(value: pulumi.Input<T>) =>
      once(pulumi.all([value, confirmed]).apply(([known]) => known) as pulumi.Output<T>, service);
    this.clusterArn = released(cluster);
    this.serviceName = released(service.name);
    this.taskDefinitionArn = released(task.arn);
    this.url = released(balanced?.url ?? "");
    this.logsCommand = released(showLogs);
    this.shellCommand = released(
      args.executeCommand !== true
        ? ""
        : shellCommand`aws ecs execute-command --region ${region} --cluster ${cluster} --task "$(aws ecs list-tasks --region ${region} --cluster ${cluster} --service-name ${service.name} --query 'taskArns[0]' --output text)" --container ${container} --interactive --command /bin/sh`,
    );
    this.registerOutputs({
      url: this.url,
      clusterArn: this.clusterArn,
      serviceName: this.serviceName,
      taskDefinitionArn: this.taskDefinitionArn,
      logsCommand: this.logsCommand,
      shellCommand: this.shellCommand,
    });
  }
}

function warnOfSize(target: EcsTarget, args: EcsArgs, path: (field: string) => string): void {
  if (args.launchType === EcsLaunchType.Ec2) return;
  const warning = fargateSizeWarning(args.cpu ?? defaults.cpu, args.memory ?? defaults.memory);
  if (warning !== undefined) void log.warn(path(warning), target);
}

/** Where everything is made, and what is known by then. */
interface Place {
  readonly target: EcsTarget;
  readonly name: string;
  readonly args: EcsArgs;
  readonly architecture: CanonicalArchitecture;
  readonly image: TargetImage;
  readonly region: pulumi.Output<string>;
  readonly logs: cloudwatch.LogGroup;
}

interface Roles {
  readonly execution: iam.Role;
  readonly task: iam.Role;
  /** Whoever runs tasks waits for them. */
  readonly policies: pulumi.Resource[];
}

/** The role with which ECS itself starts a task, and the role that the app has. */
function makeRoles({ target, name, args, image, logs }: Place): Roles {
  const opts = { parent: target };
  const role = (suffix: string, assumeRolePolicy: pulumi.Input<string>) =>
    new aws.iam.Role(`${name}-${suffix}`, { assumeRolePolicy, tags: args.tags }, opts);
  const execution = role("execution", trust("ecs-tasks.amazonaws.com"));
  const task = role("task", logs.arn.apply(taskTrust));
  const secrets = pulumi
    .all([...Object.values(args.secrets ?? {}), args.pullSecretArn])
    .apply((arns) => arns.filter((arn) => arn !== undefined));
  const start = new aws.iam.RolePolicy(
    `${name}-execution`,
    {
      role: execution.name,
      policy: pulumi
        .all([image.repositoryArn, logs.arn, secrets])
        .apply(([repository, group, arns]) =>
          policy([
            ...pullStatements(repository),
            ...logStatements(group),
            ...secretStatements(arns),
          ]),
        ),
    },
    opts,
  );
  const policies: pulumi.Resource[] = [start];
  if (args.executeCommand === true) {
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-required-iam-permissions
    const shell = policy([shellStatement]);
    policies.push(
      new aws.iam.RolePolicy(`${name}-shell`, { role: task.name, policy: shell }, opts),
    );
  }
  policies.push(
    ...attachPolicies(`${name}-execution`, execution, args.executionPolicyArns ?? [], opts),
  );
  policies.push(...attachPolicies(`${name}-task`, task, args.policyArns ?? [], opts));
  return { execution, task, policies };
}

function makeCluster({ target, name, args }: Place): pulumi.Output<string> {
  const cluster = new aws.ecs.Cluster(name, { tags: args.tags }, { parent: target });
  if (!args.spot) return cluster.arn;
  const providers = new aws.ecs.ClusterCapacityProviders(
    name,
    { clusterName: cluster.name, capacityProviders: ["FARGATE", "FARGATE_SPOT"] },
    { parent: target },
  );
  return pulumi.all([cluster.arn, providers.id]).apply(([arn]) => arn);
}

function makeService(
  { target, name, args, architecture }: Place,
  given: {
    task: ecs.TaskDefinition;
    cluster: pulumi.Input<string>;
    container: string;
    dependsOn: pulumi.Resource[];
    explain: pulumi.ResourceHookBinding;
  },
): { service: ecs.Service; balanced?: Balanced } {
  const opts = { parent: target };
  const network = networkOf(target, args);
  const port = args.containerPort;
  const machines = { network, port, targetType: "ip", kind: "tasks" } as const;
  const { group, balanced } = frontOf(name, args, machines, opts);
  const fargate = args.launchType !== EcsLaunchType.Ec2;
  const minutes = `${args.steadyStateTimeout ?? 20}m`;
  const service = new aws.ecs.Service(
    // Another resource, for the provider refuses to change the strategy of a service that is there.
    args.spot ? `${name}-spot` : name,
    {
      cluster: given.cluster,
      taskDefinition: given.task.arn,
      desiredCount: orElse(args.desiredCount, 1),
      ...(args.spot
        ? { capacityProviderStrategies: [{ capacityProvider: "FARGATE_SPOT", weight: 1 }] }
        : { launchType: args.launchType ?? EcsLaunchType.Fargate }),
      networkConfiguration: {
        subnets: network.subnetIds,
        securityGroups: [group.id],
        // Only Fargate's tasks can have public addresses.
        assignPublicIp: fargate && (args.assignPublicIp ?? args.vpcId === undefined),
      },
      ...(!fargate && {
        placementConstraints: [
          {
            type: "memberOf",
            expression: `attribute:ecs.cpu-architecture == ${spellings[architecture].ecs.toLowerCase()}`,
          },
        ],
      }),
      ...(balanced && {
        // Or the load balancer's checks would stop what is still starting.
        healthCheckGracePeriodSeconds: args.health?.startPeriod ?? 60,
        loadBalancers: [
          {
            targetGroupArn: balanced.targetGroup.arn,
            containerName: given.container,
            containerPort: port!,
          },
        ],
      }),
      deploymentCircuitBreaker: { enable: true, rollback: true },
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      waitForSteadyState: true,
      enableExecuteCommand: args.executeCommand ?? false,
      propagateTags: "SERVICE",
      tags: args.tags,
    },
    {
      parent: target,
      dependsOn: [...given.dependsOn, ...(balanced?.listeners ?? [])],
      customTimeouts: { create: minutes, update: minutes },
      hooks: given.explain,
    },
  );
  return { service, balanced };
}

/** In `up` only: fails it if ECS runs something else than was requested, which the provider reports as success. */
function confirmRollout(
  { target, name }: Place,
  task: ecs.TaskDefinition,
  service: ecs.Service,
  logs: pulumi.Output<string>,
): pulumi.Output<void> {
  if (pulumi.runtime.isDryRun()) return pulumi.output(undefined);
  const found = aws.ecs.getServiceOutput(
    { serviceName: service.name, clusterArn: service.cluster },
    { parent: target, dependsOn: [service] },
  );
  const looked = pulumi.all([task.arn, found, logs]).apply(([asked, facts, command]) => {
    const problem = rolloutProblem(asked, facts, { logs: command });
    if (problem === undefined) return;
    // Feeds no resource, so it is shown as it is; a stack would be none of the user's business.
    const error = new pulumi.ResourceError(`${name}: ${problem}`, target, true);
    error.stack = error.message;
    throw error;
  });
  besides(looked);
  return looked;
}
