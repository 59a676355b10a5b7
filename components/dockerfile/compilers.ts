import { type Instruction, Run } from "dockerfile-ast";
import type { Stage } from "./stages";

/** A tool that turns source code into what the image runs. */
export interface Compiler {
  readonly name: string;
  /** A step that runs it. */
  readonly step: RegExp;
  /** Whether what it makes is for one architecture. */
  readonly native: boolean;
  /** How it makes code for another architecture than the one it runs on. */
  readonly fix: string;
}

/** The first that fits counts. Java and .NET without a runtime make the same on every architecture. */
const compilers: readonly Compiler[] = [
  {
    name: "go build",
    step: /\bgo[\s",]+(build|install)\b/,
    native: true,
    fix: "ARG TARGETOS TARGETARCH there, and GOOS=$TARGETOS GOARCH=$TARGETARCH before go build",
  },
  {
    name: "cargo build",
    step: /\bcargo[\s",]+(build|install)\b/,
    native: true,
    fix: "ARG TARGETARCH there, and cargo build --target with the target and linker of $TARGETARCH",
  },
  {
    name: "dotnet publish",
    step: /\bdotnet[\s",]+(publish|build)\b/,
    native: false,
    fix: "ARG TARGETARCH there, and dotnet publish -a $TARGETARCH",
  },
  {
    name: "the Java build",
    step: /\b(mvnw?|gradlew?)\b/,
    native: false,
    fix: "what it makes is the same for every platform",
  },
  {
    name: "the C compiler",
    // Packages that are installed by such a name compile nothing.
    step: /(?<!\b(install|add|echo)\b[^\n;&|]*)(\b(gcc|g\+\+|clang|clang\+\+|cmake)\s|\bmake(\s|$))/m,
    native: true,
    fix: "ARG TARGETARCH there, and a cross compiler for $TARGETARCH",
  },
];

/** A step of a stage that compiles. */
export interface Compiling {
  readonly compiler: Compiler;
  /** Counted from 1. */
  readonly line: number;
}

/** The steps of a stage that compile. */
export function compilesIn(stage: Stage): Compiling[] {
  return stepsOf(stage).flatMap(({ text, line }) => {
    const compiler = compilers.find(({ step }) => step.test(text));
    return compiler === undefined ? [] : [{ compiler, line }];
  });
}

/** Whether a stage names an architecture to compile for. */
export function crossCompiles(stage: Stage): boolean {
  const said =
    /\bTARGET(PLATFORM|ARCH)\b|\bGOARCH\b|--target\b|\bCARGO_BUILD_TARGET\b|\bCROSS_COMPILE\b/;
  return stage.instructions.some((instruction) => said.test(textOf(instruction)));
}

/** The RUN steps of a stage. */
export function stepsOf(stage: Stage): { text: string; line: number }[] {
  return stage.instructions
    .filter((instruction) => instruction instanceof Run)
    .map((instruction) => ({
      text: textOf(instruction),
      line: instruction.getRange().start.line + 1,
    }));
}

function textOf(instruction: Instruction): string {
  return instruction
    .getTextContent()
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join("\n");
}
