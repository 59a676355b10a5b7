import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const checkout = path.resolve(__dirname, "../..");
const run = promisify(execFile);

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "multiarch-api-"))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** What TypeDoc says and writes, which is an error where an exported name or a field has no documentation. */
async function generate(...args: string[]): Promise<string> {
  const typedoc = path.join(checkout, "node_modules/typedoc/bin/typedoc");
  const { stdout, stderr } = await run(process.execPath, [typedoc, ...args], { cwd: checkout });
  return stdout + stderr;
}

/** The pages below a folder, each with its text. */
function pagesIn(directory: string): Record<string, string> {
  const files = fs.readdirSync(directory, { recursive: true, encoding: "utf8" });
  const pages = files.filter((file) => file.endsWith(".md")).sort();
  return Object.fromEntries(
    pages.map((page) => [page, fs.readFileSync(path.join(directory, page), "utf8")]),
  );
}

it("docs/api is what `npm run docs` makes of the source", async () => {
  await generate("--out", folder);
  const [kept, made] = [pagesIn(path.join(checkout, "docs/api")), pagesIn(folder)];
  const names = [...new Set([...Object.keys(kept), ...Object.keys(made)])];
  expect(names.length).toBeGreaterThan(50);
  const stale = names.filter((name) => kept[name] !== made[name]);
  // Run `npm run docs`, and commit what it wrote.
  expect(stale).toEqual([]);
}, 120_000);

it("a name or field that is exported without documentation is an error", async () => {
  const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
  write("bare.ts", "/** One. */\nexport interface One { two: string }\n");
  write("tsconfig.json", `{ "files": ["bare.ts"] }`);
  const own = { entryPoints: ["bare.ts"], tsconfig: "tsconfig.json", out: "api" };
  write("typedoc.json", JSON.stringify({ extends: [path.join(checkout, "typedoc.json")], ...own }));
  await expect(generate("--options", folder)).rejects.toMatchObject({
    code: expect.any(Number),
    stderr: expect.stringContaining("One.two (Property)"),
  });
  expect(fs.existsSync(path.join(folder, "api"))).toBe(false);
}, 120_000);
