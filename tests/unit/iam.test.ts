import {
  agentStatements,
  logStatements,
  pullStatements,
  secretStatements,
  shellStatement,
  taskTrust,
  trust,
} from "../../components/targets/aws/iam";

const group = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:web:*";
const all = [
  ...pullStatements("arn:aws:ecr:eu-west-1:123456789012:repository/web"),
  ...logStatements(group),
  ...secretStatements([
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf:key::",
    "arn:aws:ssm:eu-west-1:123456789012:parameter/a",
  ]),
  ...agentStatements(group),
  shellStatement,
];

it("only actions that AWS gives no resource types are allowed on every resource", () => {
  const everywhere = all.filter(({ Resource }) => Resource.includes("*"));
  const actions = new Set(everywhere.flatMap(({ Action }) => Action));
  // Service authorization reference of ECR, ssmmessages and ec2messages.
  expect([...actions].filter((one) => !/^(ssmmessages|ec2messages):\w+$/.test(one))).toEqual([
    "ecr:GetAuthorizationToken",
  ]);
});

it("every action is named, without a wildcard", () => {
  expect(all.flatMap(({ Action }) => Action).filter((one) => one.includes("*"))).toEqual([]);
});

it("the rights of SSM Agent are for the account, region and partition of the target, and read no parameter", () => {
  const resources = agentStatements(group).flatMap(({ Resource }) => Resource);
  expect(resources.filter((one) => one !== "*")).toEqual([
    "arn:aws-cn:ec2:cn-north-1:123456789012:instance/*",
    "arn:aws-cn:ec2:cn-north-1:123456789012:instance/*",
    "arn:aws-cn:ssm:cn-north-1:123456789012:association/*",
    "arn:aws-cn:ssm:cn-north-1:*:document/AWS-RunShellScript",
  ]);
  expect(JSON.stringify(agentStatements(group))).not.toMatch(/Parameter/);
});

it("a task's role is for ECS in this account and region, and other services have no condition that they might not send", () => {
  expect(JSON.parse(taskTrust(group))).toMatchObject({
    Statement: [
      {
        Principal: { Service: "ecs-tasks.amazonaws.com" },
        Condition: {
          ArnLike: { "aws:SourceArn": "arn:aws-cn:ecs:cn-north-1:123456789012:*" },
          StringEquals: { "aws:SourceAccount": "123456789012" },
        },
      },
    ],
  });
  expect(trust("lambda.amazonaws.com")).not.toContain("Condition");
});
