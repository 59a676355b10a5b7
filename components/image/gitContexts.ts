import { run } from "../command";
import { attempt } from "../registry/attempt";

/** Limit for one `git ls-remote`, in milliseconds. */
const patience = 10_000;

/** A repository and what of it is built, as BuildKit reads a context's address. */
interface GitContext {
  readonly remote: string;
  /** A branch, a tag, a full commit, or HEAD. */
  readonly ref: string;
}

const scp = /^[\w-]+@[\w.-]+:/;

/** A context that BuildKit fetches by itself: a URL, or a Git address. */
export function isRemoteContext(location: string): boolean {
  return /^(https?|git|ssh):\/\/|^github\.com\//.test(location) || scp.test(location);
}

/** The address as a Git repository; undefined for a folder and for an archive behind a URL. */
export function parseGitContext(location: string): GitContext | undefined {
  if (!isRemoteContext(location)) return undefined;
  const [, address = "", query, fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(
    location,
  )!;
  const remote = address.startsWith("github.com/") ? `https://${address}` : address;
  if (/^https?:/i.test(remote) && !remote.endsWith(".git") && remote === address) return undefined;
  const asked = new URLSearchParams(query);
  const [branch, tag] = [asked.get("branch"), asked.get("tag")];
  const full = (prefix: string, name: string) => (name.startsWith(prefix) ? name : prefix + name);
  const ref =
    asked.get("checksum") ??
    asked.get("commit") ??
    (branch && full("refs/heads/", branch)) ??
    (tag && full("refs/tags/", tag)) ??
    asked.get("ref") ??
    fragment.split(":")[0];
  return { remote, ref: ref || "HEAD" };
}

/** Whether an address may contain a password or a token. The query of an archive often signs it. */
export function mayContainCredentials(location: string): boolean {
  if (!isRemoteContext(location)) return false;
  const isArchive = parseGitContext(location) === undefined;
  return (
    /^(https?:\/\/|\w+:\/\/[^/@]*:)[^/]*@/.test(location) || (isArchive && /\?/.test(location))
  );
}

/** The address without credentials, for messages. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/(\w:\/\/)[^/@\s]*@/g, "$1")
    .replace(/\?[^#\s]*/, "")
    .replace(/\p{Cc}+/gu, " ");
}

/** The commit that a Git context stands for now, or why it can't be told. Never asks for anything: no prompt, no agent dialog. */
export async function commitOf(
  { remote, ref }: GitContext,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Resolved> {
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(ref)) return { commit: ref };
  const names = [ref, `refs/heads/${ref}`, `refs/tags/${ref}`, `refs/tags/${ref}^{}`, `${ref}^{}`];
  const quiet = ["-c", "credential.interactive=false", "-c", "core.askPass=true"];
  const { ok, stdout, stderr, late, detail } = await run(
    "git",
    [...quiet, "ls-remote", "--", remote, ...names],
    patience,
    { env: { ...unattended(), ...authentication(remote, secrets) } },
  );
  const reason = late ? detail : stderr.trim().split("\n")[0] || detail;
  if (!ok) return { detail: withoutCredentials(reason) };
  const lines = stdout.split("\n").map((line) => line.split("\t") as [string, string?]);
  // The commit that an annotated tag points to is listed after the tag itself.
  const [commit] = lines.filter(([, full]) => full && names.includes(full)).at(-1) ?? [];
  return commit === undefined ? { detail: `it has no branch or tag ${ref}` } : { commit };
}

interface Resolved {
  readonly commit?: string;
  /** Why there is none. */
  readonly detail?: string;
}

/** The login that BuildKit takes from the build's secrets (https://docs.docker.com/build/building/secrets/#git-authentication-for-remote-contexts). */
function authentication(
  remote: string,
  secrets: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const url = attempt(() => new URL(remote));
  if (url === undefined || !/^https?:$/.test(url.protocol)) return {};
  const secret = (id: string) => secrets[`${id}.${url.host}`] ?? secrets[id];
  const token = secret("GIT_AUTH_TOKEN");
  const basic = token && `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const header = secret("GIT_AUTH_HEADER") ?? basic;
  if (!header) return {};
  const nth = Number(process.env.GIT_CONFIG_COUNT ?? 0);
  return {
    GIT_CONFIG_COUNT: String(nth + 1),
    [`GIT_CONFIG_KEY_${nth}`]: `http.${url.origin}/.extraHeader`,
    [`GIT_CONFIG_VALUE_${nth}`]: `Authorization: ${header}`,
  };
}

function unattended(): NodeJS.ProcessEnv {
  const ssh = process.env.GIT_SSH_COMMAND ?? process.env.GIT_SSH ?? "ssh";
  return {
    ...process.env,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "true",
    SSH_ASKPASS: "true",
    GCM_INTERACTIVE: "never",
    GIT_ALLOW_PROTOCOL: "http:https:git:ssh",
    GIT_SSH_COMMAND: `${ssh} -o BatchMode=yes -o ConnectTimeout=8`,
  };
}
