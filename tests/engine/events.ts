/** What the engine says of a run in its event log, in the form that tests look at. */
import fs from "node:fs";

/** How the engine writes an unknown (`unknownValue` of @pulumi/pulumi/runtime). */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What a run did to the resources; the stack itself and the providers aren't counted. */
export interface Summary {
  create: number;
  update: number;
  same: number;
  /** Also counted when the replacement is only planned, or the old one is retained. */
  replace: number;
  /** Deletions that belong to no replacement. */
  delete: number;
}

export const NOTHING: Summary = { create: 0, update: 0, same: 0, replace: 0, delete: 0 };

/** One step of the engine, from its event log. Secrets are masked in it. */
export interface Step {
  /** `create`, `update`, `same`, `replace`, `create-replacement`, `delete-replaced`, `delete`, … */
  op: string;
  urn: string;
  type: string;
  /** The resource's own name. */
  name: string;
  /** The changed paths, as the provider reports them (`environment.FOO`, `triggers[0]`), sorted. */
  diffs: string[];
  /** Those of them that force a replacement. */
  replaces: string[];
  /** The outputs after the step; in a preview, those not known yet are `[unknown]`. */
  outputs?: Record<string, unknown>;
}

interface EngineEvent {
  resourcePreEvent?: { metadata: StepMetadata };
  resOutputsEvent?: { metadata: StepMetadata };
}

interface StepMetadata {
  op: string;
  urn: string;
  type: string;
  detailedDiff?: Record<string, { diffKind: string }> | null;
  new?: { outputs?: Record<string, unknown> } | null;
}

/** Reads the steps of an event log; a log that isn't there has none. */
export function readSteps(log: string): Step[] {
  const lines = fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n") : [];
  // A killed CLI leaves half a line.
  const events = lines.flatMap((line): EngineEvent[] => {
    try {
      return [JSON.parse(line.replaceAll(UNKNOWN, "[unknown]")) as EngineEvent];
    } catch {
      return [];
    }
  });
  const done = events.flatMap(({ resOutputsEvent }) => resOutputsEvent?.metadata ?? []);
  return events
    .flatMap(({ resourcePreEvent }) => resourcePreEvent?.metadata ?? [])
    .filter(({ type }) => type !== "pulumi:pulumi:Stack" && !type.startsWith("pulumi:providers:"))
    .map(({ op, urn, type, detailedDiff }) => ({
      op,
      urn,
      type,
      name: urn.split("::").slice(3).join("::"),
      diffs: Object.keys(detailedDiff ?? {}).sort(),
      replaces: Object.entries(detailedDiff ?? {})
        .filter(([, { diffKind }]) => diffKind.endsWith("-replace"))
        .map(([property]) => property),
      outputs: done.find((other) => other.urn === urn && other.op === op)?.new?.outputs,
    }));
}

export function summarise(steps: Step[]): Summary {
  const count = (op: string) => steps.filter((step) => step.op === op).length;
  return {
    create: count("create"),
    update: count("update"),
    same: count("same"),
    replace: count("replace"),
    delete: count("delete"),
  };
}
