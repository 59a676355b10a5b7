import { policy, tellAwsChanges, variables } from "./awsChanges";

// Kinds of change on an instance of EC2, on the emulated AWS, one after another on one stack.

const reachable = { containerPort: 8080, ingressCidrs: ["203.0.113.0/24"] };
const everybody = { ingressCidrs: ["0.0.0.0/0"] };
const swap = "released in place: the service is interrupted for less than a second";
const released = new RegExp(`^ec2: ${swap}$`);
const stopped = /^ec2: released in place: the service is interrupted while the new release starts$/;
const inPlace = /^ec2: instances are changed in place: the service goes on$/;

tellAwsChanges(
  "ec2",
  { instanceType: "t3.small", ...reachable },
  {
    field: "ec2.instanceType",
    flipped: { target: { instanceType: "t4g.small" } },
    flippedBack: { target: { instanceType: "t3.small" } },
    flip:
      "\\(t3.small → t4g.small\\): instances are replaced, the old ones last: " +
      "the service is interrupted for seconds, while the address moves",
    release: swap,
  },
  [
    {
      change: "another size of the same architecture",
      to: { target: { instanceType: "t3.medium" } },
      line: /^ec2 \(t3.small → t3.medium\): instances are stopped and changed in place: the service is interrupted for a minute or two$/,
    },
    ...variables(released),
    { change: "health", to: { target: { health: { path: "/" } } }, line: released },
    { change: "the command", to: { target: { command: ["/serve.sh"] } }, line: released },
    { change: "the user", to: { target: { user: "0" } }, line: released },
    { change: "memory", to: { target: { memory: 128 } }, line: released },
    {
      change: "what the container may do",
      to: { target: { noNewPrivileges: true, pidsLimit: 500 } },
      line: released,
    },
    {
      change: "a volume",
      to: { target: { volumes: [{ source: "data", target: "/data" }] } },
      line: released,
    },
    {
      change: "a release command",
      to: { target: { release: { command: ["true"] } } },
      line: released,
    },
    { change: "how long a stop may take", to: { target: { stopTimeout: 5 } }, line: released },
    { change: "stop-first", to: { target: { strategy: "stop-first" } }, line: stopped },
    { change: "the instance's port", to: { target: { hostPort: 8080 } }, line: stopped },
    { change: "callers", to: { target: { ingressCidrs: ["198.51.100.0/24"] } } },
    { change: "a larger volume", to: { target: { rootVolumeSize: 20 } }, line: inPlace },
    { change: "a policy", to: { target: { policyArns: [policy] } } },
    { change: "how long logs stay", to: { target: { logRetentionDays: 7 } } },
    { change: "tags", to: { target: { tags: { team: "web" } } }, line: inPlace },
    {
      change: "no address of its own",
      to: { target: { elasticIp: false } },
      line: /^ec2: the address changes$/,
    },
    {
      change: "a load balancer",
      to: { target: { elasticIp: undefined, ingressCidrs: undefined, loadBalancer: everybody } },
      // Where the port of the instance was 80, it is the container's now.
      line: /^ec2: (released in place: .*, )?the address changes$/,
    },
    {
      change: "a second instance",
      to: { target: { instances: 2 } },
      line: /^ec2: instances are added: the service goes on$/,
    },
    {
      change: "one instance again",
      to: { target: { instances: 1 } },
      line: /^ec2: instances are removed: the service goes on$/,
    },
    {
      change: "no load balancer",
      to: { target: { loadBalancer: undefined, ...reachable } },
      line: /^ec2: (released in place: .*, )?the address changes$/,
    },
  ],
);
