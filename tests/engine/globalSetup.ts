/**
 * Before the engine tests: the embedded environment, made sure of once for all test files, and the
 * AWS emulators when a file that uses them is going to run. jest's workers get what they say through
 * the environment.
 */
import fs from "node:fs";
import path from "node:path";
import type { Config } from "jest";
import { ensureAws } from "../../local/aws";
import { ensureEnvironment } from "../../local/environment";
import { which } from "../../local/exec";
import { ensureLanguages } from "../../local/languages";
import { consoleLog, type Log } from "../../local/log";
import { canInstall, installPackages } from "../../local/packages";

export default async function globalSetup(config: GlobalConfig): Promise<void> {
  if (process.env.MULTIARCH_TEST_ENVIRONMENT !== undefined) return;
  const log = consoleLog();
  await installTestPrograms(log);
  const environment = await ensureEnvironment(log);
  const aws = uses(config, /awsProject"|tellAwsChanges|environment\(\)\.aws/)
    ? await ensureAws(log, environment)
    : undefined;
  // Built once, and here: a first time takes longer than a test may.
  if (uses(config, /prepareLanguages/)) await ensureLanguages(log);
  process.env.MULTIARCH_TEST_ENVIRONMENT = JSON.stringify({ ...environment, aws });
}

/** Programs that tests talk to. Here and not in the tests: two installations at once get in each other's way. */
async function installTestPrograms(log: Log): Promise<void> {
  const programs = {
    sshd: "openssh-server",
    skopeo: "skopeo",
    // A second engine and further shells, for the host script.
    podman: "podman",
    catatonit: "catatonit",
    busybox: "busybox-static",
    zsh: "zsh",
  };
  const missing = Object.entries(programs).filter(([program]) => !which(program));
  const packages = missing.map(([, name]) => name);
  if (packages.length > 0 && canInstall()) await installPackages(packages, "tests use them", log);
}

/** What is looked at of jest's own settings; its type isn't exported by a package of ours. */
type GlobalConfig = Pick<Config, "rootDir"> & {
  testPathPatterns?: { patterns: readonly string[] };
};

/** Whether a test file that is going to run needs something: told by words that it can't do without. */
function uses({ testPathPatterns }: GlobalConfig, words: RegExp): boolean {
  const patterns = testPathPatterns?.patterns ?? [];
  return [__dirname, path.join(__dirname, "../changes")]
    .flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => patterns.length === 0 || patterns.some((text) => new RegExp(text).test(file)))
    .some((file) => words.test(fs.readFileSync(file, "utf8")));
}
