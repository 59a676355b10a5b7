import type * as pulumi from "@pulumi/pulumi";
import { aws } from "../../aws";
import { type CanonicalArchitecture, spellings } from "../../platform";
import { shellWord } from "../../quote";

/** What AWS says of an instance type and an AMI. */
export interface MachineFacts {
  readonly supportedArchitectures: readonly string[];
  /** Of the user's own AMI. */
  readonly amiArchitecture?: string;
}

/** Why an instance of this type can't run the image, or undefined where it can. */
export function machineProblem(
  facts: MachineFacts,
  asked: { instanceType: string; ami?: string; architecture: CanonicalArchitecture },
  path: (field: string) => string,
): string | undefined {
  const wanted = spellings[asked.architecture].ec2;
  const { supportedArchitectures, amiArchitecture } = facts;
  if (!supportedArchitectures.includes(wanted)) {
    return (
      `${path("instanceType")}: ${asked.instanceType} has ${supportedArchitectures.join(", ")}, as AWS says, and the image is built for ${wanted}; ` +
      `set ${path("architecture")} to what it has, or choose another type`
    );
  }
  if (amiArchitecture !== undefined && amiArchitecture !== wanted) {
    return (
      `${path("ami")}: ${asked.ami} is an AMI for ${amiArchitecture}, and ${path("instanceType")} ${asked.instanceType} is ${wanted}; ` +
      `name an AMI for ${wanted}, or leave it out for Amazon Linux 2023`
    );
  }
  return undefined;
}

/** Asks AWS, with the provider of `parent`, whether type, AMI and architecture fit. Throws what is wrong. */
export async function confirmMachine(
  parent: pulumi.Resource,
  asked: { instanceType: string; ami?: string; architecture: CanonicalArchitecture },
  path: (field: string) => string,
): Promise<void> {
  const { instanceType, ami } = asked;
  const [type, image] = await Promise.all([
    aws.ec2
      .getInstanceType({ instanceType }, { parent })
      .catch((error: Error) => rethrow(`${path("instanceType")}: ${instanceType}`, error)),
    ami === undefined
      ? undefined
      : aws.ec2
          .getAmi(
            { filters: [{ name: "image-id", values: [ami] }], includeDeprecated: true },
            { parent },
          )
          .catch((error: Error) => rethrow(`${path("ami")}: ${ami}`, error)),
  ]);
  const facts = {
    supportedArchitectures: type.supportedArchitectures,
    amiArchitecture: image?.architecture,
  };
  const problem = machineProblem(facts, asked, path);
  if (problem !== undefined) throw new Error(problem);
}

function rethrow(what: string, error: Error): never {
  const [said] = error.message
    .replace(/^.*?invocation of \S+ returned an error: /s, "")
    .split("\n");
  const fix = /UnauthorizedOperation|AccessDenied|ExpiredToken|credentials/i.test(error.message)
    ? "the AWS provider's credentials must be valid and may ask for it"
    : "it must be one that AWS has in this region: check its spelling";
  throw new Error(`${what} could not be confirmed with AWS (${said}); ${fix}`);
}

const patience = { tries: 60, pause: 5000 };

/**
 * Waits until SSM knows every instance: an association made before reports success and does nothing.
 * @throws with the instances that are missing, after five minutes
 */
export async function awaitManaged(
  parent: pulumi.Resource,
  instanceIds: readonly string[],
  { tries, pause } = patience,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const filters = [{ name: "InstanceIds", values: [...instanceIds] }];
    const { ids } = await aws.ssm.getInstances({ filters }, { parent }).catch((error: Error) => {
      // DescribeInstanceInformation refuses ids that aren't registered yet.
      if (/InvalidInstanceId/.test(error.message)) return { ids: [] as string[] };
      throw error;
    });
    const missing = instanceIds.filter((id) => !ids.includes(id));
    if (missing.length === 0) return;
    if (attempt >= tries) {
      throw new Error(
        `SSM doesn't know ${missing.join(", ")} after ${Math.round((tries * pause) / 60_000)} minutes: ` +
          "the instance needs a way to SSM (a public address, a NAT gateway or VPC endpoints) and an AMI with SSM's agent; " +
          `\`aws ec2 get-console-output --latest --instance-id ${shellWord(missing[0]!)}\` shows its start`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
