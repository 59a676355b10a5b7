import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { credentialsKey, parseReference } from "./reference";

/** Credentials for a registry. */
export interface Login {
  /** Host, and port where it isn't 443. */
  readonly address: string;
  readonly username: string;
  readonly password: string;
}

/** Answers Docker's client as a credential helper (https://github.com/docker/docker-credential-helpers): from the environment alone. */
const helper = `
let server = "";
process.stdin.on("data", (text) => (server += text)).on("end", () => {
  const login = JSON.parse(process.env.MULTIARCH_LOGINS)[server.trim()];
  if (process.argv[1] !== "get" || login === undefined) process.exit(1);
  process.stdout.write(JSON.stringify(login));
});
`;

/**
 * Variables with which Docker's client uses these credentials, and the user's own for every other registry, builders and contexts
 * included. What it needs lies in a folder that is there while `work` is; no credential is in a file or an argument.
 */
export async function withLogins<T>(
  logins: readonly Login[],
  work: (env: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  const own = process.env.DOCKER_CONFIG ?? join(homedir(), ".docker");
  const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
  try {
    for (const name of ["cli-plugins", "contexts"])
      symlinkSync(join(own, name), join(folder, name));
    const script = join(folder, "docker-credential-multiarch");
    writeFileSync(script, `#!/bin/sh\nexec "$MULTIARCH_NODE" -e "$MULTIARCH_HELPER" "$@"\n`, {
      mode: 0o700,
    });
    const known = Object.fromEntries(
      logins.map(({ address, username, password }) => [
        credentialsKey(registryOf(address)),
        { Username: username, Secret: password },
      ]),
    );
    const config = readConfig(join(own, "config.json"));
    const helpers = Object.keys(known).map((server) => [server, "multiarch"]);
    config.credHelpers = { ...Object(config.credHelpers), ...Object.fromEntries(helpers) };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
    return await work({
      ...process.env,
      DOCKER_CONFIG: folder,
      BUILDX_CONFIG: process.env.BUILDX_CONFIG ?? join(own, "buildx"),
      PATH: `${folder}${delimiter}${process.env.PATH ?? ""}`,
      MULTIARCH_NODE: process.execPath,
      MULTIARCH_HELPER: helper,
      MULTIARCH_LOGINS: JSON.stringify(known),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function registryOf(address: string): string {
  const parsed = parseReference(`${address}/any`);
  return parsed.ok ? parsed.reference.registry : address;
}

function readConfig(file: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(readFileSync(file, "utf8"))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
