import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws } from "../../aws";
import { shellCommand } from "../../late";
import type { Checker } from "../../check";
import { show } from "../../errors";

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];

export function logRetentionProblem(check: Checker, value: unknown, path: string): void {
  if (!check.plain(value, path) || retentionDays.includes(value as number)) return;
  check.add(
    path,
    `${show(value)} is no number of days that CloudWatch keeps logs for`,
    `write one of ${retentionDays.join(", ")}`,
  );
}

/** The log group of a target. */
export function logGroup(
  name: string,
  args: { logRetentionDays?: number; tags?: Record<string, pulumi.Input<string>> },
  opts: pulumi.CustomResourceOptions,
): cloudwatch.LogGroup {
  return new aws.cloudwatch.LogGroup(
    name,
    { retentionInDays: args.logRetentionDays ?? 30, tags: args.tags },
    opts,
  );
}

/** The command that shows a log group's lines as they come. */
export function logsCommand(
  group: pulumi.Input<string>,
  region: pulumi.Input<string>,
): pulumi.Output<string> {
  return shellCommand`aws logs tail ${group} --follow --region ${region}`;
}
