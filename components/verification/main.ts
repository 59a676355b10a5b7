/**
 * The verification program, which the gate's command loads and calls: settings in MULTIARCH_VERIFY,
 * MULTIARCH_REGISTRY_USERNAME and _PASSWORD; one line of JSON on stdout, or one message on stderr and exit 1.
 */
import { VerifyDepth } from "../image/imageArgs";
import { parseObject } from "../registry/attempt";
import { masked } from "../registry/credentials";
import { messageOf, Refusal } from "../errors";
import { readCode } from "./code";
import type { Report } from "./gate";
import { start } from "./start";
import { type Plan, verify } from "./verify";

/** What the gate asks for. */
export interface Settings extends Plan {
  /** The user's `verify`: `image.verify` within an App. */
  readonly verifyPath?: string;
  /** @default VerifyDepth.Manifest */
  readonly depth?: VerifyDepth;
  readonly command?: readonly string[];
  readonly seconds?: number;
}

/** Runs the program on this process's environment and streams. */
export async function main(): Promise<void> {
  const { env } = process;
  const settings: Settings = parseObject(env.MULTIARCH_VERIFY ?? "") ?? {};
  const username = env.MULTIARCH_REGISTRY_USERNAME ?? "";
  const password = env.MULTIARCH_REGISTRY_PASSWORD;
  delete env.MULTIARCH_REGISTRY_PASSWORD; // Commands get the logins that they need.
  process.exitCode = 1; // A program that ends while it still waits has verified nothing.
  try {
    if (typeof settings.reference !== "string" || !Array.isArray(settings.platforms))
      throw new Refusal("MULTIARCH_VERIFY must hold reference and platforms, as JSON");
    const report = bounded(await look(settings, { username, password }));
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.exitCode = 0;
  } catch (error) {
    const message = masked(messageOf(error), { username, password });
    process.stderr.write(message.replace(/^/gm, settings.name ? `${settings.name}: ` : "") + "\n");
  }
}

/** The most bytes of a report. The state keeps it, and Pulumi's command plugin hangs on a line of 64 KiB in a stream that is logged. */
const mostBytes = 60_000;

/** The report; without what has no fixed length where an image makes that very long. */
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
): Promise<Report> {
  const held = await verify(settings, access);
  const { reference, mediaType } = held;
  const bare = held.images.map(({ platform, digest, size }) => ({ platform, digest, size }));
  const { depth = VerifyDepth.Manifest, verifyPath = "verify" } = settings;
  if (depth === VerifyDepth.Manifest) return { reference, mediaType, images: bare };
  const planned = held.images.filter(({ platform }) => settings.platforms.includes(platform));
  const { codes, ...rest } = await readCode(
    planned,
    held.registry,
    `set ${verifyPath}.depth to "manifest"`,
  );
  if (depth === VerifyDepth.Run) await start(planned, held.registry, settings, access);
  const images = bare.map((image) => ({ ...image, ...codes.get(image.digest) }));
  return { reference, mediaType, images, ...rest };
}
