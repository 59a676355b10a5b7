import type * as pulumi from "@pulumi/pulumi";
import { type At, type Checker, type Fields, isFields, isLater } from "../check";
import { show } from "../errors";

/** A file system in memory. It is empty when the container starts and is lost when it stops. */
export interface TmpfsArgs {
  /** The absolute path in the container. Programs can't be started from it (Docker mounts it with `noexec`). */
  target: pulumi.Input<string>;
  /** The maximum size in MiB. It counts toward the container's memory. */
  size: pulumi.Input<number>;
}

/**
 * Linux capabilities that the container has in addition to the engine's defaults, or has not. Names are written without `CAP_`,
 * for example `NET_BIND_SERVICE`; `ALL` stands for all of them (https://man7.org/linux/man-pages/man7/capabilities.7.html).
 */
export interface CapabilitiesArgs {
  /**
   * Capabilities to add. Fargate supports `SYS_PTRACE` only
   * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html).
   * @default none
   */
  add?: pulumi.Input<string>[];
  /**
   * Capabilities to drop. `["ALL"]` leaves those in `add`.
   * @default none
   */
  drop?: pulumi.Input<string>[];
}

/** What the container may do. An option that a target does not support is rejected with the reason. */
export interface HardeningArgs {
  /**
   * Makes the container's root file system read-only. Volumes and `tmpfs` stay writable.
   * @default false
   */
  readOnlyRootFilesystem?: pulumi.Input<boolean>;
  /**
   * File systems in memory, for example for `/tmp`. Fargate supports them since January 2026
   * (https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-ecs-tmpfs-mounts-aws-fargate-managed-instances/).
   * @default none
   */
  tmpfs?: TmpfsArgs[];
  /**
   * Linux capabilities to add and drop.
   * @default the engine's (https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities)
   */
  capabilities?: CapabilitiesArgs;
  /**
   * Prevents processes from gaining privileges that their parent doesn't have, for example with `sudo` or other setuid programs
   * (https://docs.kernel.org/userspace-api/no_new_privs.html). Not supported on Fargate
   * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
   * @default false
   */
  noNewPrivileges?: pulumi.Input<boolean>;
  /**
   * The maximum number of processes and threads in the container, 1 to 4194304. Not supported by ECS.
   * @default 8192 with Docker, Podman's own limit with Podman, no limit on ECS
   */
  pidsLimit?: pulumi.Input<number>;
  /**
   * Runs a minimal init process as process 1, which passes signals on and removes zombies. Set it to false for images that start
   * their own init (systemd, s6-overlay).
   * @default true
   */
  init?: pulumi.Input<boolean>;
}

/** The fields, for the tables of each target. A missing member fails to compile. */
export const hardeningFields: Readonly<Record<keyof HardeningArgs, true>> = {
  readOnlyRootFilesystem: true,
  tmpfs: true,
  capabilities: true,
  noNewPrivileges: true,
  pidsLimit: true,
  init: true,
};

/** The options among the arguments of a target. */
export const hardeningOf = (args: HardeningArgs): HardeningArgs =>
  Object.fromEntries(
    (Object.keys(hardeningFields) as (keyof HardeningArgs)[]).map((field) => [field, args[field]]),
  );

const capabilityNames = new Set(
  `ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
  IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW
  PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO
  SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`.split(/\s+/),
);

/** Checks the options for every target. Values that are not known yet pass. */
export function hardeningProblems(check: Checker, args: Fields, at: At): void {
  for (const field of ["readOnlyRootFilesystem", "noNewPrivileges", "init"])
    if (!isLater(args[field])) check.flag(args[field] ?? undefined, at(field));
  check.whole(args.pidsLimit ?? undefined, at("pidsLimit"), 1, 4_194_304, "processes");
  tmpfsProblems(check, args, at);
  const capabilities = args.capabilities ?? undefined;
  if (!check.fields(capabilities, at("capabilities"), ["add", "drop"])) return;
  const [added, dropped] = (["add", "drop"] as const).map((field) => {
    const path = at(`capabilities.${field}`);
    const names = capabilities[field] ?? undefined;
    if (!check.list(names, path, `["SYS_PTRACE"]`)) return [];
    names.forEach((name, index) => {
      if (isLater(name) || capabilityNames.has(name as string)) return;
      const fix = "use a name from capabilities(7) without CAP_, for example SYS_PTRACE";
      check.add(`${path}[${index}]`, `${show(name)} is not a valid capability`, fix);
    });
    return names;
  });
  added!.forEach((name, index) => {
    if (isLater(name) || !dropped!.includes(name)) return;
    const path = at(`capabilities.add[${index}]`);
    check.add(path, `${show(name)} is also in ${at("capabilities.drop")}`, "remove one of them");
  });
}

function tmpfsProblems(check: Checker, args: Fields, at: At): void {
  const list = args.tmpfs ?? undefined;
  if (!check.list(list, at("tmpfs"), `[{ target: "/tmp", size: 64 }]`)) return;
  const taken = (Array.isArray(args.volumes) ? args.volumes : []).map((volume: unknown) =>
    isFields(volume) ? volume.target : undefined,
  );
  list.forEach((entry, index) => {
    const path = at(`tmpfs[${index}]`);
    const given: unknown = entry ?? null;
    if (!check.fields(given, path, ["target", "size"])) return;
    const [target, size] = [given.target ?? undefined, given.size ?? undefined];
    check.present(size, `${path}.size`, "write the maximum size in MiB, for example 64");
    check.whole(size, `${path}.size`, 1, 1_048_576, "MiB");
    check.present(target, `${path}.target`, `write an absolute path, for example "/tmp"`);
    if (!check.text(target, `${path}.target`, `"/tmp"`)) return;
    if (!/^\/[^\0\r\n]+$/.test(target)) {
      const what = `must be an absolute path in the container, got ${show(target)}`;
      check.add(`${path}.target`, what, `write for example "/tmp"`);
    } else if (taken.includes(target)) {
      const what = `${show(target)} is already the target of another volume or tmpfs`;
      check.add(`${path}.target`, what, "use each target once");
    }
    taken.push(target);
  });
}
