import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type AppProject, createApp, docker, finishedImage, freePort, get } from "./appProject";
import { lineOf } from "../changes/changes";
import { built, environment, type RunResult } from "./harness";
import { startProxy, type Proxy } from "./proxy";
import {
  type KeyPair,
  makeKey,
  removeFolder,
  type SshServer,
  sshFolder,
  startSshd,
} from "./sshServer";

// A host that is reached over SSH, played by this machine: a real sshd on loopback, with the engine of the embedded environment behind it.
// The tests follow one App.

const folder = sshFolder();
let hostKey: KeyPair;
let otherHostKey: KeyPair;
let key: KeyPair;
let nextKey: KeyPair;
let server: SshServer;
let bastion: SshServer;
let line: Proxy;
let app: AppProject;
/** The first release. */
let first: string;

beforeAll(async () => {
  [hostKey, otherHostKey, key, nextKey] = ["host", "other", "key", "next"].map((name) =>
    makeKey(folder, name),
  ) as [KeyPair, KeyPair, KeyPair, KeyPair];
  server = await startSshd(folder, hostKey, [key]);
  bastion = await startSshd(folder, hostKey, [key, nextKey]);
  line = await startProxy(server.port);
  app = await createApp("ssh", settings());
});
afterAll(async () => {
  await server.restart(hostKey, [key, nextKey]);
  line.set(undefined);
  await app.dispose();
  await line.close();
  await server.stop();
  await bastion.stop();
  removeFolder(folder);
});

/** The key comes from the file that TEST_KEY names. */
const privateKey = `require("fs").readFileSync(process.env.TEST_KEY, "utf8")`;
const given = (pair: KeyPair) => ({ env: { TEST_KEY: pair.file, SSH_AUTH_SOCK: "" } });

function settings(change: { address?: string; code?: string } = {}) {
  const { address = "127.0.0.1", code = `privateKey: ${privateKey}` } = change;
  const hosts = { one: { address, port: line.port, hostKey: hostKey.public } };
  return {
    hostCode: `{ ssh: { hosts: ${JSON.stringify(hosts)}, user: "${server.user}", ${code} } }`,
  };
}

/** The host under an address of its own. */
const direct = (address: string) => {
  const hosts = { one: { address, port: server.port, hostKey: hostKey.public } };
  return {
    hostCode: `{ ssh: { hosts: ${JSON.stringify(hosts)}, user: "${server.user}", privateKey: ${privateKey} } }`,
  };
};

/** Steps that did something, as `op name`. */
const changes = (run: RunResult) =>
  run.events
    .filter(({ op, type }) => !["same", "read"].includes(op) && !type.startsWith("pulumi:"))
    .map(({ op, name }) => `${op} ${name}`);

const serving = () => docker(environment().env, "inspect", "-f", "{{.Id}}", "ssh-test-web");

/** The run's text with lines joined, as the display breaks them. */
const words = (run: RunResult) => run.output.replace(/\s+/g, " ");

it("is deployed to as this machine is: pulled, found healthy, and served on the host's own address alone", async () => {
  const run = await app.project.up(given(key));
  expect(changes(run)).toEqual(
    expect.arrayContaining(["create web-one-pull", "create web-one", "create web-one-removal"]),
  );
  expect(await app.page()).toBe("release one on x86_64");
  expect(await app.project.outputs()).toMatchObject({ url: "" });
  first = (await app.project.outputs()).imageUri as string;
  const { text } = await app.project.state();
  expect(text).not.toContain("PRIVATE KEY");
  const secretLine = execFileSync("sed", ["-n", "3p", key.file], { encoding: "utf8" }).trim();
  expect(text).not.toContain(secretLine);
});

it("is left alone by a run that changes nothing, which looks whether the container still runs", async () => {
  const before = line.count;
  const run = await app.project.up(given(key));
  expect(changes(run)).toEqual([]);
  expect(run.output).not.toContain("warning");
  expect(line.count).toBe(before + 1);
});

it("on which something else runs than the last up released is told by the next run, with the command that releases it again", async () => {
  docker(environment().env, "stop", "-t", "1", "ssh-test-web");
  const run = await app.project.preview(given(key));
  const urn = /pulumi up --replace '(urn:[^']+web-one-pull)'/.exec(words(run))?.[1];
  expect(words(run)).toContain("nothing runs as ssh-test-web on 127.0.0.1");
  await app.project.up({ ...given(key), args: ["--replace", urn!] });
  expect(await app.page()).toBe("release one on x86_64");
});

it("gets the next release, and keeps the one before, stopped", async () => {
  app.project.write("app/RELEASE", "release two");
  const run = await app.project.up(given(key));
  expect(changes(run)).toEqual(expect.arrayContaining(["replace web-one-pull", "update web-one"]));
  expect(changes(run).join()).not.toContain("removal");
  expect(await app.page()).toBe("release two on x86_64");
  expect(app.containers()).toEqual(["ssh-test-web running", "ssh-test-web-previous exited"]);
});

it("goes back to an earlier release by its digest, without a build, and forward again", async () => {
  const later = (await app.project.outputs()).imageUri as string;
  app.set({ ...settings(), imageCode: finishedImage(first) });
  const preview = await app.project.preview(given(key));
  expect(lineOf(preview)).toMatch(
    /^takes \S+@sha256:[0-9a-f]{12} as it is; nothing is built; host: released in place: /,
  );
  const run = await app.project.up(given(key));
  expect(built(run)).toEqual([]);
  expect(await app.page()).toBe("release one on x86_64");
  app.set(settings());
  await app.project.up(given(key));
  expect(await app.page()).toBe("release two on x86_64");
  expect((await app.project.outputs()).imageUri).toBe(later);
});

it("that shows another host key is refused, and warned of by runs that change nothing; the release serves on", async () => {
  await server.restart(otherHostKey, [key]);
  const quiet = await app.project.preview(given(key));
  expect(changes(quiet)).toEqual([]);
  expect(words(quiet)).toContain(
    `host.ssh.hosts.one.hostKey: 127.0.0.1:${line.port} shows another key than this one`,
  );
  app.project.write("app/RELEASE", "release three");
  const run = await app.project.up({ ...given(key), expectFailure: true });
  expect(words(run)).toContain("ssh: host key mismatch");
  expect(words(run)).toContain(
    `host.ssh.hosts.one.hostKey: 127.0.0.1:${line.port} shows another key than this one, and was given nothing`,
  );
  expect(words(run)).toContain(`ssh-keyscan -t ed25519 -p ${line.port} 127.0.0.1`);
  expect(await app.page()).toBe("release two on x86_64");
  await server.restart(hostKey, [key]);
});

it("that doesn't know the key refuses it, with the field's path and the user; the release serves on", async () => {
  const run = await app.project.up({ ...given(nextKey), expectFailure: true });
  expect(words(run)).toContain(
    `host.ssh.privateKey: 127.0.0.1:${line.port} accepts no key that it was offered for user ${server.user}`,
  );
  expect(await app.page()).toBe("release two on x86_64");
});

it("that hangs, and so takes connections and says nothing, is told of instead of waited for; the release serves on", async () => {
  line.set({ silent: true });
  const run = await app.project.up({ ...given(key), expectFailure: true });
  expect(words(run)).toContain(
    `host.ssh.hosts.one.address: 127.0.0.1:${line.port} takes connections and says nothing`,
  );
  expect(run.seconds).toBeLessThan(40);
  line.set(undefined);
  expect(await app.page()).toBe("release two on x86_64");
});

it("that can't be reached fails in a few seconds, between pull and release too: the old release serves, and the next up finishes", async () => {
  const outputs = await app.project.outputs();
  line.set({ refuse: true });
  const refused = await app.project.up({ ...given(key), expectFailure: true });
  const sentence = `host.ssh.hosts.one.address: no SSH server can be reached at 127.0.0.1:${line.port}`;
  expect(words(refused)).toContain(sentence);
  expect(await app.project.outputs()).toEqual(outputs);
  expect(refused.seconds).toBeLessThan(25);
  line.set(undefined);

  const up = app.project.start("up", given(key));
  await up.waitFor("pulling ");
  line.set({ refuse: true });
  const lost = await up.done;
  expect(lost.code).not.toBe(0);
  expect(words(lost)).toContain(sentence);
  expect(changes(lost)).toContain("create-replacement web-one-pull");
  expect(await app.page()).toBe("release two on x86_64");
  line.set(undefined);

  await app.project.up(given(key));
  expect(await app.page()).toBe("release three on x86_64");
});

it("whose connection is cut in the middle of a release finishes by itself, and the next up finds that", async () => {
  app.project.write("app/RELEASE", "release four");
  const up = app.project.start("up", given(key));
  await up.waitFor("starting the new release beside");
  line.cut();
  const cut = await up.done;
  expect(cut.code).not.toBe(0);
  expect(words(cut)).toContain(`the connection to 127.0.0.1:${line.port} was cut`);
  expect(await app.page()).toMatch(/^release (three|four) on x86_64$/);

  const run = await app.project.up(given(key));
  expect(changes(run)).toContain("update web-one");
  expect(await app.page()).toBe("release four on x86_64");
  expect(app.containers()).toEqual(["ssh-test-web running", "ssh-test-web-previous exited"]);
});

it("to which Pulumi is killed in the middle of a release converges with the next up", async () => {
  app.project.write("app/RELEASE", "release five");
  const up = app.project.start("up", given(key));
  await up.waitFor("starting the new release beside");
  up.kill("SIGKILL");
  await up.done;
  await app.project.pulumi(["cancel", "--yes"]);
  await app.project.up(given(key));
  expect(await app.page()).toBe("release five on x86_64");
  expect(app.containers()).toEqual(["ssh-test-web running", "ssh-test-web-previous exited"]);
});

it("whose private key was rotated finds the release serving already: an update that touches no container", async () => {
  const before = serving();
  await server.restart(hostKey, [nextKey]);
  const run = await app.project.up(given(nextKey));
  expect(changes(run)).toEqual(["update web-one-pull", "update web-one", "update web-one-removal"]);
  expect(serving()).toBe(before);
});

it("is reached with the keys of an SSH agent, whose socket is in no state", async () => {
  const socket = join(folder, "agent");
  const agent = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" });
  try {
    execFileSync("ssh-add", ["-q", nextKey.file], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
    });
    app.set(settings({ code: "" }));
    const before = serving();
    const run = await app.project.up({ env: { SSH_AUTH_SOCK: socket } });
    expect(changes(run)).toContain("update web-one");
    expect(serving()).toBe(before);
    const { stdout } = await app.project.pulumi(["stack", "export", "--show-secrets"]);
    expect(stdout).not.toContain(socket);
  } finally {
    process.kill(Number(/AGENT_PID=(\d+)/.exec(agent)?.[1]));
  }
});

it("is reached through a bastion, and an error says which of the two it is about", async () => {
  const through = (pair: KeyPair) =>
    settings({
      code: `privateKey: ${privateKey}, bastion: ${JSON.stringify({ address: "127.0.0.1", port: bastion.port, hostKey: pair.public })}`,
    });
  app.set(through(otherHostKey));
  const wrong = await app.project.up({ ...given(nextKey), expectFailure: true });
  expect(words(wrong)).toContain(
    `host.ssh.bastion.hostKey: 127.0.0.1:${bastion.port} shows another key`,
  );

  app.set(through(hostKey));
  await app.project.up(given(nextKey));
  expect(bastion.log()).toContain("Accepted publickey");

  await server.restart(otherHostKey, [nextKey]);
  app.project.write("app/RELEASE", "release six");
  const behind = await app.project.up({ ...given(nextKey), expectFailure: true });
  expect(words(behind)).toContain(
    `host.ssh.hosts.one.hostKey: 127.0.0.1:${line.port} behind the bastion shows another key`,
  );
  await server.restart(hostKey, [nextKey]);
  await app.project.up(given(nextKey));
  expect(await app.page()).toBe("release six on x86_64");
  const quiet = await app.project.preview(given(nextKey));
  expect(changes(quiet)).toEqual([]);
  expect(quiet.output).not.toContain("warning");
});

it("serves a second service beside the first, and neither touches the other", async () => {
  const port = await freePort();
  const first = serving();
  const second = {
    ports: [{ container: 8080, host: port }],
    health: { path: "/" },
    ssh: {
      hosts: { one: { address: "127.0.0.1", port: server.port, hostKey: hostKey.public } },
      user: server.user,
    },
  };
  app.set(settings());
  await app.project.up(given(nextKey));
  const program = app.program();
  app.project.write(
    "index.js",
    `${program}
const ssh = { ...${JSON.stringify(second.ssh)}, privateKey: ${privateKey} };
new multiarch.HostTarget("second", { ...${JSON.stringify(second)}, image: app.image, ssh });
`,
  );
  await app.project.up(given(nextKey));
  expect(await get(port)).toBe("release six on x86_64");
  expect(serving()).toBe(first);

  app.project.write("index.js", program);
  await app.project.up(given(nextKey));
  expect(serving()).toBe(first);
  expect(app.containers()).toEqual(["ssh-test-web running", "ssh-test-web-previous exited"]);
});

it("under another address is another host: released there first, then removed where it was", async () => {
  app.set(direct("127.0.0.3"));
  const nobody = await app.project.up({ ...given(nextKey), expectFailure: true });
  expect(words(nobody)).toContain("no SSH server can be reached at 127.0.0.3");
  expect(await app.page()).toMatch(/^release \w+ on x86_64$/);

  const first = serving();
  app.set(direct("127.0.0.2"));
  const run = await app.project.up(given(nextKey));
  const steps = changes(run);
  const order = [
    "update web-one",
    "delete-replaced web-one-removal",
    "delete-replaced web-one-pull",
  ];
  expect(steps.filter((step) => order.includes(step))).toEqual(order);
  // It is one machine: its containers are made anew, and those of the old address are gone.
  expect(serving()).not.toBe(first);
  expect(app.containers()).toEqual(["ssh-test-web running"]);
  expect(await app.page()).toMatch(/^release \w+ on x86_64$/);
});

it("that is gone when the app moves away fails the up with its address, after the new host serves; once it is back the next up removes what it had", async () => {
  app.set(settings());
  await app.project.up(given(nextKey));
  line.set({ refuse: true });
  app.set(direct("127.0.0.2"));
  const gone = await app.project.up({ ...given(nextKey), expectFailure: true });
  expect(words(gone)).toContain(`no SSH server can be reached at 127.0.0.1:${line.port}`);
  expect(await app.page()).toMatch(/^release \w+ on x86_64$/);
  expect(words(gone)).toContain("if the host is gone for good, `pulumi state delete`");
  line.set(undefined);
  const back = await app.project.up(given(nextKey));
  expect(changes(back)).toEqual([
    "delete-replaced web-one-removal",
    "delete-replaced web-one-pull",
  ]);
  expect(app.containers()).toEqual(["ssh-test-web running"]);
});

it("is left with nothing of the app by destroy", async () => {
  await app.project.destroy();
  expect(app.containers()).toEqual([]);
  expect(docker(environment().env, "images", "-q", "localhost/multiarch/ssh-test-web")).toBe("");
});
