import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as aws from "@pulumi/aws/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { Image } from "../../components/image/image";
import { Repository } from "../../components/registry/repository";
import { lambdaProblems, LambdaTarget } from "../../components/targets/lambda/lambda";
import type { LambdaTargetArgs } from "../../components/targets/lambda/lambdaArgs";
import { register, type Registered, valueOf } from "./mocks";

// Mocks prove what the providers are given. That a version is then published is for tests/engine. Hooks aren't registered with
// mocks, so what they check is caught here, and that they are run is for tests/engine too.

const mockChecks: [string, () => Promise<void>][] = [];
jest.mock("../../components/hooks", () => ({
  ...jest.requireActual<object>("../../components/hooks"),
  beforeChange: (name: string, check: () => Promise<void>) => {
    mockChecks.push([name, check]);
    return {};
  },
  hooksSupported: () => false,
}));
beforeEach(() => mockChecks.splice(0));

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const digests = {
  index: `sha256:${"c".repeat(64)}`,
  "linux/amd64": `sha256:${"a".repeat(64)}`,
  "linux/arm64": `sha256:${"b".repeat(64)}`,
};
const ref = `${repository}@${digests.index}`;
const secretArn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf";
const parameterArn = "arn:aws:ssm:eu-west-1:123456789012:parameter/level";

function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  if (type === "docker-build:index:Image") return { digest: digests["linux/amd64"] };
  if (name.endsWith("-verified")) {
    const images = (["linux/amd64", "linux/arm64"] as const).map((platform) => ({
      platform,
      digest: digests[platform],
      size: 1,
    }));
    return { stdout: JSON.stringify({ reference: ref, images }) };
  }
  return {
    arn: `arn:${type.split(":")[2]}/${name}`,
    name: inputs.name ?? `${name}-1`,
    version: "7",
    functionUrl: `https://${name}.lambda-url.eu-west-1.on.aws/`,
    repositoryUrl: repository,
  };
}

function answer({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
  if (token.endsWith("getRegion")) return { region: "eu-west-1" };
  if (token.endsWith("getAuthorizationToken")) return { userName: "AWS", password: "canary-token" };
  return inputs as Record<string, unknown>;
}

/** What the SDK keeps on every resource, and does not declare: the options that it has after its parent's are added. */
interface Inherited {
  readonly __prov?: pulumi.ProviderResource;
  readonly __protect?: boolean;
}

interface Made {
  all: Registered[];
  target: LambdaTarget;
  options: Record<string, pulumi.CustomResourceOptions>;
  resources: Record<string, Inherited>;
  of(type: string, name?: string): Record<string, unknown>;
}

async function make(
  args: Partial<LambdaTargetArgs> = {},
  more: () => Partial<pulumi.ComponentResourceOptions> & {
    args?: Partial<LambdaTargetArgs>;
  } = () => ({}),
): Promise<Made> {
  const options: Made["options"] = {};
  const resources: Made["resources"] = {};
  let target: LambdaTarget | undefined;
  const all = await register(
    () => {
      const { args: late, ...opts } = more();
      target = new LambdaTarget(
        "web",
        { ref, ...args, ...late },
        {
          ...opts,
          transformations: [
            (resource) => {
              options[`${resource.type} ${resource.name}`] = resource.opts;
              resources[`${resource.type} ${resource.name}`] = resource.resource as Inherited;
              return undefined;
            },
          ],
        },
      );
    },
    provider,
    answer,
  );
  const of = (type: string, name = "web") => {
    const found = all.find((one) => one.type === `aws:${type}` && one.name === name);
    if (found === undefined) throw new Error(`no ${type} ${name} among ${listed(all).join(", ")}`);
    return found.inputs;
  };
  return { all, target: target!, options, resources, of };
}

const listed = (all: Registered[]) =>
  all
    .filter(({ type }) => type.startsWith("aws:"))
    .map(({ type, name }) => `${type} ${name}`)
    .sort();
const statements = (made: Made) =>
  (
    JSON.parse(made.of("iam/rolePolicy:RolePolicy", "web-execution").policy as string) as {
      Statement: unknown[];
    }
  ).Statement;
const named = async (resources: unknown) =>
  (await Promise.all((resources as pulumi.Resource[]).map(({ urn }) => valueOf(urn as never)))).map(
    (urn) => (urn as string).split("::").slice(-2).join(" ").replace(/^.*\$/, ""),
  );

it("makes a function, its alias, role and log group, and nothing else", async () => {
  const made = await make();
  expect(listed(made.all)).toEqual([
    "aws:cloudwatch/logGroup:LogGroup web",
    "aws:iam/role:Role web-execution",
    "aws:iam/rolePolicy:RolePolicy web-execution",
    "aws:lambda/alias:Alias web-alias",
    "aws:lambda/function:Function web",
  ]);
  expect(made.of("lambda/function:Function")).toEqual({
    packageType: "Image",
    imageUri: `${repository}@${digests["linux/amd64"]}`,
    architectures: ["x86_64"],
    role: "arn:Role/web-execution",
    memorySize: 512,
    timeout: 30,
    publish: true,
    loggingConfig: { logFormat: "Text", logGroup: "web-1" },
  });
  expect(made.of("lambda/alias:Alias", "web-alias")).toEqual({
    name: "live",
    functionName: "web-1",
    functionVersion: "7",
  });
  expect(made.of("cloudwatch/logGroup:LogGroup")).toEqual({ retentionInDays: 30 });
});

it("another architecture is the other platform's digest and no other change of the function", async () => {
  const [before, after] = [await make(), await make({ architecture: "arm64" })];
  expect(after.of("lambda/function:Function")).toEqual({
    ...before.of("lambda/function:Function"),
    imageUri: `${repository}@${digests["linux/arm64"]}`,
    architectures: ["arm64"],
  });
});

it("every option reaches the function", async () => {
  const made = await make({
    memory: 1024,
    timeout: pulumi.output(900),
    ephemeralStorage: 2048,
    command: ["app.handler"],
    entryPoint: ["/lambda-entrypoint.sh"],
    workingDirectory: "/srv",
    environment: { LEVEL: "info", AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap" },
    reservedConcurrency: 0,
    logRetentionDays: 7,
    alias: "stable",
    tags: { team: "web" },
  });
  expect(made.of("lambda/function:Function")).toEqual({
    packageType: "Image",
    imageUri: `${repository}@${digests["linux/amd64"]}`,
    architectures: ["x86_64"],
    role: "arn:Role/web-execution",
    memorySize: 1024,
    timeout: 900,
    publish: true,
    loggingConfig: { logFormat: "Text", logGroup: "web-1" },
    ephemeralStorage: { size: 2048 },
    imageConfig: {
      commands: ["app.handler"],
      entryPoints: ["/lambda-entrypoint.sh"],
      workingDirectory: "/srv",
    },
    environment: { variables: { LEVEL: "info", AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap" } },
    reservedConcurrentExecutions: 0,
    tags: { team: "web" },
  });
  expect(made.of("cloudwatch/logGroup:LogGroup")).toEqual({
    retentionInDays: 7,
    tags: { team: "web" },
  });
  expect(made.of("lambda/alias:Alias", "web-alias").name).toBe("stable");
});

it("the role is Lambda's, and may write to its own log group and nothing else", async () => {
  const made = await make();
  const { assumeRolePolicy, ...rest } = made.of("iam/role:Role", "web-execution");
  expect(rest).toEqual({});
  expect(JSON.parse(assumeRolePolicy as string).Statement).toEqual([
    {
      Effect: "Allow",
      Principal: { Service: "lambda.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  ]);
  expect(statements(made)).toEqual([
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: ["arn:LogGroup/web:*"],
    },
  ]);
});

it("the role may read the secrets named, and has the policies named, by names that stay when one goes", async () => {
  const late = "arn:aws:iam::123456789012:policy/late";
  const made = await make({
    secretArns: [secretArn, pulumi.output(parameterArn)],
    policyArns: ["arn:aws:iam::aws:policy/service-role/One", pulumi.output(late)],
  });
  expect(statements(made).slice(1)).toEqual([
    { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [secretArn] },
    {
      Effect: "Allow",
      Action: ["ssm:GetParameter", "ssm:GetParameters"],
      Resource: [parameterArn],
    },
  ]);
  const attachments = made.all.filter(({ type }) => type.endsWith("RolePolicyAttachment"));
  expect(attachments.map(({ name, inputs }) => [name, inputs])).toEqual([
    [
      "web-execution-aws-policy-service-role-One",
      { role: "web-execution-1", policyArn: "arn:aws:iam::aws:policy/service-role/One" },
    ],
    ["web-execution-1", { role: "web-execution-1", policyArn: late }],
  ]);
  expect(await named(made.options["aws:lambda/function:Function web"]!.dependsOn)).toEqual([
    "aws:iam/rolePolicy:RolePolicy web-execution",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment web-execution-aws-policy-service-role-One",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment web-execution-1",
  ]);
});

it("an address is for callers that IAM knows unless it is opened by name", async () => {
  const made = await make({ functionUrl: {} });
  expect(made.of("lambda/functionUrl:FunctionUrl", "web-url")).toEqual({
    functionName: "web-1",
    qualifier: "live",
    authorizationType: "AWS_IAM",
  });
  expect(listed(made.all).filter((one) => one.includes("Permission"))).toEqual([]);
  expect(await valueOf(made.target.url)).toBe("https://web-url.lambda-url.eu-west-1.on.aws/");
});

it("an open address lets everybody call the alias by it and in no other way, before it is there", async () => {
  const made = await make({ functionUrl: { authorization: "NONE" }, alias: "stable" });
  expect(made.of("lambda/functionUrl:FunctionUrl", "web-url").authorizationType).toBe("NONE");
  const permissions = made.all.filter(({ type }) => type.endsWith(":Permission"));
  const place = { function: "web-1", qualifier: "stable", principal: "*" };
  expect(permissions.map(({ name, inputs }) => [name, inputs])).toEqual([
    [
      "web-public-url",
      { ...place, action: "lambda:InvokeFunctionUrl", functionUrlAuthType: "NONE" },
    ],
    [
      "web-public-invoke",
      { ...place, action: "lambda:InvokeFunction", invokedViaFunctionUrl: true },
    ],
  ]);
  const { dependsOn } = made.options["aws:lambda/functionUrl:FunctionUrl web-url"]!;
  expect(await named(dependsOn)).toEqual([
    "aws:lambda/permission:Permission web-public-url",
    "aws:lambda/permission:Permission web-public-invoke",
  ]);
});

it("outputs name the function and the exact commands", async () => {
  const { target } = await make();
  expect(await valueOf(target.functionName)).toBe("web-1");
  expect(await valueOf(target.functionArn)).toBe("arn:Function/web");
  expect(await valueOf(target.aliasArn)).toBe("arn:Alias/web-alias");
  expect(await valueOf(target.version)).toBe("7");
  expect(await valueOf(target.url)).toBe("");
  expect(await valueOf(target.logsCommand)).toBe("aws logs tail web-1 --follow --region eu-west-1");
  expect(await valueOf(target.invokeCommand)).toBe(
    "aws lambda invoke --function-name web-1:live --region eu-west-1 /dev/stdout",
  );
});

it("the component is recorded with what was asked for, and a token is nowhere", async () => {
  const { all } = await make({ architecture: "arm64", environment: { LEVEL: "info" } });
  const component = all.find(({ type }) => type === "multiarch:index:LambdaTarget")!;
  expect(component.inputs).toEqual({
    ref,
    architecture: "arm64",
    environment: { LEVEL: "info" },
  });
  for (const { name, inputs } of all.filter(({ name }) => !name.endsWith("-verified")))
    expect([name, JSON.stringify(inputs)]).toEqual([name, expect.not.stringContaining("canary")]);
});

it("provider, protection and tags reach every child that takes them", async () => {
  let own: aws.Provider | undefined;
  const asked = {
    functionUrl: { authorization: "NONE" as const },
    policyArns: ["arn:aws:iam::aws:policy/One"],
    tags: { team: "web" },
  };
  const made = await make(asked, () => {
    own = new aws.Provider("mine", { region: "eu-west-1" });
    return { providers: { aws: own }, protect: true };
  });
  const children = made.all.filter(({ type }) => type.startsWith("aws:"));
  expect(children).toHaveLength(9);
  for (const { type, name, inputs } of children) {
    const options = made.options[`${type} ${name}`]!;
    expect([name, options.parent]).toEqual([name, made.target]);
    const resource = made.resources[`${type} ${name}`]!;
    expect([name, resource.__protect]).toEqual([name, true]);
    expect(resource.__prov === own).toBe(true);
    const taggable = /:(Function|Role|LogGroup)$/.test(type);
    expect([name, type, inputs.tags]).toEqual([name, type, taggable ? asked.tags : undefined]);
  }
});

it("a function of an image in a Repository of ours waits for its policy, by which Lambda pulls", async () => {
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
  process.chdir(folder);
  try {
    let repositoryOfOurs: Repository | undefined;
    const made = await make({ ref: undefined }, () => {
      repositoryOfOurs = new Repository("web", { lambdaPull: true });
      const image = new Image("web", {
        context: ".",
        platforms: ["linux/amd64"],
        repository: repositoryOfOurs,
      });
      return { args: { image } };
    });
    const { dependsOn } = made.options["aws:lambda/function:Function web"]!;
    expect((dependsOn as pulumi.Resource[]).includes(repositoryOfOurs!)).toBe(true);
    expect(made.of("lambda/function:Function").imageUri).toBe(
      `${repository}@${digests["linux/amd64"]}`,
    );
    expect(made.all.filter(({ name }) => name === "web-verified")).toHaveLength(1);
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
});

describe("what everybody who may describe the function could read", () => {
  it.each([
    ["environment.TOKEN", { environment: { TOKEN: pulumi.secret("canary") } }],
    ["command", { command: ["serve", pulumi.secret("canary")] }],
    ["entryPoint", { entryPoint: pulumi.secret(["canary"]) }],
    ["workingDirectory", { workingDirectory: pulumi.secret("/canary") }],
  ])("%s is refused where it is secret", async (path, args) => {
    await make(args as Partial<LambdaTargetArgs>);
    const [name, check] = mockChecks.find(([one]) => one.includes("Lambda"))!;
    expect(name).toBe("environment of Lambda for LambdaTarget web");
    const message = await check().then(
      () => "nothing",
      (error: Error) => error.message,
    );
    expect(message).toMatch(
      new RegExp(
        `^${path}: is secret, .*; put it into Secrets Manager or SSM, and give its ARN in secretArns and in a plain variable, .*extension\\)$`,
      ),
    );
    expect(message).not.toContain("canary");
  });

  it("is taken where nothing is secret, known later or not", async () => {
    await make({ environment: { A_1: "plain", B_2: pulumi.output("plain") }, command: ["serve"] });
    const [, check] = mockChecks.find(([one]) => one.includes("Lambda"))!;
    await expect(check()).resolves.toBeUndefined();
  });
});

const elsewhere = `ghcr.io/team/web@${digests.index}`;
const bad: [string, Record<string, unknown>, string][] = [
  ["no image", { ref: undefined }, "image: is missing"],
  ["a tag", { ref: `${repository}:1` }, "ref: "],
  ["another registry", { ref: elsewhere }, "ref: lies in ghcr.io, and Lambda pulls from ECR only"],
  [
    "ECR's public registry",
    { ref: `public.ecr.aws/team/web@${digests.index}` },
    "ref: lies in public.ecr.aws",
  ],
  ["Docker Hub", { ref: `team/web@${digests.index}` }, "ref: lies in docker.io"],
  ["an image that is a text", { ref: undefined, image: "web" }, "image: must be an Image"],
  ["a misspelt field", { memorySize: 512 }, "memorySize: is not a field"],
  ["an unknown architecture", { architecture: "amd46" }, `architecture: "amd46" is no`],
  ["an architecture known later", { architecture: pulumi.output("arm64") }, "architecture: is an"],
  ["too little memory", { memory: 127 }, "memory: must be a whole number of MiB from 128 to 10240"],
  ["too much memory", { memory: 10_241 }, "memory: must be a whole number"],
  ["memory as a text", { memory: "512" }, `memory: must be a whole number`],
  ["no time", { timeout: 0 }, "timeout: must be a whole number of seconds from 1 to 900"],
  ["too much time", { timeout: 901 }, "timeout: must be"],
  ["too small a disk", { ephemeralStorage: 511 }, "ephemeralStorage: must be"],
  ["negative concurrency", { reservedConcurrency: -1 }, "reservedConcurrency: must be"],
  ["a command that is a text", { command: "serve" }, "command: must be a list"],
  ["no word in the entry point", { entryPoint: [] }, "entryPoint: must be a list that isn't empty"],
  ["a word that is a number", { command: ["serve", 80] }, "command[1]: must be a text"],
  ["a relative folder", { workingDirectory: "srv" }, `workingDirectory: "srv" is no absolute path`],
  [
    "a variable of Lambda's",
    { environment: { AWS_REGION: "x" } },
    "environment.AWS_REGION: is set",
  ],
  ["the handler", { environment: { _HANDLER: "x" } }, "environment._HANDLER: is set by Lambda"],
  ["a variable's name", { environment: { "A-B": "1" } }, `environment["A-B"]: is no name`],
  ["a name of one letter", { environment: { A: "1" } }, "environment.A: is no name that Lambda"],
  ["a leading underscore", { environment: { _LEVEL: "1" } }, "environment._LEVEL: is no name that"],
  ["a number in a variable", { environment: { LEVEL: 7 } }, "environment.LEVEL: must be a string"],
  [
    "too long an environment",
    { environment: { LEVEL: "hunter2".repeat(600) } },
    "environment: holds 4205 bytes, and Lambda takes 4096",
  ],
  ["ECS's secrets", { secrets: { TOKEN: secretArn } }, "secrets: is nothing that Lambda has"],
  ["a secret in the open", { secretArns: ["hunter2"] }, "secretArns[0]: is no ARN of a secret"],
  ["a policy's name", { policyArns: ["ReadOnly"] }, `policyArns[0]: "ReadOnly" is no policy's ARN`],
  [
    "a policy twice",
    { policyArns: ["arn:aws:iam::aws:policy/One", "arn:aws:iam::aws:policy/One"] },
    "policyArns[1]: is listed twice",
  ],
  ["an address that is a flag", { functionUrl: true }, "functionUrl: must be an object"],
  [
    "an unknown authorization",
    { functionUrl: { authorization: "IAM" } },
    `functionUrl.authorization: is "IAM"`,
  ],
  ["CORS", { functionUrl: { cors: {} } }, "functionUrl.cors: is not a field"],
  ["a retention that CloudWatch lacks", { logRetentionDays: 10 }, "logRetentionDays: 10 is no"],
  ["an alias with a dot", { alias: "v1.0" }, `alias: "v1.0" is no name of an alias`],
  ["an alias that is a version", { alias: "7" }, `alias: "7" is no name of an alias`],
  ["an alias known later", { alias: pulumi.output("live") }, "alias: is an output or a promise"],
  ["tags as a list", { tags: ["web"] }, "tags: must map names to texts"],
];

it.each(bad)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new LambdaTarget("web", { ref, ...args } as LambdaTargetArgs);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
  expect(lines[0]).not.toContain("hunter2");
});

it("several problems are told at once, and within an App with the path there", () => {
  const problems = lambdaProblems({ memory: 1, functionUrl: { authorization: "x" } }, "lambda");
  expect(problems.map(({ path }) => path)).toEqual([
    "lambda.memory",
    "lambda.functionUrl.authorization",
  ]);
  expect(lambdaProblems({ ref }, "lambda").map(({ path }) => path)).toEqual(["lambda.ref"]);
  for (const given of [null, undefined, "web", []])
    expect(lambdaProblems(given, "lambda").map(({ path }) => path)).toEqual(["lambda"]);
});

it("an image of another registry is refused, and one on this machine isn't", async () => {
  await register(
    () => {
      const image = (name: string, address: string) =>
        new Image(name, {
          ref: `${address}/team/web@${digests.index}`,
          platforms: ["linux/amd64"],
        });
      expect(() => new LambdaTarget("web", { image: image("one", "ghcr.io") })).toThrow(
        /^web: image: lies in ghcr\.io, and Lambda pulls from ECR only; /,
      );
      new LambdaTarget("local", { image: image("two", "127.0.0.1:5000") });
    },
    provider,
    answer,
  );
});
