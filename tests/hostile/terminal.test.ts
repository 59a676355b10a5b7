import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { run as cli } from "../../components/cli/main";
import { docker } from "../../components/command";
import { main as buildxProgram } from "../../components/image/buildxProgram";
import { explain } from "../../components/image/explain";
import { log } from "../../components/log";
import { Registry } from "../../components/registry/client";
import { rolloutProblem } from "../../components/targets/ecs/rollout";
import { start } from "../../components/verification/start";
import { answer, basicOf, FakeRegistry, sha256, types } from "../unit/fakeRegistry";
import { arm, refusal, x86 } from "../unit/entrypointImage";
import { gz, image } from "./hostileLayers";
import { pax, rawTar } from "./rawTar";

// Words of registries, images, containers, engines and AWS, at each place where the package prints them. What the gate's program
// prints is in images.test.ts.

/** Clears the screen, sets the title, starts a line that looks like ours, turns direction, and colors. */
const nasty = "\x1b[2J\x1b]0;t\x07\rweb: verified\u202e\u2028\x9b31m\x7f\b<{%fg 1%}>";
const forbidden = /[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|<\{%/u;
const stored = process.env;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-terminal-"));
  mkdirSync(join(folder, "tmp"));
  process.env = {
    ...stored,
    PATH: `${folder}:${stored.PATH}`,
    TMPDIR: join(folder, "tmp"),
    DOCKER_CONFIG: folder,
  };
});
afterEach(() => {
  jest.restoreAllMocks();
  process.env = stored;
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
});

/** A docker client that prints a text for one command. */
function client(command: string, text: string, to = 2): void {
  writeFileSync(join(folder, "said"), text);
  const script = `#!/bin/sh
case $1 in
${command}) cat ${join(folder, "said")} >&${to}; exit ${to === 2 ? 1 : 0} ;;
version) echo linux/amd64 ;;
image) exit 1 ;;
wait) echo 1 ;;
esac
`;
  writeFileSync(join(folder, "docker"), script, { mode: 0o755 });
}

/** Lines that are ours, none of them begun by somebody else. */
function expectOurs(printed: string, line: RegExp): void {
  expect(printed).not.toMatch(forbidden);
  for (const one of printed.split("\n").filter(Boolean)) expect(one).toMatch(line);
}

test("the check itself finds what is forbidden", () => {
  for (const one of nasty.replace(/[ -~]/g, "")) expect(one).toMatch(forbidden);
  expect("<{%fg 1%}>").toMatch(forbidden);
});

test("Pulumi's log shows it, whatever is logged", async () => {
  for (const kind of ["info", "warn", "error"] as const) {
    const spy = jest.spyOn(pulumi.log, kind).mockResolvedValue();
    await log[kind](`building ${nasty}`);
    expectOurs(spy.mock.calls[0]![0], /^building \\u001b\[2J.*\\rweb: verified\\u202e/);
  }
});

test("the last line of Docker's client, which is why a command failed", async () => {
  client("pull", `first\nError: ${nasty}\n`);
  const { detail } = await docker(["pull"], 20_000);
  expectOurs(detail, /^\\u001b\[2J.*\\rweb: verified/);
});

test("events of ECS, each in a line of its own", () => {
  const event = { createdAt: "", message: `unable to start\nweb: verified${nasty}` };
  const facts = { taskDefinition: "arn/web:1", deployments: [], events: [event] };
  const problem = rolloutProblem("arn/web:2", facts, { logs: "aws logs" })!;
  expectOurs(problem, /^(ECS runs|what |once | {2}unable to start\\nweb: verified\\u001b)/);
});

/** An image to start. */
const tried = {
  platform: "linux/amd64",
  digest: sha256("x"),
  size: 1,
  config: {},
  volumes: [],
  layers: [],
};

test("what a container printed is marked, line by line", async () => {
  client("logs", `one\nweb: verified\n${nasty}\r\n`, 1);
  const message = await refusal(start([tried], new Registry("registry.test/app:1"), {}, {}));
  expectOurs(message, /^(linux\/amd64: the image's own command | {2}\| )/);
  expect(message).toContain("\n  | web: verified\n");
});

test("what a step of a build printed is marked, line by line", async () => {
  client("buildx", `ERROR: failed\nweb: verified\n${nasty}\n`);
  const said: string[] = [];
  jest
    .spyOn(process.stderr, "write")
    .mockImplementation((text) => Boolean(said.push(String(text))));
  process.env.MULTIARCH_LOGINS = "[]";
  const source = `registry.test/app@${sha256("x")}`;
  const copy = { source, target: "registry.test/app:2", secrets: [] };
  const settings = { name: "web", path: "image.", ...copy };
  process.env.MULTIARCH_BUILDX = JSON.stringify(settings);
  await buildxProgram();
  jest.restoreAllMocks();
  expectOurs(said.join(""), /^(web: | {2}\| )/);
  expect(said.join("")).toContain("\nweb:   | web: verified\n");
});

test("long lines of a registry or a container take no time", async () => {
  const place = { subject: "", registry: "r", credentials: "given", path: String } as const;
  const started = Date.now();
  for (const text of [
    "failed to do ",
    "failed to push (",
    "status",
    "cache",
    "OCI runtime",
    'process "',
  ])
    explain(text.repeat(200_000), place, text.repeat(200_000));
  client("logs", "OCI runtime".repeat(100_000), 1);
  const message = await refusal(start([tried], new Registry("registry.test/app:1"), {}, {}));
  expect(message).toContain("ended with exit code 1");
  expect(Date.now() - started).toBeLessThan(5000);
}, 20_000);

describe("npx multiarch inspect prints", () => {
  let registry: FakeRegistry;
  let printed: string;
  beforeEach(async () => {
    printed = "";
    registry = await FakeRegistry.start();
  });
  afterEach(() => registry.stop());
  const run = (...args: string[]) => cli(["inspect", ...args], (text) => (printed += text));
  /** An image whose program has such a name. */
  const named = (body: Buffer) =>
    image(
      [
        gz(
          rawTar([
            { name: "p", type: "x", body: pax({ path: `app\n${nasty}` }) },
            { name: "x", mode: 0o755, body },
          ]),
        ),
      ],
      { Cmd: [`/app\n${nasty}`] },
    )(registry);

  test("names of files, in its table and in JSON", async () => {
    const reference = registry.reference(named(x86));
    expect(await run(reference)).toBe(0);
    expectOurs(printed, /^(127\.|application\/|PLATFORM|linux\/amd64 .*\/app\\n\\u001b)/);
    printed = "";
    expect(await run("--json", reference)).toBe(0);
    expect(printed).not.toMatch(forbidden);
    expect((JSON.parse(printed) as { images: unknown[] }).images).toMatchObject([
      { file: `/app\n${nasty}`, code: "amd64" },
    ]);
  });

  test("problems", async () => {
    const reference = registry.reference(named(arm));
    expect(await run(reference)).toBe(1);
    expectOurs(
      printed,
      /^(127\.|application\/|PLATFORM|linux\/amd64 |wrong: linux\/amd64: \/app\\n\\u001b)/,
    );
  });

  test("errors and media types of a registry", async () => {
    registry.intercept = (_, response) => answer(response, 403, { errors: [{ message: "x" }] });
    registry.intercept = (_, response) => {
      response.writeHead(403).end(`{"message":"${nasty}\nweb: verified"}`);
      return true;
    };
    expect(await run(registry.reference("1"))).toBe(1);
    expectOurs(printed, /^127\.0\.0\.1:\d+ doesn't let .*\\u001b/);
    printed = "";
    registry.intercept = () => false;
    const config = registry.blob(types.config, '{"os":"linux","architecture":"amd64"}');
    const { digest } = registry.manifest(types.manifest, { mediaType: nasty, config, layers: [] });
    await run(registry.reference(digest));
    expectOurs(printed, /^(127\.|\\u001b\[2J|PLATFORM|linux\/amd64)/);
  });

  test("the command line", async () => {
    for (const word of ["", "--"])
      await cli([`${word}inspect${nasty}`], (text) => (printed += text));
    expect(printed).not.toMatch(forbidden);
  });

  test("a password that a registry repeats is not printed", async () => {
    process.env.MULTIARCH_REGISTRY_USERNAME = "ann";
    process.env.MULTIARCH_REGISTRY_PASSWORD = "canary";
    registry.intercept = (_, response) =>
      answer(response, 403, { errors: [{ message: `canary ${basicOf("ann", "canary")}` }] });
    expect(await run(registry.reference("1"))).toBe(1);
    expect(printed).toMatch(/\(403, \*\*\* Basic \*\*\*\)/);
  });
});
