/** The gate's program as the gate runs it, in a process of its own, compiled from the sources. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { transformSync } from "@swc/core";
import { loader } from "../../components/nodeProgram";
import type { Report } from "../../components/verification/gate";
import type { Settings } from "../../components/verification/main";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report?: Report;
  readonly seconds: number;
  /** The most resident memory at any time, in MB. */
  readonly megabytes: number;
}

const root = join(__dirname, "../..");
let folder: string;

/**
 * What is loaded before the program. When it ends, it writes the most resident memory that it had: on Linux VmHWM, because maxRSS
 * includes the process that started it there. Names under `.example` resolve to the address that they spell: `10-0-0-1.example`. A name
 * with two addresses resolves to the first one at first: `1-1-1-1.10-0-0-1.example`. `never.example` is never answered.
 */
const preload = `
const { readFileSync, writeSync } = require("node:fs");
const dns = require("node:dns");
process.on("exit", () => {
  const linux = process.platform === "linux" && readFileSync("/proc/self/status", "utf8");
  writeSync(3, linux ? /VmHWM:\\s+(\\d+)/.exec(linux)[1] : String(process.resourceUsage().maxRSS));
});
const { lookup } = dns;
const asked = new Map();
dns.lookup = (host, options, done) => {
  if (!host.endsWith(".example")) return lookup(host, options, done);
  if (host === "never.example") return;
  const names = host.split(".").slice(0, -1);
  const at = asked.get(host) ?? 0;
  asked.set(host, at + 1);
  const name = names[Math.min(at, names.length - 1)];
  const address = name.includes("x") ? name.replace("x", "").replaceAll("-", ":") : name.replaceAll("-", ".");
  done(null, [{ address, family: address.includes(":") ? 6 : 4 }]);
};
`;

/** Compiles `components/` into a folder of its own, which `npm run build` cannot change while tests run. */
export function compileGate(): void {
  folder = mkdtempSync(join(tmpdir(), "multiarch-hostile-"));
  for (const name of readdirSync(join(root, "components"), { recursive: true }) as string[]) {
    if (!name.endsWith(".ts")) continue;
    const source = readFileSync(join(root, "components", name), "utf8");
    const { code } = transformSync(source, {
      filename: name,
      jsc: { target: "es2022", parser: { syntax: "typescript" } },
      module: { type: "commonjs" },
    });
    const file = join(folder, name.replace(/ts$/, "js"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  writeFileSync(join(folder, "preload.js"), preload);
}

export const removeGate = (): void => rmSync(folder, { recursive: true, force: true });

/** Runs the program as the gate does: its loader on stdin, settings and credentials in the environment. */
export function runGate(
  settings: Settings,
  access: { username?: string; password?: string } = {},
): Promise<Outcome> {
  const started = Date.now();
  const child = spawn(process.execPath, ["--require", join(folder, "preload.js"), "-"], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      NODE_PATH: join(root, "node_modules"),
      MULTIARCH_PROGRAM: join(folder, "verification/main.js"),
      MULTIARCH_VERIFY: JSON.stringify(settings),
      ...(access.username && { MULTIARCH_REGISTRY_USERNAME: access.username }),
      ...(access.password && { MULTIARCH_REGISTRY_PASSWORD: access.password }),
    },
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  child.stdin!.end(loader);
  const [, stdout, stderr, memory] = child.stdio.map((stream, at) => {
    const chunks: Buffer[] = [];
    if (at > 0) stream!.on("data", (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  });
  return new Promise((resolve) =>
    child.on("close", (code) =>
      resolve({
        code,
        stdout: stdout!(),
        stderr: stderr!(),
        ...(stdout!() !== "" && { report: JSON.parse(stdout!()) as Report }),
        seconds: (Date.now() - started) / 1000,
        megabytes: Number(memory!()) / 1024,
      }),
    ),
  );
}
