import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { GetParameterCommand, GetParametersByPathCommand, SSMClient } from "@aws-sdk/client-ssm";
import { docker, freePort, get } from "./appProject";
import {
  type AwsApp,
  changes,
  client,
  createAwsApp,
  digestOf,
  expectHonest,
  position,
} from "./awsProject";
import { environment } from "./harness";

// Instances of EC2 through their life, on the emulated AWS. No instance runs there: what SSM would run on one, this test runs on this
// machine in its place, with stand-ins for what Amazon Linux has. Each test goes on where the one before ended.

const ec2 = client("ec2", EC2Client);
const ssm = client("ssm", SSMClient);
let app: AwsApp;
let port: number;
const on = (instanceType: string) =>
  `ec2: { instanceType: "${instanceType}", containerPort: 8080, hostPort: ${port}, ingressCidrs: ["203.0.113.0/24"],
    health: { path: "/", timeout: 20 }, environment: { LEVEL: "info" } }`;

beforeAll(async () => {
  port = await freePort();
  app = await createAwsApp("ec2", on("t3.small"));
});
afterAll(() => {
  const { env } = environment();
  for (const id of docker(env, "ps", "-aq", "--filter", "label=multiarch.app=ec2/test/web").split(
    "\n",
  ))
    if (id) docker(env, "rm", "-f", "-v", id);
});

const target = async () =>
  (await app.project.outputs()).ec2 as { instanceIds: string[]; url: string };

async function instance() {
  const { instanceIds } = await target();
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ InstanceIds: instanceIds }),
  );
  const [found] = Reservations?.[0]?.Instances ?? [];
  return {
    type: found?.InstanceType,
    architecture: found?.Architecture,
    state: found?.State?.Name,
    tokens: found?.MetadataOptions?.HttpTokens,
    hops: found?.MetadataOptions?.HttpPutResponseHopLimit,
  };
}

/** What SSM has for the instance: the text of the newest association that names it. */
async function association(): Promise<string> {
  const { instanceIds } = await target();
  const { Parameters } = await ssm.send(
    new GetParametersByPathCommand({ Path: "/stand-in/associations", Recursive: true }),
  );
  const all = (Parameters ?? [])
    .map(({ Value }) => JSON.parse(Value ?? "{}") as Record<string, unknown>)
    .filter((one) => JSON.stringify(one).includes(instanceIds[0]!));
  expect(all).toHaveLength(1);
  const text = JSON.stringify(all[0]);
  const commands = /"commands":(?:\[)?("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return JSON.parse(commands!) as string;
}

/** Runs a text as SSM's agent would, on this machine, whose engine has no way to CloudWatch. */
function asAgent(text: string) {
  const { env, docker: program } = environment();
  const folder = mkdtempSync(join(tmpdir(), "multiarch-agent-"));
  const engine = `n=$#
while [ "$n" -gt 0 ]; do
  word=$1; shift; n=$((n - 1))
  case $word in --log-driver | --log-opt) shift; n=$((n - 1)) ;; *) set -- "$@" "$word" ;; esac
done
exec ${program} "$@"`;
  const programs = { "cloud-init": "exit 0", docker: engine };
  for (const [name, body] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync("sh", [], {
    input: text,
    encoding: "utf8",
    env: {
      ...process.env,
      ...env,
      PATH: `${folder}:${process.env.PATH}`,
      // On AWS the script asks ECR for a token; the emulated registry's name isn't one of ECR's.
      MULTIARCH_REGISTRY_USERNAME: "AWS",
      MULTIARCH_REGISTRY_PASSWORD: "any",
    },
  });
  rmSync(folder, { recursive: true });
  return { status, output: stdout + stderr };
}

it("the first up makes image, index, instance and release, in this order; the instance is of the type's architecture", async () => {
  const preview = await app.project.preview();
  expect(preview.output).toContain("linux/amd64 (ec2.instanceType, image.platforms)");
  const run = await app.project.up();
  expectHonest(preview, run);
  const order = [
    "create Image web-linux-amd64",
    "create Command web-verified",
    "create Association web-release",
    "create EipAssociation web",
  ].map((change) => position(run, change));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(position(run, "create Instance web-1")).toBeLessThan(
    position(run, "create Association web-release"),
  );
  expect(await instance()).toEqual({
    type: "t3.small",
    architecture: "x86_64",
    state: "running",
    tokens: "required",
    hops: 1,
  });
  expect((await target()).url).toMatch(new RegExp(`^http://[\\d.]+:${port}$`));
});

it("what SSM runs on the instance brings the release into service, and the same again does nothing", async () => {
  const text = await association();
  expect(text).toContain(await digestOf(app, "linux/amd64"));
  const first = asAgent(text);
  expect(first).toMatchObject({
    status: 0,
    output: expect.stringContaining("the new release serves"),
  });
  expect(await get(port)).toBe("release one on x86_64");
  const second = asAgent(text);
  expect(second).toMatchObject({
    status: 0,
    output: expect.stringContaining("this release serves already"),
  });
});

it("a second preview and up change nothing", async () => {
  for (const command of ["preview", "up"] as const)
    expect(changes(await app.project[command]())).toEqual([]);
});

it("a new release is another association for the same instance, and swaps the container", async () => {
  app.project.write("app/RELEASE", "release two");
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(changes(run).filter((change) => / (Instance|Eip\w*) /.test(change))).toEqual([]);
  expect(changes(run)).toContain("create-replacement Association web-release");
  expect(asAgent(await association())).toMatchObject({ status: 0 });
  expect(await get(port)).toBe("release two on x86_64");
});

it("a release that crashes fails what SSM runs, with the last lines, and the one before serves on", async () => {
  const good = `#!/bin/sh\necho "$(cat /RELEASE) on $(uname -m)" > /www/index.html\nexec httpd -f -p 8080 -h /www\n`;
  app.project.write("app/serve.sh", "#!/bin/sh\necho cannot open the database\nexit 3\n");
  await app.project.up();
  const { status, output } = asAgent(await association());
  expect(status).not.toBe(0);
  expect(output).toContain("cannot open the database");
  expect(await get(port)).toBe("release two on x86_64");
  app.project.write("app/serve.sh", good);
  await app.project.up();
});

it("the architecture flipped: the preview shows platform, reason and the instance replaced; the old one goes last; nothing is built", async () => {
  const before = (await target()).instanceIds;
  app.set(on("t4g.small"));
  const preview = await app.project.preview({ diff: true });
  expect(preview.output).toMatch(/linux\/arm64: .*"ec2\.instanceType, image\.platforms"/);
  expect(preview.output).toMatch(/~ instanceType\s*: "t3\.small" => "t4g\.small"/);
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(run.output).not.toContain("building linux");
  const order = [
    "create-replacement Instance web-1",
    "create-replacement Association web-release",
    "delete-replaced Instance web-1",
  ].map((change) => position(run, change));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(position(run, "create-replacement EipAssociation web")).toBeLessThan(order[2]!);
  expect(await instance()).toMatchObject({
    type: "t4g.small",
    architecture: "arm64",
    state: "running",
  });
  expect((await target()).instanceIds).not.toEqual(before);
  const text = await association();
  expect(text).toContain(await digestOf(app, "linux/arm64"));
  // This machine isn't one: nothing is pulled, and what serves goes on.
  const refused = asAgent(text);
  expect(refused.status).toBe(1);
  expect(refused.output).toMatch(/the host is to be arm64, and this machine is x86_64/);

  app.set(on("t3.small"));
  const back = await app.project.up();
  expect(back.output).not.toContain("building linux");
  expect(await instance()).toMatchObject({ type: "t3.small", architecture: "x86_64" });
});

it("another size of the same architecture changes the instance in place", async () => {
  const before = (await target()).instanceIds;
  app.set(on("t3.medium"));
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(changes(run)).toContain("update Instance web-1");
  expect((await target()).instanceIds).toEqual(before);
  expect(await instance()).toMatchObject({ type: "t3.medium", state: "running" });
});

it("a type that AWS doesn't know, and an AMI of another architecture, are errors in preview", async () => {
  app.set(on("t3.gigantic"));
  const unknown = await app.project.preview({ expectFailure: true });
  expect(unknown.output).toMatch(/ec2\.instanceType: t3\.gigantic could not be confirmed with AWS/);
  const Name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
  const arm = (await ssm.send(new GetParameterCommand({ Name }))).Parameter?.Value;
  app.set(on("t3.small").replace("containerPort", `ami: "${arm}", containerPort`));
  const wrong = await app.project.preview({ expectFailure: true });
  expect(wrong.output).toMatch(
    new RegExp(
      `ec2\\.ami: ${arm} is an AMI for arm64, and ec2\\.instanceType t3\\.small is x86_64`,
    ),
  );
  app.set(on("t3.medium"));
});

it("after destroy the instance is terminated", async () => {
  const { instanceIds } = await target();
  await app.project.destroy();
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ InstanceIds: instanceIds }),
  );
  expect(Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe("terminated");
  await app.project.dispose();
});
