import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { attempt, parseObject, slurp } from "./attempt";
import { credentialsKey, parseReference } from "./reference";
import { Refusal } from "./refusal";

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

/** Variables for Docker's client, and what ends their use. */
export interface DockerSettings {
  readonly env: NodeJS.ProcessEnv;
  /** Leaves nothing behind. */
  close(): void;
}

/**
 * Has Docker's client use these credentials, and the user's own settings for everything else: registries, builders, contexts. What
 * it needs lies in a folder of its own; no credential is in a file or an argument.
 */
export function useLogins(logins: readonly Login[]): DockerSettings {
  const own = process.env.DOCKER_CONFIG || join(homedir(), ".docker");
  const folder = helperFolder();
  for (const name of ["cli-plugins", "contexts"]) symlinkSync(join(own, name), join(folder, name));
  const known = Object.fromEntries(
    logins.map(({ address, username, password }) => [
      credentialsKey(registryOf(address)),
      { Username: username, Secret: password },
    ]),
  );
  const config = parseObject(slurp(join(own, "config.json"))) ?? {};
  const helpers = Object.keys(known).map((server) => [server, "multiarch"]);
  config.credHelpers = { ...Object(config.credHelpers), ...Object.fromEntries(helpers) };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  const { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH = own } = process.env;
  return {
    env: {
      ...process.env,
      DOCKER_CONFIG: folder,
      BUILDX_CONFIG: process.env.BUILDX_CONFIG || join(own, "buildx"),
      ...(DOCKER_TLS_VERIFY && { DOCKER_CERT_PATH }),
      PATH: `${folder}${delimiter}${process.env.PATH ?? ""}`,
      MULTIARCH_NODE: process.execPath,
      MULTIARCH_HELPER: helper,
      MULTIARCH_LOGINS: JSON.stringify(known),
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A folder of our own with the helper in it. */
function helperFolder(): string {
  for (const base of [tmpdir(), "/var/tmp", homedir()]) {
    const folder = attempt(() => mkdtempSync(join(base, "multiarch-")));
    if (folder === undefined) continue;
    const file = join(folder, "docker-credential-multiarch");
    const text = `#!/bin/sh\nexec "$MULTIARCH_NODE" -e "$MULTIARCH_HELPER" "$@"\n`;
    writeFileSync(file, text, { mode: 0o700 });
    // Some machines mount /tmp without the right to execute.
    const env = { ...process.env, MULTIARCH_NODE: process.execPath, MULTIARCH_HELPER: "" };
    if (spawnSync(file, { env }).status === 0) return folder;
    rmSync(folder, { recursive: true });
  }
  throw new Refusal(
    "no folder for a credential helper: the temporary and the home folder are all read-only or not executable",
  );
}

function registryOf(address: string): string {
  const parsed = parseReference(`${address}/any`);
  return parsed.ok ? parsed.reference.registry : address;
}
