import { existsSync, readFileSync } from "node:fs";
import { LocalError } from "./errors";
import { lastLines, run, which } from "./exec";
import type { Log } from "./log";
import { stateDir, writeAtomically } from "./paths";

const record = () => stateDir("packages.json");

/** The Debian packages that were installed for the environment, in all runs. */
export function installedPackages(): string[] {
  return existsSync(record()) ? (JSON.parse(readFileSync(record(), "utf8")) as string[]) : [];
}

/** Whether packages can be installed: root, on Debian or Ubuntu. */
export const canInstall = (): boolean => process.getuid?.() === 0 && which("apt-get") !== undefined;

/**
 * Installs packages of the distribution.
 *
 * @param packages The names; one that the distribution doesn't have is left out if it ends with `?`.
 * @param purpose What they are needed for, in half a sentence.
 */
export async function installPackages(
  packages: readonly string[],
  purpose: string,
  log: Log,
): Promise<void> {
  const names = packages.map((name) => name.replace(/\?$/, ""));
  if (!canInstall()) {
    throw new LocalError(
      `${names.join(", ")} ${names.length === 1 ? "is" : "are"} missing (${purpose})`,
      process.getuid?.() === 0
        ? "this is neither Debian nor Ubuntu, so it can't be installed from here"
        : "installing it needs root, and this command runs as a normal user",
      `install it with the system's package manager (on Debian: sudo apt-get install ${names.join(" ")}), and run the same command again`,
    );
  }
  await log.step(`install ${names.join(", ")} with apt-get (${purpose})`, async (progress) => {
    const apt = (args: string[]) =>
      run("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...args], {
        env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
        onLine: progress,
      });
    // What an installation that was killed left; apt-get refuses to work before that is done.
    await run("dpkg", ["--configure", "-a"], { env: { DEBIAN_FRONTEND: "noninteractive" } });
    const update = await apt(["update"]);
    const wanted: string[] = [];
    for (const name of packages) {
      const optional = name.endsWith("?");
      const plain = name.replace(/\?$/, "");
      const known = await run("apt-cache", ["show", plain]);
      if (!optional || known.code === 0) wanted.push(plain);
    }
    const install = await apt(["install", "-y", "--no-install-recommends", ...wanted]);
    if (install.code !== 0) {
      const output = update.code === 0 ? install.stderr : `${update.stderr}\n${install.stderr}`;
      throw new LocalError(
        `${wanted.join(", ")} could not be installed (${purpose})`,
        `apt-get says:\n${lastLines(output, 8).replace(/^/gm, "        ")}`,
        "mend what apt-get names and run the same command again",
      );
    }
    writeAtomically(record(), JSON.stringify([...new Set([...installedPackages(), ...wanted])]));
  });
}
