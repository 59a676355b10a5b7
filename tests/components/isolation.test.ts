import * as pulumi from "@pulumi/pulumi";
import { Ec2Target, EcsTarget, HostTarget, Image, LambdaTarget } from "../../components";
import { mockPreview, stripped, watchRegistrations } from "../fuzz/mocked";
import { fieldsOf, withField } from "../hostile/fields";

// One field that is unknown or secret makes nothing else unknown or secret: every property of a resource, and every output of a component,
// that becomes unknown or secret with it contains its value. Mocks prove what the program makes of it; providers are not under test.

// Each promise of Pulumi's records where it was made, which takes time.
Error.stackTraceLimit = 0;

// No request leaves this host. The answer only decides about a warning.
jest.mock("../../components/registry/client", () => ({
  ...jest.requireActual<object>("../../components/registry/client"),
  exists: () => Promise.resolve("present"),
}));

type Component = new (name: string, args: never) => pulumi.ComponentResource;
const components: Readonly<Record<string, Component>> = {
  host: HostTarget,
  ec2: Ec2Target,
  ecs: EcsTarget,
  lambda: LambdaTarget,
  image: Image,
};

/** A valid value of a field, and the text by which it is found again. */
function valueFor(target: string, field: string): [unknown, string] {
  const last = field
    .replace(/\[\d+\]|\["[^"]*"\]/g, "")
    .split(".")
    .at(-1)!;
  const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:canary";
  const ecs = target === "ecs";
  // A container definition is JSON within JSON.
  const inJson = (key: string, value: boolean) => `\\"${key}\\":${value}`;
  const known: Readonly<Record<string, [unknown, string]>> = {
    memory: [4242, "4242"],
    cpus: [0.42, "0.42"],
    stopTimeout: [42, "42"],
    timeout: [42, "42"],
    seconds: [42, "42"],
    ephemeralStorage: [4242, "4242"],
    reservedConcurrency: [42, "42"],
    desiredCount: [42, "42"],
    epoch: [4242, "4242"],
    container: [4242, "4242"],
    host: [4242, "4242"],
    port: field === "health.port" ? [80, "80"] : [4242, "4242"],
    attempts: [43, "42"],
    readOnly: [true, "readonly"],
    readOnlyRootFilesystem: ecs
      ? [true, inJson("readonlyRootFilesystem", true)]
      : [true, "--read-only"],
    noNewPrivileges: [true, "no-new-privileges"],
    pidsLimit: [4242, "4242"],
    init: [false, ecs ? inJson("initProcessEnabled", false) : "--init=false"],
    size: [42, "42"],
    add: ["SYS_PTRACE", "SYS_PTRACE"],
    drop: ["NET_RAW", "NET_RAW"],
    restart: ["always", "always"],
    strategy: ["stop-first", "stop-first"],
    address: field.startsWith("ports")
      ? ["192.0.2.42", "192.0.2.42"]
      : field.startsWith("registry") && target === "host"
        ? ["registry.example.com", "registry.example.com"]
        : ["canary.example.com", "canary.example.com"],
    db: ["192.0.2.42", "192.0.2.42"],
    path: ["/canary", "/canary"],
    healthPath: ["/canary", "/canary"],
    target: /^(volumes|tmpfs)/.test(field) ? ["/canary", "/canary"] : ["canary", "canary"],
    workingDirectory: ["/canary", "/canary"],
    hostKey: [`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICANARY`, "AAAAC3NzaC1lZDI1NTE5AAAAICANARY"],
    privateKey: ["-----BEGIN PRIVATE KEY-----canary", "canary"],
    S: [arn, "canary"],
    secretArns: [arn, "canary"],
    pullSecretArn: [arn, "canary"],
    policyArns: ["arn:aws:iam::aws:policy/canary", "canary"],
    executionPolicyArns: ["arn:aws:iam::aws:policy/canary", "canary"],
    certificateArn: ["arn:aws:acm:eu-west-1:123456789012:certificate/canary", "canary"],
    clusterArn: ["arn:aws:ecs:eu-west-1:123456789012:cluster/canary", "canary"],
    repository: ["team/canary", "canary"],
    context: [__dirname, "components"],
    dockerfile: [__filename, "isolation.test.ts"],
    A: field.startsWith("namedContexts")
      ? [`https://canary.example`, "canary"]
      : ["canary", "canary"],
    tag: ["canary:1", "canary"],
    sbomGenerator: ["canary.example.com/scanner:1", "canary"],
    ingressCidrs: ["192.0.2.42/32", "192.0.2.42"],
  };
  return known[last] ?? ["canary", "canary"];
}

interface Seen {
  readonly text: string;
  readonly secret: boolean;
  readonly unknown: boolean;
}

const { unknownValue, specialSigKey, specialSecretSig } = pulumi.runtime;

function seen(value: unknown): Seen {
  const raw = JSON.stringify(value) ?? "";
  const text = JSON.stringify(stripped(value)) ?? "";
  const decoded = [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)].map(([one]) =>
    Buffer.from(one, "base64").toString(),
  );
  return {
    text: [text, ...decoded].join("\n"),
    secret:
      raw.includes(`"${specialSigKey}":"${specialSecretSig}"`) || raw.includes('"secret":true'),
    unknown: raw.includes(unknownValue),
  };
}

interface Inside {
  readonly isSecret: Promise<boolean>;
  readonly isKnown: Promise<boolean>;
  promise(): Promise<unknown>;
}

/** Every property of every resource, and every output of the component. */
async function run(target: string, args: object): Promise<Map<string, Seen>> {
  const found = new Map<string, Seen>();
  await mockPreview();
  watchRegistrations(({ type, name, inputs }) => {
    // A component records its own arguments.
    if (type.startsWith("multiarch:") || type.startsWith("pulumi:")) return;
    for (const [property, value] of Object.entries(inputs))
      found.set(`${type} ${name} ${property}`, seen(value));
  });
  let made: pulumi.ComponentResource | undefined;
  await pulumi.runtime.runInPulumiStack(() => {
    made = new components[target]!("web", args as never);
    return Promise.resolve({});
  });
  await pulumi.runtime.disconnect();
  for (const [name, output] of Object.entries(made!))
    if (pulumi.Output.isInstance(output) && name !== "urn") {
      const { isSecret, isKnown, promise } = output as unknown as Inside;
      const [secret, known, value] = await Promise.all([isSecret, isKnown, promise.call(output)]);
      found.set(`output ${name}`, { ...seen(value ?? null), secret, unknown: !known });
    }
  return found;
}

// Which image it is decides about everything behind it, by its digest and its registry.
const decisive = /^(ref|copyOf|sources|repository\.)/;
const cases = Object.keys(components).flatMap((target) =>
  fieldsOf[target]!.fields.filter(
    // ECS rejects every process limit.
    (field) => !decisive.test(field) && `${target} ${field}` !== "ecs pidsLimit",
  ).map((field) => [target, field] as const),
);
// Which of the two a block of addresses is, only its value tells; credentials wait until it is certain which registry they are for.
const undecided = /cidrIpv[46]$|-pull environment$/;
/** The build arguments contain a hash of the files that these fields name, which is unknown with them. */
const isHashOf = (field: string, property: string) =>
  /^(context|namedContexts|dockerfile$)/.test(field) && property.endsWith(" buildArgs");
/** The digest of an index is known after it was pushed to its registry. */
const isPushedTo = (field: string, property: string) =>
  /^registry\.(address|repository)$/.test(field) && property === "output digest";

it.each(cases)("of %s: %s alone", async (target, field) => {
  const { base, problems } = fieldsOf[target]!;
  const [value, text] = valueFor(target, field);
  const args = (one: unknown) => withField(base(field), field, one);
  expect(problems(args(value))).toEqual([]);
  const known = await run(target, args(pulumi.output(value)));
  const secret = await run(target, args(pulumi.secret(value)));
  const unknown = await run(target, args(pulumi.output(pulumi.unknown)));
  const spread = (all: Map<string, Seen>, mark: "secret" | "unknown") =>
    [...all].flatMap(([property, one]) => {
      const before = known.get(property);
      const own = !before || before[mark] || before.text.includes(text) || undecided.test(property);
      const behind = isHashOf(field, property) || isPushedTo(field, property);
      return one[mark] && !own && !(mark === "unknown" && behind) ? [property] : [];
    });
  expect({ secret: spread(secret, "secret"), unknown: spread(unknown, "unknown") }).toEqual({
    secret: [],
    unknown: [],
  });
});
