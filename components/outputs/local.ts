import { mkdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { besides } from "../hosting";
import { docker, enginePlatform } from "../command";
import type { Making } from "../image/built";
import type { LoadArgs, TarballArgs } from "../image/imageArgs";
import { normalisePlatform } from "../platform";
import type { Access } from "../registry/client";
import { masked } from "../registry/credentials";
import { refuse } from "../refuse";
import { type Problem, Refusal } from "../errors";
import { log } from "../log";
import { digestOf } from "../registry/reference";

/**
 * Makes sure, in every `up`, that the image is in this machine's engine and in its tarball. Both are facts of one machine, and the
 * state is shared between machines: so neither is a resource, and one that is missing is made again, from the registry. What fails
 * fails the run, after everything that was to be deployed.
 */
export function keepLocal(making: Making, imageUri: pulumi.Output<string>): void {
  const { image, access, path } = making;
  const { load, tarball } = making.args;
  if (load === undefined && tarball === undefined) return;
  const { username, password } = access;
  const kept = pulumi
    .all([imageUri, username, password, load?.tag])
    .apply(async ([reference, user, secret, tag]) => {
      const given = { username: user, password: secret };
      const name = fullName(tag ?? making.name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-"));
      const say = (text: string) => log.info(text, image);
      const works: [string, () => Promise<void>][] = [];
      if (tarball) works.push(["tarball", () => keepTarball(tarball, reference, given, name, say)]);
      if (load) works.push(["load", () => keepLoaded(load, making, reference, given, name, say)]);
      const problems: Problem[] = [];
      for (const [field, work] of works) {
        try {
          await work();
        } catch (error) {
          const what = masked((error as Error).message, given);
          problems.push({ path: path(field), what, fix: "the next `pulumi up` tries again" });
        }
      }
      // Nobody waits for this, so it ends nothing that is under way; a logged error alone would leave the exit code at 0.
      if (!pulumi.runtime.isDryRun()) refuse(making.name, problems);
      // A preview may run elsewhere than `up`.
      for (const problem of problems) await log.warn(`${problem.path}: ${problem.what}`, image);
    });
  besides(kept);
}

type Say = (text: string) => Promise<void>;

async function keepTarball(
  { path, format }: TarballArgs,
  reference: string,
  access: Access,
  name: string,
  say: Say,
): Promise<void> {
  // What reads and writes archives is loaded where there are any.
  const { archived, writeArchive } = await import("./archive");
  const asked = { digest: digestOf(reference), name, docker: format === "docker" };
  if (isDeepStrictEqual(await archived(path), asked)) return;
  if (pulumi.runtime.isDryRun()) return say(`${path} is written by \`pulumi up\``);
  mkdirSync(dirname(path), { recursive: true });
  // A reader never sees half of it, and a killed run leaves the one before.
  const part = `${path}.part`;
  // Open before anything is asked of the registry: an error of a stream to which nobody listens yet ends the program.
  const file = await open(part, "w");
  try {
    const request = { reference, access, name, docker: asked.docker };
    await writeArchive(request, file.createWriteStream());
    renameSync(part, path);
  } finally {
    await file.close();
    rmSync(part, { force: true });
  }
  await say(`${path} holds ${reference}`);
}

async function keepLoaded(
  load: LoadArgs,
  { plan: { platforms }, path }: Making,
  reference: string,
  access: Access,
  name: string,
  say: Say,
): Promise<void> {
  const platform =
    load.platform === undefined ? await ownPlatform() : normalisePlatform(load.platform)!;
  if (!platforms.includes(platform))
    throw new Refusal(
      `the engine of this machine is ${platform}, and the image is for ${platforms.join(", ")}: add ${platform} to ${path("platforms")}, or write ${path("load.platform")} (which QEMU then runs)`,
    );
  const { idsOf, writeArchive } = await import("./archive");
  const ids = await idsOf(reference, platform, access);
  const there = await docker(["image", "inspect", "--format", "{{.Id}}", name], patience);
  if (there.ok && ids.includes(there.stdout.trim())) return;
  if (pulumi.runtime.isDryRun()) return say(`${name} is loaded by \`pulumi up\``);
  const loaded = await docker(["load", "--quiet"], loadLimit, {
    input: (to) => writeArchive({ reference, access, platform, name, docker: true }, to),
  });
  if (!loaded.ok) throw new Refusal(`the engine of this machine can't load it: ${loaded.detail}`);
  await say(`${name} is loaded, for ${platform}`);
}

/** How long the engine may take to answer, in milliseconds. */
const patience = 15_000;
/** How long it may take to load an image, in milliseconds. */
const loadLimit = 30 * 60_000;

async function ownPlatform(): Promise<string> {
  const { platform, detail } = await enginePlatform(patience);
  if (platform !== undefined) return platform;
  throw new Refusal(`no container engine answers on this machine (${detail})`);
}

/** With a tag, as an engine has it. */
const fullName = (name: string): string =>
  name.slice(name.lastIndexOf("/") + 1).includes(":") ? name : `${name}:latest`;
