import { pullActions } from "../../registry/policies";

/** One statement of an IAM policy. */
export interface Statement {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

const allow = (Action: readonly string[], ...Resource: readonly string[]): Statement => ({
  Effect: "Allow",
  Action,
  Resource,
});

/** The text of a policy. */
export function policy(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** Who may take a role: a service of AWS, `ecs-tasks.amazonaws.com`. */
export function trust(service: string): string {
  const statement = { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}

/** Pulling from this one repository, and from nothing where the image lies elsewhere. */
export function pullStatements(repositoryArn: string): Statement[] {
  if (repositoryArn === "") return [];
  // The right to a token can't be given for one repository (service authorization reference of ECR).
  return [allow(["ecr:GetAuthorizationToken"], "*"), allow(pullActions, repositoryArn)];
}

/** Writing to this one log group. */
export function logStatements(logGroupArn: string): Statement[] {
  const arn = logGroupArn.replace(/:\*$/, "");
  return [allow(["logs:CreateLogStream", "logs:PutLogEvents"], `${arn}:*`)];
}

/**
 * Reading these secrets, whose ARNs are of Secrets Manager (perhaps with a JSON key behind) or of SSM parameters. ECS itself asks
 * for several parameters at once; programs mostly for one, which is another action.
 */
export function secretStatements(
  arns: readonly string[],
  parameterActions: readonly string[] = ["ssm:GetParameters"],
): Statement[] {
  const of = (service: string) =>
    [
      ...new Set(
        arns
          .filter((arn) => arn.split(":")[2] === service)
          // arn:aws:secretsmanager:region:account:secret:name-suffix[:json-key:version-stage:version-id]
          .map((arn) => arn.split(":").slice(0, 7).join(":")),
      ),
    ].sort();
  const statement = (actions: readonly string[], found: readonly string[]) =>
    found.length === 0 ? [] : [allow(actions, ...found)];
  return [
    ...statement(["secretsmanager:GetSecretValue"], of("secretsmanager")),
    ...statement(parameterActions, of("ssm")),
  ];
}
