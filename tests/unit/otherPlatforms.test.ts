import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../../local/paths";
import { planTests } from "../../local/testCommand";

// Only the embedded environment needs Linux. Another platform is simulated here for the command that npm starts, not for what it starts.

const folder = mkdtempSync(join(tmpdir(), "multiarch-platform-"));
const shim = join(folder, "darwin.cjs");
writeFileSync(shim, `Object.defineProperty(process, "platform", { value: "darwin" });\n`);
afterAll(() => rmSync(folder, { recursive: true }));

const command = (...args: string[]) => {
  const script = join(checkout, "local", "run.mjs");
  const env = { ...process.env, NODE_OPTIONS: "" };
  return spawnSync(process.execPath, ["--require", shim, script, ...args], {
    encoding: "utf8",
    env,
  });
};

it("npm test runs a group without an engine on another platform", () => {
  const { status, stdout, stderr } = command("test", "unit", "tests/unit/printable.test.ts");
  expect([status, stdout + stderr]).toEqual([0, expect.stringMatching(/\d+ passed, 0 failed/)]);
}, 60_000);

it.each(["start", "preview", "down", "pulumi"])("npm run %s says that it needs Linux", (verb) => {
  const { status, stderr } = command(verb);
  expect(status).toBe(1);
  expect(stderr).toContain("the embedded environment runs on Linux only, and this is darwin");
});

it.each(["unit", "components", "hostile", "fuzz"])("the group %s needs no environment", (group) => {
  expect(planTests([group]).needsEnvironment).toBe(false);
});
