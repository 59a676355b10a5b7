import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { printable } from "../errors";
import { parseObject, slurp } from "./attempt";
import { ecrAddress } from "./ecr";
import { howToLogIn } from "./kinds";
import { credentialsKey } from "./reference";

/** Who asks. Without a password: Docker's stored credentials, else nobody in particular. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
}

/** Credentials, and where they come from, for messages. */
export interface Credentials extends Access {
  readonly source: string;
  /** A token of `docker login` that is exchanged for others. */
  readonly identityToken?: string;
}

/** Those given, else what `docker login` stored for the registry. */
export async function credentialsFor(registry: string, access: Access): Promise<Credentials> {
  if (access.password) return { source: "given", ...access };
  const file = join(dockerFolder(), "config.json");
  const key = credentialsKey(registry);
  const { credHelpers, credsStore, auths = {} } = parseObject(slurp(file)) ?? {};
  const helper = credHelpers?.[key] ?? credsStore;
  const helped = helper && (await askHelper(basename(helper), key));
  if (helped) return { source: `those of docker-credential-${helper}`, ...helped };
  const named = Object.keys(auths).find((name) => hostIn(name) === registry);
  const found = storedIn(auths[key] ?? auths[named ?? ""]);
  return found ? { source: `those stored in ${file}`, ...found } : { source: "none" };
}

/** Where the settings of Docker's client lie. */
export const dockerFolder = (): string => process.env.DOCKER_CONFIG || join(homedir(), ".docker");

/** The host of a key of `auths`, which may be a URL. */
export const hostIn = (server: string): string => server.replace(/^https?:\/\/|\/.*$/g, "");

/** What an entry of `auths` in Docker's settings holds. */
export function storedIn(entry: unknown): Omit<Credentials, "source"> | undefined {
  const texts = Object.entries(Object(entry) as object).filter(
    ([, one]) => typeof one === "string",
  );
  const {
    auth = "",
    identitytoken,
    ...plain
  } = Object.fromEntries(texts) as Record<string, string>;
  if (identitytoken) return { identityToken: identitytoken };
  const decoded = Buffer.from(auth, "base64").toString();
  const [, username = plain.username, password = plain.password] =
    /^([^:]*):(.*?)\0*$/s.exec(decoded) ?? [];
  return password ? { username, password } : undefined;
}

/** https://github.com/docker/docker-credential-helpers */
async function askHelper(
  helper: string,
  server: string,
): Promise<Omit<Credentials, "source"> | undefined> {
  const how = { timeout: 5000, env: process.env };
  const asked = promisify(execFile)(`docker-credential-${helper}`, ["get"], how);
  asked.child.stdin?.on("error", () => {}).end(server);
  const { stdout } = await asked.catch(() => ({ stdout: "" }));
  const { Username: username, Secret: secret } = parseObject(stdout) ?? {};
  if (!secret) return undefined;
  return username === "<token>" ? { identityToken: secret } : { username, password: secret };
}

/** The header of HTTP's basic authentication; undefined without a password. */
export function basic({ username = "", password }: Access): string | undefined {
  return password === undefined
    ? undefined
    : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Text without a password: as it is, as errors print it, and as in the header of HTTP's basic authentication. */
export function masked(text: string, access: Access): string {
  const { password } = access;
  if (!password) return text;
  const encoded = basic(access)!.replace("Basic ", "");
  return [password, printable(password), encoded].reduce(
    (rest, secret) => rest.replaceAll(secret, "***"),
    text,
  );
}

/** Which credentials weren't enough, and what to do. */
export function denial(host: string, source: string): [used: string, fix: string] {
  const login = `run ${howToLogIn(host).command}`;
  if (source === "none")
    return ["no credentials", `set the registry's username and password, or ${login}`];
  if (source !== "given") return [source, `they may have expired; ${login}`];
  const fix = ecrAddress(host)
    ? "an ECR token lasts 12 hours; run pulumi up again, which takes a fresh one"
    : "check the registry's username and password; a token may have expired";
  return ["the credentials given", fix];
}
