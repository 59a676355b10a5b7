import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureEnvironment } from "./environment";
import { messageOf } from "./errors";
import type { Log } from "./log";
import { checkout } from "./paths";

/** The jest projects, and whether they need the environment. */
const projects: Readonly<Record<string, boolean>> = {
  unit: false,
  components: false,
  fuzz: false,
  hostile: false,
  engine: true,
  faults: true,
  changes: true,
};

/** What runs where none is named. The tables of changes take half an hour, and run when they are asked for. */
const usual = ["unit", "components", "fuzz", "hostile", "engine", "faults"];

/** What `npm test -- ARGS` asks for. */
export interface TestPlan {
  readonly jestArgs: readonly string[];
  readonly needsEnvironment: boolean;
  /** Whether everything is tested: compiler and linter too. */
  readonly all: boolean;
}

/** Reads the arguments: names of projects select them, everything else is jest's. */
export function planTests(args: readonly string[]): TestPlan {
  const selected = args.filter((arg) => arg in projects);
  const rest = args.filter((arg) => !(arg in projects));
  return {
    jestArgs: select(selected.length > 0 ? selected : usual, rest),
    needsEnvironment: selected.length === 0 || selected.some((name) => projects[name]),
    all: args.length === 0,
  };
}

/** The names come last: the option takes a list, and would swallow what follows. */
function select(names: readonly string[], rest: readonly string[]): string[] {
  return names.length > 0 ? [...rest, "--selectProjects", ...names] : [...rest];
}

/** `npm test`: compiler, linter, then every test on the real environment. */
export async function test(args: string[], log: Log): Promise<number> {
  const plan = planTests(args);
  const failed: string[] = [];
  if (plan.all) {
    for (const script of ["build", "check"]) {
      if ((await node("npm", ["run", "--silent", script])) !== 0) failed.push(`npm run ${script}`);
    }
  }
  let jestArgs = plan.jestArgs;
  let env = {};
  if (plan.needsEnvironment) {
    try {
      env = (await ensureEnvironment(log)).env;
    } catch (error) {
      log.info(`error: ${messageOf(error)}`);
      failed.push("preparing the environment (so the engine tests were not run)");
      jestArgs = select(
        ["unit", "components", "fuzz", "hostile"],
        args.filter((arg) => !(arg in projects)),
      );
    }
  }
  // Before jest: its reporter's count of tests is the last line.
  if (failed.length > 0) log.info(`error: failed before the tests: ${failed.join(", ")}`);
  const jest = join(checkout, "node_modules", "jest", "bin", "jest.js");
  const code = await node(process.execPath, [jest, ...jestArgs], env);
  return failed.length > 0 ? 1 : code;
}

function node(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: checkout,
      // Both streams to one place, or the last line of the one may overtake the other.
      stdio: ["inherit", 1, 2],
      env: { ...process.env, ...env },
    });
    child.on("error", () => resolve(127));
    child.on("close", (code) => resolve(code ?? 1));
  });
}
