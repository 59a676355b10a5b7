import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as ecr from "@pulumi/aws/ecr/index.js";
import type * as ec2 from "@pulumi/aws/ec2/index.js";
import type * as ecs from "@pulumi/aws/ecs/index.js";
import type * as region from "@pulumi/aws/getRegion.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import type * as lambda from "@pulumi/aws/lambda/index.js";
import type * as lb from "@pulumi/aws/lb/index.js";
import type * as ssm from "@pulumi/aws/ssm/index.js";
import type * as vpc from "@pulumi/aws/vpc/index.js";
import * as pulumi from "@pulumi/pulumi";
import { printable } from "./errors";
import { plainError } from "./refuse";

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would load it at once
const load = <T>(path: string): T => require(`@pulumi/aws/${path}.js`) as T;

/** The modules of @pulumi/aws, each loaded when it is first used: a program without a target on AWS starts without them. */
export const aws = {
  get cloudwatch(): typeof cloudwatch {
    return load("cloudwatch/index");
  },
  get ecr(): typeof ecr {
    return load("ecr/index");
  },
  get ec2(): typeof ec2 {
    return load("ec2/index");
  },
  get ecs(): typeof ecs {
    return load("ecs/index");
  },
  get getRegion(): typeof region.getRegion {
    return load<typeof region>("getRegion").getRegion;
  },
  get iam(): typeof iam {
    return load("iam/index");
  },
  get lambda(): typeof lambda {
    return load("lambda/index");
  },
  get lb(): typeof lb {
    return load("lb/index");
  },
  get ssm(): typeof ssm {
    return load("ssm/index");
  },
  get vpc(): typeof vpc {
    return load("vpc/index");
  },
};

const failures = new Map<string, pulumi.RunError>();

/** What AWS answers. Lookups that fail for one reason end the program with one error, which has no stack. */
export const lookedUp = <T>(answer: Promise<T>) =>
  pulumi.output(answer.catch(endProgram)) as pulumi.Output<T>;

/** @throws pulumi.RunError */
export function endProgram(error: Error): never {
  const text = failureText(error.message);
  const failure = failures.get(text) ?? plainError(text);
  failures.set(text, failure);
  throw failure;
}

function failureText(raw: string): string {
  const reason = printable(raw.replace(/^invocation of \S+ returned an error: /, ""));
  if (!/(missing|configured|invalid)\b.*\bregion\b|\bregion\b.*\b(missing|required)/i.test(reason))
    return `AWS: ${reason}`;
  return "aws:region: is not set; run `pulumi config set aws:region eu-west-1`, set AWS_REGION, or give the component a provider with a region";
}
