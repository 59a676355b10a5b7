import { type At, Checker, type Fields, isFields, isLater, under } from "../../check";
import { type Problem, show } from "../../errors";
import { builtBy } from "../../image/built";
import { Image } from "../../image/image";
import { registryIn } from "../../registry/reference";
import { repositoryArnIn } from "../../registry/ecrAccess";
import { environmentProblems, secretArn } from "../aws/environment";
import { logRetentionProblem } from "../aws/logs";
import { policyArnProblems } from "../aws/policyAttachments";
import { architectureProblem, imageProblem } from "../targetImage";
import { FunctionUrlAuth, type LambdaArgs } from "./lambdaArgs";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
const lambdaFields: Readonly<Record<keyof LambdaArgs, true>> = {
  architecture: true,
  memory: true,
  timeout: true,
  ephemeralStorage: true,
  command: true,
  entryPoint: true,
  workingDirectory: true,
  environment: true,
  secretArns: true,
  functionUrl: true,
  reservedConcurrency: true,
  policyArns: true,
  logRetentionDays: true,
  alias: true,
  tags: true,
};

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime. Others that start with
// AWS_LAMBDA_ may be set, such as AWS_LAMBDA_EXEC_WRAPPER.
const reserved: ReadonlySet<string> = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_LAMBDA_RUNTIME_API",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
]);
// https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html and API_CreateAlias.html
const variable = /^[A-Za-z][A-Za-z0-9_]+$/;
const aliasName = /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/;
const mostEnvironmentBytes = 4096;
const thisMachine = /^(localhost|127\.0\.0\.1)(:\d+)?\//;

/** What is wrong with the arguments of a Lambda target. `path` is that of the object in an App, empty for the target alone. */
export function lambdaProblems(given: unknown, path: string): Problem[] {
  const check = new Checker();
  const at = under(path);
  const known = [...Object.keys(lambdaFields), ...(path === "" ? ["image", "ref"] : [])];
  const args: unknown = withoutSecrets(check, given ?? null, at);
  if (!check.fields(args, path, known)) return check.problems;
  if (path === "") checkImage(check, args);
  checkMachine(check, args, at);
  checkProgram(check, args, at);
  checkEnvironment(check, args.environment, at);
  checkSecrets(check, args.secretArns, at("secretArns"));
  policyArnProblems(check, args.policyArns, at("policyArns"));
  if (check.fields(args.functionUrl, at("functionUrl"), ["authorization"])) {
    const { authorization } = args.functionUrl;
    check.oneOf(authorization, at("functionUrl.authorization"), Object.values(FunctionUrlAuth));
  }
  logRetentionProblem(check, args.logRetentionDays, at("logRetentionDays"));
  const alias = at("alias");
  if (check.plainText(args.alias, alias, `"live"`) && !aliasName.test(args.alias)) {
    check.add(
      alias,
      `${show(args.alias)} is no name of an alias`,
      `write up to 128 letters, digits, dashes and underscores that are no number, such as "live"`,
    );
  }
  check.textMap(args.tags, at("tags"), `{ team: "web" }`);
  return check.problems;
}

/** What ECS has, and Lambda lacks, is told in a better way than as a misspelt field. */
function withoutSecrets(check: Checker, given: unknown, at: At): unknown {
  if (!isFields(given) || given.secrets === undefined) return given;
  check.add(
    at("secrets"),
    "is nothing that Lambda has: it fills no variables from secrets",
    `give their ARNs in ${at("secretArns")} and in plain variables, and read them in the function`,
  );
  return Object.fromEntries(Object.entries(given).filter(([field]) => field !== "secrets"));
}

function checkImage(check: Checker, args: Fields): void {
  const before = check.problems.length;
  imageProblem(check, args);
  if (check.problems.length > before) return;
  if (!(args.image instanceof Image)) return checkRegistry(check, "ref", args.ref);
  const { ref, registry } = builtBy.get(args.image)!.args;
  const address = registry?.address ?? "docker.io";
  checkRegistry(check, "image", ref ?? (typeof address === "string" ? `${address}/any` : address));
}

/** https://docs.aws.amazon.com/lambda/latest/dg/images-create.html. A registry on this machine stands for one in tests. */
function checkRegistry(check: Checker, path: string, reference: unknown): void {
  if (typeof reference !== "string" || thisMachine.test(reference)) return;
  if (repositoryArnIn(reference) !== undefined) return;
  const registry = registryIn(reference);
  // What isn't a reference at all is told by the Image that verifies it.
  if (registry === undefined) return;
  check.add(
    path,
    `lies in ${registry}, and Lambda pulls from ECR only`,
    "push it to a repository of ECR in the function's region",
  );
}

function checkMachine(check: Checker, args: Fields, at: At): void {
  architectureProblem(check, args.architecture, at("architecture"), "Lambda");
  check.whole(args.memory, at("memory"), 128, 10_240, "MiB");
  check.whole(args.timeout, at("timeout"), 1, 900, "seconds");
  check.whole(args.ephemeralStorage, at("ephemeralStorage"), 512, 10_240, "MiB");
  check.whole(args.reservedConcurrency, at("reservedConcurrency"), 0, 1_000_000, "calls");
}

function checkProgram(check: Checker, args: Fields, at: At): void {
  for (const field of ["command", "entryPoint"]) {
    const words = args[field];
    if (words === undefined || isLater(words)) continue;
    if (!Array.isArray(words) || words.length === 0) {
      check.add(
        at(field),
        `must be a list that isn't empty, got ${show(words)}`,
        `write ["serve"], or leave it out for the image's own`,
      );
      continue;
    }
    words.forEach((word, index) => check.text(word ?? null, at(`${field}[${index}]`), `"serve"`));
  }
  const folder = args.workingDirectory;
  if (check.text(folder, at("workingDirectory"), `"/srv"`) && !folder.startsWith("/"))
    check.add(at("workingDirectory"), `${show(folder)} is no absolute path`, `write "/srv"`);
}

/** The values are never shown: they may be secrets. */
function checkEnvironment(check: Checker, environment: unknown, at: At): void {
  const before = check.problems.length;
  environmentProblems(check, { environment }, at);
  if (check.problems.length > before || !isFields(environment)) return;
  for (const name of Object.keys(environment)) {
    if (reserved.has(name)) {
      check.add(at(`environment.${name}`), "is set by Lambda itself", "choose another name");
    } else if (!variable.test(name)) {
      check.add(
        at(`environment.${name}`),
        "is no name that Lambda takes",
        "write two letters, digits and underscores at least, starting with a letter",
      );
    }
  }
  const known = Object.entries(environment).map(
    ([name, value]) => name + (typeof value === "string" ? value : ""),
  );
  const bytes = Buffer.byteLength(known.join(""));
  if (bytes > mostEnvironmentBytes) {
    check.add(
      at("environment"),
      `holds ${bytes} bytes, and Lambda takes ${mostEnvironmentBytes}`,
      "put what is long into an SSM parameter or into the image",
    );
  }
}

function checkSecrets(check: Checker, arns: unknown, path: string): void {
  if (!check.list(arns, path, `["arn:aws:secretsmanager:…"]`)) return;
  arns.forEach((arn: unknown, index) => {
    if (isLater(arn) || (typeof arn === "string" && secretArn.test(arn))) return;
    // What was written may be the secret itself, so it isn't shown.
    check.add(
      `${path}[${index}]`,
      "is no ARN of a secret or parameter",
      "put the value into Secrets Manager or SSM, and write its ARN: arn:aws:secretsmanager:… or arn:aws:ssm:…",
    );
  });
}
