import { randomBytes } from "node:crypto";
import type { Access, Registry } from "../registry/client";
import { Refusal } from "../registry/refusal";
import { Docker, lastLine, type Said } from "./docker";
import type { HeldImage } from "./inspect";

/** What is started, and how it is judged. */
export interface Trial {
  /** In place of the image's command: must end with 0. */
  readonly command?: readonly string[];
  /** @default 60 with a command, else 5 */
  readonly seconds?: number;
}

/** On each container that a trial starts: the time, in seconds since 1970, after which nobody waits for it any more. */
const label = "multiarch.verify";
/** How long a pull may take. */
const pullSeconds = 30 * 60;

/**
 * Starts each image with the engine of this machine: by digest, without network, ports or anything of the machine. Containers, and
 * images that weren't there before, are removed afterwards.
 *
 * @throws Refusal with what each image said, or what the engine lacks
 */
export async function start(
  images: readonly HeldImage[],
  registry: Registry,
  trial: Trial,
  { username = "", password }: Access,
): Promise<void> {
  const [address = ""] = registry.name.split("/");
  const docker = new Docker(password ? { address, username, password } : undefined);
  const problems: string[] = [];
  try {
    const engine = await engineOf(docker);
    await sweep(docker);
    for (const { platform, digest } of images) {
      const reference = `${registry.name}@${digest}`;
      const problem = await tryOne(docker, engine, platform, reference, trial);
      if (problem) problems.push(`${platform}: ${problem}`);
    }
  } finally {
    docker.close();
  }
  if (problems.length > 0) throw new Refusal(problems.join("\n"));
}

/** The platform of the engine, which runs without emulation. */
async function engineOf(docker: Docker): Promise<string> {
  const said = await docker.run(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"], 15);
  if (said.status === 0) return said.stdout.trim();
  const reason = said.status === undefined ? "no answer within 15 s" : lastLine(said);
  throw new Refusal(
    `verify.depth "run" starts images on the machine that runs Pulumi, and no container engine answers there (${reason}): start it, or set verify.depth to "entrypoint"`,
  );
}

/** Removes containers of trials that were killed. */
async function sweep(docker: Docker): Promise<void> {
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const said = await docker.run(
    ["ps", "--all", "--filter", `label=${label}`, "--format", format],
    15,
  );
  for (const line of said.stdout.split("\n").filter(Boolean)) {
    const [id = "", until] = line.split(" ");
    if (Number(until) < Date.now() / 1000) await docker.run(["rm", "--force", "--volumes", id], 30);
  }
}

/** What is wrong with an image, or undefined. */
async function tryOne(
  docker: Docker,
  engine: string,
  platform: string,
  reference: string,
  trial: Trial,
): Promise<string | undefined> {
  const before = await docker.run(["image", "inspect", "--format", "{{.Id}}", reference], 30);
  try {
    const pulled = await docker.run(
      ["pull", "--quiet", "--platform", platform, reference],
      pullSeconds,
    );
    if (pulled.status !== 0) {
      const reason = pulled.status === undefined ? "no end within 30 minutes" : lastLine(pulled);
      return `the engine of this machine can't pull ${reference} (${reason}): see that it reaches the registry, or set verify.depth to "entrypoint"`;
    }
    return await tryPulled(docker, engine, platform, reference, trial);
  } finally {
    if (before.status === 1) await docker.run(["image", "rm", reference], 60);
  }
}

async function tryPulled(
  docker: Docker,
  engine: string,
  platform: string,
  reference: string,
  { command, seconds = command ? 60 : 5 }: Trial,
): Promise<string | undefined> {
  const name = `multiarch-verify-${randomBytes(6).toString("hex")}`;
  const until = Math.ceil(Date.now() / 1000) + seconds + 300;
  const options = ["--name", name, "--label", `${label}=${until}`, "--platform", platform];
  const apart = ["--network", "none", "--log-driver", "json-file", "--log-opt", "max-size=1m"];
  try {
    const begun = await docker.run(
      ["run", "--detach", ...options, ...apart, reference, ...(command ?? [])],
      60 + seconds,
    );
    if (begun.status !== 0) return explain(begun.stderr, engine, platform) ?? refused(begun);
    const waited = await docker.run(["wait", name], seconds);
    if (waited.status === undefined && !command) return undefined;
    const logs = await docker.run(["logs", "--tail", "20", name], 30);
    const said = `${logs.stdout}${logs.stderr}`.trimEnd();
    const shown = said === "" ? ", and said nothing" : `; its last lines:\n${quote(said)}`;
    if (waited.status === undefined)
      return `${shownCommand(command)} didn't end within ${seconds} s: give it more verify.seconds, or another verify.command${shown}`;
    const code = Number(waited.stdout.trim());
    if (code === 0) return undefined;
    const way = command
      ? ""
      : ` (without network and settings; verify.command starts something that needs none)`;
    return (
      explain(said, engine, platform) ??
      `${shownCommand(command)} ended with exit code ${code}${way}${shown}`
    );
  } finally {
    await docker.run(["rm", "--force", "--volumes", name], 60);
  }
}

function refused(said: Said): string {
  const reason = said.status === undefined ? "no answer in time" : lastLine(said);
  return `the engine of this machine can't start it (${reason}): build it again, or set verify.depth to "entrypoint"`;
}

/** What an engine's own complaint comes to: written where a container can't begin, by the engine, not by a program in it. */
function explain(said: string, engine: string, platform: string): string | undefined {
  const own =
    /^(exec \/?\S+|standard_init_linux\.go:\d+: exec user process caused|exec container process .*): exec format error$|OCI runtime.*exec format error/im;
  if (!own.test(said)) return undefined;
  const architecture = platform.split("/")[1];
  return engine === platform
    ? "what it starts is no program for this machine, or a script without a #! line: build it again"
    : `the engine of this machine is for ${engine}, and can't emulate ${platform}: register QEMU (docker run --privileged --rm tonistiigi/binfmt --install ${architecture}), or set verify.depth to "entrypoint"`;
}

function shownCommand(command: readonly string[] | undefined): string {
  return command ? `verify.command (${command.join(" ")})` : "the image's own command";
}

/** Marked as somebody else's words. */
function quote(text: string): string {
  return text.replace(/^/gm, "  | ");
}
