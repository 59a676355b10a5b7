import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { ensureLanguages, type Languages } from "../../local/languages";
import { consoleLog } from "../../local/log";
import { environment, type RunResult } from "./harness";

/** The package: this checkout. */
export const checkout = resolve(__dirname, "../..");

/** The program in a language that docs/languages.md shows. */
export function documented(language: "yaml" | "python" | "go"): string {
  const text = readFileSync(join(checkout, "docs/languages.md"), "utf8");
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(text)![1]!;
}

/** The same, with the tests' registry, repository and port in place of those that it shows. */
export function placed(program: string, repository: string, port: number): string {
  return program
    .replace("ghcr.io", environment().registry.address)
    .replace("acme/web", repository)
    .replace(/(host"?: )8080/, `$1${port}`);
}

/** The environment of programs in other languages. */
export async function prepareLanguages(
  folder: string,
): Promise<{ languages: Languages; env: Record<string, string> }> {
  const languages = await ensureLanguages(consoleLog());
  // Pulumi installs the dependencies of a package that is added; those of this checkout are there, and others use them.
  executable(join(folder, "npm"), "exit 0");
  const { env, builder } = environment();
  const path = [folder, languages.yamlHost, env.PATH].join(delimiter);
  return { languages, env: { PATH: path, BUILDX_BUILDER: builder } };
}

/** Writes a shell script of one line. */
export function executable(file: string, line: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${line}\n`);
  chmodSync(file, 0o755);
}

/** The errors of a run, each with what belongs to it, without the lines that the engine always adds. */
export function errorsIn({ output }: RunResult): string[] {
  const diagnostics = output.slice(output.indexOf("\nDiagnostics:"));
  const errors = [
    ...diagnostics.matchAll(/^ +error: (.*(?:\n(?! *error: | *warning: |\S|\n).*)*)/gm),
  ];
  const ever = /^(update|preview) failed$|: grpc: the client connection is closing$/;
  return errors.map(([, text = ""]) => text.trim()).filter((text) => !ever.test(text));
}
