import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { type AppProject, createApp, docker } from "./appProject";
import { encodeLogin, type Login, requireLogin } from "./basicAuth";
import { environment, type RunResult } from "./harness";
import { startProxy, type Proxy } from "./proxy";
import {
  type KeyPair,
  makeKey,
  removeFolder,
  type SshServer,
  sshFolder,
  startSshd,
} from "./sshServer";

// Two hosts and a registry that wants a login. Both hosts are this machine: on the second, a `docker` that comes first on the PATH puts
// "b-" in front of the app's name, so that each has containers of its own. The tests follow one App.

const login: Login = { username: "robot", password: "ssh-password-7Rt4" };
const renewed: Login = { ...login, password: "renewed-password-3Hj8" };
const secrets = [login, renewed].flatMap((one) => [one.password, encodeLogin(one)]);

const folder = sshFolder();
const name = "ssh-two-test-web";
let key: KeyPair;
let keys: KeyPair[];
let servers: SshServer[];
let lines: Proxy[];
let app: AppProject;

beforeAll(async () => {
  key = makeKey(folder, "key");
  keys = ["host-a", "host-b"].map((one) => makeKey(folder, one));
  const tools = join(folder, "tools");
  mkdirSync(tools);
  writeFileSync(
    join(tools, "docker"),
    `#!/bin/sh
for word; do
  shift
  case $word in *${name}*) word=$(printf %s "$word" | sed 's/b-${name}/${name}/g; s/${name}/b-${name}/g') ;; esac
  set -- "$@" "$word"
done
exec ${environment().docker} "$@"
`,
    { mode: 0o755 },
  );
  servers = [
    await startSshd(folder, keys[0]!, [key]),
    await startSshd(folder, keys[1]!, [key], tools),
  ];
  lines = await Promise.all(servers.map(({ port }) => startProxy(port)));
  app = await createApp("ssh-two");
  requireLogin(app.front, login);
  set(["a", "b"]);
});
afterAll(async () => {
  await app.dispose();
  for (const line of lines) await line.close();
  for (const server of servers) await server.stop();
  removeFolder(folder);
});

const given = ({ username, password } = login) => ({
  env: { TEST_USERNAME: username, TEST_PASSWORD: password, TEST_KEY: key.file, SSH_AUTH_SOCK: "" },
});

function set(names: ("a" | "b")[], code = ""): void {
  const hosts = names.map((one) => {
    const index = one === "a" ? 0 : 1;
    return [
      one,
      { address: "127.0.0.1", port: lines[index]!.port, hostKey: keys[index]!.public },
    ] as const;
  });
  app.set({
    imageCode: `{ registry: { address: "${app.front.address}", repository: "${app.repository}", username: process.env.TEST_USERNAME, password: process.env.TEST_PASSWORD } }`,
    hostCode: `{
      ports: undefined,
      health: { seconds: 1 },
      ssh: {
        hosts: ${JSON.stringify(Object.fromEntries(hosts))},
        user: "${servers[0]!.user}",
        privateKey: require("fs").readFileSync(process.env.TEST_KEY, "utf8"),
      },
      ${code}
    }`,
  });
}

/** The ids of the containers that serve, by host; empty where none does. */
const serving = () =>
  [name, `b-${name}`].map((one) => {
    const filters = ["--filter", `name=^${one}$`, "--filter", "status=running"];
    return docker(environment().env, "ps", "-q", ...filters);
  });

const changes = (run: RunResult) =>
  run.events
    .filter(({ op, type }) => !["same", "read"].includes(op) && !type.startsWith("pulumi:"))
    .map(({ op, name: of }) => `${op} ${of}`);

/** Looks every few milliseconds for a secret in the arguments of any process, until it is stopped. */
function watchProcesses() {
  const found = new Set<string>();
  let looks = 0;
  const timer = setInterval(() => {
    looks++;
    for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        if (secrets.some((secret) => words.includes(secret))) found.add(words);
      } catch {
        // Gone meanwhile.
      }
    }
  }, 20);
  return () => {
    clearInterval(timer);
    return { found: [...found], looks };
  };
}

/** Files that hold one of the texts, among those that a host's user has and that come and go. */
function filesWith(texts: string[]): string[] {
  const here = readdirSync(tmpdir()).filter((entry) => /^multiarch\.\w{6}$/.test(entry));
  const folders = [...here.map((entry) => join(tmpdir(), entry)), join(homedir(), ".docker")];
  return folders.flatMap((from) => {
    try {
      return readdirSync(from, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((file) => texts.some((text) => readFileSync(file, "utf8").includes(text)));
    } catch {
      return []; // not there
    }
  });
}

it("two hosts are deployed to one after another, with a login that stands in no process list and is left in no file there", async () => {
  const stop = watchProcesses();
  const run = await app.project.up(given());
  const { found, looks } = stop();
  expect(looks).toBeGreaterThan(50);
  expect(found).toEqual([]);
  expect(filesWith(secrets)).toEqual([]);

  const at = (text: string) => {
    const index = run.output.indexOf(text);
    expect(index).toBeGreaterThan(-1);
    return index;
  };
  expect(at("web-b-pull creating")).toBeGreaterThan(at("web-a created"));
  expect(at("web-b creating")).toBeGreaterThan(at("web-b-pull created"));
  for (const id of serving()) expect(id).toMatch(/^[0-9a-f]+$/);

  const { text } = await app.project.state();
  for (const secret of [...secrets, "PRIVATE KEY"]) expect(text).not.toContain(secret);
});

it("a password that was rotated is no change", async () => {
  requireLogin(app.front, renewed);
  for (const command of ["preview", "up"] as const) {
    const run = await app.project[command](given(renewed));
    expect(changes(run)).toEqual([]);
    expect(run.output).not.toContain("warning");
  }
});

it("a release that isn't healthy stops at the first host: the second isn't even asked, and both serve on", async () => {
  const before = serving();
  const asked = lines[1]!.count;
  set(["a", "b"], `command: ["/bin/false"]`);
  const { output } = await app.project.up({ ...given(renewed), expectFailure: true });
  expect(output).toContain("the new release isn't healthy: it ended with exit code 1");
  expect(output).toContain("the release before serves, as it did");
  expect(output).toContain('Process exited with status 1: running "sh -s -- release":');
  expect(serving()).toEqual(before);
  expect(lines[1]!.count).toBe(asked);
});

it("the next image is pulled on both with the login of that day", async () => {
  const before = serving();
  set(["a", "b"]);
  app.project.write("app/RELEASE", "release two");
  const run = await app.project.up(given(renewed));
  expect(changes(run)).toEqual(expect.arrayContaining(["update web-a", "update web-b"]));
  for (const [index, id] of serving().entries()) {
    expect(id).toMatch(/^[0-9a-f]+$/);
    expect(id).not.toBe(before[index]);
  }
});

it("a host that is taken out of the list is left with nothing of the app, and the other isn't touched", async () => {
  const [, b] = serving();
  set(["b"]);
  const run = await app.project.up(given(renewed));
  expect(changes(run).sort()).toEqual(
    expect.arrayContaining(["delete web-a", "delete web-a-pull", "delete web-a-removal"]),
  );
  expect(changes(run).join()).not.toContain("web-b");
  expect(serving()).toEqual(["", b]);
  // Its images stay here alone, where the other host's containers are on the same engine and use them; ssh.test.ts shows them go.
  expect(docker(environment().env, "ps", "-aq", "--filter", `name=^${name}(-|$)`)).toBe("");
});
