import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { describeProblems } from "../../components/errors";
import { loader } from "../../components/nodeProgram";
import {
  hostIdentity,
  pullSettings,
  refusalScript,
  releaseSettings,
} from "../../components/targets/host/hostSettings";
import { hostScript } from "../../components/targets/host/hostScript";
import { runScript, shells } from "./fakePrograms";

// Pulumi's command plugin waits forever after a line of 64 KiB that a command prints to a stream that is logged
// (tests/engine/commandPlugin.test.ts). All commands of this package log their stderr, and only that.

const folder = mkdtempSync(join(tmpdir(), "multiarch-lines-"));
afterAll(() => rmSync(folder, { recursive: true }));

const longest = (text: string) =>
  Math.max(...text.split("\n").map((line) => Buffer.byteLength(line)));

const image = `registry.example.com/web@sha256:${"a".repeat(64)}`;
const identity = { ...hostIdentity("project", "stack", "web"), resource: "urn" };
const architecture = arch() === "arm64" ? "arm64" : "x86_64";
const health = { command: ["true"], timeout: 1 };
const scripts: Record<string, string> = {
  pull:
    pullSettings(identity, image, architecture, { username: "u", password: "p" }) +
    hostScript("pull"),
  release:
    releaseSettings(identity, { image, health, release: { command: ["true"], timeout: 2 } }) +
    hostScript("release"),
};
scripts.forget = scripts.pull!;
scripts.remove = scripts.release!;

/** The engine's commands that an action calls where all goes well. */
function commandsOf(action: string): string[] {
  const { status, stderr, calls } = runScript(folder, shells[0]!, scripts[action]!, [action]);
  expect([action, status, status === 0 ? "" : stderr]).toEqual([action, 0, ""]);
  const commands = calls.flatMap(({ words: [program, command, what] }) =>
    program === "docker"
      ? [/^(container|image)$/.test(command!) ? `${command} ${what} ` : `${command} `]
      : [],
  );
  return [...new Set(commands)];
}

it.each(["pull", "release", "remove", "forget"])(
  "%s prints no line of more than 4,000 bytes, whichever command of the engine prints one of 100 kB, and fails or not",
  (action) => {
    const commands = commandsOf(action);
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands)
      for (const code of [0, 1]) {
        const ran = runScript(folder, shells[0]!, scripts[action]!, [action], [command, code]);
        expect([command, code, ran.status, longest(ran.stderr) <= 4000]).toEqual([
          command,
          code,
          expect.any(Number),
          true,
        ]);
      }
  },
  120_000,
);

it("a program of this package cuts its lines, by whatever way it prints them", () => {
  const program = join(folder, "program.js");
  const text = JSON.stringify("\u00fc\r".repeat(50_000));
  for (const body of [
    `console.error("first\\n" + ${text} + "\\nlast")`,
    `process.stderr.write(Buffer.from("first\\n" + ${text} + "\\nlast\\n"))`,
    `setTimeout(() => { throw new Error("first\\n" + ${text} + "\\nlast") })`,
    `Promise.reject(new Error("first\\n" + ${text} + "\\nlast"))`,
  ]) {
    writeFileSync(program, `exports.main = () => { ${body} }`);
    const env = { ...process.env, MULTIARCH_PROGRAM: program };
    const { stderr, status } = spawnSync(process.execPath, ["-"], {
      input: loader,
      env,
      encoding: "utf8",
    });
    expect(status).toBe(/Error/.test(body) ? 1 : 0);
    expect(longest(stderr)).toBeLessThan(64 * 1024);
    expect(stderr).toMatch(/first\n\u00fc\r[^\n]*\u2026\nlast/);
  }
});

it("a script that refuses settings cuts the lines of its problems", () => {
  const problem = { path: "host.command", what: "x".repeat(100_000), fix: "write another" };
  const { stderr } = spawnSync("sh", ["-s"], {
    input: refusalScript(describeProblems("web", [problem])),
    encoding: "utf8",
  });
  expect(stderr).toContain("web: host.command: xxx");
  expect(longest(stderr)).toBeLessThan(64 * 1024);
});
