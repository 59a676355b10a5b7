/**
 * The stand-in `aws` plugin: ECR, IAM, logs and identity, through the real engine, compared with what the
 * emulators then hold. (awsEcsPlugin.test.ts has ECS.) One project goes through its life in `beforeAll`; the
 * tests then look.
 */
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import * as ecr from "@aws-sdk/client-ecr";
import * as iam from "@aws-sdk/client-iam";
import { client } from "./awsProject";
import { createProject, environment, NOTHING, type Project, type RunResult } from "./harness";

const program = `
  const pulumi = require("@pulumi/pulumi");
  const aws = require("@pulumi/aws");
  const changed = process.env.PHASE === "2";
  const other = process.env.PHASE === "3";
  const tags = { phase: changed ? "2" : "1" };
  const policy = (...statements) => ({ Version: "2012-10-17", Statement: statements });

  const repository = new aws.ecr.Repository("repository", {
    name: other ? "team/other" : "team/first",
    imageTagMutability: changed ? "IMMUTABLE" : "IMMUTABLE_WITH_EXCLUSION",
    imageTagMutabilityExclusionFilters: changed ? [] : [{ filter: "cache-*", filterType: "WILDCARD" }],
    imageScanningConfiguration: { scanOnPush: !changed },
    tags,
  });
  const days = changed ? 7 : 14;
  const life = new aws.ecr.LifecyclePolicy("life", {
    repository: repository.name,
    policy: JSON.stringify({ rules: [{ rulePriority: 1,
      selection: { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: days },
      action: { type: "expire" } }] }),
  });
  new aws.ecr.RepositoryPolicy("pull", {
    repository: repository.name,
    policy: policy({ Sid: changed ? "two" : "one", Effect: "Allow", Principal: "*", Action: "ecr:BatchGetImage" }),
  });
  const auto = new aws.ecr.Repository("auto", {});
  const role = new aws.iam.Role("role", {
    assumeRolePolicy: JSON.stringify(policy({ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" })),
    description: changed ? "changed" : "first", tags,
  });
  const inline = new aws.iam.RolePolicy("inline", {
    role: role.name,
    policy: repository.arn.apply((arn) => JSON.stringify(policy({ Effect: "Allow", Action: "ecr:BatchGetImage", Resource: arn }))),
  });
  new aws.iam.RolePolicyAttachment("attached", {
    role: role.name, policyArn: "arn:aws:iam::aws:policy/" + (changed ? "AmazonSSMReadOnlyAccess" : "AmazonSSMManagedInstanceCore"),
  });
  const profile = new aws.iam.InstanceProfile("profile", { role: role.name });
  const log = new aws.cloudwatch.LogGroup("log", { retentionInDays: days, tags });
  const secretLog = new aws.cloudwatch.LogGroup("secret", { tags: { note: pulumi.secret("canary-of-a-tag") } });

  const token = aws.ecr.getAuthorizationTokenOutput();
  exports.token = token;
  exports.repository = { arn: repository.arn, url: repository.repositoryUrl, tagsAll: repository.tagsAll };
  exports.names = { auto: auto.name, role: role.name, inline: inline.name, profile: profile.name, log: log.name };
  exports.secret = secretLog.arn;
  exports.identity = aws.getCallerIdentityOutput().accountId;
  exports.region = aws.getRegionOutput().region;
  exports.partition = aws.getPartitionOutput().partition;
  exports.asked = aws.ecr.getRepositoryOutput({ name: repository.name });
`;

const ecrClient = () => client("ecr", ecr.ECRClient);
const iamClient = () => client("iam", iam.IAMClient);

async function repositoryNow(name: string) {
  const request = { repositoryNames: [name] };
  const { repositories } = await ecrClient().send(new ecr.DescribeRepositoriesCommand(request));
  const resourceArn = repositories?.[0]?.repositoryArn;
  const { tags } = await ecrClient().send(new ecr.ListTagsForResourceCommand({ resourceArn }));
  const life = await ecrClient().send(new ecr.GetLifecyclePolicyCommand({ repositoryName: name }));
  const rules = JSON.parse(life.lifecyclePolicyText ?? "{}") as { rules: { selection: object }[] };
  return {
    mutability: repositories?.[0]?.imageTagMutability,
    filters: repositories?.[0]?.imageTagMutabilityExclusionFilters,
    scan: repositories?.[0]?.imageScanningConfiguration?.scanOnPush,
    tags: Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value])),
    selection: rules.rules[0]?.selection,
  };
}

const diffs = (run: RunResult) =>
  run.events
    .filter(({ op, type }) => op !== "same" && type.startsWith("aws:"))
    .map(({ op, name }) => `${op} ${name}`)
    .sort();

interface Outputs {
  token: Record<string, string>;
  repository: { arn: string; url: string; tagsAll: object };
  names: Record<string, string>;
  secret: string;
  identity: string;
  region: string;
  partition: string;
  asked: Record<string, unknown>;
}

describe("the stand-in aws plugin", () => {
  let project: Project;
  const runs: Record<string, RunResult> = {};
  const states: Awaited<ReturnType<typeof repositoryNow>>[] = [];
  const outputs: Outputs[] = [];
  const look = async () => {
    outputs.push((await project.outputs()) as unknown as Outputs);
    states.push(await repositoryNow("team/first"));
  };

  beforeAll(async () => {
    const config = {
      ...environment().aws.config,
      "aws:defaultTags": { tags: { by: "default" } },
    };
    project = await createProject({ name: "awsplugin", program, config });
    runs.preview = await project.preview();
    runs.first = await project.up();
    await look();
    runs.again = await project.preview();
    runs.changedPreview = await project.preview({ env: { PHASE: "2" } });
    runs.changed = await project.up({ env: { PHASE: "2" } });
    await look();
    runs.refreshed = await project.refresh({ env: { PHASE: "2" } });
    runs.afterRefresh = await project.preview({ env: { PHASE: "2" } });
  });

  afterAll(() => project.dispose());

  it("creates what the program says, and previews it", () => {
    expect(runs.first!.summary).toEqual({ ...NOTHING, create: 10 });
    expect(diffs(runs.preview!)).toEqual(diffs(runs.first!));
  });

  it("has nothing to do for the same program, though every token is a new one", async () => {
    expect(diffs(runs.again!)).toEqual([]);
    expect(outputs[0]!.token.password).not.toBe(outputs[1]!.token.password);
    expect(outputs[0]!.token.userName).toBe("AWS");
    const hours = (Date.parse(outputs[1]!.token.expiresAt!) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11);
    expect(hours).toBeLessThan(13);
  });

  it("says where the images are, and who and where it is", () => {
    const { registry, accountId, region } = environment().aws;
    const [first] = outputs;
    expect(first!.repository.url).toBe(`${registry}/team/first`);
    expect(first!.repository.arn).toBe(`arn:aws:ecr:${region}:${accountId}:repository/team/first`);
    expect(first!.token.proxyEndpoint).toBe(`https://${registry}`);
    expect(first).toMatchObject({ identity: accountId, region, partition: "aws" });
    expect(first!.asked).toMatchObject({
      repositoryUrl: `${registry}/team/first`,
      imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
      imageTagMutabilityExclusionFilters: [{ filter: "cache-*", filterType: "WILDCARD" }],
      imageScanningConfigurations: [{ scanOnPush: true }],
    });
  });

  it("names what has no name", () => {
    for (const [resource, name] of Object.entries(outputs[0]!.names)) {
      expect(name).toMatch(new RegExp(`^${resource}-[0-9a-f]{7}$`));
    }
    expect(outputs[1]!.names).toEqual(outputs[0]!.names);
  });

  it("has made it in ECR as it was asked, the provider's default tags too", () => {
    expect(states[0]).toEqual({
      mutability: "IMMUTABLE_WITH_EXCLUSION",
      filters: [{ filter: "cache-*", filterType: "WILDCARD" }],
      scan: true,
      tags: { by: "default", phase: "1" },
      selection: expect.objectContaining({ countNumber: 14 }) as unknown,
    });
    expect(outputs[0]!.repository.tagsAll).toEqual({ by: "default", phase: "1" });
  });

  it("updates in place, and replaces what the official provider replaces, deleting first where it does", () => {
    expect(diffs(runs.changedPreview!).filter((text) => !text.startsWith("read"))).toEqual(
      expect.arrayContaining(["update log", "update pull", "update repository", "update role"]),
    );
    const replaced = runs.changed!.events.filter(({ name }) => ["life", "attached"].includes(name));
    const order = (wanted: string) =>
      replaced.filter(({ name }) => name === wanted).map(({ op }) => op);
    expect(order("life").indexOf("delete-replaced")).toBeLessThan(
      order("life").indexOf("create-replacement"),
    );
    expect(order("attached")).toContain("create-replacement");
    expect(states[1]).toEqual({
      mutability: "IMMUTABLE",
      filters: undefined,
      scan: false,
      tags: { by: "default", phase: "2" },
      selection: expect.objectContaining({ countNumber: 7 }) as unknown,
    });
  });

  it("has IAM and logs as the program says", async () => {
    const { role: RoleName, inline, profile, log } = outputs[1]!.names;
    const found = await iamClient().send(new iam.GetRoleCommand({ RoleName }));
    expect(found.Role?.Description).toBe("changed");
    const attached = await iamClient().send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
    expect(attached.AttachedPolicies?.map(({ PolicyName }) => PolicyName)).toEqual([
      "AmazonSSMReadOnlyAccess",
    ]);
    const written = await iamClient().send(
      new iam.GetRolePolicyCommand({ RoleName, PolicyName: inline }),
    );
    expect(decodeURIComponent(written.PolicyDocument ?? "")).toContain("repository/team/first");
    const made = await iamClient().send(
      new iam.GetInstanceProfileCommand({ InstanceProfileName: profile }),
    );
    expect(made.InstanceProfile?.Roles?.[0]?.RoleName).toBe(RoleName);
    const { logGroups } = await client("logs", CloudWatchLogsClient).send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: log }),
    );
    expect(logGroups?.map(({ retentionInDays }) => retentionInDays)).toEqual([7]);
  });

  it("sees no difference after a refresh", () => {
    expect(diffs(runs.afterRefresh!)).toEqual([]);
  });

  it("sees what somebody else changed, and puts it right", async () => {
    const log = outputs[1]!.names.role;
    const request = { RoleName: log, Description: "by hand" };
    await iamClient().send(new iam.UpdateRoleCommand(request));
    const run = await project.up({ env: { PHASE: "2" }, args: ["--refresh"] });
    expect(diffs(run).filter((text) => text.startsWith("update"))).toEqual(["update role"]);
    const found = await iamClient().send(new iam.GetRoleCommand({ RoleName: log }));
    expect(found.Role?.Description).toBe("changed");
  });

  it("keeps secrets", async () => {
    expect((await project.state()).text).not.toContain("canary-of-a-tag");
    expect(runs.first!.output).not.toContain(outputs[0]!.token.password);
  });

  it("replaces a repository whose name changes, and says what is left by destroy", async () => {
    const preview = await project.preview({ env: { PHASE: "3" } });
    expect(diffs(preview)).toContain("replace repository");
    await project.destroy();
    const { repositories } = await ecrClient().send(new ecr.DescribeRepositoriesCommand({}));
    expect(repositories?.map(({ repositoryName }) => repositoryName)).not.toContain("team/first");
  });
});

describe("the stand-in aws plugin refuses", () => {
  const refused = (code: string) =>
    createProject({
      name: "awsrefused",
      program: `const pulumi = require("@pulumi/pulumi"); const aws = require("@pulumi/aws");\n${code}`,
      config: environment().aws.config,
    });

  it("in the preview: types, properties and values that there aren't", async () => {
    // The engine ends a run with the first of them.
    const cases: [string, string][] = [
      [
        `new aws.ecr.Repository("misspelt", { imageScanningConfiguration: { scanonpush: true } })`,
        '"scanonpush" is not expected in aws:ecr/repository:Repository',
      ],
      [
        `new aws.ecr.Repository("wrong", { forceDelete: "yes" })`,
        "expected boolean type, got string type (aws:ecr/repository:Repository, forceDelete)",
      ],
      [
        `new pulumi.CustomResource("aws:iam/rolePolicy:RolePolicy", "missing", { role: "x" })`,
        'the argument "policy" of aws:iam/rolePolicy:RolePolicy is required',
      ],
      [
        `new aws.cloudwatch.LogGroup("days", { retentionInDays: 8 })`,
        "expected retention_in_days to be one of",
      ],
      [`new aws.s3.Bucket("bucket", {})`, "aws:s3/bucket:Bucket is not in this stand-in"],
      [
        `aws.ecr.getRepositoryOutput({ name: "nowhere" })`,
        "reading ECR Repository (nowhere): couldn't find resource",
      ],
    ];
    const project = await refused(
      `[${cases.map(([code]) => `() => ${code}`).join()}][Number(process.env.CASE)]();`,
    );
    for (const [index, [, message]] of cases.entries()) {
      const env = { CASE: String(index) };
      const { output } = await project.preview({ expectFailure: true, env });
      expect(output).toContain(message);
    }
    await project.dispose();
  });

  it("on up, in one line with AWS's code: what AWS refuses", async () => {
    const project = await refused(`
      new aws.ecr.Repository("upper", { name: "Team" });
      new aws.ecr.LifecyclePolicy("nowhere", { repository: "nowhere", policy: JSON.stringify({ rules: [
        { rulePriority: 1, selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 }, action: { type: "expire" } },
        { rulePriority: 2, selection: { tagStatus: "untagged", countType: "imageCountMoreThan", countNumber: 1 }, action: { type: "expire" } } ] }) });
      new aws.iam.RolePolicyAttachment("nobody", { role: "nobody", policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" });
    `);
    const { output } = await project.up({
      expectFailure: true,
      args: ["--continue-on-error"],
    });
    expect(output).toMatch(/creating ECR Repository \(Team\): InvalidParameterException: .*\n/);
    expect(output).toContain("the rule that selects any image must be evaluated last");
    expect(output).toMatch(/attaching IAM Policy .* to IAM Role \(nobody\): NoSuchEntity/);
    await project.dispose();
  });

  it("to delete a repository that holds images, unless it is told to", async () => {
    const project = await refused(
      `new aws.ecr.Repository("full", { name: "full-one", forceDelete: process.env.FORCE === "1" });`,
    );
    await project.up();
    const imageManifest = JSON.stringify({ schemaVersion: 2, layers: [] });
    const image = { repositoryName: "full-one", imageTag: "one", imageManifest };
    await ecrClient().send(new ecr.PutImageCommand(image));
    const { output } = await project.destroy({ expectFailure: true });
    expect(output).toContain(
      "ECR Repository (full-one) not empty, consider using force_delete: RepositoryNotEmptyException",
    );
    await project.up({ env: { FORCE: "1" } });
    await project.destroy();
    await project.dispose();
  });

  it("to work without an emulator for the service", async () => {
    const project = await refused(`
      const provider = new aws.Provider("real", { region: "eu-west-1", endpoints: [{ sts: ${JSON.stringify("http://127.0.0.1:1")} }] });
      new aws.ecr.Repository("real", {}, { provider });
    `);
    const { output } = await project.up({ expectFailure: true });
    expect(output).toContain("retrieving AWS account details: connect ECONNREFUSED 127.0.0.1:1");
    await project.dispose();
  });
});
