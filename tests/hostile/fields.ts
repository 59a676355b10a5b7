import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { Problem } from "../../components/errors";
import { imageProblems } from "../../components/image/imageProblems";
import { repositoryProblems } from "../../components/registry/repositoryProblems";
import { ec2Problems } from "../../components/targets/ec2/ec2Problems";
import { ecsProblems } from "../../components/targets/ecs/ecsProblems";
import { hostProblems } from "../../components/targets/host/hostProblems";
import { lambdaProblems } from "../../components/targets/lambda/lambdaProblems";

type Args = Record<string, unknown>;

interface Target {
  readonly problems: (args: unknown) => Problem[];
  /** Every field whose value can be an output, by its path. */
  readonly fields: readonly string[];
  /** Valid arguments around a field. */
  readonly base: (field: string) => Args;
}

const ref = `registry.example.com/team/web@sha256:${"a".repeat(64)}`;
const ecr = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:${"a".repeat(64)}`;
const repository = {
  repositoryUrl: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
  repositoryName: "web",
  arn: "arn:aws:ecr:eu-west-1:123456789012:repository/web",
};
const clusterArn = "arn:aws:ecs:eu-west-1:123456789012:cluster/web";
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
const address = { address: "203.0.113.7", hostKey };

const hardening = [
  ...["readOnlyRootFilesystem", "noNewPrivileges", "pidsLimit", "init"],
  ...["tmpfs[0].target", "tmpfs[0].size", "capabilities.add[0]", "capabilities.drop[0]"],
];
const container = [
  ...["command[0]", "user", "memory", "strategy", "stopTimeout", "environment.V"],
  ...["volumes[0].source", "volumes[0].target", "volumes[0].readOnly"],
  ...["release.command[0]", "release.timeout"],
  ...hardening,
  ...["health.path", "health.port", "health.timeout", "health.command[0]", "health.seconds"],
];
const sshAddress = ["address", "port", "hostKey"];
const ssh = [
  ...sshAddress.flatMap((field) => [`hosts.one.${field}`, `bastion.${field}`]),
  ...["user", "privateKey", "privateKeyPassword", "agentSocket", "attempts"],
  ...["bastion.user", "bastion.privateKey", "bastion.privateKeyPassword"],
].map((field) => `ssh.${field}`);
const aws = ["vpcId", "subnetIds[0]", "environment.V", "secrets.S", "policyArns[0]", "tags.team"];
const front = ["certificateArn", "healthPath", "ingressCidrs[0]", "subnetIds[0]"].map(
  (field) => `loadBalancer.${field}`,
);
const behind = { containerPort: 80, loadBalancer: { ingressCidrs: ["0.0.0.0/0"] } };

/** What a field needs around it. */
function around(field: string): Args {
  if (field.startsWith("tmpfs")) return { tmpfs: [{ target: "/tmp", size: 64 }] };
  if (field.startsWith("loadBalancer.subnetIds"))
    return { ...behind, loadBalancer: { ...behind.loadBalancer, subnetIds: ["a", "b"] } };
  if (field.startsWith("loadBalancer")) return behind;
  if (field === "vpcId" || field.startsWith("subnetIds"))
    return { vpcId: "vpc-1", subnetIds: ["subnet-1"] };
  if (field === "ingressCidrs[0]") return { containerPort: 80 };
  return {};
}

function hostAround(field: string): Args {
  const ports = [{ container: 80, host: 8080 }];
  const volumes = [{ source: "data", target: "/data" }];
  const health = field === "health.port" ? { path: "/" } : {};
  const release = { command: ["migrate"] };
  const key = field.endsWith("privateKeyPassword")
    ? { privateKey: "-----BEGIN PRIVATE KEY-----" }
    : {};
  const own = field.includes("bastion");
  const ssh = {
    hosts: { one: { ...address, address: "203.0.113.8" } },
    ...(own ? { bastion: { ...address, ...key } } : key),
  };
  const registry = { username: "robot", password: "token" };
  return {
    ref,
    ...(field.startsWith("ports") || field.startsWith("health") ? { ports } : {}),
    ...(field.startsWith("volumes") && { volumes }),
    ...(field.startsWith("tmpfs") && { tmpfs: [{ target: "/tmp", size: 64 }] }),
    ...(field.startsWith("health") && { health }),
    ...(field.startsWith("release") && { release }),
    ...(field.startsWith("ssh") && { ssh }),
    ...(field.startsWith("registry") && { registry }),
  };
}

export const fieldsOf: Readonly<Record<string, Target>> = {
  host: {
    problems: (args) => hostProblems(args),
    fields: [
      ...container,
      ...["restart", "cpus", "network", "extraHosts.db", "ref"],
      ...["ports[0].container", "ports[0].host", "ports[0].address"],
      ...["registry.address", "registry.username", "registry.password"],
      ...ssh,
    ],
    base: hostAround,
  },
  ec2: {
    problems: (args) => ec2Problems(args, ""),
    fields: [...container, ...aws, ...front, "ami", "ref", "ingressCidrs[0]"],
    base: (field) => {
      const { ports, ...host } = hostAround(field);
      return { instanceType: "t3.small", ...host, ...(ports ? behind : {}), ...around(field) };
    },
  },
  ecs: {
    problems: (args) => ecsProblems(args, ""),
    fields: [
      ...aws,
      ...front,
      ...[
        "clusterArn",
        "desiredCount",
        "command[0]",
        "user",
        "pullSecretArn",
        "ref",
        "ingressCidrs[0]",
      ],
      "executionPolicyArns[0]",
      ...hardening,
    ],
    base: (field) => ({
      ...{ ref, ...around(field) },
      // Not supported on Fargate.
      ...(field === "noNewPrivileges" && { launchType: "EC2", clusterArn }),
    }),
  },
  lambda: {
    problems: (args) => lambdaProblems(args, ""),
    fields: [
      ...[
        "memory",
        "timeout",
        "ephemeralStorage",
        "reservedConcurrency",
        "workingDirectory",
        "ref",
      ],
      ...[
        "command[0]",
        "entryPoint[0]",
        "environment.VALUE",
        "secretArns[0]",
        "policyArns[0]",
        "tags.team",
      ],
    ],
    base: () => ({ ref: ecr }),
  },
  image: {
    problems: (args) => imageProblems(args, ""),
    fields: [
      ...["ref", 'sources["linux/amd64"]', "copyOf", "context", "dockerfile", "dockerfileInline"],
      ...[
        "buildArgs.A",
        "secrets.A",
        "target",
        "labels.A",
        "namedContexts.A",
        "reproducible.epoch",
      ],
      ...["ssh[0].id", "load.tag", "attestations.sbomGenerator"],
      ...["registry.address", "registry.repository", "registry.username", "registry.password"],
      ...["repositoryUrl", "repositoryName", "arn", "username", "password"].map(
        (field) => `repository.${field}`,
      ),
      ...[
        "pullCredentials[0].address",
        "pullCredentials[0].username",
        "pullCredentials[0].password",
      ],
    ],
    base: (field) => {
      const finished = ["ref", "sources", "copyOf"].some((one) => field.startsWith(one));
      const login = { username: "robot", password: "token" };
      const registry = {
        ...{ address: "registry.example.com", repository: "team/web" },
        ...(field.startsWith("registry") && login),
      };
      return {
        platforms: ["linux/amd64"],
        ...(field === "ref" || field.startsWith("repository.") ? {} : { registry }),
        ...(field.startsWith("repository.") && {
          repository: { ...repository, ...login },
        }),
        ...(finished ? {} : { context: __dirname, dockerfileInline: "FROM scratch" }),
        ...(field === "dockerfile" && { dockerfileInline: undefined }),
        ...(field.startsWith("ssh") && { ssh: [{ id: "default" }] }),
        ...(field.startsWith("pull") && { pullCredentials: [{ address: "ghcr.io", ...login }] }),
        ...(field.startsWith("attestations") && { attestations: { sbom: true } }),
      };
    },
  },
  repository: {
    problems: (args) => repositoryProblems(args, ""),
    fields: ["kmsKeyArn", "tags.team"],
    base: () => ({}),
  },
};

interface Shape {
  readonly $ref?: string;
  readonly plain?: boolean;
  readonly items?: Shape;
  readonly additionalProperties?: Shape;
}
type Shapes = Readonly<Record<string, Shape>>;
const { resources, types } = JSON.parse(
  readFileSync(join(__dirname, "../../components/schema.json"), "utf8"),
) as {
  resources: Record<string, { inputProperties: Shapes }>;
  types: Record<string, { properties?: Shapes }>;
};

/** The fields of a component that can be outputs, as the schema for other languages lists them: `ssh.hosts.address`. */
export function lateFields(component: string): string[] {
  const within = (shapes: Shapes, path: string): string[] =>
    Object.entries(shapes).flatMap(([field, shape]) => {
      const inner = shape.items ?? shape.additionalProperties ?? shape;
      const fields = types[inner.$ref?.replace("#/types/", "") ?? ""]?.properties;
      if (fields) return within(fields, `${path}${field}.`);
      return shape.plain && inner.plain ? [] : [`${path}${field}`];
    });
  return within(resources[`multiarch:index:${component}`]!.inputProperties, "");
}

/** The arguments with another value in one field. */
export function withField(args: Args, path: string, value: unknown): Args {
  const [, key = "", rest = ""] = /^(?:\[")?\.?(\w[\w/]*)(?:"\]|\])?(.*)$/.exec(path) ?? [];
  const inner = args[key];
  const next = rest.replace(/^\./, "").replace(/^\[(\d+)\]/, "$1");
  const changed =
    rest === ""
      ? value
      : rest.startsWith("[") && !rest.startsWith('["')
        ? Object.values(withField({ ...(inner as Args) }, next, value))
        : withField({ ...(inner as Args) }, next, value);
  return { ...args, [key]: changed };
}

/** What an Output has, and its type does not tell. */
interface Inside {
  readonly isKnown: Promise<boolean>;
  readonly isSecret: Promise<boolean>;
  allResources?(): Promise<unknown>;
  promise(): Promise<unknown>;
}

/** What becomes of the outputs in arguments. */
export function promisesIn(value: unknown): Promise<unknown>[] {
  if (pulumi.Output.isInstance(value)) {
    const { promise, isKnown, isSecret, allResources } = value as unknown as Inside;
    // These fail as the value does.
    for (const other of [isKnown, isSecret, allResources?.()]) other?.catch(() => {});
    return [promise.call(value)];
  }
  return Object(value) === value ? Object.values(value as object).flatMap(promisesIn) : [];
}

/** Whether a target accepts a value in a field. */
export const accepted = (target: string, field: string, value: string): boolean => {
  const { problems, base } = fieldsOf[target]!;
  return problems(withField(base(field), field, value)).length === 0;
};
