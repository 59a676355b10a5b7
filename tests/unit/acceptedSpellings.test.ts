import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import * as library from "../../components";
import type { Problem } from "../../components/errors";
import { imageProblems } from "../../components/image/imageProblems";
import { ec2Problems } from "../../components/targets/ec2/ec2";
import { ecsProblems } from "../../components/targets/ecs/ecs";
import { hostProblems } from "../../components/targets/host/host";
import { lambdaProblems } from "../../components/targets/lambda/lambda";

// A string that an argument accepts must type-check, and a string that type-checks must be accepted.

const checkout = resolve(__dirname, "../..");

type Check = (value: unknown) => Problem[];
const image =
  (field: object | ((value: unknown) => object)): Check =>
  (value) =>
    imageProblems(
      { context: "./examples/web", ...(typeof field === "function" ? field(value) : field) },
      "image",
      false,
    );

/** Each argument of an App whose type is an enum, with the check that it gets. */
const checks: Record<string, Check> = {
  "image.network": image((network) => ({ network })),
  "image.compression": image((compression) => ({ compression })),
  "image.cache.mode": image((mode) => ({ cache: { mode } })),
  "image.builder.driver": image((driver) => ({ builder: { name: "b", driver } })),
  "image.verify.depth": image((depth) => ({ verify: { depth } })),
  "image.tarball.format": image((format) => ({ tarball: { path: "./out/web.tar", format } })),
  "ec2.architecture": (architecture) =>
    ec2Problems({ instanceType: "u9.large", architecture }, "ec2"),
  "ec2.strategy": (strategy) => ec2Problems({ instanceType: "t3.small", strategy }, "ec2"),
  "ecs.architecture": (architecture) => ecsProblems({ architecture }, "ecs"),
  "ecs.launchType": (launchType) => ecsProblems({ launchType }, "ecs"),
  "lambda.architecture": (architecture) => lambdaProblems({ architecture }, "lambda"),
  "lambda.functionUrl.authorization": (authorization) =>
    lambdaProblems({ functionUrl: { authorization } }, "lambda"),
  "host.architecture": (architecture) => hostProblems({ architecture }, "host"),
  "host.restart": (restart) => hostProblems({ restart }, "host"),
  "host.strategy": (strategy) => hostProblems({ strategy }, "host"),
};

interface SchemaType {
  enum?: { value: string }[];
  properties?: Record<string, { $ref?: string }>;
}
const { resources, types } = JSON.parse(
  readFileSync(join(checkout, "components/schema.json"), "utf8"),
) as {
  resources: Record<string, { inputProperties: Record<string, { $ref?: string }> }>;
  types: Record<string, SchemaType>;
};

/** The arguments of an App whose type is an enum, by the schema. */
function enumFields(properties: Record<string, { $ref?: string }>, path = ""): string[] {
  return Object.entries(properties).flatMap(([field, { $ref }]) => {
    const type = types[$ref?.replace("#/types/", "") ?? ""];
    if (type?.enum) return [path + field];
    return enumFields(type?.properties ?? {}, `${path}${field}.`);
  });
}

/** Spellings that people use: those of the enums, those of other tools, and variants of both. */
const spellings = [
  ...Object.values(types).flatMap((type) => type.enum?.map(({ value }) => value) ?? []),
  ...["x86-64", "x64", "amd64", "AMD64", "Amd64", "i386", "aarch64", "AARCH64", "arm", "arm64/v8"],
  ...["linux/amd64", "linux/arm64", "linux/arm64/v8", "LINUX/ARM64", "linux/aarch64", "linux"],
  ...["gz", "zip", "estargz", "unless_stopped", "unlessStopped", "on-failure:3", "never", "true"],
  ...["fargate", "Ec2", "aws_iam", "iam", "oci-archive", "bluegreen", "docker_container", ""],
].flatMap((one) => [one, one.toUpperCase(), one.toLowerCase(), ` ${one}`]);
const candidates = [...new Set(spellings)];

/** For each line of TypeScript, whether it compiles. */
function compiles(lines: readonly string[]): boolean[] {
  const { config } = ts.readConfigFile(join(checkout, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, checkout);
  const file = join(checkout, "spellings.ts");
  const text = [`import type { AppArgs } from "./components";`, ...lines].join("\n");
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(file, text, rest[0]) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], { ...options, noEmit: true }, host);
  const source = program.getSourceFile(file)!;
  const wrong = new Set(
    program
      .getSemanticDiagnostics(source)
      .map(({ start }) => source.getLineAndCharacterOfPosition(start!).line),
  );
  return lines.map((_, at) => !wrong.has(at + 1));
}

it("the arguments with an enum are those that are checked here", () => {
  const { inputProperties } = resources["multiarch:index:App"]!;
  expect(Object.keys(checks).sort()).toEqual(enumFields(inputProperties).sort());
});

it("a spelling is accepted if and only if it type-checks, for every argument with an enum", () => {
  const all = Object.entries(checks).flatMap(([path, check]) =>
    candidates.map((value) => ({
      path,
      value,
      accepted: !check(value).some((problem) => problem.path === path),
    })),
  );
  const lines = all.map(({ path, value }) => {
    const type = path.split(".").reduce((of, field) => `NonNullable<${of}["${field}"]>`, "AppArgs");
    return `export const _${all.length}: ${type} = ${JSON.stringify(value)};`;
  });
  const typed = compiles(lines.map((line, at) => line.replace(/_\d+/, `_${at}`)));
  const different = all.filter(({ accepted }, at) => accepted !== typed[at]);
  expect(different).toEqual([]);
  // Both happened.
  expect(all.filter(({ accepted }) => accepted).length).toBeGreaterThan(60);
  expect(all.filter(({ accepted }) => !accepted).length).toBeGreaterThan(600);
}, 120_000);

it("each system's spelling of an architecture is an `Architecture`", () => {
  expect(Object.values(library.Architecture)).toEqual(
    expect.arrayContaining(["x86_64", "amd64", "x64", "x86-64", "X86_64", "linux/amd64"]),
  );
  expect(Object.values(library.Architecture)).toEqual(
    expect.arrayContaining(["arm64", "aarch64", "ARM64", "linux/arm64"]),
  );
});
