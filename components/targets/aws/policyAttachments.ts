import type * as iam from "@pulumi/aws/iam/index.js";
import type * as pulumi from "@pulumi/pulumi";
import { aws } from "../../aws";
import type { Checker } from "../../check";
import { show } from "../../errors";

const policyArn = /^arn:[a-z-]+:iam::(aws|\d{12}):policy\/\S+$/;

/**
 * Attaches policies to a role. Each attachment is named after its policy where that is known: named by its place in the list,
 * those behind a removed one would move up, and the delete of the last would detach what was attached a moment before.
 */
export function attachPolicies(
  name: string,
  role: iam.Role,
  arns: readonly pulumi.Input<string>[],
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  return arns.map((arn, index) => {
    const suffix = typeof arn === "string" ? arn.replace(/^.*:iam::/, "") : String(index);
    return new aws.iam.RolePolicyAttachment(
      `${name}-${suffix.replace(/[:/]+/g, "-")}`,
      { role: role.name, policyArn: arn },
      opts,
    );
  });
}

/** Checks `policyArns`. */
export function policyArnProblems(check: Checker, arns: unknown, path: string): void {
  const example = `"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"`;
  if (!check.list(arns, path, `[${example}]`)) return;
  arns.forEach((arn: unknown, index) => {
    const at = `${path}[${index}]`;
    if (!check.text(arn ?? null, at, example) || typeof arn !== "string") return;
    if (!policyArn.test(arn)) check.add(at, `${show(arn)} is no policy's ARN`, `write ${example}`);
    else if (arns.indexOf(arn) < index) check.add(at, "is listed twice", "remove one of them");
  });
}
