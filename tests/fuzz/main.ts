// Runs Apps of generated arguments under Pulumi's mocks: `npm run test:fuzz`, and a short form of it in `npm test`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fuzz } from "./fuzz";

const random = Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env.MULTIARCH_FUZZ_SEED || random);
const count = Number(process.env.MULTIARCH_FUZZ_SETS || 12_000);
const only = process.env.MULTIARCH_FUZZ_ONLY;

// Each promise of Pulumi's notes where it was made, which takes most of the time.
Error.stackTraceLimit = only === undefined ? 0 : 30;
process.setSourceMapsEnabled(only !== undefined);

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-fuzz-"));
  mkdirSync(join(folder, "app"));
  for (const [file, text] of [
    ["app/Dockerfile", "FROM scratch\n"],
    ["ca.pem", "-"],
    ["buildkitd.toml", ""],
    ["id_ed25519", ""],
  ])
    writeFileSync(join(folder, file!), text!);
  process.chdir(folder);
  try {
    say(`seed ${seed} (the same again: MULTIARCH_FUZZ_SEED=${seed}), ${count} sets`);
    const report = await fuzz({ seed, count, only: only === undefined ? undefined : Number(only) });
    for (const line of report.lines) say(line);
    process.exitCode = report.good ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
  // What a set left waiting is no reason to wait.
  process.exit();
}

void main().catch((error: Error) => {
  say(error.stack ?? String(error));
  process.exit(2);
});
