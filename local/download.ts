import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "./errors";

/** A release file, and its hash in this repository (`sha256:HEX` or `sha512:HEX`), or null where nobody has filled it in yet. */
export interface Download {
  readonly url: string;
  readonly hash: string | null;
}

/** The file is not available, or its hash is unknown: the next way of getting it is to be tried. */
export class Unreachable extends Error {}

// One attempt for each host in a run: on a machine without the internet, ten tools would wait ten times.
const unreachable = new Map<string, string>();

/** Forgets which hosts could not be reached. */
export const forgetHosts = (): void => unreachable.clear();

/** The place of a URL on the mirror that `MULTIARCH_MIRROR` names (`https://host/x` is `MIRROR/host/x`). */
export function onMirror(url: string, mirror = process.env.MULTIARCH_MIRROR): string {
  return mirror ? url.replace(/^https:\/\//, `${mirror.replace(/\/$/, "")}/`) : url;
}

/** Asks for a file. Only the wait for the answer is limited: a large file may take as long as it takes. */
export async function open(
  url: string,
  timeout: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const from = onMirror(url);
  const host = new URL(from).host;
  const known = unreachable.get(host);
  if (known) throw new Unreachable(known);
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new Error(`no answer in ${timeout / 1000} s`)),
    timeout,
  );
  try {
    const response = await fetch(from, {
      signal: abort.signal,
      headers: { "user-agent": "multiarch", ...headers },
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new Unreachable(`${from}: HTTP ${response.status}`);
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    const cause = (error as { cause?: unknown }).cause ?? error;
    const reason = `${host} cannot be reached: ${messageOf(cause)}`;
    unreachable.set(host, reason);
    throw new Unreachable(reason);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether something answers at a URL, asked once and quickly. */
export async function answers(url: string): Promise<boolean> {
  try {
    await (await open(url, 3_000)).body?.cancel();
    return true;
  } catch {
    return false;
  }
}

/**
 * Downloads a file that has the hash in this repository. Neither the publisher nor a mirror can replace it.
 *
 * @throws Unreachable if it is not available or its hash is unknown; another error if its hash differs.
 */
export async function download({ url, hash }: Download, target: string): Promise<void> {
  if (hash === null) throw new Unreachable(`local/tools/hashes.json has no hash for ${url}`);
  const actual = await downloadAny(url, hash.split(":")[0] ?? "", target);
  if (actual !== hash)
    throw new Error(`${url} has the hash ${actual}, but local/tools/hashes.json has ${hash}`);
}

/** Downloads a file that is not verified yet, and returns its hash: `sha256:HEX`. */
export async function downloadAny(url: string, algorithm: string, target: string): Promise<string> {
  const response = await open(url, 10_000);
  const hash = createHash(algorithm);
  const body = Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
  try {
    await pipeline(
      body,
      async function* (chunks) {
        for await (const chunk of chunks as AsyncIterable<Buffer>) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(target),
    );
  } catch (error) {
    throw new Unreachable(`${url} broke off: ${messageOf(error)}`);
  }
  return `${algorithm}:${hash.digest("hex")}`;
}

/**
 * Finds the checksum of a file in what its makers publish: a list of `HASH  FILE` lines, a lone hash, or GitHub's description of
 * the release, which has a digest for each file.
 */
export function findChecksum(published: string, url: string): string | undefined {
  const file = url.slice(url.lastIndexOf("/") + 1);
  if (published.trimStart().startsWith("{")) {
    const release = JSON.parse(published) as { assets?: { name: string; digest?: string }[] };
    const digest = release.assets?.find((asset) => asset.name === file)?.digest;
    return digest?.match(/^sha(?:256|512):([0-9a-f]+)$/)?.[1];
  }
  const hash = /^([0-9a-f]{64}|[0-9a-f]{128})$/i;
  for (const line of published.split("\n")) {
    const [first = "", name, ...rest] = line.trim().split(/\s+/);
    if (rest.length > 0 || !hash.test(first)) continue;
    if (name === undefined || name.replace(/^(\*|\.\/)/, "") === file) return first.toLowerCase();
  }
  return undefined;
}
