import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unchanged } from "./deploy";
import { type Project } from "../tests/engine/harness";
import { median } from "./stats";

/** The parts of an \`up\` that finds nothing to do, in the order of time. */
const parts = [
  "CLI and language host until the program's process",
  "Node, Pulumi's SDK, ts-node",
  "the program's imports",
  "declaring its resources",
  "engine, providers, side checks",
  "the CLI's end",
] as const;

/** Where the time of a project's unchanged `up` goes: the median of each part over ten runs, in milliseconds. */
export async function phasesOf(project: Project, rounds = 10): Promise<Map<string, number>> {
  const file = join(project.directory, "../phases.json");
  const env = {
    NODE_OPTIONS: `--require ${join(__dirname, "phases.js")}`,
    MULTIARCH_BENCH_PHASES: file,
  };
  const runs: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    rmSync(file, { force: true });
    const began = Date.now();
    const took = (await unchanged(project, env)()) * 1000;
    const { started, program, imports, declared, ended } = JSON.parse(
      readFileSync(file, "utf8"),
    ) as Record<string, number>;
    runs.push([
      started! - began,
      program! - started!,
      imports!,
      declared! - program! - imports!,
      ended! - declared!,
      began + took - ended!,
    ]);
  }
  return new Map(parts.map((part, nth) => [part, median(runs.map((run) => run[nth]!))]));
}

/** The phases of several projects beside each other, as a table in Markdown. */
export function phaseTable(all: Readonly<Record<string, Map<string, number>>>): string {
  const names = Object.keys(all);
  const lines = parts.map((part) => [
    part,
    ...names.map((name) => `${Math.round(all[name]!.get(part)!)} ms`),
  ]);
  return [["phase", ...names], ["---", ...names.map(() => "---:")], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
