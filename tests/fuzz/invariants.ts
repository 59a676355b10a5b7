import { Lift } from "./lift";
import { digestFor, stripped } from "./mocked";
import type { Resource } from "./run";
import { canariesIn } from "./lift";
import { platformOf } from "./valid";

const targets = { ec2: "Ec2Target", ecs: "EcsTarget", lambda: "LambdaTarget", host: "HostTarget" };

/** What is wrong with the resources of a plan. */
export function findingsIn(
  resources: readonly Omit<Resource, "chain">[],
  chains: readonly Pick<Resource, "chain" | "name">[],
  args: Record<string, unknown>,
  hidden: ReadonlySet<string>,
): string[] {
  return [
    ...twice(chains.map(({ chain, name }) => `${chain}::${name}`)),
    ...(resources.length < chains.length ? ["not everything that was made was registered"] : []),
    ...platformProblems(resources, args),
    ...resources.flatMap((one) => secretProblems(one, hidden)),
  ];
}

function twice(urns: readonly string[]): string[] {
  return urns.filter((urn, at) => urns.indexOf(urn) < at).map((urn) => `two resources are ${urn}`);
}

/** Every target's platform is in the image, and each is given the digest of its own. */
function platformProblems(
  resources: readonly Omit<Resource, "chain">[],
  args: Record<string, unknown>,
): string[] {
  const image = resources.find(({ type }) => type === "multiarch:index:Image");
  const planned = Object.keys((stripped(image?.inputs.platforms) ?? {}) as object);
  const built = resources
    .filter(({ type }) => type === "docker-build:index:Image")
    .map(({ inputs }) => String((stripped(inputs.platforms) as string[])[0]));
  const findings: string[] = [];
  if (planned.length === 0) findings.push("an image for no platform");
  if (built.length > 0 && String([...built].sort()) !== String([...planned].sort()))
    findings.push(`planned are ${planned.join()}, built are ${built.join()}`);
  for (const [field, type] of Object.entries(targets)) {
    const target = resources.find((one) => one.type === `multiarch:index:${type}`);
    const asked = args[field];
    if (
      ((asked ?? undefined) !== undefined && !(asked instanceof Lift)) !==
      (target !== undefined)
    ) {
      findings.push(
        `${field} is ${target ? "made" : "not made"}, and was ${asked ? "" : "not "}asked for`,
      );
      continue;
    }
    if (target === undefined) continue;
    const platform = platformOf(asked as Record<string, unknown>);
    if (!planned.includes(platform))
      findings.push(`${field} runs ${platform}, and planned are ${planned.join()}`);
    const given = stripped(target.inputs.ref);
    const own = built.length > 0 ? digestFor(`web-${platform.replaceAll("/", "-")}`) : undefined;
    if (own !== undefined && typeof given === "string" && !given.endsWith(own))
      findings.push(`${field} runs ${platform}, and is given ${given}`);
  }
  return findings;
}

/** No secret stands in the clear in what a resource is given, or is called; in base64 neither. */
function secretProblems(
  { type, name, inputs }: Omit<Resource, "chain">,
  hidden: ReadonlySet<string>,
): string[] {
  const clear = JSON.stringify(stripped(inputs, () => "secret"));
  const decoded = [...clear.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)].map(([text]) =>
    Buffer.from(text, "base64").toString(),
  );
  return [name, clear, ...decoded].flatMap((text) =>
    [...canariesIn(text)].flatMap(([found]) =>
      hidden.has(found)
        ? [
            `${type} ${name} holds the secret ${found} in the clear: ${text.slice(Math.max(0, text.indexOf(found) - 60)).slice(0, 120)}`,
          ]
        : [],
    ),
  );
}
