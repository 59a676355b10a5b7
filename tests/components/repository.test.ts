import * as aws from "@pulumi/aws/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { Image } from "../../components/image/image";
import { Repository, type RepositoryArgs } from "../../components/registry/repository";
import { repositoryProblems } from "../../components/registry/repositoryProblems";
import { register, type Registered, secretMark, valueOf } from "./mocks";

// Mocks prove what the provider is given. What a registry makes of it is for tests/engine; what the policies say, for
// tests/unit/policies.test.ts.

const url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const arn = "arn:aws:ecr:eu-west-1:123456789012:repository/team/web";
const token = "canary-token";
function provider({ type, name, inputs }: Registered): Record<string, unknown> {
  const digest = `sha256:${"a".repeat(64)}`;
  if (type === "aws:ecr/repository:Repository")
    return { repositoryUrl: url, arn, name: inputs.name ?? `${name}-1` };
  if (type === "docker-build:index:Image") return { digest };
  if (name.endsWith("-verified")) {
    const images = [{ platform: "linux/amd64", digest, size: 1 }];
    return { stdout: JSON.stringify({ reference: `${url}@${digest}`, images }) };
  }
  return {};
}

interface Made {
  all: Registered[];
  repository: Repository;
  calls: pulumi.runtime.MockCallArgs[];
  options: Record<string, pulumi.CustomResourceOptions>;
  warnings: string[];
  of(type: string, name: string): Record<string, unknown>;
}

async function make(
  args?: RepositoryArgs,
  {
    there = {},
    also = () => ({}),
  }: {
    /** What AWS says of a repository that exists. */
    there?: Record<string, unknown>;
    also?: () => pulumi.ComponentResourceOptions;
  } = {},
  then: (repository: Repository) => void = () => undefined,
): Promise<Made> {
  const [options, calls]: [Made["options"], Made["calls"]] = [{}, []];
  const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue(undefined);
  let repository: Repository | undefined;
  const all = await register(
    () => {
      repository = new Repository("web", args, {
        ...also(),
        transformations: [
          (resource) => {
            options[`${resource.type} ${resource.name}`] = resource.opts;
            return undefined;
          },
        ],
      });
      then(repository);
    },
    provider,
    (call) => {
      calls.push(call);
      if (call.token.endsWith("getAuthorizationToken")) return { userName: "AWS", password: token };
      return {
        repositoryUrl: url,
        arn,
        imageTagMutability: "MUTABLE",
        imageTagMutabilityExclusionFilters: [],
        ...there,
      };
    },
  );
  const warnings = warn.mock.calls.map(([message]) => message);
  warn.mockRestore();
  const of = (type: string, name: string) =>
    all.find((one) => one.type === `aws:ecr/${type}` && one.name === name)!.inputs;
  return { all, repository: repository!, calls, options, warnings, of };
}

const listed = ({ all }: Made) => all.map(({ type, name }) => `${type} ${name}`).sort();
const policyOf = (inputs: Record<string, unknown>) => JSON.parse(inputs.policy as string) as object;

it("by default makes a repository and its lifecycle policy, and nothing else", async () => {
  const made = await make();
  expect(listed(made)).toEqual([
    "aws:ecr/lifecyclePolicy:LifecyclePolicy web-lifecycle",
    "aws:ecr/repository:Repository web",
    "multiarch:index:Repository web",
  ]);
  expect(made.of("repository:Repository", "web")).toEqual({
    imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
    imageTagMutabilityExclusionFilters: [
      { filter: "cache-*", filterType: "WILDCARD" },
      { filter: "live-*", filterType: "WILDCARD" },
    ],
    imageScanningConfiguration: { scanOnPush: true },
    encryptionConfigurations: [{ encryptionType: "AES256" }],
    forceDelete: false,
  });
  const lifecycle = made.of("lifecyclePolicy:LifecyclePolicy", "web-lifecycle");
  expect(lifecycle.repository).toBe("web-1");
  expect(policyOf(lifecycle)).toMatchObject({
    rules: [{ rulePriority: 1, selection: { tagStatus: "untagged", countNumber: 14 } }],
  });
  expect(made.warnings).toEqual([]);
});

it("every option reaches what it is for", async () => {
  const kmsKeyArn = "arn:aws:kms:eu-west-1:123456789012:key/1";
  const args: RepositoryArgs = {
    name: "team/web",
    mutableTags: ["latest", "cache-*", "stable-*"],
    scanOnPush: false,
    kmsKeyArn,
    untaggedDays: 3,
    keepReleases: 5,
    lifecycleRules: [{ tagPatterns: ["pr-*"], expireAfterDays: 30 }],
    pullAccounts: ["111111111111"],
    lambdaPull: true,
    forceDelete: true,
    tags: { team: "web" },
  };
  const made = await make(args);
  expect(made.of("repository:Repository", "web")).toEqual({
    name: "team/web",
    imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
    imageTagMutabilityExclusionFilters: ["cache-*", "live-*", "latest", "stable-*"].map(
      (filter) => ({ filter, filterType: "WILDCARD" }),
    ),
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfigurations: [{ encryptionType: "KMS", kmsKey: kmsKeyArn }],
    forceDelete: true,
    tags: { team: "web" },
  });
  expect(policyOf(made.of("lifecyclePolicy:LifecyclePolicy", "web-lifecycle"))).toMatchObject({
    rules: [
      { selection: { tagPatternList: ["live-*"] } },
      { selection: { tagPatternList: ["sha-*"], countNumber: 5 } },
      { selection: { tagPatternList: ["pr-*"], countNumber: 30 } },
      { selection: { tagStatus: "untagged", countNumber: 3 } },
    ],
  });
  const pull = made.of("repositoryPolicy:RepositoryPolicy", "web-pull");
  expect(pull.repository).toBe("team/web");
  expect(policyOf(pull)).toMatchObject({
    Statement: [
      { Sid: "Pull", Principal: { AWS: ["arn:aws:iam::111111111111:root"] } },
      { Sid: "LambdaPull", Principal: { Service: "lambda.amazonaws.com" } },
    ],
  });
  expect(made.all.find(({ type }) => type === "multiarch:index:Repository")!.inputs).toEqual(args);
});

it.each([
  [{ pullAccounts: ["111111111111"] }, ["Pull"]],
  [{ lambdaPull: true }, ["LambdaPull"]],
])("%j makes a policy for those alone", async (args, sids) => {
  const made = await make(args);
  const { Statement } = policyOf(made.of("repositoryPolicy:RepositoryPolicy", "web-pull")) as {
    Statement: { Sid: string }[];
  };
  expect(Statement.map(({ Sid }) => Sid)).toEqual(sids);
});

it.each([{ pullAccounts: [] }, { lambdaPull: false }])("%j makes no policy", async (args) => {
  expect(listed(await make(args)).join()).not.toContain("RepositoryPolicy");
});

it("outputs name the repository, and the token is secret and in no input", async () => {
  const made = await make({ name: "team/web" });
  const { repository } = made;
  expect(await valueOf(repository.repositoryUrl)).toBe(url);
  expect(await valueOf(repository.arn)).toBe(arn);
  expect(await valueOf(repository.repositoryName)).toBe("team/web");
  expect(await valueOf(repository.username)).toBe("AWS");
  expect(await valueOf(repository.password)).toBe(token);
  expect(await pulumi.isSecret(repository.password)).toBe(true);
  expect(JSON.stringify(made.all)).not.toContain("canary");
});

it("an existing repository is looked up and not touched, with credentials of its registry", async () => {
  const existing = { name: "team/web", registryId: "210987654321" };
  const made = await make({ existing });
  expect(listed(made)).toEqual(["multiarch:index:Repository web"]);
  const calls = made.calls.map(({ token, inputs }) => [token.split(":").at(-1), inputs as unknown]);
  expect(Object.fromEntries(calls)).toEqual({
    getRepository: existing,
    getAuthorizationToken: { registryId: existing.registryId },
  });
  expect(await valueOf(made.repository.repositoryUrl)).toBe(url);
  expect(await valueOf(made.repository.arn)).toBe(arn);
  expect(made.warnings).toEqual([]);
});

const immutable = "IMMUTABLE_WITH_EXCLUSION";
it.each([
  ["MUTABLE", [], false],
  ["IMMUTABLE", [], true],
  ["IMMUTABLE", undefined, true],
  [immutable, ["latest", "live-*"], true],
  [immutable, ["cache-*"], false],
  [immutable, ["*"], false],
  [immutable, ["cache*"], false],
  [immutable, ["cache-web-*"], true],
  ["MUTABLE_WITH_EXCLUSION", ["v*"], false],
  ["MUTABLE_WITH_EXCLUSION", ["cache-*"], true],
])("an existing repository of %s with %j is warned of: %s", async (mutability, tags, warned) => {
  const made = await make(
    { existing: { name: "team/web" } },
    {
      there: {
        imageTagMutability: mutability,
        imageTagMutabilityExclusionFilters: tags?.map((filter) => ({ filter })),
      },
    },
  );
  expect(made.warnings).toEqual(
    warned
      ? [expect.stringMatching(/^the tags of team\/web can't be moved, .*cache\.enabled/)]
      : [],
  );
});

it("the user's provider is asked, for what is made, looked up and logged in to", async () => {
  const also = () => ({
    providers: { aws: new aws.Provider("mine", { region: "eu-west-1" }) },
    protect: true,
  });
  const made = await make({ lambdaPull: true }, { also });
  for (const type of ["repository:Repository web", "lifecyclePolicy:LifecyclePolicy web-lifecycle"])
    expect(made.options[`aws:ecr/${type}`]!.parent).toBe(made.repository);
  const looked = await make({ existing: { name: "team/web" } }, { also });
  for (const { token, provider } of [...made.calls, ...looked.calls])
    expect([token, provider]).toEqual([token, expect.stringContaining("::mine::")]);
  expect(made.calls).toHaveLength(1);
  expect(looked.calls).toHaveLength(2);
});

it("an image in it is pushed with its address and credentials, the password secret and recorded nowhere", async () => {
  const { all } = await make({}, {}, (repository) => {
    new Image("web", { context: "./examples/web", platforms: ["linux/amd64"], repository });
  });
  const inputsOf = (type: string, name: string) =>
    all.find((one) => one.type === type && one.name === name)!.inputs;
  const image = inputsOf("docker-build:index:Image", "web-linux-amd64");
  const access = {
    address: "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    username: "AWS",
    password: token,
  };
  // The SDK makes the whole of a list secret that has a secret in it.
  expect(image.registries).toEqual({ ...secretMark, value: [access] });
  expect(image.exports).toMatchObject([{ image: { names: [url], pushByDigest: true } }]);
  expect(image.cacheTo).toMatchObject([
    { registry: { ref: `${url}:cache-web-stack-linux-amd64`, imageManifest: true } },
  ]);
  const { environment, ...gate } = inputsOf("command:local:Command", "web-verified");
  expect(environment).toMatchObject(secretMark);
  const { value } = environment as { value: Record<string, string> };
  expect(value).toMatchObject({
    MULTIARCH_REGISTRY_USERNAME: "AWS",
    MULTIARCH_REGISTRY_PASSWORD: token,
  });
  expect(JSON.parse(value.MULTIARCH_VERIFY!)).toMatchObject({
    push: { target: expect.stringMatching(/\/team\/web:sha-[0-9a-f]{24}$/), credentials: "aws" },
  });
  const open = all.filter(({ type }) => !/^(docker-build|command):/.test(type));
  expect(open.map(({ type }) => type)).toContain("multiarch:index:Image");
  expect(JSON.stringify([open, gate])).not.toContain("canary");
  expect(JSON.stringify({ ...image, registries: [] })).not.toContain("canary");
});

const rule = (change: object) => ({
  lifecycleRules: [{ tagPatterns: ["pr-*"], expireAfterDays: 30, ...change }],
});
const bad: [string, unknown, string][] = [
  ["arguments that are a text", "web", "args: must be an object"],
  ["a misspelt field", { nam: "web" }, "nam: is not a field"],
  ["a name in capitals", { name: "Team/Web" }, `name: "Team/Web" is no name that ECR takes`],
  ["a name of one letter", { name: "w" }, `name: "w" is no name that ECR takes`],
  ["a name with a tag", { name: "team/web:1" }, "name: "],
  ["a name that starts with a slash", { name: "/web" }, "name: "],
  ["a name with two dashes", { name: "team--web" }, "name: "],
  ["a name too long", { name: "w".repeat(257) }, "name: "],
  ["a name known later", { name: pulumi.output("web") }, "name: is an output or a promise"],
  ["an empty name", { name: "" }, "name: must be a text that isn't empty"],
  ["tags that are a text", { mutableTags: "latest" }, "mutableTags: must be a list"],
  ["a tag that isn't one", { mutableTags: ["a b"] }, `mutableTags[0]: "a b" is no pattern`],
  ["releases that move", { mutableTags: ["sha-*"] }, `mutableTags[0]: "sha-*" selects released`],
  ["some releases that move", { mutableTags: ["sha-f*"] }, `mutableTags[0]: "sha-f*" selects`],
  ["every tag", { mutableTags: ["*"] }, `mutableTags[0]: "*" selects released`],
  ["too many tags", { mutableTags: ["a", "b", "c", "d"] }, "mutableTags: holds 4 tags"],
  ["three stars", { mutableTags: ["v*-*-*"] }, `mutableTags[0]: "v*-*-*" has 3 times *`],
  ["scanning by text", { scanOnPush: "yes" }, "scanOnPush: must be true or false"],
  ["a key's name", { kmsKeyArn: "alias/mine" }, `kmsKeyArn: "alias/mine" is no ARN of a key`],
  ["no days", { untaggedDays: 0 }, "untaggedDays: must be a whole number of days"],
  ["half a day", { untaggedDays: 0.5 }, "untaggedDays: must be"],
  ["days known later", { untaggedDays: pulumi.output(7) }, "untaggedDays: is an output"],
  ["no release kept", { keepReleases: 0 }, "keepReleases: must be a whole number of releases"],
  ["too many kept", { keepReleases: 1001 }, "keepReleases: must be"],
  ["a rule that is no list", { lifecycleRules: {} }, "lifecycleRules: must be a list"],
  ["a rule without pattern", rule({ tagPatterns: [] }), "lifecycleRules[0].tagPatterns: must name"],
  ["a rule for releases", rule({ tagPatterns: ["sha-*"] }), "lifecycleRules[0].tagPatterns[0]:"],
  [
    "a rule for what runs",
    rule({ tagPatterns: ["live-api-*"] }),
    "lifecycleRules[0].tagPatterns[0]: selects what stacks run",
  ],
  ["five stars", rule({ tagPatterns: ["a*b*c*d*e*"] }), "lifecycleRules[0].tagPatterns[0]:"],
  ["two counts", rule({ keepNewest: 3 }), "lifecycleRules[0]: must have one of"],
  ["no count", rule({ expireAfterDays: undefined }), "lifecycleRules[0]: must have one of"],
  ["a misspelt field of a rule", rule({ days: 3 }), "lifecycleRules[0].days: is not a field"],
  ["negative days", rule({ expireAfterDays: -1 }), "lifecycleRules[0].expireAfterDays: must be"],
  ["an account's name", { pullAccounts: ["prod"] }, `pullAccounts[0]: "prod" is no AWS account`],
  ["an account as a number", { pullAccounts: [111111111111] }, "pullAccounts[0]: must be a text"],
  ["Lambda by text", { lambdaPull: "yes" }, "lambdaPull: must be true or false"],
  ["deletion by text", { forceDelete: "yes" }, "forceDelete: must be true or false"],
  ["a tag that is a number", { tags: { cost: 7 } }, "tags.cost: must be a string"],
  ["existing by name alone", { existing: "web" }, "existing: must be an object"],
  ["existing without name", { existing: {} }, "existing.name: is missing"],
  ["existing by its address", { existing: { name: url } }, `existing.name: "${url}" is an address`],
  [
    "existing in no account",
    { existing: { name: "web", registryId: "mine" } },
    `existing.registryId: "mine" is no AWS account`,
  ],
  [
    "existing and a new one's name",
    { existing: { name: "web" }, name: "web" },
    "name: means nothing next to existing",
  ],
];

it.each(bad)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new Repository("web", args as RepositoryArgs);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
});

it("several problems are told at once, and within an App with the path there", () => {
  const problems = repositoryProblems({ name: "W", untaggedDays: 0 }, "repository");
  expect(problems.map(({ path }) => path)).toEqual(["repository.name", "repository.untaggedDays"]);
});
