import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "./errors";

/** A release file with the checksum that its makers publish. */
export interface Download {
  readonly url: string;
  /**
   * Where the checksum stands: a list of `HASH  FILE` lines, a lone hash, or GitHub's description of the
   * release (which has a digest for each file).
   */
  readonly checksums: string;
}

/** The host is not there, or does not have the file: the next way of getting it is to be tried. */
export class Unreachable extends Error {}

// One attempt for each host in a run: on a machine without the internet, ten tools would wait ten times.
const unreachable = new Map<string, string>();

/** Forgets which hosts could not be reached. */
export const forgetHosts = (): void => unreachable.clear();

/** The place of a URL on the mirror that `MULTIARCH_MIRROR` names (`https://host/x` is `MIRROR/host/x`). */
export function onMirror(url: string, mirror = process.env.MULTIARCH_MIRROR): string {
  return mirror ? url.replace(/^https:\/\//, `${mirror.replace(/\/$/, "")}/`) : url;
}

async function open(url: string, timeout: number): Promise<Response> {
  const from = onMirror(url);
  const host = new URL(from).host;
  const known = unreachable.get(host);
  if (known) throw new Unreachable(known);
  const abort = new AbortController();
  // Only the wait for the answer is bounded: a large file may take as long as it takes.
  const timer = setTimeout(
    () => abort.abort(new Error(`no answer in ${timeout / 1000} s`)),
    timeout,
  );
  try {
    const response = await fetch(from, {
      signal: abort.signal,
      headers: { "user-agent": "multiarch" },
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
 * Downloads a file and compares it with its published checksum.
 *
 * @throws Unreachable when it can't be had from there; another error when it isn't what was published.
 */
export async function download(
  source: Download,
  target: string,
  progress: (now: string) => void = () => {},
): Promise<void> {
  const expected = findChecksum(await (await open(source.checksums, 4_000)).text(), source.url);
  if (!expected) throw new Unreachable(`${source.checksums} has no checksum of ${source.url}`);
  const response = await open(source.url, 10_000);
  const total = Number(response.headers.get("content-length") ?? 0);
  const hash = createHash(expected.length === 128 ? "sha512" : "sha256");
  let got = 0;
  const body = Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
  try {
    await pipeline(
      body,
      async function* (chunks) {
        for await (const chunk of chunks as AsyncIterable<Buffer>) {
          hash.update(chunk);
          got += chunk.length;
          progress(`${mebibytes(got)}${total ? ` of ${mebibytes(total)}` : ""} MiB`);
          yield chunk;
        }
      },
      createWriteStream(target),
    );
  } catch (error) {
    throw new Unreachable(`${source.url} broke off: ${messageOf(error)}`);
  }
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new Error(
      `${source.url} has checksum ${actual}, and ${source.checksums} says ${expected}`,
    );
  }
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

/** Finds the checksum of a file in what its makers publish. */
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
