import * as pulumi from "@pulumi/pulumi";
import { aws, endProgram } from "../aws";
import { ecrAddress } from "./ecr";

/** The ARN of the ECR repository that a reference names; undefined where it names another registry. */
export function repositoryArnIn(reference: string): string | undefined {
  const found = ecrAddress(reference);
  if (found === undefined) return undefined;
  const { partition, region, registryId, repository } = found;
  return `arn:${partition}:ecr:${region}:${registryId}:repository/${repository}`;
}

/** Credentials for a reference in ECR, from the provider of `parent`; absent for one in another registry. */
export function ecrAccess(
  reference: pulumi.Input<string>,
  parent: pulumi.Resource,
): { username?: pulumi.Output<string>; password?: pulumi.Output<string> } {
  if (typeof reference === "string" && ecrAddress(reference) === undefined) return {};
  const token = pulumi.output(reference).apply(async (text) => {
    const found = ecrAddress(text);
    if (found === undefined) return undefined;
    const { registryId, region } = found;
    return aws.ecr.getAuthorizationToken({ registryId, region }, { parent }).catch(endProgram);
  });
  return {
    username: token.apply((found) => found?.userName ?? ""),
    password: pulumi.secret(token.apply((found) => found?.password ?? "")),
  };
}
