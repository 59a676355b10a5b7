import { join } from "node:path";
import { run } from "./exec";
import { checkout, stateDir } from "./paths";

/**
 * Checks the types of index.ts while Pulumi runs it. The environment's Pulumi only compiles the program (`PULUMI_NODEJS_TRANSPILE_ONLY`),
 * because a check takes longer than a preview.
 *
 * @returns what the compiler reports; empty if there is no error
 */
export async function typeErrors(): Promise<string> {
  const tsc = join(checkout, "node_modules", "typescript", "bin", "tsc");
  const project = join(checkout, "local", "tsconfig.program.json");
  const seen = stateDir("types.tsbuildinfo");
  const args = [tsc, "--project", project, "--tsBuildInfoFile", seen, "--pretty", "false"];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: checkout });
  return code === 0 ? "" : (stdout + stderr).trim();
}

/** Reports type errors after a run that did not check them, and says whether there are any. */
export async function reportTypeErrors(errors: Promise<string>): Promise<boolean> {
  const text = await errors;
  if (text !== "")
    console.error(
      `\nerror: the program has type errors. Pulumi ran it without checking them, as it does in this environment only:\n${text}`,
    );
  return text !== "";
}
