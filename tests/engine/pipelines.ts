import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { parse, type Tags } from "yaml";

/** The pipelines of examples/ci: what they are, the shell scripts in them, and their linters run. */

const checkout = path.resolve(__dirname, "../..");

/** A provider of pipelines. */
export type Provider = "github" | "gitlab" | "circleci";

/** The pipelines, by provider and file. */
export const pipelines: readonly (readonly [Provider, string])[] = [
  ["github", "qemu.yml"],
  ["github", "native.yml"],
  ["gitlab", "qemu.gitlab-ci.yml"],
  ["gitlab", "native.gitlab-ci.yml"],
  ["circleci", "qemu.yml"],
  ["circleci", "native.yml"],
];

/** A pipeline's text. */
export function textOf(provider: Provider, file: string): string {
  return fs.readFileSync(path.join(checkout, "examples/ci", provider, file), "utf8");
}

/** What is looked at of a job: the three providers' names for it don't overlap. */
export interface Job {
  if?: string;
  permissions?: Record<string, string>;
  environment?: string;
  resource_group?: string;
  interruptible?: boolean;
  before_script?: unknown[];
  script?: string[];
  steps?: (string | { uses?: string; run?: string | { command: string } })[];
  id_tokens?: unknown;
}

/** What is looked at of a pipeline. */
export interface Pipeline {
  on: Record<string, unknown>;
  permissions: unknown;
  concurrency: { group: string; "cancel-in-progress": unknown };
  jobs: Record<string, Job>;
  commands?: Record<string, Job>;
  workflows: Record<string, { jobs: Record<string, Record<string, unknown>>[] }>;
  [job: string]: unknown;
}

/** GitLab's `!reference [job, key]`: its place, in place of what stands there. */
const customTags: Tags = [
  { tag: "!reference", collection: "seq", resolve: () => "true # !reference" as never },
];

/** A pipeline as data. */
export function read(text: string): Pipeline {
  return parse(text, { customTags, merge: true }) as Pipeline;
}

/** The jobs by name: those of GitLab stand at the root, among other things. */
export function jobsOf(provider: Provider, pipeline: Pipeline): Record<string, Job> {
  if (provider !== "gitlab") return { ...pipeline.jobs, ...pipeline.commands };
  const keywords = ["workflow", "stages", "default"];
  const jobs = Object.entries(pipeline).filter(([name]) => !keywords.includes(name));
  return Object.fromEntries(jobs) as Record<string, Job>;
}

/** A job's shell scripts, as its provider runs them: GitLab joins the lines of a job, the others run each step. */
export function scriptsOf(job: Job): string[] {
  const whole = [...(job.before_script ?? []), ...(job.script ?? [])].join("\n");
  const steps = (job.steps ?? []).map((step) => (typeof step === "string" ? undefined : step.run));
  return [whole, ...steps.map((run) => (typeof run === "object" ? run.command : run))].filter(
    (script): script is string => script !== undefined && script !== "",
  );
}

/** How a command ended, both streams together. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command. */
export function run(
  command: readonly string[],
  options: { input?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const { cwd = checkout, env = process.env, input = "" } = options;
    const child = spawn(command[0]!, command.slice(1), { cwd, env });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
    child.stdin.end(input);
  });
}

// GitHub's own validation, which its editor extension runs. Its package is for bundlers (it imports JSON as such), which tsx bears.
const githubProgram = `
import { validate } from "@actions/languageservice";
import { TextDocument } from "vscode-languageserver-textdocument";
let text = "";
for await (const data of process.stdin) text += data;
const uri = "file:///repository/.github/workflows/deploy.yml";
const found = await validate(TextDocument.create(uri, "yaml", 1, text));
for (const { range, message } of found) console.log((range ? range.start.line + 1 : 0) + ": " + message);
process.exitCode = found.length === 0 ? 0 : 1;
`;

/** The command that reads a workflow on stdin and fails with what GitHub finds wrong with it. */
export const githubLint: readonly string[] = [
  process.execPath,
  ...["--import", "tsx", "--input-type=module", "--eval", githubProgram],
];
