// The first thing that runs in a fresh clone, so it has no dependencies: it checks Node, installs what
// package-lock.json names when that is due, and hands over to cli.ts.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const script = realpathSync(process.argv[1] ?? "");
const root = dirname(dirname(script));
const require = createRequire(script);
const lockFile = join(root, "package-lock.json");
const stamp = join(root, "node_modules", ".multiarch-lock");

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function checkMachine() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 6)) {
    fail(
      `multiarch needs Node 20.6 or newer, and this is ${process.versions.node}. ` +
        `Install a newer one (https://nodejs.org/en/download) and run the same command again.`,
    );
  }
  // Most tests run anywhere; those of the environment say by themselves that they need Linux.
  if (process.platform !== "linux" && process.argv[2] !== "test") {
    fail(
      `the embedded environment runs on Linux only, and this is ${process.platform}: it starts a builder ` +
        `and a registry on this machine. The component itself works with a plain \`pulumi up\`; see README.md.`,
    );
  }
}

const digest = () => createHash("sha256").update(readFileSync(lockFile)).digest("hex");

/** True when node_modules holds what package-lock.json asks for. */
function installed() {
  // npm writes this file last, so a killed installation has none, or an old one.
  const npmsOwn = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(npmsOwn)) return false;
  if (statSync(npmsOwn).mtimeMs >= statSync(lockFile).mtimeMs) return true;
  return existsSync(stamp) && readFileSync(stamp, "utf8") === digest();
}

async function install() {
  const { acquireLock } = require("./lock.js");
  const lock = process.platform === "linux" ? acquireLock : async () => async () => {};
  const release = await lock(`npm install ${root}`, (/** @type {string} */ pid) =>
    console.error(`another command (pid ${pid}) is installing the npm packages; waiting`),
  );
  try {
    if (installed()) return;
    console.error("installing the npm packages that package-lock.json names (npm ci)");
    // No install scripts: nothing here needs one, and this package's own `prepare` would compile it.
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    const npm = spawnSync("npm", [...args, "--loglevel=error"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32", // where npm is a script
    });
    if (npm.status !== 0) {
      fail(
        `npm ci failed${npm.error ? ` (${npm.error.message})` : ""}; its own words are above. It needs the ` +
          `npm registry: check \`npm config get registry\` and the network, then run the same command again.`,
      );
    }
    writeFileSync(stamp, digest());
  } finally {
    await release();
  }
}

function handOver() {
  const args = ["--require", require.resolve("tsx/cjs"), join(root, "local", "cli.ts")];
  const child = spawn(process.execPath, [...args, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
  });
  // Ctrl-C reaches both from the terminal; what is sent to this process alone is passed on. Either way the
  // prompt comes back only when the child is done.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => fail(error.message));
  child.on("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

async function main() {
  checkMachine();
  if (!installed()) await install();
  handOver();
}

void main();
