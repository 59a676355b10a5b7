import { extname, join, relative } from "node:path";
import { Command } from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";

/**
 * What a command's `node -` reads. It loads a program from this package: modules that import each other, and libraries that read
 * layers, are no text for stdin, which the verification was at first. Still on stdin, for a path in the command line would be in
 * the state and in every error; and the same always. Where the sources themselves run, as with `npm start`, they are compiled
 * on the way. It cuts long lines of every program's stderr: Pulumi's command plugin waits forever after one of 64 KiB.
 */
export const loader = `const print = process.stderr.write.bind(process.stderr);
process.stderr.write = (text, ...rest) => print(Buffer.from(text).toString().replace(/[^\\n]{8000,}/g, (line) => line.slice(0, 8000) + "…"), ...rest);
process.on("uncaughtException", (error) => (console.error(error), process.exit(1)));
const file = require("node:path").resolve(process.env.MULTIARCH_PROGRAM);
if (!require("node:fs").existsSync(file)) {
  console.error(file + " isn't there: plugins and program must run in one folder; give an inline program main: process.cwd() in its projectSettings");
  process.exit(1);
}
const load = require("node:module").createRequire(file);
if (file.endsWith(".ts")) load("tsx/cjs");
load(file).main();
`;

/**
 * A command that runs a program of this package. It runs again when its triggers change, with the credentials of that run, and has no
 * delete.
 *
 * @param module the program, within `components`, without its extension
 */
export function nodeCommand(
  name: string,
  module: string,
  args: { create: string; environment: Record<string, pulumi.Input<string>>; triggers: unknown[] },
  opts: pulumi.CustomResourceOptions,
): Command {
  const environment = { MULTIARCH_PROGRAM: nodeProgram(module), ...args.environment };
  return new Command(
    name,
    { ...args, stdin: loader, environment, logging: "stderr", addPreviousOutputInEnv: false },
    // Loader and environment change without meaning anything new; a replacement takes them as they are.
    { ...opts, ignoreChanges: ["stdin", "environment"], protect: false },
  );
}

/**
 * The value, after the resources were created or updated, and never if one of them failed. URNs are known in previews, so a known value
 * stays known.
 */
export function once<T>(
  value: pulumi.Input<T>,
  ...resources: readonly Pick<pulumi.Resource, "urn">[]
): pulumi.Output<T> {
  const urns = pulumi.all(resources.map(({ urn }) => urn));
  return pulumi.all([value, urns]).apply(([unwrapped]) => unwrapped) as pulumi.Output<T>;
}

/**
 * Where a program of this package lies, seen from the folder of the Pulumi program: the command plugin runs in the same one, by
 * `main` of Pulumi.yaml too. So the path is the same in every checkout, and none is absolute. (The builder's plugin finds a
 * relative context by the same rule.)
 */
function nodeProgram(module: string): string {
  return relative(process.cwd(), join(__dirname, `${module}${extname(__filename)}`));
}
