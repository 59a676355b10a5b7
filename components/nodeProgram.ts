import { join, relative } from "node:path";

/**
 * A module of this package, with a `main`, as the inputs of a command. Its path is relative to the program's folder, where commands
 * run, so that another checkout is no change; and it is in the environment, which is no tracked input, because a command line
 * stands in errors.
 */
export function nodeProgram(module: string) {
  return {
    create: "node -",
    stdin: 'require(require("node:path").resolve(process.env.MULTIARCH_PROGRAM)).main();\n',
    environment: { MULTIARCH_PROGRAM: relative(process.cwd(), join(__dirname, `${module}.js`)) },
  };
}
