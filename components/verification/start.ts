import { randomBytes } from "node:crypto";
import { docker, enginePlatform, type Ran } from "../command";
import type { Access, Registry } from "../registry/client";
import { type DockerSettings, useLogins } from "../registry/dockerConfig";
import { Refusal, shortLines } from "../errors";
import type { HeldImage } from "./inspect";

/** What is started, and how it is judged. */
export interface Trial {
  /** In place of the image's command: must end with 0. */
  readonly command?: readonly string[];
  /** @default 60 with a command, else 5 */
  readonly seconds?: number;
  /** The user's `verify`, for messages. @default "verify" */
  readonly verifyPath?: string;
}

/** On each container that a trial starts: the time, in seconds since 1970, after which nobody waits for it any more. */
const label = "multiarch.verify";
/** How long Docker's client may take for each, in milliseconds. */
const limits = { answer: 30_000, remove: 60_000, pull: 30 * 60_000 } as const;

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
  const settings = password
    ? useLogins([{ address, username, password }], [registry.name])
    : undefined;
  const problems: string[] = [];
  try {
    const engine = await engineOf(trial);
    await sweep();
    for (const { platform, digest } of images) {
      const reference = `${registry.name}@${digest}`;
      const problem = await tryOne({ ...trial, settings, engine, platform, reference });
      if (problem) problems.push(`${platform}: ${problem}`);
    }
  } finally {
    settings?.close();
  }
  if (problems.length > 0) throw new Refusal(...problems.flatMap((problem) => problem.split("\n")));
}

/** The platform of the engine, which runs without emulation. */
async function engineOf({ verifyPath = "verify" }: Trial): Promise<string> {
  const { platform, detail } = await enginePlatform(limits.answer);
  if (platform) return platform;
  throw new Refusal(
    `${verifyPath}.depth "run" starts images on the machine that runs Pulumi, and no container engine answers there (${detail}): install or start it, or ${notRun({ verifyPath })}`,
  );
}

/** Removes containers of trials that were killed. */
async function sweep(): Promise<void> {
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const left = await docker(
    ["ps", "--all", "--filter", `label=${label}`, "--format", format],
    limits.answer,
  );
  for (const line of left.stdout.split("\n").filter(Boolean)) {
    const [id = "", until] = line.split(" ");
    if (Number(until) < Date.now() / 1000) await remove(id);
  }
}

const remove = (container: string) =>
  docker(["rm", "--force", "--volumes", container], limits.remove);

/** An image, and where it is tried. */
interface Tried extends Trial {
  readonly settings: DockerSettings | undefined;
  readonly engine: string;
  readonly platform: string;
  readonly reference: string;
}

/** What is wrong with an image, or undefined. */
async function tryOne(tried: Tried): Promise<string | undefined> {
  const { settings, platform, reference } = tried;
  const before = await docker(["image", "inspect", reference], limits.answer);
  try {
    const pull = ["pull", "--quiet", "--platform", platform, reference];
    const pulled = await docker(pull, limits.pull, settings);
    if (pulled.ok) return await tryPulled(tried);
    return `the engine of this machine can't pull ${reference} (${pulled.detail}): see that it reaches the registry, or ${notRun(tried)}`;
  } finally {
    // One that was there, or isn't known not to have been, is somebody's.
    if (!before.ok && !before.late) await docker(["image", "rm", reference], limits.remove);
  }
}

async function tryPulled(tried: Tried): Promise<string | undefined> {
  const { platform, reference, command, seconds = command ? 60 : 5 } = tried;
  const name = `multiarch-verify-${randomBytes(6).toString("hex")}`;
  const until = Math.ceil(Date.now() / 1000) + seconds + 300;
  const options = ["--name", name, "--label", `${label}=${until}`, "--platform", platform];
  const rotation = ["--log-driver", "json-file", "--log-opt", "max-size=1m"];
  const apart = ["--network", "none", "--pids-limit", "8192", ...rotation];
  const limit = seconds * 1000;
  try {
    const begun = await docker(
      ["run", "--detach", ...options, ...apart, reference, ...(command ?? [])],
      limits.remove + limit,
    );
    if (!begun.ok) return explain(shortLines(begun.stderr), tried) ?? refused(begun, tried);
    const waited = await docker(["wait", name], limit);
    if (waited.late && !command) return undefined;
    const logs = await docker(["logs", "--tail", "20", name], limits.answer);
    const said = shortLines(`${logs.stdout}${logs.stderr}`.trimEnd());
    const shown = said === "" ? ", and said nothing" : `; its last lines:\n${quote(said)}`;
    if (waited.late)
      return `${shownCommand(command)} didn't end within ${seconds} s: give it more verify.seconds, or another verify.command${shown}`;
    if (!waited.ok) return refused(waited, tried);
    const code = Number(waited.stdout.trim());
    if (code === 0) return undefined;
    const way = command
      ? ""
      : ` (without network and settings; verify.command starts something that needs none)`;
    return (
      explain(said, tried) ?? `${shownCommand(command)} ended with exit code ${code}${way}${shown}`
    );
  } finally {
    await remove(name);
  }
}

function refused({ detail }: Ran, trial: Trial): string {
  return `the engine of this machine can't start it (${detail}): build it again, or ${notRun(trial)}`;
}

const notRun = ({ verifyPath = "verify" }: Trial) => `set ${verifyPath}.depth to "entrypoint"`;

/** What an engine's own complaint comes to: written where a container can't begin, by the engine, not by a program in it. */
function explain(said: string, tried: Tried): string | undefined {
  const { engine, platform } = tried;
  // The first two come from the engine's client, the others from the kernel, for a file that exists.
  const lacks =
    /exec: "[^"\n]*": (stat [^\n]*no such file|executable file not found)|OCI runtime attempted to invoke a command that was not found|^exec \/?\S+: no such file or directory$|exec user process caused: no such file or directory$|^exec container process [^\n]*: No such file or directory$|^env: [^\n]*No such file or directory/im;
  if (lacks.test(said))
    return `the image lacks the command or what starts it: the program in a script's first line (its name ends with a carriage return if the script has Windows line endings) or a program's dynamic loader`;
  if (/exec: "[^"\n]*": permission denied|OCI permission denied/i.test(said))
    return "the container's user can't execute the command: COPY it with --chmod=755";
  const own =
    /^(exec \/?\S+|standard_init_linux\.go:\d+: exec user process caused|exec container process .*): exec format error$|OCI runtime.*exec format error/im;
  if (!own.test(said)) return undefined;
  const architecture = platform.split("/")[1];
  return engine === platform
    ? "what it starts is no program for this machine, or a script without a #! line: build it again"
    : `the engine of this machine is for ${engine}, and can't emulate ${platform}: register QEMU (docker run --privileged --rm tonistiigi/binfmt --install ${architecture}), or ${notRun(tried)}`;
}

function shownCommand(command: readonly string[] | undefined): string {
  return command ? `verify.command (${command.join(" ")})` : "the image's own command";
}

/** Marks what a container printed, so that it cannot pass for our own lines. */
function quote(text: string): string {
  return text.replace(/^|(?<=\n)/g, "  | ");
}
