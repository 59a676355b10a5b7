/**
 * What @pulumi/command 1.2.1 does, told by the real engine. Our host target and our verification
 * rest on these rules, so they are run against whichever `command` plugin is installed: the
 * official one, or the stand-in in local/plugins/command, which names its sources.
 *
 * Most of it is one project that goes through a few runs in `beforeAll`; the tests then only look.
 */
import fs from "node:fs";
import path from "node:path";
import { createProject, NOTHING, type Project, type RunResult, type Step } from "./harness";

/** PHASE 1 creates, PHASE 2 changes, PHASE 3 breaks. Commands leave their traces in `log`. */
const program = `
  const pulumi = require("@pulumi/pulumi");
  const { local, remote } = require("@pulumi/command");
  const phase = Number(process.env.PHASE);
  const changed = phase >= 2;
  const broken = phase === 3;
  const command = (name, args, opts) => new local.Command(name, args, opts);
  const say = (text) => \`echo "\${text}" >> log\`;

  command("plain", { create: "printf 'a\\\\n\\\\n'; echo problem >&2" });
  const changing = { V: changed ? "two" : "one" };
  command("created again", { create: "echo created $V", environment: changing });
  command("updated", {
    create: "echo created",
    update: 'echo "$V after $PULUMI_COMMAND_STDOUT"',
    environment: changing,
  });
  command("without previous", {
    create: "echo created",
    update: 'echo "[$PULUMI_COMMAND_STDOUT]"',
    addPreviousOutputInEnv: false,
    environment: changing,
  });
  command("stdin", { create: "cat", stdin: "line 1\\nline 2\\n" });
  command("stdin unread", { create: "true", stdin: "x".repeat(200000) });
  command("no stdin", { create: "cat" });
  command("interpreter", { create: "console.log(process.argv.length, 6 * 7)", interpreter: ["node", "-e"] });
  command("dir", { create: "pwd", dir: "files" });
  command("default dir", { create: "pwd" });
  const triggered = command("triggered", {
    create: say("triggered create [$PULUMI_COMMAND_STDOUT]") + "; echo " + (changed ? "second" : "first"),
    update: say("triggered update"),
    delete: say("triggered delete $PULUMI_COMMAND_STDOUT"),
    triggers: [{ deep: changed ? 2 : 1 }, "same"],
  });
  command("trigger added", { create: "true", ...(changed ? { triggers: ["new"] } : {}) });
  command("secret input", { create: "echo $TOKEN", environment: { TOKEN: pulumi.secret("canary-1") } });
  command("secret output", { create: "echo canary-2", environment: changing }, { additionalSecretOutputs: ["stdout"] });
  command("became secret", {
    create: "true",
    environment: { A: changed ? pulumi.secret("same") : "same" },
  });
  command("assets", {
    create: "true",
    dir: "files",
    assetPaths: ["**.txt", "!**/b.txt"],
    archivePaths: ["*.md"],
  });
  command("no create", { delete: say("no create delete"), environment: changing });
  command("input added", { create: "echo got $V", ...(changed ? { environment: { V: "x" } } : {}) });
  command("input removed", { create: "echo got $V", ...(changed ? {} : { environment: { V: "x" } }) });
  command("unknown input", { create: "echo after $V", environment: { V: triggered.stdout } });
  command("ignored", { create: say("ignored"), environment: changing }, { ignoreChanges: ["environment"] });
  command("logged", { create: "echo to-be-seen; echo also-seen >&2" });
  command("logging stderr", { create: "echo unseen-1; echo seen-2 >&2", logging: "stderr" });
  command("logging none", { create: "echo unseen-3; echo unseen-4 >&2", logging: "none" });
  command("longest line", { create: "head -c 65535 /dev/zero | tr '\\\\0' x; echo; echo after-it" });
  const hop = { host: "192.0.2.1", password: "given", privateKey: pulumi.secret("given") };
  new remote.Command("remote", { connection: { ...hop, proxy: hop } });
  command("long line", { create: "head -c 200000 /dev/zero | tr '\\\\0' x", logging: "none" });
  command("undeletable", { create: "true", delete: "test ! -e stuck" });
  command("failing update", {
    create: "echo fine",
    update: 'echo "working $PULUMI_COMMAND_STDOUT"; echo broke >&2; exit 3',
    ...(broken ? { stdin: "changed" } : {}),
  });
  exports.run = local.runOutput({ command: "echo ran in $PHASE; echo ran >> log-of-runs" }).stdout;
  if (broken) {
    command("failing create", { create: "echo half done; exit 7" });
    command("killed", { create: "kill -TERM $$" });
    command("no interpreter", { create: "true", interpreter: ["no-such-program"] });
    command("no dir", { create: "true", dir: "/no/such/dir" });
    command("quoted", { create: "printf 'é\\\\t'\\nfalse" });
  }
`;

let project: Project;
let first: RunResult;
let unchanged: RunResult;
let planned: RunResult;
let second: RunResult;
let failed: RunResult;
let reverted: RunResult;
let stuck: RunResult;
let destroyed: RunResult;
let secondState: Awaited<ReturnType<Project["state"]>>;
let failedState: Awaited<ReturnType<Project["state"]>>;
/** The state with its secrets. */
let exported: string;
const logs: string[][] = [];

/** The lines of `log` since the last look. */
function takeLog(): string[] {
  const file = path.join(project.directory, "log");
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : [];
  fs.rmSync(file, { force: true });
  return lines.sort();
}

beforeAll(async () => {
  const files = { "files/a.txt": "a", "files/sub/b.txt": "b", "files/c.md": "c" };
  project = await createProject({ name: "command-plugin", program, files });
  const phase = (number: number) => ({ env: { PHASE: String(number) } });
  first = await project.up(phase(1));
  logs.push(takeLog());
  unchanged = await project.preview(phase(1));
  planned = await project.preview({ ...phase(2), diff: true });
  second = await project.up(phase(2));
  logs.push(takeLog());
  secondState = await project.state();
  failed = await project.up({ ...phase(3), args: ["--continue-on-error"], expectFailure: true });
  failedState = await project.state();
  reverted = await project.up(phase(2));
  takeLog();
  exported = (await project.pulumi(["stack", "export", "--show-secrets"])).stdout;
  project.write("stuck", "");
  stuck = await project.destroy({ args: ["--continue-on-error"], expectFailure: true });
  logs.push(takeLog());
  fs.rmSync(path.join(project.directory, "stuck"));
  destroyed = await project.destroy();
});

const missing: Step = { op: "missing", urn: "", type: "", name: "", diffs: [], replaces: [] };

function step(run: RunResult, name: string): Step {
  const steps = run.events.filter((event) => event.name === name);
  return steps.find(({ op }) => op === "replace") ?? steps[0] ?? missing;
}

const output = (run: RunResult, name: string, property = "stdout") =>
  step(run, name).outputs?.[property];

const secretMark = "4dabf18193072939515e22adb298388d";
const secretMarkValue = "1b47061264138c4ac30d75fd1eb44270";
type Connection = Record<string, unknown> & { proxy?: Connection };

/** The connection of a resource in an exported state. */
function parsed(state: string, name: string): Connection {
  const { deployment } = JSON.parse(state) as {
    deployment: { resources: { urn: string; inputs: { connection: { plaintext: string } } }[] };
  };
  const found = deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`));
  return JSON.parse(found!.inputs.connection.plaintext) as Connection;
}

const inState = (state: typeof secondState, name: string) =>
  state.resources.find(({ urn }) => urn.endsWith(`::${name}`));

describe("an output", () => {
  test.each<[string, () => unknown, unknown]>([
    ["is stdout without its last newline", () => output(first, "plain"), "a\n"],
    ["is stderr too", () => output(first, "plain", "stderr"), "problem"],
    [
      "comes from create, with the environment",
      () => output(first, "created again"),
      "created one",
    ],
    [
      "comes from create again, without update",
      () => output(second, "created again"),
      "created two",
    ],
    [
      "comes from update, which is given the last one",
      () => output(second, "updated"),
      "two after created",
    ],
    ["is not given to update on request", () => output(second, "without previous"), "[]"],
    ["may be what came in on stdin", () => output(first, "stdin"), "line 1\nline 2"],
    ["doesn't need stdin to be read", () => output(first, "stdin unread"), ""],
    ["is empty where there is no stdin to read", () => output(first, "no stdin"), ""],
    ["comes from the interpreter", () => output(first, "interpreter"), "1 42"],
    ["is empty without create", () => output(first, "no create"), ""],
    ["comes from dir", () => output(first, "dir"), () => path.join(project.directory, "files")],
    [
      "comes from the program's folder",
      () => output(first, "default dir"),
      () => project.directory,
    ],
    ["may be longer than 64 KiB", () => String(output(first, "long line")).length, 200_000],
    ["of another command arrives", () => output(second, "unknown input"), "after second"],
    ["follows an input that was added", () => output(second, "input added"), "got x"],
    ["follows an input that was removed", () => output(second, "input removed"), "got"],
  ])("%s", (_, actual, expected) => {
    expect(actual()).toBe(typeof expected === "function" ? expected() : expected);
  });

  test("assets and archive hold what the globs choose", () => {
    const assets = output(first, "assets", "assets") as Record<string, { path: string }>;
    expect(Object.keys(assets)).toEqual(["a.txt"]);
    expect(assets["a.txt"]?.path).toBe("files/a.txt");
    const archive = output(first, "assets", "archive") as { assets: object };
    expect(Object.keys(archive.assets)).toEqual(["c.md"]);
  });
});

describe("a preview", () => {
  test("of nothing new shows nothing and runs nothing", () => {
    const { same, ...rest } = unchanged.summary;
    expect(rest).toEqual({ create: 0, update: 0, replace: 0, delete: 0 });
    expect(same).toBeGreaterThan(20);
  });

  test.each([
    ["created again", "update", ["environment.V"], "[unknown]"],
    ["input removed", "update", ["environment"], "[unknown]"],
    // The provider looks for changes among the inputs that the state has.
    ["input added", "update", ["environment"], "got"],
    ["unknown input", "update", ["environment.V"], "[unknown]"],
    ["became secret", "update", ["environment.A"], "[unknown]"],
    ["triggered", "replace", ["create", "triggers[0].deep"], "[unknown]"],
    ["trigger added", "replace", ["triggers"], "[unknown]"],
    ["ignored", "same", [], ""],
  ])("of %s: %s, because of %j, stdout %j", (name, op, diffs, stdout) => {
    const found = step(planned, name);
    expect({ op: found.op, diffs: found.diffs }).toEqual({ op, diffs });
    expect(output(planned, name)).toBe(stdout);
  });

  test("with --diff prints the changed property and no other", () => {
    const text = planned.stdout.split("::created again]")[1]?.split("[id=")[0];
    expect(text).toContain('~ V: "one" => "two"');
    expect(text).not.toContain("create:");
  });

  test("runs the invoke, and no command", () => {
    const runs = fs.readFileSync(path.join(project.directory, "log-of-runs"), "utf8");
    // up, preview, preview, up, up (broken), up; the destroys run no program.
    expect(runs.match(/ran/g)).toHaveLength(6);
    expect(logs[0]).toEqual(["ignored", "triggered create []"]);
  });
});

test("a trigger replaces although there is an update: create first, the old one's delete last", () => {
  expect(logs[1]).toEqual(["triggered create []", "triggered delete first"]);
  const ops = second.events.filter(({ name }) => name === "triggered").map(({ op }) => op);
  expect(ops).toEqual(["create-replacement", "replace", "delete-replaced"]);
  expect(step(second, "triggered").replaces).toEqual(["triggers[0].deep"]);
});

describe("secrets", () => {
  test("an output is not secret because an input is", () => {
    expect(output(first, "secret input")).toBe("canary-1");
    expect(output(first, "secret input", "environment")).toMatchObject({
      TOKEN: { ciphertext: "[secret]" },
    });
  });

  test("the provider makes the credentials in a connection secrets, in a connection that is secret itself", () => {
    const connection = parsed(exported, "remote");
    expect(connection).toMatchObject({ host: "192.0.2.1", user: "root", port: 22 });
    const { password, privateKey, proxy } = connection;
    for (const value of [password, privateKey, proxy?.password, proxy?.privateKey])
      expect(value).toEqual({ [secretMark]: secretMarkValue, plaintext: '"given"' });
  });

  test("additionalSecretOutputs stay secret after an update", () => {
    expect(inState(secondState, "secret output")?.outputs?.stdout).toHaveProperty("ciphertext");
    expect(secondState.text).not.toContain('"stdout": "canary-2"');
  });
});

describe("while it runs", () => {
  test.each([
    ["stdout is shown", "to-be-seen", true],
    ["stderr is shown", "also-seen", true],
    ["a line of 65,535 bytes is shown, and what follows it", "after-it", true],
    ["logging: stderr shows that alone", "seen-2", true],
    ["logging: stderr hides stdout", "unseen-1", false],
    ["logging: none hides stdout", "unseen-3", false],
    ["logging: none hides stderr", "unseen-4", false],
  ])("%s", (_, text, shown) => {
    expect(first.output.includes(` ${text}\n`)).toBe(shown);
  });
});

describe("a failure", () => {
  test.each([
    [
      "tells exit code, command and both outputs",
      'exit status 3: running "echo \\"working $PULUMI_COMMAND_STDOUT\\"; echo broke >&2; exit 3":' +
        "\nworking fine\nbroke",
    ],
    ["of create tells the same", 'exit status 7: running "echo half done; exit 7":\nhalf done'],
    ["by a signal names it", 'signal: terminated: running "kill -TERM $$":'],
    [
      "to find the interpreter says so",
      'exec: "no-such-program": executable file not found in $PATH: running "true":',
    ],
    ["to enter dir says so", 'chdir /no/such/dir: no such file or directory: running "true":'],
    ["quotes the command as Go does", `exit status 1: running "printf 'é\\\\t'\\nfalse":`],
  ])("%s", (_, text) => {
    const lines = failed.output.replace(/^ +/gm, "");
    expect(lines).toContain(text);
  });

  test("of create leaves nothing in the state", () => {
    expect(inState(failedState, "failing create")).toBeUndefined();
    expect(failedState.text).not.toContain("pending_operations");
  });

  test("of update keeps the old inputs and outputs, so a revert has nothing to do", () => {
    expect(inState(failedState, "failing update")?.outputs).toMatchObject({ stdout: "fine" });
    expect(inState(failedState, "failing update")?.inputs).not.toHaveProperty("stdin");
    expect(reverted.summary).toEqual({ ...NOTHING, same: unchanged.summary.same });
  });

  test("of delete keeps the resource, and the next destroy tries again", () => {
    expect(stuck.output).toContain('exit status 1: running "test ! -e stuck":');
    expect(destroyed.summary).toEqual({ ...NOTHING, delete: 1 });
  });
});

test("delete runs with the state's inputs and outputs", () => {
  expect(logs[2]).toEqual(["no create delete", "triggered delete second"]);
});

test("inputs of a wrong type are refused in preview, by name", async () => {
  const wrong = await createProject({
    name: "command-types",
    program: `
      const { local } = require("@pulumi/command");
      new local.Command("wrong", { create: 5, environment: { A: 1 }, interpreter: "sh" });
    `,
  });
  const { output } = await wrong.preview({ expectFailure: true });
  const field = (name: string, type: string, got: string) =>
    `Field '${name}' on 'local.CommandInputs' must be a '${type}'; got '${got}' instead`;
  expect(output).toContain(field("create", "string", "float64"));
  expect(output).toContain(field("environment[A] value", "string", "float64"));
  expect(output).toContain(field("interpreter", "[]string", "string"));
});

test("SIGINT kills a command's own process, and waits for what it started", async () => {
  const interrupted = await createProject({
    name: "command-interrupt",
    program: `
      const { local } = require("@pulumi/command");
      new local.Command("alone", { create: "trap '' TERM INT; while :; do sleep 0.1; done" });
      // The shell that is killed has a child, which holds the pipes.
      new local.Command("script", {
        create: "sh -s; exit $?",
        stdin: "echo started; sleep 2; echo finished >> log",
      });
    `,
  });
  const up = interrupted.start("up");
  await up.waitFor("started");
  up.kill("SIGINT");
  const { code, output } = await up.done;
  expect(code).not.toBe(0);
  expect(output).toContain('signal: killed: running "trap');
  expect(output).toContain('signal: killed: running "sh -s; exit $?":\n');
  expect(fs.readFileSync(path.join(interrupted.directory, "log"), "utf8")).toBe("finished\n");
});

test("a line of 64 KiB or more blocks a command forever, although its process has ended, and SIGINT changes nothing", async () => {
  const blocked = await createProject({
    name: "command-blocked",
    program: `
      const { local } = require("@pulumi/command");
      new local.Command("blocked", {
        create: "head -c 65536 /dev/zero | tr '\\\\0' x; echo; touch ended",
        logging: "stdout",
      });
    `,
  });
  const up = blocked.start("up");
  const ended = path.join(blocked.directory, "ended");
  await waitUntil(() => fs.existsSync(ended));
  up.kill("SIGINT");
  const first = await Promise.race([
    up.done.then(() => "ended"),
    pause(3000).then(() => "blocked"),
  ]);
  expect(first).toBe("blocked");
  up.kill("SIGKILL");
  await up.done;
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function waitUntil(isDue: () => boolean): Promise<void> {
  while (!isDue()) await pause(50);
}
