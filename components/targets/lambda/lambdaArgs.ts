import type * as pulumi from "@pulumi/pulumi";
import type { Architecture } from "../../platform";
import type { TargetImageArgs } from "../targetImage";

/** Who may call a function's address (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). */
export const FunctionUrlAuth = {
  /** Callers whose requests are signed and whom IAM allows to. */
  Iam: "AWS_IAM",
  /** Everybody on the internet. */
  None: "NONE",
} as const;
export type FunctionUrlAuth = (typeof FunctionUrlAuth)[keyof typeof FunctionUrlAuth];

/** An HTTPS address of the function, at its alias. Costs nothing by itself. */
export interface FunctionUrlArgs {
  /**
   * Who may call it.
   * @default "AWS_IAM"
   */
  authorization?: FunctionUrlAuth;
}

/**
 * How Lambda runs the image. The image needs a runtime client, which asks Lambda for requests (AWS's base images have one), or the
 * Lambda Web Adapter, which passes them on to a web server (https://github.com/awslabs/aws-lambda-web-adapter): a plain web
 * image starts, and fails at its first call (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html).
 */
export interface LambdaArgs {
  /**
   * The architecture of the machines. Plain: it decides which platform is built. A change is an update in place: image and
   * architecture in one, as a new version.
   * @default "x86_64"
   */
  architecture?: Architecture;
  /**
   * Memory in MiB, 128 to 10240; processor time grows with it, a whole one at 1769
   * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
   * @default 512
   */
  memory?: pulumi.Input<number>;
  /**
   * Seconds that one call may take, 1 to 900 (https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html).
   * @default 30
   */
  timeout?: pulumi.Input<number>;
  /**
   * Size of `/tmp` in MiB, 512 to 10240 (https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html).
   * The rest of the file system can't be written.
   * @default 512
   */
  ephemeralStorage?: pulumi.Input<number>;
  /**
   * The command, in place of the image's own (`CMD`); the entry point stays. With AWS's base images it names the handler.
   * @default the image's
   */
  command?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The entry point, in place of the image's own (`ENTRYPOINT`).
   * @default the image's
   */
  entryPoint?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The folder that the program starts in, an absolute path, in place of the image's own (`WORKDIR`).
   * @default the image's
   */
  workingDirectory?: pulumi.Input<string>;
  /**
   * Environment variables: names of two characters at least, starting with a letter and not one that Lambda sets itself, 4 KiB in
   * all (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). Whoever may describe the function can read
   * them, so a secret value is refused: see `secretArns`.
   * @default none
   */
  environment?: Record<string, pulumi.Input<string>>;
  /**
   * ARNs of secrets in Secrets Manager and of SSM parameters that the function may read. Lambda has no variables that it fills from
   * them: give the ARN in a plain variable too, and read it in the function, for example by the AWS Parameters and Secrets
   * extension (https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html). One that is
   * encrypted with a KMS key of yours needs `kms:Decrypt` besides, by `policyArns`.
   * @default none
   */
  secretArns?: pulumi.Input<string>[];
  /**
   * An HTTPS address of the function.
   * @default none: it is called by its ARN
   */
  functionUrl?: FunctionUrlArgs;
  /**
   * How many calls run at the same time at most; as many of the account's are kept for it. 0 stops it
   * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
   * @default what the account has left
   */
  reservedConcurrency?: pulumi.Input<number>;
  /**
   * ARNs of policies for the role that the function has, each once.
   * @default none: it may write its logs, and read `secretArns`
   */
  policyArns?: pulumi.Input<string>[];
  /**
   * Days that the logs stay: one of the numbers that CloudWatch takes
   * (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
   * @default 30
   */
  logRetentionDays?: number;
  /**
   * The name that callers use, which moves to each new version: letters, digits, `-` and `_`, not digits alone, 128 at most
   * (https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html). Another name is another ARN and another address.
   * @default "live"
   */
  alias?: string;
  /** AWS tags of everything that takes some. */
  tags?: Record<string, pulumi.Input<string>>;
}

/** Arguments of `LambdaTarget`. */
export interface LambdaTargetArgs extends LambdaArgs, TargetImageArgs {}
