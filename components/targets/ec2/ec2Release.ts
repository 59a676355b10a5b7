import { ecrAddress } from "../../registry/ecr";
import type { CanonicalArchitecture } from "../../platform";
import { quote, shellWord } from "../../quote";
import {
  type HostIdentity,
  type HostSettings,
  pullSettings,
  refusalScript,
  releaseSettings,
} from "../host/hostSettings";

/** What an instance is told, once every output is known. */
export interface Ec2Release {
  readonly identity: HostIdentity;
  readonly architecture: CanonicalArchitecture;
  readonly settings: HostSettings;
  /** ARNs by the name of the variable. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly logGroup: string;
  readonly region: string;
  /** host.sh */
  readonly script: string;
}

/**
 * The first thing that an instance runs: installs the engine, and nothing of any release, so that a release never replaces an instance.
 */
export const userData = `#!/bin/sh
command -v docker >/dev/null || dnf install --assumeyes docker
systemctl enable --now docker
`;

/**
 * What SSM runs on an instance: waits for the engine, logs in to ECR with the instance's role, reads the secrets, and then does what the
 * host target does, by the same script. The texts go in base64: SSM takes double braces, which Docker's templates have, for its own.
 */
export function releaseCommands(release: Ec2Release): string[] {
  const { identity, architecture, settings, secrets, logGroup, region, script } = release;
  const names = Object.keys(secrets).sort();
  const machine = {
    // Docker keeps the last lines itself too (since 20.10), so that a failed release can show them.
    options: [
      ...["--log-driver", "awslogs", "--log-opt", `awslogs-region=${region}`],
      ...["--log-opt", `awslogs-group=${logGroup}`],
    ],
    resolved: names,
  };
  const pull = pullSettings(identity, settings.image, architecture);
  const ecr = ecrAddress(settings.image);
  return [
    `# multiarch: ${settings.image}`,
    "set -eu",
    // A fresh instance may still be installing the engine. 2 means that it finished with recoverable errors.
    "if command -v cloud-init >/dev/null; then said=$(cloud-init status --wait 2>&1) || [ $? -eq 2 ] ||",
    '  { echo "the instance could not be set up; cloud-init says: $said" >&2; exit 1; }; fi',
    // SSM's agent sets no HOME, and the engine's client wants one.
    "export HOME=${HOME:-/root}",
    ...(ecr === undefined
      ? []
      : [
          "MULTIARCH_REGISTRY_USERNAME=AWS",
          `MULTIARCH_REGISTRY_PASSWORD=$(aws ecr get-login-password --region ${ecr.region})`,
          "export MULTIARCH_REGISTRY_USERNAME MULTIARCH_REGISTRY_PASSWORD",
        ]),
    `script=$(${decoded(script)})`,
    run(pull, "pull"),
    "unset MULTIARCH_REGISTRY_USERNAME MULTIARCH_REGISTRY_PASSWORD",
    ...names.flatMap((name) => [
      `resolved_${name}=$(${secretCommand(secrets[name]!, region)})`,
      `export resolved_${name}`,
    ]),
    run(releaseSettings(identity, settings, [], machine), "release"),
    run(pull, "forget"),
  ];
}

/** A quoted text without the double braces that SSM replaces: `{{ssm:name}}` would become the value of a parameter. */
const unbraced = (quoted: string) => quoted.replace(/\{(?=\{)/g, "{''");
const word = (text: string) => unbraced(quote(text));

/** What SSM runs instead if values that became known late are not valid. */
export const refusalCommands = (problems: string): string => unbraced(refusalScript(problems));

/** A command that prints a text. */
const decoded = (text: string) => `printf %s '${Buffer.from(text).toString("base64")}' | base64 -d`;

function run(settings: string, action: string): string {
  return `{ ${decoded(settings)} && printf '%s\\n' "$script"; } | sh -s -- ${action}`;
}

/** Prints a secret's value; the region is the ARN's own. */
function secretCommand(arn: string, region: string): string {
  const [, , service, at, , ...rest] = arn.split(":");
  const where = `--region ${unbraced(shellWord(at || region))} --output text`;
  if (service === "ssm") {
    // By its whole ARN: a parameter's name may start with a slash or not, and the ARN doesn't tell.
    return `aws ssm get-parameter ${where} --with-decryption --name ${word(arn)} --query Parameter.Value`;
  }
  // arn:aws:secretsmanager:region:account:secret:name-suffix[:json-key:version-stage:version-id]
  const [, , key, stage, versionId] = rest;
  const id = arn.split(":").slice(0, 7).join(":");
  const version = [
    ...(stage ? [` --version-stage=${word(stage)}`] : []),
    ...(versionId ? [` --version-id=${word(versionId)}`] : []),
  ].join("");
  const value = `aws secretsmanager get-secret-value ${where} --secret-id ${word(id)}${version} --query SecretString`;
  if (!key) return value;
  // Amazon Linux has Python for its own tools.
  return `${value} | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]], end="")' ${word(key)}`;
}
