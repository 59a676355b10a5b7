import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { which } from "../../local/exec";
import { silentLog } from "../../local/log";
import { checkout } from "../../local/paths";
import { ensurePythonTools } from "../../local/pythonTools";

// What pip installs, with a package of our own and no package index.

const saved = { ...process.env };
const withPython = which("python3") ? it : it.skip;
let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "multiarch-python-"));
  Object.assign(process.env, {
    MULTIARCH_CACHE_DIR: join(work, "cache"),
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: work,
    PIP_CONFIG_FILE: "/dev/null",
  });
  const wheel = join(work, "tiny-1.0-py3-none-any.whl");
  const write = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny.py", "")
    wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\\n")
`;
  if (which("python3")) execFileSync("python3", ["-c", write, wheel]);
});
afterAll(() => {
  process.env = saved;
  rmSync(work, { recursive: true, force: true });
});

function install(requirements: string): Promise<string> {
  const folder = join(work, createHash("sha256").update(requirements).digest("hex").slice(0, 8));
  mkdirSync(folder);
  writeFileSync(join(folder, "requirements.txt"), `${requirements}\n`);
  const path = relative(join(checkout, "local", "tools"), folder);
  const tools = { folder: path, title: "tiny", name: "tiny", takes: "5 s" };
  return ensurePythonTools(tools, silentLog);
}

withPython(
  "a Python package with another hash is refused",
  async () => {
    await expect(install(`tiny==1.0 --hash=sha256:${"0".repeat(64)}`)).rejects.toThrow(
      /DO NOT MATCH THE HASHES/,
    );
  },
  60_000,
);

withPython(
  "a Python package without a hash is refused",
  async () => {
    await expect(install("tiny==1.0")).rejects.toThrow(/require-hashes|Hashes are required/);
  },
  60_000,
);
