import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import type * as lambda from "@pulumi/aws/lambda/index.js";
import * as pulumi from "@pulumi/pulumi";
import { aws, lookedUp } from "../../aws";
import { announced } from "../../announcement";
import { under } from "../../check";
import { beforeChange } from "../../hooks";
import { once } from "../../nodeProgram";
import { spellings, statedArchitecture } from "../../platform";
import { checkedAlone, orElse, shellCommand, withoutNulls } from "../../late";
import { refuse } from "../../refuse";
import { partPath, uniqueName } from "../../scope";
import { refuseReadableSecrets } from "../aws/environment";
import { logStatements, policy, secretStatements, trust } from "../aws/iam";
import { logGroup, logsCommand } from "../aws/logs";
import { attachPolicies } from "../aws/policyAttachments";
import { recordedTarget, targetImage } from "../targetImage";
import { warnOfVolumes } from "../volumes";
import { FunctionUrlAuth, type LambdaArgs, type LambdaTargetArgs } from "./lambdaArgs";
import { lambdaProblems } from "./lambdaProblems";

export * from "./lambdaArgs";
export { lambdaProblems } from "./lambdaProblems";

const defaults = { memory: 512, timeout: 30, alias: "live" };

/**
 * Runs an image as a function of Lambda, as a published version that an alias points at. The image lies in ECR, and has a runtime
 * client or the Lambda Web Adapter in it (see `LambdaArgs`).
 *
 * @example
 * const api = new multiarch.LambdaTarget("api", { image: web.image, architecture: "arm64", functionUrl: {} });
 * export const url = api.url;
 */
export class LambdaTarget extends pulumi.ComponentResource {
  /** The function's name. */
  public readonly functionName: pulumi.Output<string>;
  /** The function's ARN, without a version. */
  public readonly functionArn: pulumi.Output<string>;
  /** The alias's ARN, which callers use. */
  public readonly aliasArn: pulumi.Output<string>;
  /** The published version that the alias points at. */
  public readonly version: pulumi.Output<string>;
  /** The HTTPS address; empty without `functionUrl`. */
  public readonly url: pulumi.Output<string>;
  /** The command that shows the logs. */
  public readonly logsCommand: pulumi.Output<string>;
  /** The command that calls the function once, without a payload. */
  public readonly invokeCommand: pulumi.Output<string>;

  /** @throws pulumi.RunError with a line for each thing that is wrong with the arguments */
  constructor(name: string, args: LambdaTargetArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent);
    refuse(name, lambdaProblems(args, ""));
    args = checkedAlone(name, args, opts?.parent, lambdaProblems);
    const architecture = statedArchitecture(args)!;
    const recorded = recordedTarget(args, architecture);
    super(
      "multiarch:index:LambdaTarget",
      name,
      recorded,
      announced("lambda", name, recorded, opts),
    );
    const path = under(partPath(opts?.parent, "lambda"));

    const image = targetImage(this, name, args, architecture);
    warnOfVolumes(this, "lambda", image, opts?.parent, [[{ target: "/tmp" }]]);
    const region = lookedUp(aws.getRegion({}, { parent: this })).region;
    const logs = logGroup(name, args, { parent: this });
    const { role, policies } = makeRole(this, name, args, logs);
    const made = new aws.lambda.Function(
      name,
      {
        packageType: "Image",
        imageUri: image.ref,
        architectures: [spellings[architecture].lambda],
        role: role.arn,
        memorySize: orElse(args.memory, defaults.memory),
        timeout: orElse(args.timeout, defaults.timeout),
        publish: true,
        // A group of its own, which is there before the first line and has a retention.
        loggingConfig: { logFormat: "Text", logGroup: logs.name },
        reservedConcurrentExecutions: args.reservedConcurrency,
        tags: args.tags,
        ...optional(args),
      },
      {
        parent: this,
        // Lambda pulls by the policy of the repository, and writes one itself where it finds none.
        dependsOn: [...policies, ...(image.repository ? [image.repository] : [])],
        hooks: beforeChange(
          `environment of Lambda for ${uniqueName(name, opts?.parent, "LambdaTarget")}`,
          refuseReadableSecrets(
            args.environment,
            {
              command: args.command,
              entryPoint: args.entryPoint,
              workingDirectory: args.workingDirectory,
            },
            path,
            `${path("secretArns")} and in a plain variable, by which the function reads it ` +
              "(AWS Parameters and Secrets extension)",
          ),
        ),
      },
    );
    const alias = new aws.lambda.Alias(
      `${name}-alias`,
      {
        name: args.alias ?? defaults.alias,
        functionName: made.name,
        functionVersion: made.version,
      },
      { parent: this },
    );
    // A failed release leaves the outputs of the version that the alias points at.
    const released = <T>(value: pulumi.Input<T>) => once(value, alias);
    this.functionName = released(made.name);
    this.functionArn = released(made.arn);
    this.aliasArn = alias.arn;
    this.version = alias.functionVersion;
    this.url = functionUrl(this, name, args, made, alias);
    this.logsCommand = released(logsCommand(logs.name, region));
    const callee = pulumi.interpolate`${made.name}:${alias.name}`;
    this.invokeCommand = shellCommand`aws lambda invoke --function-name ${callee} --region ${region} /dev/stdout`;
    this.registerOutputs({
      functionName: this.functionName,
      functionArn: this.functionArn,
      aliasArn: this.aliasArn,
      version: this.version,
      url: this.url,
      logsCommand: this.logsCommand,
      invokeCommand: this.invokeCommand,
    });
  }
}

/** What is written only where it was asked for. */
function optional(args: LambdaArgs): Partial<lambda.FunctionArgs> {
  const { ephemeralStorage, command, entryPoint, workingDirectory, environment } = args;
  const program = [command, entryPoint, workingDirectory].some((given) => given !== undefined);
  return {
    ...(ephemeralStorage !== undefined && { ephemeralStorage: { size: ephemeralStorage } }),
    ...(program && {
      imageConfig: { commands: command, entryPoints: entryPoint, workingDirectory },
    }),
    ...(Object.keys(environment ?? {}).length > 0 && { environment: { variables: environment } }),
  };
}

/** The role that the function has; to pull the image is Lambda's own business. */
function makeRole(
  target: LambdaTarget,
  name: string,
  args: LambdaArgs,
  logs: cloudwatch.LogGroup,
): { role: iam.Role; policies: pulumi.Resource[] } {
  const opts = { parent: target };
  const role = new aws.iam.Role(
    `${name}-execution`,
    { assumeRolePolicy: trust("lambda.amazonaws.com"), tags: args.tags },
    opts,
  );
  const own = new aws.iam.RolePolicy(
    `${name}-execution`,
    {
      role: role.name,
      policy: pulumi
        .all([logs.arn, pulumi.all(args.secretArns ?? [])])
        .apply(([group, secrets]) =>
          policy([
            ...logStatements(group),
            ...secretStatements(secrets, ["ssm:GetParameter", "ssm:GetParameters"]),
          ]),
        ),
    },
    opts,
  );
  const further = attachPolicies(`${name}-execution`, role, args.policyArns ?? [], opts);
  return { role, policies: [own, ...further] };
}

/** The address of the alias; empty where none was asked for. */
function functionUrl(
  target: LambdaTarget,
  name: string,
  args: LambdaArgs,
  made: lambda.Function,
  alias: lambda.Alias,
): pulumi.Output<string> {
  if (args.functionUrl === undefined) return pulumi.output("");
  const authorization = args.functionUrl.authorization ?? FunctionUrlAuth.Iam;
  const place = { qualifier: alias.name };
  const everybody = (
    suffix: string,
    rest: Pick<lambda.PermissionArgs, "action"> & Partial<lambda.PermissionArgs>,
  ) =>
    new aws.lambda.Permission(
      `${name}-${suffix}`,
      { ...place, function: made.name, principal: "*", ...rest },
      { parent: target },
    );
  // The provider itself adds the first when it makes an address that is open from the start, and not when one is opened later.
  // Both are needed since October 2025, and neither lets anybody call the function in another way than by its address
  // (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-none).
  const open = () => [
    everybody("public-url", {
      action: "lambda:InvokeFunctionUrl",
      functionUrlAuthType: authorization,
    }),
    everybody("public-invoke", {
      action: "lambda:InvokeFunction",
      invokedViaFunctionUrl: true,
    }),
  ];
  const dependsOn = authorization === FunctionUrlAuth.None ? open() : [];
  const address = new aws.lambda.FunctionUrl(
    `${name}-url`,
    { ...place, functionName: made.name, authorizationType: authorization },
    { parent: target, dependsOn },
  );
  return address.functionUrl;
}
