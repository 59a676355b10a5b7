import { policy, tellAwsChanges, variables } from "./awsChanges";

// Kinds of change on a function of Lambda, on the emulated AWS, one after another on one stack.

const updated = /^lambda: updated in place: the service goes on$/;
const secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-abcdef";

tellAwsChanges(
  "lambda",
  { architecture: "x86_64" },
  {
    field: "lambda.architecture",
    flipped: { target: { architecture: "arm64" } },
    flippedBack: { target: { architecture: "x86_64" } },
    flip: "\\(x86_64 → arm64\\): updated in place: the service goes on",
    release: "updated in place: the service goes on",
  },
  [
    { change: "memory", to: { target: { memory: 1024 } }, line: updated },
    { change: "the timeout", to: { target: { timeout: 60 } }, line: updated },
    { change: "the size of /tmp", to: { target: { ephemeralStorage: 1024 } }, line: updated },
    { change: "the command", to: { target: { command: ["/serve.sh"] } }, line: updated },
    { change: "the entry point", to: { target: { entryPoint: ["/bin/sh"] } }, line: updated },
    { change: "the folder", to: { target: { workingDirectory: "/www" } }, line: updated },
    ...variables(updated),
    { change: "concurrency", to: { target: { reservedConcurrency: 2 } }, line: updated },
    { change: "tags", to: { target: { tags: { team: "web" } } }, line: updated },
    { change: "a secret to read", to: { target: { secretArns: [secret] } } },
    { change: "a policy", to: { target: { policyArns: [policy] } } },
    { change: "how long logs stay", to: { target: { logRetentionDays: 7 } } },
    { change: "an address", to: { target: { functionUrl: {} } } },
    {
      change: "an address for everybody",
      to: { target: { functionUrl: { authorization: "NONE" } } },
    },
    {
      change: "the alias's name",
      to: { target: { alias: "stable" } },
      line: /^lambda: the address changes$/,
    },
    {
      change: "no address",
      to: { target: { functionUrl: undefined } },
      line: /^lambda: the address goes$/,
    },
  ],
);
