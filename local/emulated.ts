import type { AwsEnvironment } from "./aws";
import type { Environment } from "./environment";
import { run } from "./exec";

/** A task that runs on the emulator of ECS. */
export interface Task {
  /** Of its first container, in the engine. */
  readonly container: string;
  readonly ip?: string;
  readonly port?: string;
}

/** What is used of the answers of ECS. */
interface Answer {
  readonly clusterArns?: string[];
  readonly taskArns?: string[];
  readonly tasks?: {
    readonly lastStatus: string;
    readonly containers?: { readonly runtimeId?: string }[];
  }[];
}

/** The tasks that run on the emulator of ECS, with the addresses that the engine gave their containers. */
export async function runningTasks(
  { endpoints }: AwsEnvironment,
  { docker, env }: Pick<Environment, "docker" | "env">,
): Promise<Task[]> {
  // The emulator checks no signature. AWS's SDK would print warnings of its own.
  const ask = async (action: string, body: object): Promise<Answer> => {
    const target = `AmazonEC2ContainerServiceV20141113.${action}`;
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": target };
    const request = { method: "POST", headers, body: JSON.stringify(body) };
    return (await (await fetch(endpoints.ecs!, request)).json()) as Answer;
  };
  const format =
    "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{range $port, $_ := .Config.ExposedPorts}}{{$port}} {{end}}";
  const found: Task[] = [];
  for (const cluster of (await ask("ListClusters", {})).clusterArns ?? []) {
    const { taskArns = [] } = await ask("ListTasks", { cluster });
    const { tasks = [] } = await ask("DescribeTasks", { cluster, tasks: taskArns });
    for (const { lastStatus, containers } of tasks) {
      const [{ runtimeId } = {}] = containers ?? [];
      if (lastStatus !== "RUNNING" || runtimeId === undefined) continue;
      const { stdout } = await run(docker, ["inspect", "--format", format, runtimeId], { env });
      const [, ip, port] = /^(\S+) (\d+)\/tcp/.exec(stdout) ?? [];
      found.push({ container: runtimeId.slice(0, 12), ip, port });
    }
  }
  return found;
}

/** What to look at after a start with an AWS target, with commands that work as they are printed. */
export function emulatedNotes(
  target: string,
  { endpoints, region }: AwsEnvironment,
  tasks: readonly Task[],
): string {
  const looks: Readonly<Record<string, () => string[]>> = {
    ecs: () => [
      "It runs on the emulator of ECS, as containers of this machine's engine:",
      ...tasks.flatMap(({ container, ip, port }) => [
        ...(ip && port ? [`  curl http://${ip}:${port}/`] : []),
        `  docker logs --tail 20 ${container}`,
      ]),
    ],
    ec2: () => [
      "The emulator of EC2 keeps a record of the instance. It starts no instance, so there is no address to open. To show the record:",
      `  curl --header 'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/${region}/ec2/aws4_request' '${endpoints.ec2}/?Action=DescribeInstances&Version=2016-11-15'`,
    ],
    lambda: () => [
      "The emulator of Lambda keeps the function, and starts its container for an invocation (examples/web is not a handler). The function:",
      `  curl ${endpoints.lambda}/2015-03-31/functions/`,
    ],
  };
  const variables = {
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region, // version 1 of the AWS CLI
    AWS_ENDPOINT_URL: endpoints.ecs,
    AWS_ENDPOINT_URL_EC2: endpoints.ec2,
    AWS_ENDPOINT_URL_SSM: endpoints.ssm,
    AWS_ENDPOINT_URL_ECR: endpoints.ecr,
  };
  return [
    ...(looks[target]?.() ?? []),
    "",
    "For version 2 of the AWS CLI, and the commands among the outputs (shellCommand works with AWS only):",
    ...Object.entries(variables).map(([name, value]) => `  export ${name}=${value}`),
    "",
  ].join("\n");
}
