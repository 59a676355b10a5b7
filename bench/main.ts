// `npm run bench`, or `npm run bench -- NAME …`: the measures of bench/README.md, on the embedded environment.
import { cleanUp } from "./withoutJest";
import { archFlip, cached, oneLine, unreachable } from "./builds";
import { freshClone, registryCache } from "./cold";
import { emulatedBytes, emulatedCompiler, rootImport, zstd } from "./formats";
import { prepare, tidy } from "./place";
import { type Row, table } from "./stats";
import { emptyProgram, hundred, phases, sameByHand, sixteen } from "./unchanged";

const measures: Readonly<Record<string, () => Promise<Row[]>>> = {
  phases,
  empty: emptyProgram,
  byHand: sameByHand,
  sixteen,
  hundred,
  oneLine,
  unreachable,
  archFlip,
  cached,
  registryCache,
  freshClone,
  emulatedBytes,
  emulatedCompiler,
  zstd,
  rootImport,
};

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !(name in measures));
  if (unknown.length > 0)
    throw new Error(
      `no measure ${unknown.join(", ")}; there is: ${Object.keys(measures).join(", ")}`,
    );
  await prepare();
  const rows: Row[] = [];
  const failed: string[] = [];
  try {
    for (const name of asked.length > 0 ? asked : Object.keys(measures)) {
      process.stderr.write(`${name} `);
      const measured = await measures[name]!().catch((error: Error) => {
        failed.push(`${name}: ${error.message}`);
        return [];
      });
      rows.push(...measured);
      // The whole table comes at the end; nobody should have to wait an hour for the first row.
      for (const row of measured) process.stderr.write(`${table([row]).split("\n").at(-1)}\n`);
    }
  } finally {
    if (rows.length > 0) process.stdout.write(`${table(rows)}\n`);
    await cleanUp();
    tidy();
  }
  if (failed.length > 0) throw new Error(failed.join("\n"));
}

void main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`error: ${error.message}\n`);
    process.exit(1);
  },
);
