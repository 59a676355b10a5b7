import * as pulumi from "@pulumi/pulumi";
import { App, type AppArgs } from "../../components";
import { verified } from "./mocks";

// A failed release keeps the outputs of the one that runs, because no output has a value before the release. That the engine then keeps
// the old outputs is for tests/engine: faults, ecs and ssh.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web";
const digest = `sha256:${"a".repeat(64)}`;
const answers: Record<string, Record<string, unknown>> = {
  getService: { taskDefinition: "arn:web", events: [] },
  getRegion: { region: "eu-west-1" },
  getVpc: { id: "vpc-1" },
  getSubnets: { ids: ["subnet-1", "subnet-2"] },
  getParameter: { insecureValue: "ami-1" },
  getAuthorizationToken: { userName: "AWS", password: "canary-token" },
};
const ssh = {
  hosts: {
    one: { address: "192.0.2.1", acceptAnyHostKey: true },
    two: { address: "192.0.2.2", acceptAnyHostKey: true },
  },
};
const ports = [{ container: 8080 }];

/** Registers an App whose `held` resource is never finished, and returns the outputs that have values all the same. */
async function settledOutputs(args: Partial<AppArgs>, held: string) {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        if (`${type} ${name}` === held) return new Promise<never>(() => {});
        const made = { type, name, inputs: inputs as Record<string, unknown> };
        const outputs = name.endsWith("-verified")
          ? verified(made, repository, digest)
          : { arn: `arn:${name}`, name: `${name}-1`, dnsName: "lb.example", publicIp: "192.0.2.1" };
        return { id: `${name}-id`, state: { ...inputs, ...outputs } as object };
      },
      call: ({ token, inputs }) =>
        answers[token.split(":").at(-1)!] ?? (inputs as Record<string, unknown>),
    },
    "project",
    "stack",
    false,
  );
  const settled: Record<string, unknown> = {};
  const app = new App("web", { image: { ref: `${repository}@${digest}` }, ...args });
  const targets = { ec2: app.ec2, ecs: app.ecs, lambda: app.lambda, host: app.host };
  for (const [place, component] of Object.entries({ app, ...targets }))
    for (const [field, output] of Object.entries(component ?? {}))
      if (pulumi.Output.isInstance(output) && field !== "urn" && !field.startsWith("__"))
        (output as pulumi.Output<unknown>).apply((value) => (settled[`${place}.${field}`] = value));
  await new Promise((resolve) => setTimeout(resolve, 300));
  return settled;
}

const apps: Record<string, { args: Partial<AppArgs>; held: string; outputs: string[] }> = {
  "host before its release": {
    args: { host: { ports } },
    held: "command:local:Command web",
    outputs: ["host.url", "host.logsCommand", "host.shellCommand", "host.containerName"],
  },
  "host over SSH before the release on the last host": {
    args: { host: { ports, ssh } },
    held: "command:remote:Command web-two",
    outputs: ["host.url", "host.logsCommand", "host.shellCommand", "host.containerName"],
  },
  "ec2 before its release": {
    args: { ec2: { instanceType: "t3.small", containerPort: 80, ingressCidrs: ["192.0.2.0/24"] } },
    held: "aws:ssm/association:Association web-release",
    outputs: ["ec2.url", "ec2.logsCommand", "ec2.shellCommand", "ec2.instanceIds"],
  },
  "ecs before its service is updated": {
    args: { ecs: { executeCommand: true } },
    held: "aws:ecs/service:Service web",
    outputs: [
      ...["ecs.url", "ecs.logsCommand", "ecs.shellCommand"],
      ...["ecs.clusterArn", "ecs.serviceName", "ecs.taskDefinitionArn"],
    ],
  },
  "lambda before its alias points at the new version": {
    args: { lambda: { functionUrl: {} } },
    held: "aws:lambda/alias:Alias web-alias",
    outputs: [
      ...["lambda.url", "lambda.logsCommand", "lambda.invokeCommand", "lambda.aliasArn"],
      ...["lambda.functionName", "lambda.functionArn", "lambda.version"],
    ],
  },
};
const ofApp = ["app.imageUri", "app.platforms", "app.url", "app.logsCommand", "app.shellCommand"];

it.each(Object.entries(apps))("no output has a value: %s", async (_, { args, held, outputs }) => {
  expect(Object.keys(await settledOutputs(args, held))).toEqual([]);
  // The same outputs, where nothing is held back.
  const all = Object.keys(await settledOutputs(args, ""));
  expect(all).toEqual(expect.arrayContaining([...outputs, ...ofApp]));
});
