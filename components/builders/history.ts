import { docker } from "../command";
import { normalisePlatform } from "../platform";
import { parseObject } from "../registry/attempt";

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
  // Other platforms and other programs may have failed just now, too.
  for (const id of await newest("error", builder)) {
    const found = parseRecord(await history(builder, "inspect", "--format", "json", id));
    if (found === undefined || !raw.includes(found.message) || !found.platforms.includes(platform))
      continue;
    const command = ["docker buildx history logs", ...named(builder), id].join(" ");
    return { printed: found.printed, command };
  }
  return undefined;
}

const named = (builder: string | undefined) =>
  builder === undefined ? [] : ["--builder", builder];

const history = async (builder: string | undefined, ...args: string[]) =>
  (await docker(["buildx", "history", ...args, ...named(builder)], patience)).stdout;

/** The records of the last builds that ended in a way. */
async function newest(
  status: "completed" | "error",
  builder: string | undefined,
): Promise<string[]> {
  const filter = ["--filter", `status=${status}`];
  const listed = await history(builder, "ls", ...filter, "--format", "{{.Ref}}", "--no-trunc");
  const references = listed.split("\n").filter(Boolean).slice(0, 8);
  return references.map((ref) => ref.split("/").at(-1)!);
}

/**
 * Whether the build that made an image ran a step (RUN) of the image's platform; undefined if its builder has no record of it with this
 * Dockerfile, which is then not known to have the same steps.
 */
export async function ranSteps(
  { digest, dockerfile, platform }: Record<"digest" | "dockerfile" | "platform", string>,
  builder: string,
): Promise<boolean | undefined> {
  for (const id of await newest("completed", builder)) {
    const record = parseObject(await history(builder, "inspect", "--format", "json", id));
    const attached = (record?.Attachments ?? []) as { Digest?: unknown }[];
    if (!attached.some(({ Digest }) => Digest === digest)) continue;
    const statement = ["inspect", "attachment", "--type", "provenance", id];
    return stepsIn(await history(builder, ...statement), dockerfile, platform);
  }
  return undefined;
}

/** Reads the provenance of a build (https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md). */
export function stepsIn(
  provenance: string,
  dockerfile: string,
  platform: string,
): boolean | undefined {
  const { buildDefinition, runDetails } = (parseObject(provenance) ?? {}) as Provenance;
  const steps = buildDefinition?.internalParameters?.buildConfig?.llbDefinition;
  const [source] = runDetails?.metadata?.buildkit_metadata?.source?.infos ?? [];
  const text = Buffer.from(String(source?.data ?? ""), "base64").toString();
  if (!Array.isArray(steps) || text !== dockerfile) return undefined;
  return steps.some(({ op }) => {
    const { OS, Architecture, Variant } = op?.platform ?? {};
    const own = [OS, Architecture, ...(Variant ? [Variant] : [])].join("/");
    return op?.Op?.exec !== undefined && normalisePlatform(own) === platform;
  });
}

/** What is read of it; each part may be absent. */
interface Provenance {
  readonly buildDefinition?: {
    readonly internalParameters?: {
      readonly buildConfig?: { readonly llbDefinition?: readonly ProvenanceStep[] };
    };
  };
  readonly runDetails?: {
    readonly metadata?: {
      readonly buildkit_metadata?: {
        readonly source?: { readonly infos?: readonly { readonly data?: unknown }[] };
      };
    };
  };
}

interface ProvenanceStep {
  readonly op?: {
    readonly Op?: { readonly exec?: unknown };
    readonly platform?: Readonly<Partial<Record<"OS" | "Architecture" | "Variant", string>>>;
  };
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
