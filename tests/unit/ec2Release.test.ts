import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { which } from "../../local/exec";
import { releaseCommands, userData } from "../../components/targets/ec2/ec2Release";
import { hostScript } from "../../components/targets/host/hostScript";
import { hostIdentity } from "../../components/targets/host/hostSettings";

// The text that SSM runs on an instance. That it brings a container into service is for tests/engine/ec2.test.ts.

const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const image = `${host}/team/web@sha256:${"a".repeat(64)}`;
const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf";
const script = hostScript();

const commands = (change: Partial<Parameters<typeof releaseCommands>[0]> = {}) =>
  releaseCommands({
    identity: hostIdentity("shop", "prod", "web"),
    architecture: "arm64",
    settings: { image, environment: { LEVEL: "{{info}}" } },
    secrets: {},
    logGroup: "web-1",
    region: "eu-west-1",
    script,
    ...change,
  }).join("\n");

it("is valid for every shell, and small", () => {
  const text = commands({ secrets: { TOKEN: `${secret}:key::` } });
  for (const shell of ["sh", "bash"].filter((name) => which(name)))
    execFileSync(shell, ["-n"], { input: text });
  execFileSync("sh", ["-n"], { input: userData });
  expect(text.length).toBeLessThan(48_000);
});

it("has no double braces, which SSM takes for its own", () => {
  expect(commands()).not.toContain("{{");
});

it("is the same text for the same settings, whatever their order", () => {
  const [one, two] = [
    { A: "1", B: "2" },
    { B: "2", A: "1" },
  ].map((environment) => commands({ settings: { image, environment } }));
  expect(one).toBe(two);
});

/** Runs the text with stand-ins for what an instance has, and gives what they were asked. */
function run(text: string, programs: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
  for (const [name, body] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const env = { PATH: `${folder}:${process.env.PATH}`, FOLDER: folder };
  const { status, stderr, stdout } = spawnSync("sh", [], { input: text, env, encoding: "utf8" });
  rmSync(folder, { recursive: true });
  return { status, stderr, stdout };
}

it("asks ECR for a token and the secrets by their ARNs, in the right region, and passes no value in an argument", () => {
  const text = commands({
    secrets: {
      TOKEN: `${secret}:key::`,
      LEVEL2: "arn:aws:ssm:eu-west-2:123456789012:parameter/level",
    },
    // In place of host.sh: says what it is given.
    script: `main() { echo "$1 as \${MULTIARCH_REGISTRY_USERNAME:-nobody}: \${resolved_TOKEN:-} \${resolved_LEVEL2:-}"; }\nmain "$@"\n`,
  });
  const aws = `case "$*" in
    "ecr get-login-password --region eu-west-1") echo canary-password ;;
    "secretsmanager get-secret-value --region eu-west-1 --output text --secret-id ${secret} --query SecretString") echo '{"key":"canary-token"}' ;;
    "ssm get-parameter --region eu-west-2 --output text --with-decryption --name arn:aws:ssm:eu-west-2:123456789012:parameter/level --query Parameter.Value") echo low ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
  esac`;
  expect(run(text, { aws, "cloud-init": "exit 0" })).toEqual({
    status: 0,
    stderr: "",
    stdout:
      "pull as AWS:  \nrelease as nobody: canary-token low\nforget as nobody: canary-token low\n",
  });
});

it("says why where the instance could not be set up, and stops there", () => {
  const { status, stderr } = run(commands(), {
    "cloud-init": "echo status: error; exit 1",
    aws: "exit 9",
  });
  expect(status).toBe(1);
  expect(stderr).toBe("the instance could not be set up; cloud-init says: status: error\n");
});
