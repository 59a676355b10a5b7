import type * as pulumi from "@pulumi/pulumi";
import type { Architecture } from "../../platform";
import type { HardeningArgs } from "../hardening";
import type { TargetImageArgs } from "../targetImage";
import type { SshHostArgs } from "./sshArgs";

/** How a new release takes over from the one that serves. */
export const HostStrategy = {
  /** The new release is started and found healthy beside the old one, which is stopped only then. */
  Swap: "swap",
  /** The old one is stopped first: for apps that can't run twice, as with a volume that takes one writer. */
  StopFirst: "stop-first",
} as const;
export type HostStrategy = (typeof HostStrategy)[keyof typeof HostStrategy];

/** When the engine starts the container again by itself (docs.docker.com/engine/containers/start-containers-automatically). */
export const HostRestart = {
  /** Whenever it ends, and with the engine. */
  UnlessStopped: "unless-stopped",
  /** Whenever it ends, and with the engine even if somebody had stopped it. */
  Always: "always",
  /** When it ends with an exit code other than 0. */
  OnFailure: "on-failure",
  /** Never. */
  No: "no",
} as const;
export type HostRestart = (typeof HostRestart)[keyof typeof HostRestart];

/** A TCP port of the container that can be reached on the host. */
export interface HostPortArgs {
  /** The port that the program in the container listens on, 1 to 65535. */
  container: pulumi.Input<number>;
  /**
   * The port on the host, 1 to 65535. A port that something else listens on fails the update, and the old release serves on.
   * @default the same as `container`
   */
  host?: pulumi.Input<number>;
  /**
   * The IP address of the host to listen on: `0.0.0.0` lets everybody in, past most firewalls of the host, whose rules
   * Docker's come before (docs.docker.com/engine/network/packet-filtering-firewalls).
   * @default "127.0.0.1", the host alone
   */
  address?: pulumi.Input<string>;
}

/** A volume or folder of the host, seen in the container. Never removed by `destroy`. */
export interface HostVolumeArgs {
  /** The name of a volume, made when it isn't there, or an absolute path on the host. */
  source: pulumi.Input<string>;
  /** The absolute path in the container. */
  target: pulumi.Input<string>;
  /**
   * Whether the container may only read it.
   * @default false
   */
  readOnly?: pulumi.Input<boolean>;
}

/**
 * When a release counts as healthy. One kind of check: by HTTP (`path`), by a `command`, or by running for some `seconds`.
 * @default by HTTP where `path` is given, by `command` where that is given, else running for 3 seconds
 */
export interface HostHealthArgs {
  /** An HTTP path that answers with a status of 2xx or 3xx, such as `/health`. Needs a port. */
  path?: pulumi.Input<string>;
  /**
   * The container's port that `path` is asked on: one of `ports`.
   * @default the first of `ports`
   */
  port?: pulumi.Input<number>;
  /** A command that is run in the container, without a shell, and ends with exit code 0. Each attempt may take 10 seconds. */
  command?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Seconds that the container runs without ending, where neither `path` nor `command` is given.
   * @default 3
   */
  seconds?: pulumi.Input<number>;
  /**
   * Seconds after which a release that isn't healthy is given up, and the old one serves on.
   * @default 60
   */
  timeout?: pulumi.Input<number>;
}

/** A command that prepares a release, such as a migration of the database. */
export interface HostReleaseArgs {
  /**
   * Run from the new image before each switch, with the same entry point, environment, volumes, network and user; any exit
   * code but 0 fails the update and the old release serves on. The old release runs meanwhile (and after a failure), so what
   * it does must suit both; and an update that failed is tried again, so it must bear being run twice.
   */
  command: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Seconds that it may take.
   * @default 600
   */
  timeout?: pulumi.Input<number>;
}

/** Credentials for the pull. They are used for that alone, and are not left on the host. */
export interface HostRegistryArgs {
  /**
   * The registry's address, such as `registry.example.com`.
   * @default the one in the image's reference
   */
  address?: pulumi.Input<string>;
  /**
   * The user. Absent, the credentials stored on the host are used (`docker login`).
   */
  username?: pulumi.Input<string>;
  /** The password or token; kept as a secret whether or not it is given as one. Needs `username`. */
  password?: pulumi.Input<string>;
}

/** How a container runs on a host. The names are those of `docker run`. */
export interface HostArgs extends HardeningArgs {
  /**
   * The architecture of the host, or of all hosts, which `uname -m` there must confirm before anything is pulled. Plain: it decides which
   * platform is built.
   * @default "x86_64"
   */
  architecture?: Architecture;
  /**
   * The app's name on the host, a part of the names of its container and images. If it changes, the running container is adopted. If a
   * component is renamed without `aliases`, set this to the old name: the new component takes over the container.
   * @default the component's name, with those of the components around it
   */
  name?: string;
  /**
   * The hosts, reached over SSH.
   * @default the machine that runs Pulumi
   */
  ssh?: SshHostArgs;
  /**
   * Ports that can be reached on the host. None: nothing can.
   * @default none
   */
  ports?: HostPortArgs[];
  /**
   * Environment variables. Secret values stay secret: in the state, in logs shown after a failure, in the list of processes.
   * (Whoever may use the host's engine can read them there: `docker inspect`.)
   * @default none
   */
  environment?: { [name: string]: pulumi.Input<string> };
  /**
   * Volumes and folders. With `swap`, the old and the new release use them at the same time for a moment.
   * @default none
   */
  volumes?: HostVolumeArgs[];
  /**
   * When the engine starts the container again by itself.
   * @default "unless-stopped"
   */
  restart?: pulumi.Input<HostRestart>;
  /** When a release counts as healthy. */
  health?: HostHealthArgs;
  /**
   * The most memory the container may use, in MiB, at least 6; more kills it.
   * @default no limit
   */
  memory?: pulumi.Input<number>;
  /**
   * The most processor time it may use, in processors: 0.5 is half of one.
   * @default no limit
   */
  cpus?: pulumi.Input<number>;
  /**
   * How a new release takes over.
   * @default "swap"
   */
  strategy?: pulumi.Input<HostStrategy>;
  /** A command that prepares a release. */
  release?: HostReleaseArgs;
  /**
   * The command, in place of the image's own (`CMD`); the entry point stays.
   * @default the image's
   */
  command?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The user that the program runs as: a name or number, or `user:group`.
   * @default the image's
   */
  user?: pulumi.Input<string>;
  /**
   * A network of the engine to join, which must be there: containers on it reach each other by name.
   * @default the engine's default network
   */
  network?: pulumi.Input<string>;
  /**
   * Host names with their addresses, for the container's /etc/hosts; `host-gateway` is the address of the host.
   * @default none
   */
  extraHosts?: { [hostname: string]: pulumi.Input<string> };
  /**
   * Seconds between SIGTERM and SIGKILL when a release is stopped.
   * @default 10
   */
  stopTimeout?: pulumi.Input<number>;
}

/** Arguments of `HostTarget`. */
export interface HostTargetArgs extends HostArgs, TargetImageArgs {
  /**
   * Credentials for the verification and the pull.
   * @default those of `image`; for a `ref`, the ones stored on this machine, and in ECR the AWS provider's
   */
  registry?: HostRegistryArgs;
}
