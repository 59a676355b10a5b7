import { docker } from "../command";

/** A step of a build that failed, as its builder remembers it. */
export interface FailedStep {
  /** The last lines that it printed. */
  readonly printed: string;
  /** The command that shows all of them. */
  readonly command: string;
}

/** Looking is worth this much, in milliseconds: the error itself is told anyway. */
const patience = 3000;

/**
 * The step that a build of one platform failed in. The provider's error tells its exit code alone, and what it streams of the
 * log before may lack the last lines; BuildKit keeps them. Undefined where the builder keeps no
 * record of it.
 */
export async function failedStep(
  raw: string,
  platform: string,
  builder: string | undefined,
): Promise<FailedStep | undefined> {
  const named = builder === undefined ? [] : ["--builder", builder];
  const ask = (...args: string[]) => docker(["buildx", "history", ...args, ...named], patience);
  const listed = await ask("ls", "--filter", "status=error", "--format", "{{.Ref}}", "--no-trunc");
  // The newest come first. Other platforms and other programs may have failed just now, too.
  for (const ref of listed.stdout.split("\n").filter(Boolean).slice(0, 8)) {
    const id = ref.split("/").at(-1)!;
    const { stdout } = await ask("inspect", "--format", "json", id);
    const found = parseRecord(stdout);
    if (found === undefined || !raw.includes(found.message) || !found.platforms.includes(platform))
      continue;
    const command = ["docker buildx history logs", ...named, id].join(" ");
    return { printed: found.printed, command };
  }
  return undefined;
}

/** Whether a build's error is that of a step of its Dockerfile. */
export const isStepFailure = (raw: string): boolean =>
  /process "[^\n]*" did not complete/.test(raw);

/** What `docker buildx history inspect --format json` says of a failed build. */
export function parseRecord(
  text: string,
): { message: string; platforms: readonly string[]; printed: string } | undefined {
  try {
    const { Platform, Error } = JSON.parse(text) as {
      Platform?: string[];
      Error?: { Message?: string; Logs?: string[] };
    };
    if (Error?.Message === undefined) return undefined;
    const printed = (Error.Logs ?? []).join("\n");
    return { message: Error.Message, platforms: Platform ?? [], printed };
  } catch {
    return undefined;
  }
}
