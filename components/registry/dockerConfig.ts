import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { attempt, parseObject, slurp } from "./attempt";
import { dockerFolder, dockerLogins, type StoredLogin } from "./credentials";
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

/** Whether credentials are complete. An empty username or no password means that there are none. */
export function isLogin(login: unknown): login is Login {
  const { username, password } = login as Partial<Login>;
  return Boolean(username) && password !== undefined;
}

/** Variables for Docker's client, and what ends their use. */
export interface DockerSettings {
  readonly env: NodeJS.ProcessEnv;
  /** Removes every file. */
  close(): void;
}

/**
 * Has Docker's client use these credentials, else those that Docker stored, for the registries of these references and no others.
 * Its settings are in a folder of our own, which contains the names of contexts and credential helpers: no password, identity token,
 * proxy or header is in a file or an argument. The folder is removed when this process ends, even if it is killed.
 *
 * @param references without them, the credentials serve every registry
 */
export function useLogins(
  logins: readonly Login[],
  references?: readonly string[],
): DockerSettings {
  const own = resolve(dockerFolder());
  const { folder, close } = helperFolder();
  for (const name of ["cli-plugins", "contexts"]) symlinkSync(join(own, name), join(folder, name));
  const keys = references?.map((reference) => credentialsKey(registryIn(reference) ?? reference));
  const needed = <T>(entries: Iterable<readonly [string, T]>): Record<string, T> =>
    Object.fromEntries([...entries].filter(([key]) => keys?.includes(key) ?? true));
  const given = needed(
    logins.map(({ address, username, password }) => [
      credentialsKey(registryIn(`${address}/any`) ?? address),
      { Username: username, Secret: password },
    ]),
  );
  const docker = dockerLogins();
  const answers = (stored: Iterable<readonly [string, StoredLogin]>) =>
    needed(
      [...stored].flatMap(([key, { username = "<token>", password, identityToken }]) => {
        const secret = identityToken ?? password;
        return secret ? [[key, { Username: username, Secret: secret }] as const] : [];
      }),
    );
  const environment = answers(docker.environment);
  const stored = answers([...docker.file].filter(([key]) => !docker.helperOf(key)));
  const helpers = (servers: object) =>
    Object.fromEntries(Object.keys(servers).map((server) => [server, "multiarch"]));
  const credHelpers = {
    ...needed(Object.entries(docker.credHelpers)),
    ...helpers(stored),
    ...helpers(environment),
    ...helpers(given),
  };
  // No helper can answer with such a token, so Docker only reads it from a file.
  const auths = needed(
    [...docker.file].flatMap(([key, { registryToken: registrytoken }]) =>
      registrytoken && !(key in environment) && !(key in given)
        ? [[key, { registrytoken }] as const]
        : [],
    ),
  );
  const { currentContext, cliPluginsExtraDirs } =
    parseObject(slurp(join(own, "config.json"))) ?? {};
  const { credsStore } = docker;
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ auths, credHelpers, credsStore, currentContext, cliPluginsExtraDirs }),
    { mode: 0o600 },
  );
  const { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH = own } = process.env;
  return {
    env: {
      ...process.env,
      DOCKER_CONFIG: folder,
      DOCKER_AUTH_CONFIG: undefined, // Docker would prefer it to the credentials given.
      TMPDIR: folder, // A buildx that loses its parent leaves its temporary files behind.
      BUILDX_CONFIG: process.env.BUILDX_CONFIG || join(own, "buildx"),
      ...(DOCKER_TLS_VERIFY && { DOCKER_CERT_PATH }),
      PATH: `${folder}${delimiter}${process.env.PATH ?? ""}`,
      MULTIARCH_NODE: process.execPath,
      MULTIARCH_HELPER: helper,
      MULTIARCH_LOGINS: JSON.stringify({ ...stored, ...environment, ...given }),
    },
    close,
  };
}

/** Removes a folder when the function that it returns is called, or this process ends: even SIGKILL closes the pipe. */
function removeAtEnd(folder: string): () => void {
  const script = 'read -r line; rm -rf -- "$1"';
  const remover = spawn("sh", ["-c", script, "sh", folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // A signal to this process's group does not end it.
    cwd: "/",
    env: { PATH: process.env.PATH },
  });
  remover.on("error", () => {});
  remover.unref();
  const pipe = remover.stdin as Socket;
  pipe.on("error", () => {}).unref();
  return () => {
    rmSync(folder, { recursive: true, force: true });
    pipe.end();
  };
}

/** A folder of our own with the helper in it, and what removes it. */
function helperFolder(): { folder: string; close: () => void } {
  for (const base of [tmpdir(), "/var/tmp", homedir()]) {
    const folder = attempt(() => mkdtempSync(join(base, "multiarch-")));
    if (folder === undefined) continue;
    const close = removeAtEnd(folder); // First, because this process can be killed at any time.
    const file = join(folder, "docker-credential-multiarch");
    const text = `#!/bin/sh\nexec "$MULTIARCH_NODE" -e "$MULTIARCH_HELPER" "$@"\n`;
    writeFileSync(file, text, { mode: 0o700 });
    // Some machines mount /tmp without the right to execute.
    const env = { ...process.env, MULTIARCH_NODE: process.execPath, MULTIARCH_HELPER: "" };
    if (spawnSync(file, { env }).status === 0) return { folder, close };
    close();
  }
  throw new Refusal(
    "no folder for a credential helper: the temporary and the home folder are all read-only or not executable",
  );
}
