import type { LifecycleRuleArgs } from "./repositoryArgs";

/** Tags that move, whoever uses the repository: the build caches' and what each stack runs. */
export const movingTags: readonly string[] = ["cache-*", "live-*"];

/** Tags of released indexes. */
export const releaseTags = "sha-*";

/** More images than a repository holds (100,000 at most): a rule with this count expires none, and keeps them from the rules behind it. */
const most = 100_000;

export interface LifecycleOptions {
  readonly untaggedDays: number;
  readonly keepReleases?: number;
  readonly rules: readonly LifecycleRuleArgs[];
}

/**
 * ECR's lifecycle policy as one document, its rules sorted by priority. An image that a rule's tags match can't be expired by a
 * rule behind it, whatever the first one's count: so what a stack runs comes first
 * (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html). Children of an index that stays are kept by ECR.
 */
export function lifecyclePolicy({ untaggedDays, keepReleases, rules }: LifecycleOptions): string {
  const tagged = (tagPatternList: readonly string[], count: object) => ({
    tagStatus: "tagged",
    tagPatternList,
    ...count,
  });
  const newest = (countNumber: number) => ({ countType: "imageCountMoreThan", countNumber });
  const older = (countNumber: number) => ({
    countType: "sinceImagePushed",
    countUnit: "days",
    countNumber,
  });
  const releases =
    keepReleases === undefined ? "releases stay" : `the newest ${keepReleases} releases stay`;
  const selections = [
    ...(keepReleases === undefined
      ? []
      : [{ description: "what a stack runs stays", selection: tagged(["live-*"], newest(most)) }]),
    // Before the user's own rules, for a release may have one of their tags as well.
    ...(keepReleases === undefined && rules.length === 0
      ? []
      : [
          { description: releases, selection: tagged([releaseTags], newest(keepReleases ?? most)) },
        ]),
    // One pattern in each: of several, ECR selects what has a tag for every one of them.
    ...rules.flatMap(({ description, tagPatterns, keepNewest, expireAfterDays }) =>
      tagPatterns.map((pattern) => ({
        description: description ?? pattern,
        selection: tagged(
          [pattern],
          keepNewest === undefined ? older(expireAfterDays!) : newest(keepNewest),
        ),
      })),
    ),
    {
      description: "leftovers without a tag",
      selection: { tagStatus: "untagged", ...older(untaggedDays) },
    },
  ];
  return JSON.stringify({
    rules: selections.map(({ description, selection }, at) => ({
      rulePriority: at + 1,
      description,
      selection,
      action: { type: "expire" },
    })),
  });
}

/** What anybody needs to pull from a repository; the right to log in goes to the caller's own role. */
export const pullActions: readonly string[] = [
  "ecr:BatchCheckLayerAvailability",
  "ecr:BatchGetImage",
  "ecr:GetDownloadUrlForLayer",
];

/** Who may pull besides this account's own roles; undefined where nobody. */
export function repositoryPolicy(
  repositoryArn: string,
  accounts: readonly string[],
  lambda: boolean,
): string | undefined {
  const [, partition, , region, account] = repositoryArn.split(":");
  const statements = [
    ...(accounts.length === 0
      ? []
      : [
          {
            Sid: "Pull",
            Effect: "Allow",
            Principal: { AWS: accounts.map((id) => `arn:${partition}:iam::${id}:root`) },
            Action: pullActions,
          },
        ]),
    ...(lambda
      ? [
          {
            // https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#configuration-images-permissions
            Sid: "LambdaPull",
            Effect: "Allow",
            Principal: { Service: "lambda.amazonaws.com" },
            Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            Condition: {
              StringLike: {
                "aws:sourceArn": `arn:${partition}:lambda:${region}:${account}:function:*`,
              },
            },
          },
        ]
      : []),
  ];
  if (statements.length === 0) return undefined;
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
