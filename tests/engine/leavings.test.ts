import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../../local/paths";
import type { Front } from "../../local/registryFront";
import { loader } from "../../components/nodeProgram";
import { startRegistryFront } from "./appProject";
import { encodeLogin, requireLogin } from "./basicAuth";
import { runDocker } from "./dockerClient";
import { environment } from "./harness";
import { secretForms } from "./secretForms";

// What each program that is given credentials leaves behind, and what the commands that it starts can see: after it succeeded,
// after it failed, and after SIGKILL. Whole deployments are in secrets.test.ts, and kills of them in tests/faults/kill.test.ts.

const canary = (kind: string) => `canary${kind}${randomBytes(12).toString("hex")}`;
const login = { username: "robot", password: canary("Own") };
/** Of a build, by its own step alone. */
const token = canary("Token");
/** What no command may see: logins for other registries and a proxy's password. */
const others = { given: canary("Given"), stored: canary("Stored"), proxy: canary("Proxy") };

let base: string;
let front: Front;
let repository: string;
let source: string;
let platform: string;

beforeAll(async () => {
  front = await startRegistryFront();
  repository = `leavings-${process.pid}`;
  const reference = `${front.address}/${repository}:1`;
  await runDocker(["buildx", "imagetools", "create", "--tag", reference, environment().baseImage]);
  const format = "{{json .Manifest}}";
  const shown = await runDocker(["buildx", "imagetools", "inspect", reference, "--format", format]);
  source = `${front.address}/${repository}@${(JSON.parse(shown) as { digest: string }).digest}`;
  platform = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
});
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "multiarch-leavings-"));
  for (const name of ["tmp", "home"]) mkdirSync(join(base, name));
  const own = environment().env.DOCKER_CONFIG ?? "";
  cpSync(own, join(base, "docker"), { recursive: true, verbatimSymlinks: true });
  const auth = encodeLogin({ username: "other", password: others.stored });
  const proxy = { httpProxy: `http://me:${others.proxy}@proxy.test:3128` };
  const config = { auths: { "other.test": { auth } }, proxies: { default: proxy } };
  writeFileSync(join(base, "docker", "config.json"), JSON.stringify(config));
});
afterEach(() => {
  for (const { pid } of processes()) process.kill(pid, "SIGKILL");
  rmSync(base, { recursive: true, force: true });
});
afterAll(() => front.close());

/** The processes of a run, and what everyone who may look sees of them. */
function processes(): { pid: number; command: string; variables: string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    try {
      // In this order: a process may become another command in between, and then has that command's environment.
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ");
      const variables = readFileSync(`/proc/${entry}/environ`, "utf8");
      const mine = /^\d+$/.test(entry) && variables.includes(`HOME=${base}/home`);
      return mine ? [{ pid: Number(entry), command, variables }] : [];
    } catch {
      return []; // It ended in the meantime.
    }
  });
}

interface Tool {
  readonly name: string;
  /** Whether it starts commands that need the login. */
  readonly starts: boolean;
  /** Whether it may need the login of any registry, as a build does for its base images. */
  readonly builds?: boolean;
  begin(): ChildProcess;
}

function begin(args: string[], variables: Record<string, string>, input = ""): ChildProcess {
  const { env } = environment();
  const folders = { TMPDIR: join(base, "tmp"), HOME: join(base, "home") };
  const child = spawn(process.execPath, args, {
    cwd: checkout,
    env: { ...process.env, ...env, ...folders, DOCKER_CONFIG: join(base, "docker"), ...variables },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin?.on("error", () => {}).end(input);
  return child;
}

const given = () => ({
  MULTIARCH_REGISTRY_USERNAME: login.username,
  MULTIARCH_REGISTRY_PASSWORD: login.password,
});
const cli = (...args: string[]) =>
  begin([join(checkout, "dist/components/cli/main.js"), ...args], given());
const program = (module: string, variables: Record<string, string>) =>
  begin(["-"], { MULTIARCH_PROGRAM: `dist/components/${module}.js`, ...variables }, loader);

const tools: Tool[] = [
  { name: "multiarch inspect", starts: false, begin: () => cli("inspect", source) },
  {
    name: "multiarch doctor",
    starts: true,
    begin: () => cli("doctor", "--builder", environment().builder, source.split("@")[0]!),
  },
  {
    name: "the verification, which starts the image,",
    starts: true,
    begin: () => {
      const trial = { platforms: [platform], depth: "run", command: ["true"] };
      const settings = JSON.stringify({ reference: source, ...trial });
      return program("verification/main", { MULTIARCH_VERIFY: settings, ...given() });
    },
  },
  {
    name: "the push of an index with its verification",
    starts: true,
    begin: () => {
      const target = `${front.address}/${repository}-pushed:1`;
      const push = { sources: [source], target, index: true, path: "image." };
      const third = { address: "third.test", username: "x", password: others.given };
      return program("verification/main", {
        MULTIARCH_VERIFY: JSON.stringify({ reference: target, platforms: [platform], push }),
        MULTIARCH_LOGINS: JSON.stringify([third]),
        ...given(),
      });
    },
  },
  {
    name: "a copy of an image",
    starts: true,
    begin: () => {
      const target = `${front.address}/${repository}-copy:1`;
      const settings = { name: "copy", path: "image.", source, target, secrets: [] };
      const all = [
        { address: "third.test", username: "x", password: others.given },
        { address: front.address, ...login },
      ];
      return program("image/buildxProgram", {
        MULTIARCH_BUILDX: JSON.stringify(settings),
        MULTIARCH_LOGINS: JSON.stringify(all),
      });
    },
  },
  {
    name: "a build with provenance",
    starts: true,
    builds: true,
    begin: () => {
      const folder = mkdtempSync(join(base, "context-"));
      const step = "RUN --mount=type=secret,id=token,required=true test -s /run/secrets/token";
      const inline = `FROM ${environment().baseImage}\n${step} && : ${Date.now()}\n`;
      const name = `${front.address}/${repository}`;
      const build = {
        ...{
          context: { location: folder },
          dockerfile: { inline },
          buildArgs: { A: "1" },
          platform,
        },
        builder: environment().builder,
        output: `type=image,name=${name},push=true,push-by-digest=true,name-canonical=true`,
        attestations: { provenance: true, sbom: false },
      };
      const settings = { name: "build", path: "image.", source, build, secrets: ["token"] };
      return program("image/buildxProgram", {
        MULTIARCH_BUILDX: JSON.stringify(settings),
        MULTIARCH_LOGINS: JSON.stringify([{ address: front.address, ...login }]),
        MULTIARCH_SECRET_0: token,
      });
    },
  },
];

/** Which of these secrets a text holds, in clear or in base64. */
const found = (content: string | Buffer, secrets: readonly string[]): string[] =>
  secrets.filter((secret) =>
    secretForms(secret).some(({ needle }) => Buffer.from(content).includes(needle)),
  );

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const outcomes = ["success", "failure", "SIGKILL"] as const;
const table = tools.flatMap((tool) => outcomes.map((outcome) => ({ tool, outcome })));

it.each(table)("$tool.name leaves nothing behind after $outcome", async ({ tool, outcome }) => {
  let asked = false;
  let answer: (decision: undefined) => void = () => {};
  if (outcome === "SIGKILL") {
    // Whoever is logged in waits for ever, so the kill comes while commands run.
    const basic = `Basic ${encodeLogin(login)}`;
    const challenge = { status: 401, headers: { "www-authenticate": 'Basic realm="test"' } };
    front.intercept(({ headers }) => {
      if (headers.authorization !== basic) return challenge;
      const byCommand = !tool.starts || !/^multiarch|^node/.test(headers["user-agent"] ?? "node");
      if (!byCommand) return undefined;
      asked = true;
      return new Promise((resolve) => (answer = resolve));
    });
  } else {
    const password = outcome === "success" ? login.password : "another one";
    requireLogin(front, { ...login, password });
  }
  const commands = new Set<string>();
  const environments = new Map<string, string>();
  const inFiles = new Set<string>();
  const child = tool.begin();
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  let over = false;
  void ended.then(() => (over = true));
  while (!over) {
    const running = processes();
    const own = running.find(({ pid }) => pid === child.pid)?.command;
    for (const { command, variables } of own ? running : []) {
      commands.add(command);
      // Before a new process becomes a command, it looks like its parent.
      if (command !== own) environments.set(command, variables);
    }
    for (const file of files(join(base, "tmp"))) look(file);
    if (asked) child.kill("SIGKILL");
    await new Promise((next) => setTimeout(next, 10));
  }
  expect(asked).toBe(outcome === "SIGKILL");
  if (outcome !== "SIGKILL") expect((await ended) === 0).toBe(outcome === "success");

  // Commands of a killed program go on, and end by themselves.
  front.intercept(undefined);
  answer(undefined);
  const end = Date.now() + 5000;
  while (readdirSync(join(base, "tmp")).length > 0 && Date.now() < end)
    await new Promise((next) => setTimeout(next, 20));
  expect(readdirSync(join(base, "tmp"))).toEqual([]);
  const all = [login.password, token, ...Object.values(others)];
  for (const folder of ["home", "docker"])
    for (const file of files(join(base, folder)))
      if (file !== join(base, "docker", "config.json")) look(file);
  expect([...inFiles]).toEqual([]);
  expect([...commands].filter((command) => found(command, all).length > 0)).toEqual([]);
  const used = [...environments].some(([command]) => /buildx|docker pull/.test(command));
  if (outcome !== "failure") expect(used).toBe(tool.starts);
  for (const [command, variables] of environments) {
    const foreign = tool.builds ? [others.given, others.proxy] : Object.values(others);
    expect(`${command}: ${found(variables, foreign).join()}`).toBe(`${command}: `);
    expect(variables).not.toContain("MULTIARCH_REGISTRY_PASSWORD=");
  }

  function look(file: string): void {
    try {
      if (found(readFileSync(file), all).length > 0) inFiles.add(file);
    } catch {
      // It was removed in the meantime.
    }
  }
});
