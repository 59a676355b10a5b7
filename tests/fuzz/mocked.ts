import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

// How Pulumi marks a value that is no plain one, what the mark of a secret is, and what stands for an unknown.
const { specialSigKey: signature, specialSecretSig: secretMark, unknownValue } = pulumi.runtime;
const ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";

/** A value without what marks secrets in it, and without unknowns; a secret becomes what `of` makes of it. */
export function stripped(
  value: unknown,
  of: (secret: unknown) => unknown = (secret) => secret,
): unknown {
  if (value === unknownValue) return undefined;
  if (Array.isArray(value)) return value.map((one) => stripped(one, of));
  if (typeof value !== "object" || value === null) return value;
  if (signature in value) {
    const { value: inner, secret, [signature]: mark } = value as Record<string, unknown>;
    const plain = stripped(inner, of);
    return mark === secretMark || secret === true ? of(plain) : plain;
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, stripped(one, of)]));
}

/** The digest of what a resource makes. */
export const digestFor = (name: string) =>
  `sha256:${createHash("sha256").update(name).digest("hex")}`;

/** What the providers would give. */
export function provided(type: string, name: string, inputs: Record<string, unknown>): object {
  if (type === "docker-build:index:Image") return { digest: digestFor(name) };
  if (type === "aws:ecr/repository:Repository")
    return {
      repositoryUrl: ecr,
      arn: "arn:aws:ecr:eu-west-1:123456789012:repository/team/web",
      name: "team/web",
    };
  if (type.startsWith("command:")) {
    // The verification finds the image itself in an index with attestations.
    const made = digestFor(name.replace(/-attested$/, ""));
    const stdout = name.endsWith("-verified") ? verified(inputs) : made;
    return stdout === undefined ? {} : { stdout };
  }
  return {
    ...{ arn: `arn:aws:x:eu-west-1:123456789012:${name}`, name: `${name}-1` },
    ...{ dnsName: "lb.example", publicIp: "192.0.2.1" },
  };
}

/** What the gate prints where the registry holds every platform that is asked for. */
function verified(inputs: Record<string, unknown>): string | undefined {
  const { MULTIARCH_VERIFY: text } = (stripped(inputs.environment) ?? {}) as Record<string, string>;
  if (typeof text !== "string") return undefined;
  const { reference, platforms, images } = JSON.parse(text) as {
    reference: string;
    platforms: string[];
    images?: Record<string, string>;
  };
  const found = platforms.map((platform) => ({
    platform,
    digest: images?.[platform] ?? digestFor(platform),
    size: 1,
  }));
  const repository = reference.replace(/(:[^:/@]*)?(@.*)?$/s, "");
  return JSON.stringify({ reference: `${repository}@${digestFor("index")}`, images: found });
}

/** What AWS would answer. */
export function answered({ token, inputs }: pulumi.runtime.MockCallArgs): Record<string, unknown> {
  const answers: Record<string, Record<string, unknown>> = {
    getRegion: { region: "eu-west-1" },
    getVpc: { id: "vpc-1" },
    getSubnets: { ids: ["subnet-1", "subnet-2"] },
    getParameter: { insecureValue: "ami-1" },
    getAuthorizationToken: { userName: "AWS", password: "canary0" },
    getRepository: {
      repositoryUrl: ecr,
      arn: "arn:aws:ecr:eu-west-1:123456789012:repository/team/web",
      imageTagMutability: "MUTABLE",
    },
    getService: { taskDefinition: "arn:aws:x:eu-west-1:123456789012:web", events: [] },
  };
  return answers[token.split(":").at(-1)!] ?? (inputs as Record<string, unknown>);
}

interface Registration {
  getType(): string;
  getName(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
}

/** Tells what is registered as the engine gets it: for mocks, Pulumi makes the whole of an input secret where a part of it is. */
export function watchRegistrations(
  told: (resource: { type: string; name: string; inputs: Record<string, unknown> }) => void,
): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource(request: Registration, answer: unknown): Promise<void>;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, answer) => {
    const [type, name] = [request.getType(), request.getName()];
    told({ type, name, inputs: request.getObject().toJavaScript() });
    return register(request, answer);
  };
}

/** A preview in which each resource gets its inputs and what a provider would answer. */
export const mockPreview = (): Promise<void> =>
  pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => ({
        id: `${name}-id`,
        state: { ...(inputs as object), ...provided(type, name, inputs as never) },
      }),
      call: answered,
    },
    "project",
    "stack",
    true,
  );
