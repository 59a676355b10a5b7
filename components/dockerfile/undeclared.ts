import {
  Add,
  Arg,
  Cmd,
  Copy,
  Entrypoint,
  Env,
  Healthcheck,
  type Instruction,
  Onbuild,
  Run,
  Shell,
} from "dockerfile-ast";
import { argsOf, type BuiltStage, platformArgs } from "./stages";

/** A variable's first use. */
export interface Use {
  readonly name: string;
  /** Counted from 1. */
  readonly line: number;
}

/** The platform arguments that a stage uses without having them, each once. */
export function undeclaredIn({ stage, base }: BuiltStage): Use[] {
  // A stage has what the stages have that it is FROM
  // (https://docs.docker.com/build/building/variables/#scoping).
  const declared = new Set<string>();
  for (let next = base; next.kind === "stage"; next = next.stage.base)
    next.stage.stage.instructions.flatMap(declaredBy).forEach((name) => declared.add(name));
  const uses = new Map<string, Use>();
  for (const instruction of stage.instructions) {
    for (const use of usesIn(instruction))
      if (!declared.has(use.name) && !uses.has(use.name)) uses.set(use.name, use);
    declaredBy(instruction).forEach((name) => declared.add(name));
  }
  return [...uses.values()];
}

/** Names that have a value from here on. ONBUILD's are declared in the stages that are FROM this one. */
function declaredBy(instruction: Instruction): string[] {
  if (instruction instanceof Onbuild) {
    const trigger = instruction.getTriggerInstruction();
    return trigger === null ? [] : declaredBy(trigger);
  }
  if (instruction instanceof Env) return instruction.getProperties().map((one) => one.getName());
  return instruction instanceof Arg ? argsOf(instruction).map(([name]) => name) : [];
}

/** The platform arguments that an instruction asks for while the image is built; some are for the container that runs later. */
function usesIn(instruction: Instruction): Use[] {
  const later = [Cmd, Entrypoint, Healthcheck, Onbuild, Shell];
  if (later.some((type) => instruction instanceof type)) return [];
  const text = instruction.getTextContent();
  const lines = text.split("\n");
  const first = instruction.getRange().start.line;
  return instruction.getVariables().flatMap((variable) => {
    // `${NAME%pattern}` comes as one name.
    const name = /^\w+/.exec(variable.getName())?.[0] ?? "";
    const { line } = variable.getRange().start;
    const here = lines[line - first] ?? "";
    if (!platformArgs.has(name) || here.trimStart().startsWith("#")) return [];
    if (isVerbatim(instruction, text, line)) return [];
    // A default that the shell works out is as good as the argument.
    if (new RegExp(`\\$\\{${name}:?[-=]["']?(\\$\\(|\`)`).test(here)) return [];
    // The step gives it a value by itself.
    const assigned = `(^|[\\s;&|(])(${name}=|for\\s+${name}\\b|read\\s+([\\w-]+\\s+)*${name}\\b)`;
    if (instruction instanceof Run && new RegExp(assigned, "m").test(text)) return [];
    return [{ name, line: line + 1 }];
  });
}

/** Whether a line lies in a here-document whose quoted name keeps variables as they are. A script of RUN is run all the same. */
function isVerbatim(instruction: Instruction, text: string, line: number): boolean {
  const holds = [Run, Copy, Add].some((type) => instruction instanceof type);
  if (!holds || /^\s*RUN\s+(--\S+\s+)*<</i.test(text)) return false;
  return (instruction as Run).getHeredocs().some((document) => {
    const { start, end } = document.getContentRange() ?? {};
    const inside =
      start !== undefined && end !== undefined && line >= start.line && line <= end.line;
    return inside && new RegExp(`<<-?["']${document.getName()}["']`).test(text);
  });
}
