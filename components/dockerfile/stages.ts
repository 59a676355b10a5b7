import { Copy, DockerfileParser, From, type Instruction, Run } from "dockerfile-ast";
import { normalisePlatform } from "../platform";
import { expand } from "./words";

/** A stage of a Dockerfile, as it is written. */
export interface Stage {
  /** In lower case, as names of stages are compared. */
  readonly name: string | undefined;
  /** As it is written. */
  readonly written: string | undefined;
  /** How messages call it: `stage "build"`, or `stage 2`, counted from 1. */
  readonly label: string;
  /** The line of its FROM, counted from 1. */
  readonly line: number;
  /** The base image, and what `--platform=` says, with their variables. */
  readonly base: string;
  readonly platform: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** What a Dockerfile says before anything of it is put in. */
export interface Dockerfile {
  readonly stages: readonly Stage[];
  readonly escape: string;
  /** Global ARGs in their order. */
  readonly args: readonly (readonly [name: string, value: string | undefined])[];
  /** Rules of BuildKit's own checks that the file switches off (https://docs.docker.com/build/checks/#skip-checks). */
  readonly skips: (rule: string) => boolean;
}

/** What decides which stages are built, and from what. */
export interface BuildSettings {
  /** Undefined: not known yet. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>>;
  /** Default: the last stage. */
  readonly target?: string;
  /** Further contexts, which take the place of stages and images of their names. */
  readonly namedContexts?: readonly string[];
}

/** Where a stage begins, for one planned platform. */
export type Base =
  | { readonly kind: "stage"; readonly stage: BuiltStage }
  | { readonly kind: "image"; readonly image: string }
  /** `scratch`, a named context, or what can't be told. */
  | { readonly kind: "other" };

/** A stage that one planned platform's build needs. */
export interface BuiltStage {
  readonly stage: Stage;
  readonly base: Base;
  /**
   * The platform that its first stage's FROM gives: the planned one unless `--platform` says something else; `builder` where it
   * follows the builder's, undefined where it can't be told.
   */
  readonly platform: string | "builder" | undefined;
  /** External images that its COPY and RUN take files from. */
  readonly images: readonly string[];
}

/** Everything one planned platform's build needs. */
export interface Build {
  readonly stages: readonly BuiltStage[];
  /** The stages that become the image: the target first, then those that it is FROM. */
  readonly chain: readonly BuiltStage[];
}

/** ARGs that BuildKit gives values to (https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope). */
export const platformArgs: ReadonlySet<string> = new Set(
  ["TARGET", "BUILD"].flatMap((side) =>
    ["PLATFORM", "OS", "ARCH", "VARIANT"].map((part) => `${side}${part}`),
  ),
);

/** Stands for what only the builder knows. */
const ofBuilder = "\u0001";

/** Reads a Dockerfile; undefined where the text is none, or is for a frontend of another language. */
export function readDockerfile(text: string): Dockerfile | undefined {
  const parsed = DockerfileParser.parse(text);
  const directive = (name: string) =>
    parsed
      .getDirectives()
      .find((one) => one.getName().toLowerCase() === name)
      ?.getValue();
  const syntax = directive("syntax");
  if (syntax !== undefined && !/(^|\/)(dockerfile|dockerfile-upstream)([:@]|$)/.test(syntax))
    return undefined;

  const stages: Stage[] = [];
  const all = parsed.getInstructions();
  const froms = all.filter((one) => one instanceof From);
  for (const [nth, from] of froms.entries()) {
    const end = froms[nth + 1];
    const [base, as, name] = from.getArguments().map((one) => one.getValue());
    if (base === undefined) return undefined;
    const named = as?.toUpperCase() === "AS" ? name : undefined;
    stages.push({
      name: named?.toLowerCase(),
      written: named,
      label: named === undefined ? `stage ${nth + 1}` : `stage "${named}"`,
      line: from.getRange().start.line + 1,
      base,
      platform:
        from
          .getFlags()
          .find((flag) => flag.getName() === "platform")
          ?.getValue() ?? undefined,
      instructions: all.slice(all.indexOf(from) + 1, end && all.indexOf(end)),
    });
  }
  const skipped = /(?:^|;)skip=([^;]*)/.exec(directive("check") ?? "")?.[1]?.split(",") ?? [];
  return {
    stages,
    escape: parsed.getEscapeCharacter(),
    args: parsed.getInitialARGs().flatMap(argsOf),
    skips: (rule) => skipped.includes("all") || skipped.includes(rule),
  };
}

/** The names of an ARG, with their defaults. */
export function argsOf(arg: Instruction): (readonly [string, string | undefined])[] {
  return arg.getArguments().map((one) => {
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(one.getValue()) ?? [];
    return [name, value] as const;
  });
}

/** What is built for one platform; undefined where the target isn't there. */
export function buildOf(
  file: Dockerfile,
  platform: string,
  settings: BuildSettings,
): Build | undefined {
  const scope = globalScope(file, platform, settings);
  const put = (word: string) => expand(word, scope, file.escape);
  const contexts = new Set(settings.namedContexts?.map((name) => name.toLowerCase()));
  const byName = new Map<string, Stage>();
  /** What a stage's FROM says: the stages before it, by name. */
  const before = file.stages.map((stage) => {
    const word = put(stage.base);
    const from = word === undefined ? undefined : byName.get(word.toLowerCase());
    if (stage.name !== undefined) byName.set(stage.name, stage);
    return [stage, { word, from }] as const;
  });
  const saysOf = new Map(before);
  const named = (name: string) => byName.get(name.toLowerCase()) ?? file.stages[Number(name)];

  const built = new Map<Stage, BuiltStage>();
  const visit = (stage: Stage): BuiltStage => {
    const known = built.get(stage);
    if (known !== undefined) return known;
    const { word, from } = saysOf.get(stage)!;
    const replaced = stage.name !== undefined && contexts.has(stage.name);
    const given = stage.platform === undefined ? platform : fixedPlatform(put(stage.platform));
    let base: Base = { kind: "other" };
    let own: BuiltStage["platform"] = given;
    if (replaced) own = undefined;
    else if (from !== undefined) {
      base = { kind: "stage", stage: visit(from) };
      own = base.stage.platform; // BuildKit lets the first stage's platform stand.
    } else if (word === "scratch") own = platform;
    else if (word !== undefined && !word.includes(ofBuilder) && !contexts.has(word.toLowerCase()))
      base = { kind: "image", image: word };
    const images: string[] = [];
    const result = { stage, base, platform: own, images };
    built.set(stage, result);
    for (const source of replaced ? [] : sourcesOf(stage)) {
      const other = named(source);
      if (other !== undefined && other !== stage) visit(other);
      else if (other === undefined && !contexts.has(source.toLowerCase())) images.push(source);
    }
    return result;
  };

  const target = settings.target === undefined ? file.stages.at(-1) : named(settings.target);
  if (target === undefined) return undefined;
  const chain = [visit(target)];
  for (let { base } = chain[0]!; base.kind === "stage"; base = base.stage.base)
    chain.push(base.stage);
  return { stages: [...built.values()], chain };
}

/** Values that words of FROM may name: BuildKit's own, and the ARGs before the first FROM. */
function globalScope(file: Dockerfile, platform: string, { buildArgs = {} }: BuildSettings) {
  const [os, architecture, variant = ""] = platform.split("/");
  const scope = new Map<string, string | undefined>([
    ["TARGETPLATFORM", platform],
    ["TARGETOS", os],
    ["TARGETARCH", architecture],
    ["TARGETVARIANT", variant],
    ...["PLATFORM", "OS", "ARCH", "VARIANT"].map((part) => [`BUILD${part}`, ofBuilder] as const),
  ]);
  for (const name of platformArgs) if (name in buildArgs) scope.set(name, buildArgs[name]);
  for (const [name, value] of file.args) {
    if (name in buildArgs) scope.set(name, buildArgs[name]);
    else if (value !== undefined) scope.set(name, expand(value, scope, file.escape));
  }
  return scope;
}

function fixedPlatform(text: string | undefined): BuiltStage["platform"] {
  if (text?.includes(ofBuilder)) return "builder";
  return text === undefined ? undefined : normalisePlatform(text);
}

/** What the stage's COPY --from and RUN --mount=from name. */
function sourcesOf(stage: Stage): string[] {
  const named = stage.instructions.flatMap((instruction) => {
    if (instruction instanceof Copy) return [instruction.getFromFlag()?.getValue()];
    if (!(instruction instanceof Run)) return [];
    const mounts = instruction.getFlags().filter((flag) => flag.getName() === "mount");
    return mounts.map((mount) => mount.getOption("from")?.getValue());
  });
  return named.flatMap((name) => (name && !name.includes("$") ? name : []));
}
