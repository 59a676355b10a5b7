import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { attempt, parseObject, slurp } from "./attempt";
import { dockerFolder, hostIn, storedIn } from "./credentials";
import { credentialsKey, registryIn } from "./reference";
import { Refusal } from "../errors";

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
 * it needs lies in a folder of its own; no credential is in a file or an argument, nor are those that `docker login` wrote into the
 * user's. For programs of their own: a signal ends the process, when the folder is removed.
 */
export function useLogins(logins: readonly Login[]): DockerSettings {
  const own = resolve(dockerFolder());
  const folder = helperFolder();
  for (const name of ["cli-plugins", "contexts"]) symlinkSync(join(own, name), join(folder, name));
  const given = Object.fromEntries(
    logins.map(({ address, username, password }) => [
      credentialsKey(registryIn(`${address}/any`) ?? address),
      { Username: username, Secret: password },
    ]),
  );
  const { auths, ...config } = parseObject(slurp(join(own, "config.json"))) ?? {};
  const stored = Object.entries(Object(auths) as Record<string, unknown>).flatMap(
    ([server, entry]) => {
      const { username = "<token>", password, identityToken } = storedIn(entry) ?? {};
      const secret = identityToken ?? password;
      const key = credentialsKey(hostIn(server));
      return secret ? [[key, { Username: username, Secret: secret }] as const] : [];
    },
  );
  const known = { ...Object.fromEntries(stored), ...given };
  const helpers = (servers: object) =>
    Object.fromEntries(Object.keys(servers).map((server) => [server, "multiarch"]));
  // A helper that the user has comes before what lies in the file, and after what is given.
  config.credHelpers = { ...helpers(known), ...Object(config.credHelpers), ...helpers(given) };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  const { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH = own } = process.env;
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const end = () => {
    remove();
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, end);
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
    close: () => {
      for (const signal of signals) process.off(signal, end);
      remove();
    },
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
