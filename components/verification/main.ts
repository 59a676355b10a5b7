/**
 * The gate's program: it pushes the tag, if there is one to push, and verifies what the registry then has. Settings are in
 * MULTIARCH_VERIFY, credentials in MULTIARCH_REGISTRY_USERNAME and _PASSWORD, and those for other registries in MULTIARCH_LOGINS. One
 * line of JSON is on stdout, or one message on stderr, with exit 1.
 */
import { VerifyDepth } from "../image/imageArgs";
import { pushTag, type Tagging } from "../image/imagetools";
import { parseObject } from "../registry/attempt";
import { masked } from "../registry/credentials";
import { isLogin, type Login } from "../registry/dockerConfig";
import { registryIn } from "../registry/reference";
import { messageOf, Refusal } from "../errors";
import { readCode } from "./code";
import type { Report } from "./gate";
import { start } from "./start";
import { type Plan, verify } from "./verify";

/** What the gate asks for. */
export interface Settings extends Plan {
  /** The user's `verify`: `image.verify` within an App. */
  readonly verifyPath?: string;
  readonly push?: Tagging;
  /** @default VerifyDepth.Manifest */
  readonly depth?: VerifyDepth;
  readonly command?: readonly string[];
  readonly seconds?: number;
}

/** Runs the program on this process's environment and streams. */
export async function main(): Promise<void> {
  const { env } = process;
  const settings: Settings = parseObject(env.MULTIARCH_VERIFY ?? "") ?? {};
  const { name, reference, platforms, push } = settings;
  const username = env.MULTIARCH_REGISTRY_USERNAME ?? "";
  const password = env.MULTIARCH_REGISTRY_PASSWORD;
  const others = (parseObject(env.MULTIARCH_LOGINS ?? "") ?? []) as Partial<Login>[];
  // Commands get the logins that they need.
  delete env.MULTIARCH_REGISTRY_PASSWORD;
  delete env.MULTIARCH_LOGINS;
  const own = { address: registryIn(push?.target ?? ""), username, password };
  const logins = [...others, own].filter(isLogin);
  process.exitCode = 1; // A program that ends while it still waits has verified nothing.
  try {
    if (typeof reference !== "string" || !Array.isArray(platforms))
      throw new Refusal("MULTIARCH_VERIFY must hold reference and platforms, as JSON");
    if (push) await pushTag(push, logins);
    const report = bounded(await look(settings, { username, password }, logins));
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.exitCode = 0;
  } catch (error) {
    const lines = messageOf(error).replace(/^/gm, name ? `${name}: ` : "");
    process.stderr.write([...others, own].reduce(masked, `${lines}\n`));
  }
}

/** The most bytes of a report. The state keeps it, and Pulumi's command plugin hangs on a line of 64 KiB in a stream that is logged. */
const mostBytes = 60_000;

/** The report. Paths and volumes are left out if they would make it too long. */
export function bounded(report: Report): Report {
  if (Buffer.byteLength(JSON.stringify(report)) < mostBytes) return report;
  const images = report.images.map(({ platform, digest, size }) => ({ platform, digest, size }));
  const warning =
    "the paths and warnings of these images are too long to be reported. Use shorter paths for the programs that they start";
  return { ...report, images, warnings: [warning] };
}

/** As deep as it is asked for; each depth holds the ones before it. */
async function look(
  settings: Settings,
  access: { username: string; password?: string },
  logins: readonly Login[],
): Promise<Report> {
  const held = await verify(settings, access, { logins });
  const { reference, mediaType } = held;
  const bare = held.images.map(({ platform, digest, size, volumes }) => ({
    ...{ platform, digest, size },
    ...(volumes.length > 0 && { volumes }),
  }));
  const { depth = VerifyDepth.Manifest, verifyPath = "verify" } = settings;
  if (depth === VerifyDepth.Manifest) return { reference, mediaType, images: bare };
  const planned = held.images.filter(({ platform }) => settings.platforms.includes(platform));
  const { codes, ...rest } = await readCode(
    planned,
    held.registry,
    `set ${verifyPath}.depth to "manifest"`,
  );
  if (depth === VerifyDepth.Run)
    await start(planned, held.registry, settings, access).catch((error: unknown) => {
      // The warnings tell why, and only a verification that passes reports them.
      throw error instanceof Refusal ? new Refusal(...error.lines, ...rest.warnings) : error;
    });
  const images = bare.map((image) => ({ ...image, ...codes.get(image.digest) }));
  return { reference, mediaType, images, ...rest };
}
