import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";
import { printable } from "../errors";
import { parseObject, slurp } from "./attempt";
import { ecrAddress } from "./ecr";
import { howToLogIn } from "./kinds";
import { credentialsKey, dockerHubKey } from "./reference";

/** Registry credentials. Without a password, credentials stored by `docker login` are used, if any. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
}

/** A login that Docker has stored. It contains a password or one of the tokens. */
export interface StoredLogin extends Access {
  /** A token of `docker login` that a token server exchanges for others. */
  readonly identityToken?: string;
  /** A token that is sent to the registry as it is. */
  readonly registryToken?: string;
}

/** Credentials, and where they come from, for messages. */
export interface Credentials extends StoredLogin {
  readonly source: string;
}

/** The credentials that are given, else those that Docker's client would use. */
export async function credentialsFor(registry: string, access: Access): Promise<Credentials> {
  if (access.password) return { source: "given", ...access };
  const key = credentialsKey(registry);
  const { environment, file, helperOf } = dockerLogins();
  const variable = environment.get(key);
  if (variable) return { source: "those in DOCKER_AUTH_CONFIG", ...variable };
  const stored = file.get(key);
  const helper = helperOf(key);
  const source = helper
    ? `those of docker-credential-${helper}`
    : `those stored in ${configFile()}`;
  const { registryToken } = stored ?? {};
  // Docker keeps only this token of the file if a helper is configured.
  if (registryToken) return { source: `those stored in ${configFile()}`, registryToken };
  if (!helper) return stored ? { source, ...stored } : { source: "no credentials" };
  const { login, failure } = await askHelper(helper, key);
  if (failure) return { source: `no credentials, because ${failure}` };
  return login ? { source, ...login } : { source: "no credentials" };
}

/** The folder with the settings of Docker's client. */
export const dockerFolder = (): string => process.env.DOCKER_CONFIG || join(homedir(), ".docker");

const configFile = (): string => join(dockerFolder(), "config.json");

/** Which logins Docker's client uses: those of the environment before those of helpers, and these before those of the file. */
export interface DockerLogins {
  /** By key (`credentialsKey`). */
  readonly environment: ReadonlyMap<string, StoredLogin>;
  /** By key. Docker uses them only for keys without a helper. */
  readonly file: ReadonlyMap<string, StoredLogin>;
  readonly credHelpers: Readonly<Record<string, string>>;
  readonly credsStore: string | undefined;
  helperOf(key: string): string | undefined;
}

/** Reads the logins as Docker's client does (https://github.com/docker/cli, cli/config). A file that is not valid contains none. */
export function dockerLogins(): DockerLogins {
  const { auths, ...config } = parseObject(slurp(configFile())) ?? {};
  const stored = Object.entries(Object(auths) as Record<string, unknown>);
  const variable = parseObject(process.env.DOCKER_AUTH_CONFIG ?? "")?.auths;
  const credHelpers = Object(config.credHelpers) as Record<string, string>;
  const isEmpty = !config.credsStore && Object.keys({ ...credHelpers, ...auths }).length === 0;
  const credsStore = config.credsStore || (isEmpty ? defaultStore() : undefined);
  return {
    environment: logins(Object.entries(Object(variable) as object)),
    // The exact key takes precedence over a URL with the same host.
    file: logins([...stored.map(([key, entry]) => [keyOf(key), entry] as const), ...stored]),
    credHelpers,
    credsStore,
    helperOf: (key) => (Object.hasOwn(credHelpers, key) ? credHelpers[key] : credsStore),
  };
}

/** The key of an entry of `auths`, which may be a URL. */
export const keyOf = (server: string): string =>
  server === dockerHubKey ? server : server.replace(/^\w+:\/\/|\/.*$/g, "");

/** The helper that Docker's client uses if nothing is configured. */
function defaultStore(): string | undefined {
  const names = { darwin: "osxkeychain", win32: "wincred", linux: "secretservice" };
  const installed = (program: string) =>
    (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
  const { platform } = process;
  const name = platform === "linux" && installed("pass") ? "pass" : names[platform as "linux"];
  const suffix = platform === "win32" ? ".exe" : "";
  return name && installed(`docker-credential-${name}${suffix}`) ? name : undefined;
}

function logins(entries: Iterable<readonly [string, unknown]>): Map<string, StoredLogin> {
  const found = new Map<string, StoredLogin>();
  for (const [key, entry] of entries) {
    const login = loginIn(entry);
    if (login) found.set(key, login);
  }
  return found;
}

/** The login in an entry of `auths`. */
export function loginIn(entry: unknown): StoredLogin | undefined {
  const texts = Object.entries(Object(entry) as object).filter(
    ([, one]) => typeof one === "string",
  );
  const { auth, identitytoken, registrytoken, ...plain } = Object.fromEntries(texts) as Record<
    string,
    string
  >;
  if (registrytoken && /^[!-~]+$/.test(registrytoken)) return { registryToken: registrytoken };
  if (identitytoken) return { identityToken: identitytoken };
  const decoded = Buffer.from(auth ?? "", "base64").toString();
  const [, username = plain.username, password = plain.password] =
    /^([^:]*):(.*?)\0*$/s.exec(decoded) ?? [];
  return password ? { username, password } : undefined;
}

/** What a helper answers to a question; `failure` says in words why it doesn't. */
async function askHelper(
  helper: string,
  server: string,
): Promise<{ readonly login?: StoredLogin; readonly failure?: string }> {
  const ran = await runHelper(helper, "get", server);
  // Helpers print an error to stdout.
  if (!ran.ok && /credentials not found/.test(ran.stdout)) return {};
  const { Username: username, Secret: secret } = parseObject(ran.stdout) ?? {};
  if (!ran.ok) return { failure: ran.failure };
  if (!secret) return {};
  return {
    login: username === "<token>" ? { identityToken: secret } : { username, password: secret },
  };
}

/** Runs a credential helper (https://github.com/docker/docker-credential-helpers). */
export async function runHelper(
  helper: string,
  action: "get" | "list",
  input = "",
): Promise<{ readonly ok: boolean; readonly stdout: string; readonly failure: string }> {
  const program = `docker-credential-${basename(helper)}`;
  const how = { timeout: 5000, env: process.env };
  const asked = promisify(execFile)(program, [action], how);
  asked.child.stdin?.on("error", () => {}).end(input);
  try {
    return { ok: true, stdout: (await asked).stdout, failure: "" };
  } catch (error) {
    const { code, stdout = "" } = error as { code?: unknown; stdout?: string };
    const reason =
      code === "ENOENT" ? "is not installed" : `failed: ${stdout.trim() || "no output"}`;
    return { ok: false, stdout, failure: `${program} ${printable(reason)}` };
  }
}

/** The header of HTTP's basic authentication; undefined without a password. */
export function basic({ username = "", password }: Access): string | undefined {
  return password === undefined
    ? undefined
    : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** What is sent to a registry as `Authorization`; undefined without credentials. */
export const authorizationOf = ({ registryToken, ...access }: StoredLogin): string | undefined =>
  registryToken ? `Bearer ${registryToken}` : basic(access);

/** How a secret may be spelled in a log: as it is, each of its lines, and as a URL or JSON has it. The longest first. */
export function spellings(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => [
    secret,
    ...secret.split(/[\r\n]+/).filter((line) => line !== secret && line.trim().length > 3),
    encodeURIComponent(Buffer.from(secret).toString()),
    JSON.stringify(secret).slice(1, -1),
  ]);
  return [...new Set(all)].filter((value) => value !== "").sort((a, b) => b.length - a.length);
}

/** Text without a secret, however it is spelled: also in Base64, alone and as in the header of HTTP's basic authentication. */
export function masked(text: string, access: Access): string {
  const { password } = access;
  if (!password) return text;
  const encoded = [basic(access)!.replace("Basic ", ""), Buffer.from(password).toString("base64")];
  return [...spellings([password, printable(password)]), ...encoded].reduce(
    (rest, secret) => rest.replaceAll(secret, "***"),
    text,
  );
}

/** Which credentials weren't enough, and what to do. */
export function denial(host: string, source: string): [used: string, fix: string] {
  const login = `run ${howToLogIn(host).command}`;
  if (source.startsWith("no credentials"))
    return [source, `set the registry's username and password, or ${login}`];
  if (source !== "given") return [source, `they may have expired; ${login}`];
  const fix = ecrAddress(host)
    ? "an ECR token lasts 12 hours; run pulumi up again, which takes a fresh one"
    : "check the registry's username and password; a token may have expired";
  return ["the credentials given", fix];
}
