import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as ec2 from "@pulumi/aws/ec2/index.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import type * as ssm from "@pulumi/aws/ssm/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws, lookedUp } from "../../aws";
import { announced } from "../../announcement";
import { under } from "../../check";
import { describeProblems, type Problem } from "../../errors";
import { beforeChange, explainFailure, joinHooks, settled } from "../../hooks";
import { once } from "../../nodeProgram";
import { type CanonicalArchitecture, spellings } from "../../platform";
import { checkedAlone, shellCommand, withoutNulls } from "../../late";
import { shellWord } from "../../quote";
import { refuse } from "../../refuse";
import { partPath, scopedName, uniqueName } from "../../scope";
import { refuseReadableSecrets } from "../aws/environment";
import {
  agentStatements,
  logStatements,
  policy,
  pullStatements,
  secretStatements,
  trust,
} from "../aws/iam";
import { type Balanced, frontOf } from "../aws/loadBalancer";
import { logGroup, logsCommand } from "../aws/logs";
import { networkOf } from "../aws/network";
import { attachPolicies } from "../aws/policyAttachments";
import { hardeningOf } from "../hardening";
import { pulledProblems, recordedTarget, type TargetImage, targetImage } from "../targetImage";
import { warnOfVolumes } from "../volumes";
import { hostScript } from "../host/hostScript";
import { hostIdentity } from "../host/hostSettings";
import { awaitManaged, confirmMachine } from "./confirm";
import type { Ec2Args, Ec2TargetArgs } from "./ec2Args";
import { ec2Architecture, ec2Fields, ec2Problems } from "./ec2Problems";
import { refusalCommands, releaseCommands, userData } from "./ec2Release";

export * from "./ec2Args";
export { ec2Architecture, ec2Problems } from "./ec2Problems";

/**
 * Runs an image as a container on instances of EC2, whose type decides the architecture. A release is brought by SSM: it is found
 * healthy beside the one that serves before that is stopped. A changed architecture replaces the instances, the old ones last.
 *
 * @example
 * const web = new multiarch.Ec2Target("web", {
 *   image: app.image,
 *   instanceType: "t4g.small",
 *   containerPort: 8080,
 *   ingressCidrs: ["203.0.113.0/24"],
 * });
 * export const url = web.url;
 */
export class Ec2Target extends pulumi.ComponentResource {
  /** The address of the load balancer, else of the instance; empty where nothing can be reached. */
  public readonly url: pulumi.Output<string>;
  /** The instances' ids. */
  public readonly instanceIds: pulumi.Output<string[]>;
  /** The command that shows the logs of all of them. */
  public readonly logsCommand: pulumi.Output<string>;
  /** The command that opens a shell on the first instance. It needs AWS's Session Manager plugin. */
  public readonly shellCommand: pulumi.Output<string>;

  /** @throws pulumi.RunError with a line for each thing that is wrong with the arguments */
  constructor(name: string, args: Ec2TargetArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent);
    refuse(name, ec2Problems(args, ""));
    args = checkedAlone(name, args, opts?.parent, ec2Problems);
    const architecture = ec2Architecture(args)!;
    const recorded = recordedTarget(args, architecture);
    super("multiarch:index:Ec2Target", name, recorded, announced("ec2", name, recorded, opts));
    const image = targetImage(this, name, args, architecture);
    warnOfVolumes(this, "ec2", image, opts?.parent, [args.volumes, args.tmpfs]);
    const region = lookedUp(aws.getRegion({}, { parent: this })).region;
    const logs = logGroup(name, args, { parent: this });
    const place: Place = {
      ...{ target: this, name, args, architecture, image, region, logs },
      scoped: scopedName(name, opts?.parent),
      unique: uniqueName(name, opts?.parent, "Ec2Target"),
      part: partPath(opts?.parent, "ec2"),
      port: hostPortOf(args),
    };
    const { profile, policies } = makeRole(place);
    const { instances, balanced } = makeInstances(place, profile, policies);
    const release = makeRelease(place, instances, policies);

    // A failed release leaves the outputs of the one that runs.
    const released = <T>(value: pulumi.Input<T>) => once(value, release);
    this.instanceIds = released(pulumi.all(instances.map(({ id }) => id)));
    this.url = released(reach(place, instances, release, balanced));
    this.logsCommand = released(logsCommand(logs.name, region));
    this.shellCommand = released(
      shellCommand`aws ssm start-session --target ${instances[0]!.id} --region ${region}`,
    );
    this.registerOutputs({
      url: this.url,
      instanceIds: this.instanceIds,
      logsCommand: this.logsCommand,
      shellCommand: this.shellCommand,
    });
  }
}

/** Where everything is made, how it is called, and what is known by then. */
interface Place {
  readonly target: Ec2Target;
  readonly name: string;
  readonly args: Ec2Args;
  /** The name together with the components around it. */
  readonly scoped: string;
  readonly unique: string;
  /** How the user reaches the arguments: `ec2` in an App, else nothing. */
  readonly part: string;
  readonly architecture: CanonicalArchitecture;
  readonly image: TargetImage;
  readonly region: pulumi.Output<string>;
  readonly logs: cloudwatch.LogGroup;
  /** The port of the instance that the app is reached on, if any. */
  readonly port?: number;
}

/** What the instance itself may do: be managed by SSM, pull from this one repository, log, read the secrets named. */
function makeRole({ target, name, args, image, logs }: Place): {
  profile: iam.InstanceProfile;
  policies: pulumi.Resource[];
} {
  const opts = { parent: target };
  const assumeRolePolicy = trust("ec2.amazonaws.com");
  const role = new aws.iam.Role(name, { assumeRolePolicy, tags: args.tags }, opts);
  const secrets = pulumi.all(Object.values(args.secrets ?? {}));
  const own = new aws.iam.RolePolicy(
    name,
    {
      role: role.name,
      policy: pulumi
        .all([image.repositoryArn, logs.arn, secrets])
        .apply(([repository, group, arns]) =>
          policy([
            ...pullStatements(repository),
            ...logStatements(group),
            ...secretStatements(arns, ["ssm:GetParameter"]),
            ...agentStatements(group),
          ]),
        ),
    },
    opts,
  );
  const attached = attachPolicies(name, role, args.policyArns ?? [], opts);
  const profile = new aws.iam.InstanceProfile(name, { role: role.name, tags: args.tags }, opts);
  return { profile, policies: [own, ...attached] };
}

const hostPortOf = (args: Ec2Args): number | undefined =>
  args.containerPort === undefined
    ? undefined
    : (args.hostPort ?? (args.loadBalancer === undefined ? 80 : args.containerPort));

function makeInstances(
  { target, name, args, unique, part, architecture, port }: Place,
  profile: iam.InstanceProfile,
  policies: pulumi.Resource[],
): { instances: ec2.Instance[]; balanced?: Balanced } {
  const opts = { parent: target };
  const network = networkOf(target, args);
  const machines = { network, port, targetType: "instance", kind: "instances" } as const;
  const { group, balanced } = frontOf(name, args, machines, opts);
  // https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli
  const parameter = `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${spellings[architecture].ec2}`;
  // `value` would make the AMI a secret, and hide it in previews.
  const newest = () =>
    lookedUp(aws.ssm.getParameter({ name: parameter }, { parent: target })).insecureValue;
  const ami = args.ami ?? newest();
  const { instanceType } = args;
  const instances = Array.from({ length: args.instances ?? 1 }, (_, at) => {
    const nth = `${name}-${at + 1}`;
    return new aws.ec2.Instance(
      nth,
      {
        instanceType,
        ami,
        // In the default VPC EC2 chooses: some zones lack some types.
        ...(args.subnetIds && { subnetId: args.subnetIds[at % args.subnetIds.length]! }),
        associatePublicIpAddress: args.assignPublicIp,
        vpcSecurityGroupIds: [group.id],
        iamInstanceProfile: profile.name,
        // Containers are one hop further, and so can't take the instance's credentials.
        metadataOptions: {
          httpEndpoint: "enabled",
          httpTokens: "required",
          httpPutResponseHopLimit: 1,
        },
        rootBlockDevice: {
          encrypted: true,
          volumeType: "gp3",
          volumeSize: args.rootVolumeSize ?? 16,
          tags: args.tags,
        },
        userData,
        userDataReplaceOnChange: false,
        tags: { Name: nth, ...args.tags },
      },
      {
        parent: target,
        // An agent of SSM that starts without its rights tries again half an hour later.
        dependsOn: policies,
        // A newer AMI replaces nothing, nor does a changed installation; a replacement takes them as they are then.
        ignoreChanges: ["userData", ...(args.ami === undefined ? ["ami"] : [])],
        // Another group is one of another VPC, to which no instance can move.
        replaceOnChanges: ["vpcSecurityGroupIds"],
        hooks: beforeChange(`machine of EC2 for ${unique} (${at + 1})`, async ({ newInputs }) => {
          const given = (newInputs as { ami?: unknown } | undefined)?.ami;
          const own = args.ami !== undefined && typeof given === "string" ? given : undefined;
          await confirmMachine(target, { instanceType, ami: own, architecture }, under(part));
        }),
      },
    );
  });
  return { instances, balanced };
}

/** The release on all instances, one after another; another one for each change, for SSM's provider waits for new ones only. */
function makeRelease(
  { target, name, args, scoped, unique, part, architecture, image, region, logs, port }: Place,
  instances: ec2.Instance[],
  policies: pulumi.Resource[],
): ssm.Association {
  const named = hostIdentity(pulumi.getProject(), pulumi.getStack(), scoped);
  const script = hostScript();
  const { health, command, user, volumes, memory, strategy, release, stopTimeout } = args;
  const settings = {
    ...{ health, command, user, volumes, memory, strategy, release, stopTimeout },
    ...hardeningOf(args),
    image: image.ref,
    environment: args.environment,
    ports:
      port === undefined
        ? []
        : [{ container: args.containerPort!, host: port, address: "0.0.0.0" }],
  };
  const commands = pulumi
    .all([
      pulumi.output(settings),
      pulumi.output(args.secrets ?? {}),
      logs.name,
      region,
      instances[0]!.id, // stays the same if the stack, the project or the App is renamed
    ])
    .apply(([known, secrets, group, at, resource]) => {
      const problems = lateProblems(args, known, secrets, part);
      if (problems.length > 0) return refusalCommands(describeProblems(named.name, problems));
      const place = { logGroup: group, region: at };
      const identity = { ...named, resource };
      const release = { identity, architecture, settings: known, secrets, script, ...place };
      return releaseCommands(release).join("\n");
    });
  const ids = instances.map(({ id }) => id);
  const minutes = args.releaseTimeout ?? 20;
  return new aws.ssm.Association(
    `${name}-release`,
    {
      name: "AWS-RunShellScript",
      targets: [{ key: "InstanceIds", values: ids }],
      parameters: { commands, executionTimeout: String(minutes * 60) },
      maxConcurrency: "1",
      maxErrors: "0",
      waitForSuccessTimeoutSeconds: minutes * 60,
      tags: args.tags,
    },
    {
      parent: target,
      protect: false, // each release is another one
      dependsOn: policies,
      // And where the one before failed: an update would wait for nothing, and report success.
      replaceOnChanges: ["parameters", "targets", "#initerror"],
      customTimeouts: { create: `${minutes + 5}m` },
      hooks: joinHooks(
        beforeChange(
          `environment of EC2 for ${unique}`,
          refuseReadableSecrets(
            args.environment,
            {
              ...{ command, user, volumes },
              ...{ tmpfs: args.tmpfs, capabilities: args.capabilities },
              "health.command": health?.command,
              "release.command": release?.command,
            },
            under(part),
            under(part)("secrets"),
          ),
        ),
        beforeChange(
          `instances of EC2 for ${unique}`,
          async ({ newInputs }) => {
            const [first] = (newInputs as { targets: { values: string[] }[] }).targets;
            await awaitManaged(target, first!.values);
          },
          false,
        ),
        explainFailure(`release of EC2 for ${unique}`, target, async (raw, { failedOperation }) => {
          if (failedOperation === "delete" || !/waiting for|timeout/i.test(raw)) return undefined;
          const [all, at] = await settled(pulumi.all([pulumi.all(ids), region]));
          const shown = all.map(
            (id) =>
              `aws ssm list-command-invocations --details --max-items 1 --instance-id ${shellWord(id)} --region ${shellWord(at)}`,
          );
          return `the release failed on an instance, where the one before, if there is one, serves on; what it printed: ${shown.join(" or ")}`;
        }),
      ),
    },
  );
}

/** Everything that is wrong with the values once all are known. The script prints it: an error thrown here would print a stack. */
function lateProblems(
  args: Ec2Args,
  known: { readonly image: string },
  secrets: Record<string, string>,
  part: string,
): Problem[] {
  const all = Object.entries({ ...args, ...known, secrets });
  const own = Object.fromEntries(all.filter(([field]) => field in ec2Fields));
  // Of the target alone, the image is an argument too.
  const problems = ec2Problems(own, part).filter(({ path }) => path !== "image");
  return [...problems, ...pulledProblems(known.image)];
}

/** Brings callers to the instances once the release is healthy there; of a replaced one the old goes last. */
function reach(
  { target, name, args, port }: Place,
  instances: ec2.Instance[],
  release: ssm.Association,
  balanced: Balanced | undefined,
): pulumi.Output<string> {
  const dependsOn = [release, ...(balanced?.listeners ?? [])];
  // Made anew for each new instance, and nothing is lost by it.
  const opts = { parent: target, protect: false, dependsOn };
  if (port === undefined) return pulumi.output("");
  if (balanced !== undefined) {
    instances.forEach(
      (instance, at) =>
        new aws.lb.TargetGroupAttachment(
          `${name}-${at + 1}`,
          { targetGroupArn: balanced.targetGroup.arn, targetId: instance.id, port },
          opts,
        ),
    );
    return balanced.url;
  }
  const suffix = port === 80 ? "" : `:${port}`;
  if (args.elasticIp === false)
    return pulumi.interpolate`http://${instances[0]!.publicIp}${suffix}`;
  const address = new aws.ec2.Eip(name, { domain: "vpc", tags: args.tags }, { parent: target });
  new aws.ec2.EipAssociation(
    name,
    { allocationId: address.allocationId, instanceId: instances[0]!.id, allowReassociation: true },
    opts,
  );
  return pulumi.interpolate`http://${address.publicIp}${suffix}`;
}
