// `npm run hashes`: fills local/tools/hashes.json, where the internet is available. A hash that is there is never replaced.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emulatorImage } from "../components/builders/emulators";
import { downloadAny, findChecksum, open } from "./download";
import { messageOf } from "./errors";
import { checkout } from "./paths";

/** The content of local/tools/hashes.json: each tool's release files, by platform. */
export type Hashes = Record<
  string,
  {
    version: string;
    files: Record<string, { url: string; checksums: string; hash: string | null }>;
  }
>;

/** Downloads every file, compares it with what its publisher says, and fills in its hash. Returns what is wrong. */
export async function fillHashes(hashes: Hashes): Promise<string[]> {
  const problems: string[] = [];
  const work = mkdtempSync(join(tmpdir(), "multiarch-hashes-"));
  try {
    for (const file of Object.values(hashes).flatMap(({ files }) => Object.values(files))) {
      try {
        const published = findChecksum(await (await open(file.checksums, 10_000)).text(), file.url);
        if (published === undefined)
          throw new Error(`${file.checksums} has no checksum for ${file.url}`);
        const algorithm = published.length === 128 ? "sha512" : "sha256";
        const found = await downloadAny(file.url, algorithm, join(work, "file"));
        if (found !== `${algorithm}:${published}`)
          throw new Error(`${file.url} has the hash ${found}, but its publisher says ${published}`);
        file.hash ??= found;
        if (file.hash !== found)
          throw new Error(`${file.url} has the hash ${found}, but hashes.json has ${file.hash}`);
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return problems;
}

/** Compares the digest of the image that registers QEMU with the one that its tag has on Docker Hub. Returns what is wrong. */
export async function checkEmulatorImage(image = emulatorImage): Promise<string[]> {
  const [, repository = "", tag = "", digest = ""] = /^(.+):(.+)@(.+)$/.exec(image) ?? [];
  const scope = `service=registry.docker.io&scope=repository:${repository}:pull`;
  try {
    const answer = await open(`https://auth.docker.io/token?${scope}`, 10_000);
    const { token } = (await answer.json()) as { token: string };
    const manifest = `https://registry-1.docker.io/v2/${repository}/manifests/${tag}`;
    const response = await open(manifest, 10_000, {
      authorization: `Bearer ${token}`,
      accept: "application/vnd.oci.image.index.v1+json",
    });
    const content = Buffer.from(await response.arrayBuffer());
    const found = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    if (found === digest) return [];
    return [`${repository}:${tag} has the digest ${found}, but emulators.ts has ${digest}`];
  } catch (error) {
    return [messageOf(error)];
  }
}

async function main(): Promise<void> {
  const file = join(checkout, "local", "tools", "hashes.json");
  const hashes = JSON.parse(readFileSync(file, "utf8")) as Hashes;
  const problems = [...(await fillHashes(hashes)), ...(await checkEmulatorImage())];
  writeFileSync(file, `${JSON.stringify(hashes, null, 2)}\n`);
  for (const problem of problems) console.error(`error: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}

if (require.main === module) void main();
