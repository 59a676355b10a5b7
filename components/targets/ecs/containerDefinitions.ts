import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { TargetImage } from "../targetImage";
import type { EcsArgs } from "./ecsArgs";

/** What the container definition is made of. */
interface ContainerContext {
  readonly args: EcsArgs;
  readonly image: TargetImage;
  readonly logs: cloudwatch.LogGroup;
  readonly region: pulumi.Output<string>;
}

/** The task's one container, as JSON. */
export function containerDefinitions(
  { args, image, logs, region }: ContainerContext,
  container: string,
): pulumi.Output<string> {
  const pairs = (values: Record<string, pulumi.Input<string>> | undefined, field: string) =>
    Object.entries(values ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([variable, value]) => ({ name: variable, [field]: value }));
  const { health } = args;
  return pulumi.jsonStringify([
    {
      name: container,
      image: image.ref,
      essential: true,
      environment: pairs(args.environment, "value"),
      secrets: pairs(args.secrets, "valueFrom"),
      ...(args.containerPort !== undefined && {
        portMappings: [{ containerPort: args.containerPort, protocol: "tcp" }],
      }),
      ...(args.command !== undefined && { command: args.command }),
      ...(args.user !== undefined && { user: args.user }),
      // What another stack gives may come to nothing, which is none.
      repositoryCredentials: pulumi
        .output(args.pullSecretArn)
        .apply((arn) => arn && { credentialsParameter: arn }),
      ...(health !== undefined && {
        healthCheck: {
          command: ["CMD", ...health.command],
          interval: health.interval ?? 10,
          timeout: health.timeout ?? 5,
          retries: health.retries ?? 3,
          startPeriod: health.startPeriod ?? 10,
        },
      }),
      ...hardened(args),
      logConfiguration: {
        logDriver: "awslogs",
        options: {
          "awslogs-group": logs.name,
          "awslogs-region": region,
          "awslogs-stream-prefix": container,
        },
      },
    },
  ]);
}

/** What the container may do, in the words of a container definition. */
function hardened({ readOnlyRootFilesystem, tmpfs, capabilities, noNewPrivileges, init }: EcsArgs) {
  const { add, drop } = capabilities ?? {};
  return {
    ...(readOnlyRootFilesystem !== undefined && { readonlyRootFilesystem: readOnlyRootFilesystem }),
    dockerSecurityOptions: pulumi
      .output(noNewPrivileges)
      .apply((on) => (on ? ["no-new-privileges"] : undefined)),
    linuxParameters: {
      // Without an init, an app that ignores SIGTERM as process 1 delays every stop.
      initProcessEnabled: pulumi.output(init).apply((on) => on ?? true),
      ...((add?.length || drop?.length) && { capabilities: { add, drop } }),
      ...(tmpfs?.length && {
        tmpfs: tmpfs.map(({ target, size }) => ({ containerPath: target, size })),
      }),
    },
  };
}
