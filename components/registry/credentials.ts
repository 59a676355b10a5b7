import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { parseObject, slurp } from "./attempt";
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
  const folder = process.env.DOCKER_CONFIG || join(homedir(), ".docker");
  const file = join(folder, "config.json");
  const key = credentialsKey(registry);
  const { credHelpers, credsStore, auths = {} } = parseObject(slurp(file)) ?? {};
  const helper = credHelpers?.[key] ?? credsStore;
  const helped = helper && (await askHelper(basename(helper), key));
  if (helped) return { source: `those of docker-credential-${helper}`, ...helped };
  const named = Object.keys(auths).find(
    (name) => name.replace(/^https?:\/\/|\/.*$/g, "") === registry,
  );
  const { auth = "", identitytoken, ...plain } = auths[key] ?? auths[named ?? ""] ?? {};
  const decoded = Buffer.from(String(auth), "base64").toString();
  const [, username = plain.username, password = plain.password] =
    /^([^:]*):(.*?)\0*$/s.exec(decoded) ?? [];
  const source = `those stored in ${file}`;
  if (identitytoken) return { source, identityToken: identitytoken };
  return password ? { source, username, password } : { source: "none" };
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

/** Which credentials weren't enough, and what to do. */
export function denial(host: string, source: string): [used: string, fix: string] {
  const ecr = host.includes(".dkr.ecr.");
  const login = `run ${howToLogIn(host).command}`;
  if (source === "none")
    return ["no credentials", `set the registry's username and password, or ${login}`];
  if (source !== "given") return [source, `they may have expired; ${login}`];
  const fix = ecr
    ? "an ECR token lasts 12 hours; run pulumi up again, which takes a fresh one"
    : "check the registry's username and password; a token may have expired";
  return ["the credentials given", fix];
}
