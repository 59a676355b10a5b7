import type * as pulumi from "@pulumi/pulumi";
import type { Architecture } from "../../platform";
import type { AwsEnvironmentArgs } from "../aws/environment";
import type { LoadBalancerArgs } from "../aws/loadBalancerArgs";
import type { NetworkArgs } from "../aws/network";
import type {
  HostHealthArgs,
  HostReleaseArgs,
  HostStrategy,
  HostVolumeArgs,
} from "../host/hostArgs";
import type { HardeningArgs } from "../hardening";
import type { TargetImageArgs } from "../targetImage";

/** How instances of EC2 run the image as a container. */
export interface Ec2Args extends NetworkArgs, AwsEnvironmentArgs, HardeningArgs {
  /**
   * The instance type, such as `t4g.small`. Plain: its architecture decides which platform is built, and is confirmed with AWS
   * before an instance is made or changed. Another type of the same architecture is set in place (the instance stops for a minute or
   * two); one of another architecture replaces the instance.
   */
  instanceType: string;
  /**
   * The architecture, where `instanceType` is of a family that multiarch doesn't know.
   * @default what the instance type's family has
   */
  architecture?: Architecture;
  /**
   * How many instances. Several need a `loadBalancer`, or no port.
   * @default 1
   */
  instances?: number;
  /**
   * The AMI, whose architecture must be the instance type's. It must have SSM's agent and AWS's CLI, and Docker or `dnf` to install it.
   * A changed one replaces the instances.
   * @default Amazon Linux 2023, the newest when an instance is made; a newer one replaces none
   */
  ami?: pulumi.Input<string>;
  /** The port that the app listens on. Needs `ingressCidrs` or `loadBalancer`, or nobody could reach it. */
  containerPort?: number;
  /**
   * The port of the instance that it is reached on.
   * @default 80; behind a load balancer the same as `containerPort`
   */
  hostPort?: number;
  /** Blocks of addresses that may reach the port of the instance. */
  ingressCidrs?: pulumi.Input<string>[];
  /** A load balancer in front of the instances; it alone reaches them. */
  loadBalancer?: LoadBalancerArgs;
  /** When a release counts as healthy. Asked on the instance itself, before the switch and after it. */
  health?: HostHealthArgs;
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
   * Volumes and folders of the instance. They go with it when it is replaced.
   * @default none
   */
  volumes?: HostVolumeArgs[];
  /**
   * The most memory the container may use, in MiB.
   * @default no limit
   */
  memory?: pulumi.Input<number>;
  /**
   * How a new release takes over.
   * @default "swap"
   */
  strategy?: pulumi.Input<HostStrategy>;
  /** A command that prepares a release. It runs on every instance, and so must bear being run several times. */
  release?: HostReleaseArgs;
  /**
   * Seconds between SIGTERM and SIGKILL when a release is stopped.
   * @default 10
   */
  stopTimeout?: pulumi.Input<number>;
  /**
   * Size of the root volume in GiB, which is encrypted. A larger one is set in place.
   * @default 16
   */
  rootVolumeSize?: number;
  /**
   * Whether the instance has an address that stays when it is replaced. For one instance without a load balancer.
   * @default true where `ingressCidrs` is given
   */
  elasticIp?: boolean;
  /**
   * Whether instances get public addresses of their own when they start. In a subnet without a NAT gateway they need one to install
   * the engine and to be reached by SSM, also where an Elastic IP follows.
   * @default what the subnet says: the default VPC's give one
   */
  assignPublicIp?: boolean;
  /** ARNs of further policies for the instance's role, such as one for `kms:Decrypt` where `secrets` have a key of yours. */
  policyArns?: pulumi.Input<string>[];
  /**
   * Minutes that `up` waits for a release, from when the instances run until the last of them has it, one after another.
   * @default 20
   */
  releaseTimeout?: number;
  /**
   * Days that the logs stay.
   * @default 30
   */
  logRetentionDays?: number;
  /** AWS tags of everything that takes some. */
  tags?: Record<string, pulumi.Input<string>>;
}

/** Arguments of `Ec2Target`. */
export interface Ec2TargetArgs extends Ec2Args, TargetImageArgs {}
