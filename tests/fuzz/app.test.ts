import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

// The short form of `npm run test:fuzz`, always from the same seed. What is cut off from it is in alone.ts. It runs in a process of its
// own, where nobody else counts promises that are rejected, and where what never ends is ended. It takes the component from dist/.

it("600 sets of arguments each make a plan that holds, or give an error with the path of a field", async () => {
  const main = ["--require", "tsx/cjs", join(__dirname, "main.ts")];
  const env = { ...process.env, MULTIARCH_FUZZ_SEED: "1", MULTIARCH_FUZZ_SETS: "600" };
  const run = promisify(execFile)(process.execPath, main, {
    env,
    timeout: 110_000,
    maxBuffer: 1 << 26,
  });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  console.log(stdout);
  expect(stdout).toMatch(/fields that were never given: none\n/);
  expect(stdout).not.toMatch(/^(finding|plans and errors must)/m);
  expect(stdout).toMatch(/plans \d+ \(\d+ %\), errors \d+ \(\d+ %\), findings 0\n$/);
}, 120_000);
