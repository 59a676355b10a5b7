import * as pulumi from "@pulumi/pulumi";
import { aws, lookedUp } from "../aws";
import { besides } from "../hosting";
import { checkedAlone, withoutNulls } from "../late";
import { refuse } from "../refuse";
import { lifecyclePolicy, movingTags, repositoryPolicy } from "./policies";
import type { RepositoryArgs } from "./repositoryArgs";
import { repositoryProblems } from "./repositoryProblems";
import { log } from "../log";

export * from "./repositoryArgs";

/**
 * A repository of Amazon ECR in which releases can't be overwritten, caches can, and nothing that was released expires. Or one
 * that is there already (`existing`).
 *
 * @example
 * const repository = new multiarch.Repository("web");
 * const image = new multiarch.Image("web", { context: "./app", platforms: ["linux/arm64"], repository });
 */
export class Repository extends pulumi.ComponentResource {
  /** `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web`, to put a digest behind. */
  public readonly repositoryUrl: pulumi.Output<string>;
  /** The repository's ARN. */
  public readonly arn: pulumi.Output<string>;
  /** Its name within the registry. */
  public readonly repositoryName: pulumi.Output<string>;
  /** The user that pushes and pulls: `AWS`. Not among what is stored where a program exports the component. */
  public readonly username: pulumi.Output<string>;
  /**
   * A token of 12 hours, another in each run; secret. It is in no input whose change would be shown, and not among what is
   * stored where a program exports the component.
   */
  public readonly password: pulumi.Output<string>;

  /** @throws pulumi.RunError with a line for each thing that is wrong with the arguments */
  constructor(name: string, args: RepositoryArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent) ?? {};
    refuse(name, repositoryProblems(args, ""));
    args = checkedAlone(name, args, opts?.parent, repositoryProblems);
    super("multiarch:index:Repository", name, args, opts);
    const { url, arn } = args.existing ? found(this, args) : made(this, name, args);
    // https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry-auth-token
    const token = lookedUp(
      aws.ecr.getAuthorizationToken({ registryId: args.existing?.registryId }, { parent: this }),
    );
    this.repositoryUrl = url;
    this.arn = arn;
    this.repositoryName = url.apply((text) => text.slice(text.indexOf("/") + 1));
    this.username = token.userName;
    this.password = pulumi.secret(token.password);
    // Of a component that a program exports, Pulumi stores each enumerable field: the token would make every run a change, and the
    // whole export secret.
    for (const key of ["username", "password"])
      Object.defineProperty(this, key, { enumerable: false });
    this.registerOutputs({
      repositoryUrl: url,
      arn,
      repositoryName: this.repositoryName,
    });
  }
}

/** Whether a pattern takes in all that another one does. */
const covers = (pattern: string, other: string): boolean =>
  pattern.endsWith("*") && other.startsWith(pattern.slice(0, -1));

interface Place {
  readonly url: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
}

function found(component: Repository, args: RepositoryArgs): Place {
  const { name, registryId } = args.existing!;
  const there = lookedUp(aws.ecr.getRepository({ name, registryId }, { parent: component }));
  const looked = pulumi
    .all([there.imageTagMutability, there.imageTagMutabilityExclusionFilters])
    .apply(async ([mutability, filters]) => {
      const excluded = (filters ?? []).some(({ filter }) => covers(filter, "cache-*"));
      // What is excluded from MUTABLE_WITH_EXCLUSION is what can't be moved.
      if (mutability.startsWith("MUTABLE") !== excluded) return;
      await log.warn(
        `the tags of ${name} can't be moved, so build caches can be written once and never again: ` +
          `exclude ${movingTags.join(" and ")} there, or set the image's cache.enabled to false`,
        component,
      );
    });
  besides(looked);
  return { url: there.repositoryUrl, arn: there.arn };
}

function made(component: Repository, name: string, args: RepositoryArgs): Place {
  const repository = new aws.ecr.Repository(
    name,
    {
      name: args.name,
      // Releases never change under their tag; caches and what says "this runs" must.
      imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
      imageTagMutabilityExclusionFilters: [
        ...new Set([...movingTags, ...(args.mutableTags ?? [])]),
      ].map((filter) => ({ filter, filterType: "WILDCARD" })),
      imageScanningConfiguration: { scanOnPush: args.scanOnPush ?? true },
      encryptionConfigurations: [
        args.kmsKeyArn === undefined
          ? { encryptionType: "AES256" }
          : { encryptionType: "KMS", kmsKey: args.kmsKeyArn },
      ],
      forceDelete: args.forceDelete ?? false,
      tags: args.tags,
    },
    { parent: component },
  );
  new aws.ecr.LifecyclePolicy(
    `${name}-lifecycle`,
    {
      repository: repository.name,
      policy: lifecyclePolicy({
        untaggedDays: args.untaggedDays ?? 14,
        keepReleases: args.keepReleases,
        rules: args.lifecycleRules ?? [],
      }),
    },
    { parent: component },
  );
  const accounts = args.pullAccounts ?? [];
  if (accounts.length > 0 || args.lambdaPull) {
    new aws.ecr.RepositoryPolicy(
      `${name}-pull`,
      {
        repository: repository.name,
        policy: repository.arn.apply((arn) =>
          repositoryPolicy(arn, accounts, args.lambdaPull ?? false)!,
        ),
      },
      { parent: component },
    );
  }
  return { url: repository.repositoryUrl, arn: repository.arn };
}
