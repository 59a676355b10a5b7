import { ECRClient } from "@aws-sdk/client-ecr";
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
} from "@aws-sdk/client-ecs";
import { GetAliasCommand, GetFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { appFiles } from "./appProject";
import { createProject, environment, type Project, type RunResult } from "./harness";

// Projects with one App on the emulated AWS. What these tests compare with is what the emulators hold, asked by the API.

/** A project with one App in its program. */
export interface AwsApp {
  readonly project: Project;
  /** Rewrites the App's arguments, given as JavaScript: `ecs: { architecture: "arm64" }`; `more` is code that follows. */
  set(args: string, image?: Record<string, unknown>, more?: string): void;
}

const both = { platforms: ["linux/amd64", "linux/arm64"] };

/** One App whose image is built for both platforms, in a repository of its own that `destroy` empties. */
export async function createAwsApp(name: string, args: string): Promise<AwsApp> {
  const { builder, baseImage, aws } = environment();
  const text = (targets: string, image: Record<string, unknown> = both, more = "") => {
    const built = {
      context: "./app",
      builder: { name: builder },
      buildArgs: { BASE: baseImage },
      ...image,
    };
    return `const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
const app = new multiarch.App("web", {
  image: ${JSON.stringify(built)},
  repository: { forceDelete: true },
  ${targets}
});
exports.imageUri = app.imageUri;
exports.platforms = app.platforms;
exports.images = app.image.images;
exports.url = app.url;
exports.logsCommand = app.logsCommand;
for (const target of ["ec2", "ecs", "lambda"]) if (app[target]) exports[target] = app[target];
${more}`;
  };
  const project = await createProject({
    name,
    program: text(args),
    files: appFiles,
    config: aws.config as Record<string, string>,
  });
  return { project, set: (...given) => project.write("index.js", text(...given)) };
}

/** A client of the AWS SDK, against the emulator that serves it. */
export function client<T>(service: string, Client: new (config: object) => T): T {
  const { aws } = environment();
  return new Client({
    endpoint: aws.endpoints[service],
    region: aws.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 2,
  });
}

/** What an ECS service is set to run: itself and its task definition. */
export async function deployedService({ clusterArn, serviceName }: EcsService) {
  const ecs = client("ecs", ECSClient);
  const { services } = await ecs.send(
    new DescribeServicesCommand({ cluster: clusterArn, services: [serviceName] }),
  );
  const taskDefinition = services?.[0]?.taskDefinition;
  const found = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
  return { service: services?.[0], task: found.taskDefinition };
}

/** What says where a service is: a part of an EcsTarget's outputs. */
export interface EcsService {
  readonly clusterArn: string;
  readonly serviceName: string;
}

/** The version of a function that its alias `live` points at. */
export async function liveVersion(functionName: string) {
  const lambda = client("lambda", LambdaClient);
  const { FunctionVersion } = await lambda.send(
    new GetAliasCommand({ FunctionName: functionName, Name: "live" }),
  );
  const { Configuration, Code } = await lambda.send(
    new GetFunctionCommand({ FunctionName: functionName, Qualifier: FunctionVersion }),
  );
  return {
    version: FunctionVersion,
    architectures: Configuration?.Architectures,
    image: Code?.ImageUri,
  };
}

export const ecr = () => client("ecr", ECRClient);

/** What a run did or would do: the operations by the resource's type and name, without the stack's and components' own. */
export function changes(run: RunResult): string[] {
  return run.events
    .filter(({ op, type }) => !["same", "read"].includes(op) && !type.startsWith("pulumi:"))
    .map(({ op, type, name }) => `${op} ${type.split(":").at(-1)} ${name.split("::").at(-1)}`);
}

/** Where a change of a run stands among the others; -1 where there is none. */
export const position = (run: RunResult, change: string) => changes(run).indexOf(change);

/** Everything that `up` did was announced by the preview before it. */
export function expectHonest(preview: RunResult, run: RunResult): void {
  const announced = new Set(changes(preview));
  expect(changes(run).filter((change) => !announced.has(change))).toEqual([]);
}

/** The digest of one platform's image, as the stack's outputs say it. */
export async function digestOf(app: AwsApp, platform: string): Promise<string> {
  const { images } = await app.project.outputs();
  const all = images as { platform: string; digest: string }[];
  return all.find((image) => image.platform === platform)!.digest;
}
