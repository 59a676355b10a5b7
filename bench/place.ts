import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ensureEnvironment } from "../local/environment";
import { consoleLog } from "../local/log";
import { createProject, type Project } from "../tests/engine/harness";

const checkout = resolve(__dirname, "..");

/** The folder that the projects of a run lie in, with the packages that they import, as `npm install` puts them. */
let folder = "";

/** Starts the environment, and lays out the release build as a user's package. */
export async function prepare(): Promise<void> {
  process.env.MULTIARCH_TEST_ENVIRONMENT = JSON.stringify(await ensureEnvironment(consoleLog()));
  folder = mkdtempSync(join(tmpdir(), "multiarch-bench-"));
  process.env.TMPDIR = folder;
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(checkout, "node_modules")))
    symlinkSync(join(checkout, "node_modules", name), join(modules, name));
  // Not a link: the release build alone is what a program finds, without the sources beside it.
  for (const part of ["package.json", "PulumiPlugin.yaml", "dist/components"])
    cpSync(join(checkout, part), join(modules, "multiarch", part), { recursive: true });
}

/** Removes it. */
export const tidy = (): void => rmSync(folder, { recursive: true, force: true });

/** A TypeScript program of the default runtime options. */
export async function tsProject(
  name: string,
  program: string,
  files: Record<string, string> = {},
): Promise<Project> {
  return createProject({
    name,
    program: "",
    files: {
      "index.ts": program,
      "package.json": JSON.stringify({ name, main: "index.ts" }),
      // As `pulumi new typescript` writes it.
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          ...{ strict: true, outDir: "bin", target: "es2020", module: "commonjs" },
          ...{ moduleResolution: "node", sourceMap: true, skipLibCheck: true, types: ["node"] },
          ...{ experimentalDecorators: true, pretty: true, forceConsistentCasingInFileNames: true },
        },
        files: ["index.ts"],
      }),
      "Pulumi.yaml": JSON.stringify({ name, runtime: "nodejs", main: "index.ts" }),
      ...files,
    },
  });
}

/** Seconds that a piece of work takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - started) / 1e9;
}
