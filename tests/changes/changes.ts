/** One change after another on one stack, each previewed and then made: what `up` did was announced. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Project, RunResult } from "../engine/harness";

/** A change, and what its preview must say. The tests of a table build on each other. */
export interface Change<T> {
  /** Ends the test's name. */
  readonly change: string;
  /** The program from now on. Absent, it stays as it is. */
  readonly to?: T;
  /** Files of the project that are rewritten. */
  readonly files?: Record<string, string>;
  /** What else is done before. */
  readonly prepare?: () => void | Promise<void>;
  /** Further arguments of the two runs. */
  readonly args?: () => string[];
  /** What the preview's line says; undefined where it must say nothing. */
  readonly line?: RegExp;
  /** The target's digest is known only when the image was verified. */
  readonly later?: true;
  /** No step at all, not even of a component. */
  readonly nothing?: true;
}

/** What a run did or would do, the stack's own step left out. */
const steps = (run: RunResult) =>
  run.events
    .filter(({ op }) => !["same", "read", "refresh"].includes(op))
    .map(({ op, urn }) => `${op} ${urn.split("::").slice(2).join(" ")}`)
    .sort();

/** Whether the preview knew every digest: nothing is built or joined anew. */
const knewDigests = (run: RunResult) =>
  !run.events.some(
    ({ op, type }) =>
      ["create", "update", "create-replacement"].includes(op) &&
      /^docker-build:index:Image$/.test(type),
  );

/** Whether a step was announced, as such or as a replacement where a digest might have been another. */
const covers = (announced: string[], step: string) =>
  announced.includes(step) || announced.includes(step.replace(/^update /, "replace "));

/** The line that a preview says on the component. */
export const lineOf = (run: RunResult) => /^\s*change: (.*)$/m.exec(run.output)?.[1]?.trim();

/** Makes a test of each change. */
export function tellChanges<T>(
  project: () => Project,
  set: (to: T) => void,
  table: readonly Change<T>[],
): void {
  it.each(table)(
    "$change: announced, then done",
    async ({ to, files, prepare, args, line, later, nothing }) => {
      if (to !== undefined) set(to);
      for (const [file, text] of Object.entries(files ?? {})) project().write(file, text);
      await prepare?.();
      const options = { args: args?.() ?? [] };
      const preview = await project().preview(options);
      const run = await project().up(options);
      const [announced, done] = [steps(preview), steps(run)];
      if (nothing) expect([announced, done]).toEqual([[], []]);
      else if (knewDigests(preview) && !later) expect(done).toEqual(announced);
      else expect(done.filter((step) => !covers(announced, step))).toEqual([]);
      if (!nothing) expect(announced).not.toEqual([]);
      if (line) expect(lineOf(preview)).toMatch(line);
      else expect(lineOf(preview)).toBeUndefined();
    },
  );
}

/**
 * What asks for another build of the same sources, and what stands beside the image.
 *
 * @param sbom sets a scanner and asks for an SBOM
 * @param rebuilt the line where the image is built and released
 * @param released the line where it is only released: with attestations, the image is known once it was built with them
 */
export const buildChanges = (
  sbom: () => Promise<void>,
  rebuilt: RegExp,
  released: RegExp,
): Change<{ image: Record<string, unknown> }>[] => [
  { change: "newer base images asked for", to: { image: { pull: true } }, line: rebuilt },
  { change: "the same, with newer base images asked for", line: rebuilt },
  {
    change: "newer base images no longer asked for",
    to: { image: { pull: undefined } },
    line: rebuilt,
  },
  { change: "an SBOM", prepare: sbom, line: released, later: true },
  {
    change: "provenance in its place",
    to: { image: { attestations: { provenance: true } } },
    line: released,
    later: true,
  },
  { change: "no attestations", to: { image: { attestations: undefined } } },
];

/** The project at another path, as a second checkout has it. */
export function elsewhere(project: Project): string[] {
  const copy = `${project.directory}-copy`;
  cpSync(project.directory, copy, { recursive: true, preserveTimestamps: true });
  return ["--cwd", copy, "--stack", "test"];
}

/** Has the program load this package under another version, as after an upgrade that changes no behaviour. */
export function upgrade(project: Project): void {
  const checkout = path.resolve(__dirname, "../..");
  const copy = path.join(project.directory, "../upgraded");
  cpSync(path.join(checkout, "dist"), path.join(copy, "dist"), { recursive: true });
  const { version, ...rest } = JSON.parse(
    readFileSync(path.join(checkout, "package.json"), "utf8"),
  ) as { version: string };
  writeFileSync(
    path.join(copy, "package.json"),
    JSON.stringify({ ...rest, version: `${version}-next` }),
  );
  const program = readFileSync(path.join(project.directory, "index.js"), "utf8");
  project.write(
    "index.js",
    program.replace('require("multiarch")', 'require("../upgraded/dist/components")'),
  );
}
