import { CreateClusterCommand, DeleteClusterCommand, ECSClient } from "@aws-sdk/client-ecs";
import { client } from "../engine/awsProject";
import { policy, tellAwsChanges, variables } from "./awsChanges";

// Kinds of change on a service of ECS, whose tasks the emulator runs as containers, one after another on one stack.

const rolled = "updated in place, tasks one after another: the service goes on";
const updated = new RegExp(`^ecs: ${rolled}$`);
const replaced = /^ecs: the service is replaced, the old one last: the service goes on$/;
const everybody = { ingressCidrs: ["0.0.0.0/0"] };

const clusterName = `previewecs-${process.pid}`;
const clusterArn = `arn:aws:ecs:us-east-1:123456789012:cluster/${clusterName}`;
beforeAll(() => client("ecs", ECSClient).send(new CreateClusterCommand({ clusterName })));
afterAll(() => client("ecs", ECSClient).send(new DeleteClusterCommand({ cluster: clusterName })));

tellAwsChanges(
  "ecs",
  { architecture: "x86_64", steadyStateTimeout: 3 },
  {
    field: "ecs.architecture",
    flipped: { target: { architecture: "arm64" } },
    flippedBack: { target: { architecture: "x86_64" } },
    flip: `\\(x86_64 → arm64\\): ${rolled}`,
    release: rolled,
  },
  [
    { change: "processor and memory", to: { target: { cpu: 512, memory: 1024 } }, line: updated },
    { change: "the number of tasks", to: { target: { desiredCount: 2 } }, line: updated },
    ...variables(updated),
    { change: "the command", to: { target: { command: ["/serve.sh"] } }, line: updated },
    { change: "the user", to: { target: { user: "0" } }, line: updated },
    { change: "health", to: { target: { health: { command: ["/bin/true"] } } }, line: updated },
    { change: "a shell in a task", to: { target: { executeCommand: true } }, line: updated },
    { change: "no shell in a task", to: { target: { executeCommand: undefined } }, line: updated },
    {
      change: "what the container may do",
      to: { target: { init: false, capabilities: { drop: ["NET_RAW"] } } },
      line: updated,
    },
    { change: "a policy of the app", to: { target: { policyArns: [policy] } } },
    { change: "a policy of ECS", to: { target: { executionPolicyArns: [policy] } } },
    { change: "how long logs stay", to: { target: { logRetentionDays: 7 } } },
    { change: "tags", to: { target: { tags: { team: "web" } } }, line: updated },
    { change: "how long up waits", to: { target: { steadyStateTimeout: 4 } } },
    {
      change: "a load balancer",
      to: { target: { containerPort: 8080, loadBalancer: everybody } },
      line: updated,
    },
    {
      change: "a load balancer with private addresses only",
      to: { target: { loadBalancer: { ...everybody, internal: true } } },
      line: /^ecs: the address changes$/,
    },
    {
      change: "no load balancer",
      to: { target: { containerPort: undefined, loadBalancer: undefined } },
      line: new RegExp(`^ecs: ${rolled}, the address goes$`),
    },
    { change: "spare capacity", to: { target: { spot: true } }, line: replaced },
    { change: "no spare capacity", to: { target: { spot: undefined } }, line: replaced },
    {
      change: "instances of a cluster that is there",
      to: { target: { launchType: "EC2", clusterArn } },
      line: replaced,
    },
    {
      change: "Fargate again",
      to: { target: { launchType: undefined, clusterArn: undefined } },
      line: replaced,
    },
  ],
);
