/** Reads the stack's configuration and declares one App. `Pulumi.yaml` says what each setting means. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "./components";

const config = new pulumi.Config();
const target = config.get("target") ?? "host";
const architecture = config.get<multiarch.Architecture>("architecture");
const containerPort = config.getNumber("containerPort") ?? 8080;
const baseImage = config.get("baseImage");
const cidrs = config.getObject<string[]>("ingressCidrs") ?? [];
const ingressCidrs = cidrs.length === 0 ? undefined : cidrs;

/** The port is open to the stated addresses, on the machines or on a load balancer; to nobody where none is stated. */
const reach = config.getBoolean("loadBalancer")
  ? {
      containerPort,
      loadBalancer: {
        // Its absence is told by the App, with the field's path.
        ingressCidrs: ingressCidrs!,
        certificateArn: config.get("certificateArn"),
        healthPath: config.get("healthPath"),
      },
    }
  : ingressCidrs && { containerPort, ingressCidrs };

/** What the containers on AWS are told, and where they are. */
const common = {
  environment: config.getObject<Record<string, string>>("environment"),
  vpcId: config.get("vpcId"),
  subnetIds: config.getObject<string[]>("subnetIds"),
};
const secrets = config.getObject<Record<string, string>>("secrets");

const targets: Record<string, () => Partial<multiarch.AppArgs>> = {
  ec2: () => ({
    ec2: {
      instanceType: config.get("instanceType") ?? "t3.small",
      instances: config.getNumber("instances"),
      secrets,
      ...common,
      ...reach,
    },
  }),
  ecs: () => ({
    ecs: {
      architecture,
      cpu: config.getNumber("cpu"),
      memory: config.getNumber("memory"),
      desiredCount: config.getNumber("desiredCount"),
      spot: config.getBoolean("spot"),
      clusterArn: config.get("clusterArn"),
      secrets,
      ...common,
      ...reach,
    },
  }),
  lambda: () => ({
    lambda: {
      architecture,
      memory: config.getNumber("memory"),
      timeout: config.getNumber("timeout"),
      environment: common.environment,
      functionUrl: config.getBoolean("functionUrl") ? {} : undefined,
    },
  }),
  host: () => ({
    host: {
      architecture,
      ports: [{ container: containerPort, host: config.getNumber("port") ?? 8080 }],
      health: { path: "/" },
    },
  }),
};

const declared = targets[target];
if (declared === undefined) {
  throw new pulumi.RunError(
    `target: is ${JSON.stringify(target)}; write one of ${Object.keys(targets).join(", ")} (pulumi config set target ecs)`,
  );
}

// On AWS the image lies in a repository of ECR, which the App makes.
const registry =
  target === "host"
    ? {
        address: config.get("registryAddress"),
        // Its absence is told by the App, with the field's path.
        repository: config.get("repository")!,
        username: config.get("registryUsername"),
        password: config.getSecret("registryPassword"),
      }
    : undefined;
const ref = config.get("ref");
const builder = config.get("builder");
const listed = config.getObject<string[]>("platforms");

const web = new multiarch.App("web", {
  image:
    ref === undefined
      ? {
          context: config.get("context") ?? "./examples/web",
          platforms: listed,
          registry,
          builder: builder === undefined ? undefined : { name: builder },
          buildArgs: baseImage === undefined ? {} : { BASE: baseImage },
        }
      : { ref, platforms: listed, registry },
  repository:
    target === "host" || ref !== undefined
      ? undefined
      : {
          forceDelete: config.getBoolean("forceDelete"),
          keepReleases: config.getNumber("keepReleases"),
        },
  ...declared(),
});

export const imageUri = web.imageUri;
export const platforms = web.platforms;
export const url = web.url;
export const logsCommand = web.logsCommand;
export const shellCommand = web.shellCommand;
