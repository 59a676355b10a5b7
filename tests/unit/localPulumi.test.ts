import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../local/log";
import { ensurePulumi } from "../../local/pulumiHome";
import { tools } from "../../local/tools";

// With a fake CLI that installs plugins as Pulumi's does. No tool of these has a hash here, so nothing is downloaded.

const saved = { ...process.env };
let work: string;
let bin: string;

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "multiarch-pulumi-"));
  bin = join(work, "bin");
  program(
    bin,
    "pulumi",
    `case $1 in
version) echo v3.259.0 ;;
plugin) folder=$PULUMI_HOME/plugins/$3-$4-v$5 && rm -rf "$folder" && mkdir -p "$folder" && tar -xzf "$7" -C "$folder" ;;
esac`,
  );
  const { name, version } = tools.dockerBuild;
  program(join(work, "cache/tools", `${name}-${version}`), name, "true");
  process.env = {
    ...saved,
    PATH: `${bin}:/usr/bin:/bin`,
    PULUMI_HOME: join(work, "home"), // in place of ~/.pulumi
    MULTIARCH_CACHE_DIR: join(work, "cache"),
    MULTIARCH_STATE_DIR: join(work, "state"),
  };
});
afterEach(() => {
  process.env = saved;
  rmSync(work, { recursive: true });
});

function program(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return join(folder, name);
}

async function ensure() {
  const said: string[] = [];
  const { path } = await ensurePulumi({
    ...silentLog,
    info: (line) => void said.push(line.trim()),
  });
  const plugin = join(
    work,
    "state/pulumi-home/plugins/resource-command-v1.2.1/pulumi-resource-command",
  );
  return { path, said, plugin: readFileSync(plugin, "utf8") };
}

it("official pieces that become available replace the stand-ins of earlier runs, and each run says which are used", async () => {
  const first = await ensure();
  const said =
    "! stand-ins are used for the language host for Node and the command plugin: no official one was found";
  expect(first.said).toEqual([said]);
  expect(first.plugin).toContain("MULTIARCH_LOCAL");
  expect(first.path).toEqual([bin, join(work, "cache/tools/language-host")]);
  expect(await ensure()).toEqual(first);

  const users = join(work, "home/plugins/resource-command-v1.2.1");
  program(users, "pulumi-resource-command", "echo official");
  const second = await ensure();
  expect(second.said).toEqual([
    "✓ installed the official command plugin in place of the stand-in",
    "! stand-ins are used for the language host for Node: no official one was found",
  ]);
  expect(second.plugin).toContain("echo official");

  program(join(work, "other"), "pulumi-language-nodejs", "echo official");
  process.env.PATH += `:${join(work, "other")}`;
  const third = await ensure();
  expect(third.said).toEqual([]);
  expect(third.path).toEqual([]); // Pulumi finds it on PATH, where no stand-in comes first
});

it("an official language host beside the CLI is used", async () => {
  program(bin, "pulumi-language-nodejs", "echo official");
  const { said, path } = await ensure();
  expect(said).toEqual(["! stand-ins are used for the command plugin: no official one was found"]);
  expect(path).toEqual([bin]);
});
