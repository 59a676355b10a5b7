import type * as pulumi from "@pulumi/pulumi";
import type { Architecture } from "../../platform";
import type { AwsEnvironmentArgs } from "../aws/environment";
import type { LoadBalancerArgs } from "../aws/loadBalancerArgs";
import type { NetworkArgs } from "../aws/network";
import type { HardeningArgs } from "../hardening";
import type { TargetImageArgs } from "../targetImage";

/** What the tasks run on. */
export const EcsLaunchType = {
  /** Machines of AWS's own, of the stated architecture. */
  Fargate: "FARGATE",
  /** The instances of a cluster of yours (`clusterArn`). */
  Ec2: "EC2",
} as const;
export type EcsLaunchType = (typeof EcsLaunchType)[keyof typeof EcsLaunchType];

/**
 * A command that ECS runs in the container to tell whether it is healthy
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html).
 */
export interface EcsHealthArgs {
  /** Run without a shell; exit code 0 is healthy. What it calls must be in the image. */
  command: string[];
  /**
   * Seconds between two checks, 5 to 300.
   * @default 10
   */
  interval?: number;
  /**
   * Seconds that one check may take, 2 to 60.
   * @default 5
   */
  timeout?: number;
  /**
   * Failures in a row after which the container is unhealthy, 1 to 10.
   * @default 3
   */
  retries?: number;
  /**
   * Seconds after the start in which failures don't count, 0 to 300; for a load balancer's checks too.
   * @default 10, and 60 for a load balancer's
   */
  startPeriod?: number;
}

/** How a service of ECS runs the image. */
export interface EcsArgs extends NetworkArgs, AwsEnvironmentArgs, HardeningArgs {
  /**
   * The architecture of the machines. Plain: it decides which platform is built. A change is a new deployment: the tasks of the old
   * architecture stop when those of the new one are healthy.
   * @default "x86_64"
   */
  architecture?: Architecture;
  /**
   * What the tasks run on. A change replaces the service.
   * @default "FARGATE"
   */
  launchType?: EcsLaunchType;
  /**
   * Run on spare capacity of Fargate, which is cheaper and is taken away with two minutes' notice. A change replaces the service.
   * @default false
   */
  spot?: boolean;
  /**
   * The cluster. Needed with the launch type EC2.
   * @default a cluster of its own
   */
  clusterArn?: pulumi.Input<string>;
  /**
   * CPU units of a task; 1024 are one processor.
   * @default 256
   */
  cpu?: number;
  /**
   * Memory of a task in MiB. Fargate takes certain pairs with `cpu` only
   * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size).
   * @default 512
   */
  memory?: number;
  /**
   * How many tasks run.
   * @default 1
   */
  desiredCount?: pulumi.Input<number>;
  /** The port that the app listens on. Needs `ingressCidrs` or `loadBalancer`, or nobody could reach it. */
  containerPort?: number;
  /** Blocks of addresses that may reach the port of each task directly. */
  ingressCidrs?: pulumi.Input<string>[];
  /** A load balancer in front of the tasks; it alone reaches them. */
  loadBalancer?: LoadBalancerArgs;
  /** How ECS tells whether a container is healthy, besides that it runs and what the load balancer says. */
  health?: EcsHealthArgs;
  /**
   * The command, in place of the image's own (`CMD`); the entry point stays.
   * @default the image's
   */
  command?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The user that the program runs as.
   * @default the image's
   */
  user?: pulumi.Input<string>;
  /**
   * Whether tasks get public addresses. In a subnet without a NAT gateway they need one to pull the image.
   * @default true in the default VPC, else false
   */
  assignPublicIp?: boolean;
  /**
   * Turns on ECS Exec, so that `aws ecs execute-command` can open a shell in a task. The task's role then gets the right to use SSM's
   * message channels. Can't be combined with `readOnlyRootFilesystem`
   * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html).
   * @default false
   */
  executeCommand?: boolean;
  /** ARNs of policies for the role that the app itself has. */
  policyArns?: pulumi.Input<string>[];
  /**
   * ARNs of further policies for the role with which ECS starts a task, such as one for `kms:Decrypt` where `secrets` have a key of
   * yours.
   */
  executionPolicyArns?: pulumi.Input<string>[];
  /**
   * ARN of a secret in Secrets Manager with `username` and `password` of a private registry other than ECR
   * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html).
   * @default none: the registry is ECR, or public
   */
  pullSecretArn?: pulumi.Input<string>;
  /**
   * Days that the logs stay.
   * @default 30
   */
  logRetentionDays?: number;
  /**
   * Minutes that `up` waits for the tasks to run and to be healthy.
   * @default 20
   */
  steadyStateTimeout?: number;
  /** AWS tags of everything that takes some. */
  tags?: Record<string, pulumi.Input<string>>;
}

/** Arguments of `EcsTarget`. */
export interface EcsTargetArgs extends EcsArgs, TargetImageArgs {}
