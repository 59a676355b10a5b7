import * as ecr from "@pulumi/aws/ecr/index.js";
import * as pulumi from "@pulumi/pulumi";

// https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html#registry_concepts
const host = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?\/([^@:]+)/;

/** The ARN of the ECR repository that a reference names; undefined where it names another registry. */
export function repositoryArnIn(reference: string): string | undefined {
  const found = host.exec(reference);
  if (found === null) return undefined;
  const [, account, region, china, name] = found;
  const partition = china ? "aws-cn" : region?.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  return `arn:${partition}:ecr:${region}:${account}:repository/${name}`;
}

/** Credentials for a reference in ECR, from the provider of `parent`; absent for one in another registry. */
export function ecrAccess(
  reference: pulumi.Input<string>,
  parent: pulumi.Resource,
): { username?: pulumi.Output<string>; password?: pulumi.Output<string> } {
  if (typeof reference === "string" && !host.test(reference)) return {};
  const token = pulumi.output(reference).apply(async (text) => {
    const [, registryId, region] = host.exec(text) ?? [];
    if (registryId === undefined) return undefined;
    return ecr.getAuthorizationToken({ registryId, region }, { parent });
  });
  return {
    username: token.apply((found) => found?.userName ?? ""),
    password: pulumi.secret(token.apply((found) => found?.password ?? "")),
  };
}
