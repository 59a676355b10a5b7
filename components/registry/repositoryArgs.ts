import type * as pulumi from "@pulumi/pulumi";

/** Tagged images of the user's own that the registry is to expire. Releases can't be selected. */
export interface LifecycleRuleArgs {
  /** What the rule is for; shown in the console. */
  description?: string;
  /** Tags that it selects, each for itself, with `*` for any text, four times at most: `pr-*`. */
  tagPatterns: string[];
  /** Days after which an image expires, counted from its push. One of this and `keepNewest`. */
  expireAfterDays?: number;
  /** How many images of each pattern stay, the newest. One of this and `expireAfterDays`. */
  keepNewest?: number;
}

/** A repository that is there already, in this account or another. Nothing of it is changed. */
export interface ExistingRepositoryArgs {
  /** Its name, such as `team/web`. */
  name: string;
  /**
   * The account that it lies in, 12 digits.
   * @default the provider's account
   */
  registryId?: string;
}

/** Arguments of `Repository`. */
export interface RepositoryArgs {
  /**
   * The name: 2 to 256 lower-case letters, digits, `.`, `_`, `-` and `/`
   * (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html). A changed name is another repository.
   * @default the component's name and a random suffix
   */
  name?: string;
  /** Use this repository instead of making one. */
  existing?: ExistingRepositoryArgs;
  /**
   * Tags that may be moved, with `*` for any text, besides the build caches' and `live-…`: everything else is immutable.
   * At most 3, with two `*` in each (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html).
   * @default none; in an App the image's own `tags`
   */
  mutableTags?: string[];
  /**
   * Whether ECR scans each image for known vulnerabilities when it is pushed.
   * @default true
   */
  scanOnPush?: boolean;
  /**
   * A KMS key's ARN to encrypt with. A changed key is another repository.
   * @default AES256, with a key of ECR's own
   */
  kmsKeyArn?: pulumi.Input<string>;
  /**
   * Days after which what has no tag and belongs to no index expires, counted from its push: replaced caches, broken pushes.
   * @default 14
   */
  untaggedDays?: number;
  /**
   * How many releases stay in the repository, 2 to 1000. What a stack's targets run stays besides, by its tag `live-<project>-<app>-<stack>`. After
   * a rollback that tag may stand at the release that failed, so leave room for a few.
   * @default all
   */
  keepReleases?: number;
  /** Further rules, for tags of your own. */
  lifecycleRules?: LifecycleRuleArgs[];
  /**
   * Accounts that may pull, 12 digits each.
   * @default none but this one
   */
  pullAccounts?: string[];
  /**
   * Whether AWS Lambda may pull for this account's functions.
   * @default false; in an App, whether there is a Lambda target
   */
  lambdaPull?: boolean;
  /**
   * Whether `pulumi destroy` deletes the repository with the images in it. Off, destroy fails while there are images; set it,
   * run `pulumi up`, and then destroy.
   * @default false
   */
  forceDelete?: boolean;
  /** AWS tags of the repository. */
  tags?: Record<string, pulumi.Input<string>>;
}

/** An ECR repository for an image. A `Repository` is one; in other languages its outputs are given one by one. */
export interface ImageRepositoryArgs {
  /** `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME` */
  repositoryUrl: pulumi.Input<string>;
  /** Its name within the registry. */
  repositoryName: pulumi.Input<string>;
  /** Its ARN, which targets are given the right to pull from. */
  arn: pulumi.Input<string>;
  /** Who pushes. */
  username: pulumi.Input<string>;
  /** Their token. Secret. */
  password: pulumi.Input<string>;
}
