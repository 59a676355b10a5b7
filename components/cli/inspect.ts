import type { Access } from "../registry/client";
import { escapeControls, printable, printableLines, Refusal } from "../errors";
import type { Held, HeldImage } from "../verification/inspect";

/** What is shown, and how. */
export interface InspectOptions {
  readonly json?: boolean;
  /** Reads no layers. */
  readonly manifest?: boolean;
}

/** One platform's line. */
interface Line {
  readonly platform: string;
  readonly digest: string;
  /** Compressed bytes. */
  readonly size: number;
  readonly file?: string;
  readonly code?: string;
  readonly problem?: string;
  readonly warning?: string;
}

/** Shows what a registry holds under a reference. Gives 1 where that can't be read, or holds code for another platform than it says. */
export async function inspectImage(
  reference: string,
  options: InspectOptions,
  access: Access,
  print: (text: string) => void,
): Promise<number> {
  const { inspect } = await import("../verification/inspect");
  let held: Held;
  try {
    held = await inspect(reference, access);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    print(options.json ? json({ error: error.message }) : `${error.message}\n`);
    return 1;
  }
  const lines: Line[] = [];
  for (const image of held.images) lines.push(await lineOf(image, held, options));
  const { mediaType } = held;
  print(
    options.json
      ? json({ reference: held.reference, mediaType, images: lines }, 2)
      : `${held.reference}\n${printable(mediaType)}\n\n${table(lines)}`,
  );
  return lines.some(({ problem }) => problem !== undefined) ? 1 : 0;
}

/** JSON with the escapes that it leaves out. */
const json = (value: object, indent?: number) =>
  `${JSON.stringify(value, undefined, indent).split("\n").map(escapeControls).join("\n")}\n`;

async function lineOf(
  image: HeldImage,
  { registry }: Held,
  { manifest }: InspectOptions,
): Promise<Line> {
  const { platform, digest, size } = image;
  const line = { platform, digest, size };
  if (manifest) return line;
  const { readCode } = await import("../verification/code");
  try {
    const { codes, warnings } = await readCode([image], registry, "add --manifest");
    const code = codes.get(digest)?.code;
    const [warning] = warnings;
    return { ...line, file: code?.file, code: code?.architecture, warning };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...line, problem: error.message };
  }
}

function table(lines: readonly Line[]): string {
  const rows = [
    ["PLATFORM", "SIZE", "DIGEST", "STARTS"],
    ...lines.map(({ platform, size, digest, file, code }) => [
      platform,
      `${(size / 1e6).toFixed(1)} MB`,
      digest,
      file === undefined ? "" : `${file} (${code})`,
    ]),
  ].map((row) => row.map(printable));
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const text = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const remarks = lines.flatMap(({ problem, warning }) => [
    ...(problem === undefined ? [] : [`wrong: ${printableLines(problem)}`]),
    ...(warning === undefined ? [] : [`warning: ${printable(warning)}`]),
  ]);
  return [...text, ...(remarks.length === 0 ? [] : ["", ...remarks])]
    .map((row) => `${row}\n`)
    .join("");
}
