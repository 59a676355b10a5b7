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

/**
 * The trust policy of a role that a service of AWS assumes, for example `ecs-tasks.amazonaws.com`. A condition on
 * `aws:SourceAccount` only works where the service sends that key; where it doesn't, the role can't be assumed at all. EC2
 * (instance profiles), Lambda (execution roles) and ECS (task execution roles) don't document it.
 */
export function trust(service: string, Condition?: object): string {
  const Principal = { Service: service };
  const statement = { Effect: "Allow", Principal, Action: "sts:AssumeRole", Condition };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}

/**
 * The trust policy of a task's role: only ECS acting for this account and region may assume it. AWS does not support naming the
 * cluster (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
 *
 * @param arn of anything in the same account and region
 */
export function taskTrust(arn: string): string {
  const [, partition, , region, account] = arn.split(":");
  return trust("ecs-tasks.amazonaws.com", {
    ArnLike: { "aws:SourceArn": `arn:${partition}:ecs:${region}:${account}:*` },
    StringEquals: { "aws:SourceAccount": account },
  });
}

/** Shells by Session Manager and ECS Exec. The actions have no resource types (service authorization reference of ssmmessages). */
export const shellStatement = allow(
  ["CreateControl", "CreateData", "OpenControl", "OpenData"].map(
    (action) => `ssmmessages:${action}Channel`,
  ),
  "*",
);

/**
 * What SSM Agent needs to be managed, to run `AWS-RunShellScript` by an association, and to open shells: the calls in its source
 * (agent/association/service and agent/ssm of aws/amazon-ssm-agent 3.3). IAM can't name the instances, because the role exists
 * before them (resource types: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html).
 *
 * @param arn of anything in the same account and region
 */
export function agentStatements(arn: string): Statement[] {
  const [, partition, , region, account] = arn.split(":");
  const instances = `arn:${partition}:ec2:${region}:${account}:instance/*`;
  const associations = `arn:${partition}:ssm:${region}:${account}:association/*`;
  // The document is AWS's own: in its ARN, the account is empty.
  const document = `arn:${partition}:ssm:${region}:*:document/AWS-RunShellScript`;
  return [
    // The heartbeat, and asking for associations.
    allow(["ssm:UpdateInstanceInformation", "ssm:ListInstanceAssociations"], instances),
    // The result of the release, which `pulumi up` waits for.
    allow(["ssm:UpdateInstanceAssociationStatus"], instances, associations),
    // The content of the association's document.
    allow(["ssm:GetDocument"], document),
    shellStatement,
    // Run Command's messages. These actions have no resource types either.
    allow(
      "AcknowledgeMessage DeleteMessage FailMessage GetEndpoint GetMessages SendReply"
        .split(" ")
        .map((action) => `ec2messages:${action}`),
      "*",
    ),
  ];
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
