import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Languages } from "../../local/languages";
import { goCommand } from "../../local/tools";
import { appFiles, freePort, get } from "./appProject";
import { environment } from "./harness";
import { checkout, documented, executable, placed, prepareLanguages } from "./languages";

// The SDKs that Pulumi's generators make of the published schema, with the programs of docs/languages.md.

let folder: string;
let languages: Languages;
let env: Record<string, string>;
const schema = join(checkout, "components/schema.json");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-sdks-"));
  ({ languages, env } = await prepareLanguages(folder));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command in a folder; never synchronously, for jest has other work. */
async function run(cwd: string, command: string, args: string[], extra = {}): Promise<string> {
  const options = { cwd, env: { ...process.env, ...environment().env, ...env, ...extra } };
  const { stdout } = await promisify(execFile)(command, args, options);
  return stdout;
}

function write(file: string, text: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
}

it("Go: the SDK and the documented program compile", async () => {
  await languages.generate("go", schema, join(folder, "go"));
  // As `pulumi package add` places it. The modules are those of the Pulumi CLI, whose versions and checksums are pinned.
  const program = join(folder, "program");
  const sdk = "example.com/pulumi-multiarch/sdk/go/multiarch";
  cpSync(join(folder, "go/multiarch"), join(program, "sdks/multiarch"), { recursive: true });
  const tools = join(checkout, "local/tools/pulumi");
  const pinned = readFileSync(join(tools, "go.mod"), "utf8");
  const required = pinned.slice(pinned.indexOf("require ("));
  const replaced = `require ${sdk} v0.0.0\nreplace ${sdk} => ./sdks/multiarch\n`;
  for (const [place, name, rest] of [
    [program, "program", replaced],
    [join(program, "sdks/multiarch"), sdk, ""],
  ] as const) {
    write(join(place, "go.mod"), `module ${name}\n\ngo 1.26.8\n\n${rest}${required}`);
    cpSync(join(tools, "go.sum"), join(place, "go.sum"));
  }
  write(join(program, "main.go"), documented("go"));
  const flags = { CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "-mod=mod -buildvcs=false" };
  await run(program, goCommand()!, ["build", "-trimpath", "-o", "program", "."], flags);
  expect(existsSync(join(program, "program"))).toBe(true);
});

/** Runs a program of Python through Pulumi's Automation API, which needs no language host. */
const runner = `import sys
from pulumi import automation
source = open("program.py").read()
stack = automation.create_or_select_stack(
    "test", project_name="lang-python", work_dir=".",
    program=lambda: exec(compile(source, "program.py", "exec"), {}),
)
try:
    getattr(stack, sys.argv[1])(on_output=print)
except automation.errors.CommandError:
    sys.exit(1)
`;

it("Python: the SDK compiles, and the documented program deploys, its mistakes told as in TypeScript", async () => {
  const sdk = join(folder, "python");
  await languages.generate("python", schema, sdk);
  await run(sdk, languages.python, ["-m", "compileall", "-q", "pulumi_multiarch"]);
  // What an installation would leave.
  write(
    join(sdk, "pulumi_multiarch-0.1.0.dist-info/METADATA"),
    "Metadata-Version: 2.1\nName: pulumi_multiarch\nVersion: 0.1.0\n",
  );

  // The Automation API writes a Pulumi.yaml that knows no packages by path: what the language host would start is on PATH.
  const start = join(checkout, "node_modules/@pulumi/pulumi/cmd/run-plugin/index.js");
  executable(join(folder, "pulumi-resource-multiarch"), `exec node ${start} ${checkout} "$@"`);

  const program = join(folder, "app");
  const port = await freePort();
  const text = placed(documented("python"), `test/lang-python-${process.pid}`, port);
  const files = { ...appFiles, "runner.py": runner };
  for (const [file, content] of Object.entries(files)) write(join(program, file), content);
  const base = `ARG BASE=${environment().baseImage}\n`;
  write(join(program, "app/Dockerfile"), appFiles["app/Dockerfile"].replace("ARG BASE\n", base));
  mkdirSync(join(folder, "state"));
  const python = (verb: string) =>
    run(program, languages.python, ["runner.py", verb], {
      PYTHONPATH: sdk,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
    });

  write(
    join(program, "program.py"),
    text.replace("./app", "./nowhere").replace(": 8080,", ": 99999,"),
  );
  const failed: unknown = await python("preview").catch((error: unknown) => error);
  expect((failed as { stdout: string }).stdout).toMatch(
    /multiarch:index:App resource 'web' has a problem: web: image\.context: there is no folder ".\/nowhere".*\n\s+web: host\.ports\[0\]\.container: /,
  );
  try {
    write(join(program, "program.py"), text);
    expect(await python("up")).toContain(`url: "http://127.0.0.1:${port}"`);
    expect(await get(port)).toBe("release one on x86_64");
    expect(await python("up")).toContain("unchanged");
  } finally {
    await python("destroy");
  }
});
