import type { AwsEnvironment } from "./aws";

/** A task that runs on the emulator of ECS. */
export interface Task {
  /** Of its first container, in the engine. */
  readonly container: string;
  readonly ip?: string;
  readonly port?: number;
}

/** The tasks that run on the emulator of ECS. */
export async function runningTasks({ endpoints, region }: AwsEnvironment): Promise<Task[]> {
  const sdk = await import("@aws-sdk/client-ecs");
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new sdk.ECSClient({ endpoint: endpoints.ecs, region, credentials });
  const tasks: Task[] = [];
  const { clusterArns = [] } = await client.send(new sdk.ListClustersCommand({}));
  for (const cluster of clusterArns) {
    const { taskArns = [] } = await client.send(new sdk.ListTasksCommand({ cluster }));
    if (taskArns.length === 0) continue;
    const described = await client.send(new sdk.DescribeTasksCommand({ cluster, tasks: taskArns }));
    for (const { containers, lastStatus, taskDefinitionArn } of described.tasks ?? []) {
      const [{ runtimeId, networkInterfaces } = {}] = containers ?? [];
      if (lastStatus !== "RUNNING" || runtimeId === undefined) continue;
      const { taskDefinition } = await client.send(
        new sdk.DescribeTaskDefinitionCommand({ taskDefinition: taskDefinitionArn }),
      );
      tasks.push({
        container: runtimeId.slice(0, 12),
        ip: networkInterfaces?.[0]?.privateIpv4Address,
        port: taskDefinition?.containerDefinitions?.[0]?.portMappings?.[0]?.containerPort,
      });
    }
  }
  return tasks;
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
      "The emulator of EC2 keeps a record of the instance. It starts no machine, so nothing answers. The record:",
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
