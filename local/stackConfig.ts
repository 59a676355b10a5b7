import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { stateDir, writeAtomically } from "./paths";

/** A stack's configuration: what is to be there, unless the user wrote something else. */
export type Defaults = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * Adds the keys that are missing to the text of a `Pulumi.STACK.yaml` and leaves the rest, comments and
 * edits included, as it is.
 *
 * @param text The file's text; empty when there is none.
 * @param namespace The project's name.
 * @param defaults The keys, without the namespace.
 * @param salt The passphrase's salt, if the file has none.
 */
export function addMissing(
  text: string,
  namespace: string,
  defaults: Defaults,
  salt: string,
): string {
  const lines = text.trim() === "" ? [header] : text.trimEnd().split("\n");
  if (!lines.some((line) => line.startsWith("encryptionsalt:"))) {
    lines.splice(lines[0]?.startsWith("#") ? 1 : 0, 0, `encryptionsalt: ${salt}`);
  }
  let at = lines.findIndex((line) => line.startsWith("config:"));
  if (at < 0) at = lines.push("config:") - 1;
  // `config: {}` can't be continued with lines below it.
  else if (/^config:\s*\{\s*\}\s*$/.test(lines[at] as string)) lines[at] = "config:";
  const first = lines.slice(at + 1).find((line) => /^\s+[^\s#]/.test(line));
  const indent = first?.match(/^\s+/)?.[0] ?? "  ";
  const missing = Object.entries(defaults)
    .filter(([key]) => !hasKey(text, namespace, key))
    .map(([key, value]) => `${indent}${namespace}:${key}: ${toYaml(value)}`);
  lines.splice(at + 1, 0, ...missing);
  return `${lines.join("\n")}\n`;
}

/**
 * Prepares the text of a file for another state than the one it was made with (that one was deleted, or
 * is another user's): what belongs to the old one goes, the user's own settings stay.
 *
 * @param generated The keys, without the namespace, whose values name something of the old state.
 */
export function detach(
  text: string,
  namespace: string,
  generated: readonly string[],
  salt: string,
): string {
  const old = /^encryptionsalt:\s*(\S+)/m.exec(text)?.[1];
  if (old === undefined || old === salt) return text;
  const stale = (line: string) =>
    line.startsWith("encryptionsalt:") || generated.some((key) => hasKey(line, namespace, key));
  return text
    .split("\n")
    .filter((line) => !stale(line))
    .join("\n");
}

const header =
  "# Made by `npm start`, and yours to edit: it adds what is missing and leaves the rest alone.";

/** Whether a key is set in the text of a stack's configuration. */
export function hasKey(text: string, namespace: string, key: string): boolean {
  return new RegExp(`^\\s+["']?${namespace}:${key}["']?\\s*:`, "m").test(text);
}

/** Plain words stay plain; the rest is JSON, which is YAML too. */
function toYaml(value: string | number | readonly string[]): string {
  if (Array.isArray(value)) return `[${value.map((entry: string) => toYaml(entry)).join(", ")}]`;
  const plain = typeof value === "string" && /^[a-z.][\w./:-]*[\w]$/i.test(value);
  const word = plain && !/^(true|false|yes|no|on|off|null)$/i.test(value);
  return word ? value : JSON.stringify(value);
}

/**
 * The salt that Pulumi's passphrase provider stores in a stack's file. It is kept in the state, so that
 * two checkouts of one user, which share the stack, agree.
 */
export function encryptionSalt(passphrase: string): string {
  const file = stateDir("encryption-salt");
  if (!existsSync(file)) writeAtomically(file, makeSalt(passphrase), 0o600);
  return readFileSync(file, "utf8");
}

/** A salt in Pulumi's form: `v1:SALT:v1:NONCE:` and the word "pulumi", encrypted, as a check. */
export function makeSalt(passphrase: string): string {
  const salt = randomBytes(8);
  const nonce = randomBytes(12);
  const key = pbkdf2Sync(passphrase, salt, 1_000_000, 32, "sha256");
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = [cipher.update("pulumi"), cipher.final(), cipher.getAuthTag()];
  const [s, n, c] = [salt, nonce, Buffer.concat(sealed)].map((part) => part.toString("base64"));
  return `v1:${s}:v1:${n}:${c}`;
}
