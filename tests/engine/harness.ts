/**
 * Small Pulumi projects, run by the real engine: a temporary folder with a program, a file backend
 * and nothing shared with another test.
 *
 * ```ts
 * const project = await createProject({ name: "hello", program: `…CommonJS…` });
 * const first = await project.up();
 * expect(first.summary).toEqual({ ...NOTHING, create: 2 });
 * project.write("index.js", otherProgram);
 * const failed = await project.up({ expectFailure: true });
 * expect(failed.output).toContain("exit status 1");
 * await project.dispose(); // destroys the stack, ends what is left of its processes, removes all
 * ```
 *
 * The program may require("multiarch") (the built dist of this checkout) and everything in this
 * checkout's node_modules; both come by NODE_PATH.
 *
 * An uncaught error of a JavaScript program may take half a minute to appear on Node 20: with a
 * frame in one of @pulumi/pulumi's top-level files on its stack, Node's `util.inspect` runs until
 * it is out of string. Only errors whose `stack` is their message are safe from it.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { AwsEnvironment } from "../../local/aws";
import type { Environment } from "../../local/environment";
import { readSteps, summarise, type Step, type Summary } from "./events";

export { NOTHING, type Step, type Summary } from "./events";

// Every test that uses the engine is a long one; jest knows no such setting for one project.
jest.setTimeout(300_000);

/** What a test that failed half-way has left is disposed of after the last test of its file. */
const open = new Set<() => Promise<void>>();
afterAll(async () => {
  for (const dispose of open) {
    await dispose();
  }
});

const CHECKOUT = path.resolve(__dirname, "../..");
const STACK = "test";
/** Stands in the environment of everything a project starts, so that what is left can be found. */
const MARKER = "MULTIARCH_TEST_PROJECT";

/** The embedded environment as the tests use it. */
export interface TestEnvironment extends Environment {
  /** The emulated AWS: for a project's config, and for clients of the SDK. */
  readonly aws: AwsEnvironment;
}

/** The embedded environment, as globalSetup.ts made sure of it. */
export function environment(): TestEnvironment {
  const text = process.env.MULTIARCH_TEST_ENVIRONMENT;
  if (text === undefined) {
    throw new Error("no MULTIARCH_TEST_ENVIRONMENT: run the engine tests through jest's projects");
  }
  const { aws, ...rest } = JSON.parse(text) as Environment & { aws?: AwsEnvironment };
  return {
    ...rest,
    get aws() {
      if (!aws)
        throw new Error("AWS is only started for files that globalSetup.ts knows to need it");
      return aws;
    },
  };
}

export interface RunResult {
  code: number | null;
  /** stdout and stderr, interleaved as they came, without colours. */
  output: string;
  stdout: string;
  events: Step[];
  summary: Summary;
  seconds: number;
}

export interface RunOptions {
  /** The command must fail, instead of must not. */
  expectFailure?: boolean;
  env?: Record<string, string>;
  /** Further arguments for the CLI. */
  args?: string[];
  /** @default 180 seconds */
  timeout?: number;
}

/** A command that still runs. */
export interface RunningCommand {
  /** What it has printed so far. */
  output(): string;
  /** Resolves when the output contains the text; rejects when the command ends without it. */
  waitFor(text: string): Promise<void>;
  /**
   * Signals the CLI, as Ctrl-C in a terminal does: Pulumi gives the language host and each plugin
   * a process group of its own.
   */
  kill(signal: NodeJS.Signals): void;
  done: Promise<RunResult>;
}

/** What a run built or would build: images and indexes, without those that leave the state. */
export const built = ({ events }: RunResult): string[] =>
  events
    .filter(({ op, type }) => type.startsWith("docker-build:") && !["same", "delete"].includes(op))
    .map(({ op, name }) => `${op} ${name}`);

export interface Resource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

export interface ProjectOptions {
  name: string;
  /** CommonJS; becomes index.js. */
  program: string;
  /** Further files by their path. A Pulumi.yaml among them replaces the usual one. */
  files?: Record<string, string>;
  /** Stack config; a key without a namespace is the project's own. */
  config?: Record<string, unknown>;
  /** For every command of the project. */
  env?: Record<string, string>;
}

export type Project = Awaited<ReturnType<typeof createProject>>;

const holdsFiles = (folder: string): boolean =>
  fs.readdirSync(folder, { recursive: true, withFileTypes: true }).some((one) => one.isFile());

/** Makes the project and its stack. Call `dispose()` when done with it. */
export async function createProject({
  name,
  program,
  files = {},
  config = {},
  env = {},
}: ProjectOptions) {
  const { env: environmentVariables, pulumi } = environment();
  const base = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), `multiarch-${name}-`));
  const directory = path.join(base, "project");
  const modules = path.join(base, "modules");
  [directory, modules, path.join(base, "state")].forEach((folder) => fs.mkdirSync(folder));
  fs.symlinkSync(CHECKOUT, path.join(modules, "multiarch"));

  const baseEnv: NodeJS.ProcessEnv = {
    ...process.env,
    ...environmentVariables,
    NODE_PATH: [modules, path.join(CHECKOUT, "node_modules")].join(path.delimiter),
    PULUMI_BACKEND_URL: `file://${path.join(base, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DEBUG_COMMANDS: "true", // or there is no --event-log
    [MARKER]: base,
    ...env,
  };
  // What jest sets for its own workers is none of the program's business.
  delete baseEnv.NODE_OPTIONS;
  delete baseEnv.NODE_ENV;

  /** Writes a file of the project; the folders on the way are made. */
  function write(file: string, text: string): void {
    const target = path.join(directory, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }

  let runs = 0;
  function launch(args: string[], options: RunOptions): RunningCommand {
    const log = path.join(base, `events-${++runs}.json`);
    const started = Date.now();
    const logged = ["up", "preview", "destroy", "refresh"].includes(args[0] ?? "")
      ? ["--event-log", log]
      : [];
    const child = spawn(
      pulumi,
      [...args, ...logged, "--non-interactive", "--color", "never", ...(options.args ?? [])],
      {
        cwd: directory,
        env: { ...baseEnv, ...options.env },
        detached: true, // a process group of its own, for kill()
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const chunks: { stdout: boolean; text: string }[] = [];
    for (const channel of ["stdout", "stderr"] as const) {
      child[channel].setEncoding("utf8");
      child[channel].on("data", (text: string) => {
        chunks.push({ stdout: channel === "stdout", text });
      });
    }
    const output = () => chunks.map(({ text }) => text).join("");
    const limit = options.timeout ?? 180;
    const done = new Promise<RunResult>((resolve, reject) => {
      const timer = setTimeout(() => {
        sweep(directory);
        reject(new Error(`pulumi ${args[0]} ran for more than ${limit} s:\n${output()}`));
      }, limit * 1000);
      child.on("error", reject);
      // Not "close": a command that outlives a killed CLI may hold its pipes for long.
      child.on("exit", (code) => {
        clearTimeout(timer);
        setImmediate(() => {
          const events = readSteps(log);
          const stdout = chunks.filter((chunk) => chunk.stdout).map(({ text }) => text);
          const seconds = (Date.now() - started) / 1000;
          resolve({
            code,
            output: output(),
            stdout: stdout.join(""),
            events,
            summary: summarise(events),
            seconds,
          });
        });
      });
    });
    done.catch(() => undefined);
    return {
      output,
      done,
      kill: (signal) => process.kill(-(child.pid ?? 0), signal),
      async waitFor(text) {
        let ended = false;
        void done.finally(() => (ended = true)).catch(() => undefined);
        while (!output().includes(text)) {
          if (ended) {
            throw new Error(`pulumi ${args[0]} ended without "${text}":\n${output()}`);
          }
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      },
    };
  }

  async function run(args: string[], options: RunOptions = {}): Promise<RunResult> {
    const result = await launch(args, options).done;
    if ((result.code !== 0) !== (options.expectFailure ?? false)) {
      throw new Error(`pulumi ${args.join(" ")} ended with ${result.code}:\n${result.output}`);
    }
    return result;
  }

  /** Destroys what there is, and leaves nothing behind; where that fails, says what is left. */
  async function dispose(): Promise<void> {
    open.delete(dispose);
    sweep(directory);
    const file = path.join(base, "state/.pulumi/stacks", name, `${STACK}.json`);
    const state = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    const resources = state.split('"urn"').length - 1;
    if (resources > 0) {
      const timeout = 120 + 2 * resources;
      // A command that was killed leaves a lock.
      const locks = path.join(base, "state/.pulumi/locks");
      if (fs.existsSync(locks) && holdsFiles(locks))
        await launch(["cancel", STACK, "--yes"], { timeout }).done.catch(() => undefined);
      const destroyed = await launch(["destroy", "--yes", "--skip-preview"], {
        timeout,
      }).done.catch(({ message }: Error) => ({ code: undefined, output: message }));
      if (destroyed.code !== 0)
        process.stderr.write(`${name} couldn't be destroyed:\n${destroyed.output}\n`);
    }
    sweep(directory);
    fs.rmSync(base, { recursive: true, force: true });
  }
  open.add(dispose);

  write("index.js", program);
  write("package.json", JSON.stringify({ name, main: "index.js" }));
  const runtime = { name: "nodejs", options: { typescript: false } };
  write("Pulumi.yaml", JSON.stringify({ name, runtime, main: "index.js" }));
  Object.entries(files).forEach(([file, text]) => write(file, text));
  const entries = Object.entries(config).map(([key, value]) => [
    key.includes(":") ? key : `${name}:${key}`,
    value,
  ]);
  write(`Pulumi.${STACK}.yaml`, JSON.stringify({ config: Object.fromEntries(entries) }));
  await run(["stack", "init", STACK]);

  return {
    directory,
    write,
    /** `pulumi up`, without its own preview. */
    up: (options?: RunOptions) => run(["up", "--yes", "--skip-preview"], options),
    preview: ({ diff, json, ...options }: RunOptions & { diff?: boolean; json?: boolean } = {}) =>
      run(["preview", ...(diff ? ["--diff"] : []), ...(json ? ["--json"] : [])], options),
    destroy: (options?: RunOptions) => run(["destroy", "--yes", "--skip-preview"], options),
    refresh: (options?: RunOptions) => run(["refresh", "--yes", "--skip-preview"], options),
    /** Any other CLI command, for instance `["config", "set", "--secret", "token", "x"]`. */
    pulumi: run,
    /** Starts an `up`, `preview` or `destroy` and doesn't wait: for tests that kill it. */
    start: (command: "up" | "destroy" | "preview", options: RunOptions = {}) =>
      launch([command, ...(command === "preview" ? [] : ["--yes", "--skip-preview"])], options),
    /** The stack's outputs, secrets in clear. */
    async outputs(): Promise<Record<string, unknown>> {
      const { stdout } = await run(["stack", "output", "--json", "--show-secrets"]);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    /** The resources in the state, secrets encrypted; `text` is the whole export. */
    async state(): Promise<{ resources: Resource[]; text: string }> {
      const { stdout } = await run(["stack", "export"]);
      const { deployment } = JSON.parse(stdout) as { deployment: { resources?: Resource[] } };
      return { resources: deployment.resources ?? [], text: stdout };
    },
    dispose,
  };
}

/** Every process that the project in this folder has started and that still runs: programs, plugins and scripts. */
export function processesOf(directory: string): { pid: number; command: string }[] {
  const base = path.dirname(directory);
  return fs.readdirSync("/proc").flatMap((entry) => {
    try {
      const pid = Number(entry);
      const variables = fs.readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return variables.includes(`${MARKER}=${base}`) ? [{ pid, command }] : [];
    } catch {
      return []; // No process, gone meanwhile, or somebody else's.
    }
  });
}

/** Ends them. */
export function sweep(directory: string): void {
  for (const { pid } of processesOf(directory)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone meanwhile.
    }
  }
}
