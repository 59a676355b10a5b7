import { type AppProject, createApp } from "./appProject";
import { environment } from "./harness";
import { makeKey, removeFolder, type SshServer, sshFolder, startSshd } from "./sshServer";

// A container that prints a line of 100 kB, on each path from a container to the output of a command, in one run. Pulumi's command plugin
// waits forever after a line of 64 KiB (commandPlugin.test.ts). What engines and programs print is in tests/hostile/longLines.test.ts.

const folder = sshFolder();
let server: SshServer;
let app: AppProject;
let words: string;

beforeAll(async () => {
  const [key, hostKey] = [makeKey(folder, "key"), makeKey(folder, "host")];
  server = await startSshd(folder, hostKey, [key]);
  app = await createApp("long-lines");
  const { builder, baseImage } = environment();
  const address = { address: "127.0.0.1", port: server.port, hostKey: hostKey.public };
  const image = {
    context: "./app",
    registry: { address: app.front.address, repository: app.repository },
    builder: { name: builder },
    buildArgs: { BASE: baseImage },
  };
  app.project.write(
    "index.js",
    `const { HostTarget, Image } = require("multiarch");
const print = ["sh", "-c", "head -c 100000 /dev/zero | tr '\\\\0' x; exit 3"];
const settings = ${JSON.stringify(image)};
const image = new Image("web", { ...settings, platforms: ["linux/amd64"] });
const privateKey = require("fs").readFileSync(${JSON.stringify(key.file)}, "utf8");
const ssh = { hosts: { one: ${JSON.stringify(address)} }, user: "${server.user}", privateKey };
const target = (name, args) => new HostTarget(name, { image, ...args });
target("log", { command: print, health: { seconds: 2 } });
target("health", { health: { command: print, timeout: 2 } });
target("release", { release: { command: print } });
target("remote", { command: print, health: { seconds: 2 }, ssh });
new Image("tried", { ...settings, platforms: ["linux/amd64"], verify: { depth: "run", command: print } });
`,
  );
  const options = { env: { SSH_AUTH_SOCK: "" }, args: ["--continue-on-error"], timeout: 60 };
  const { output } = await app.project.up({ ...options, expectFailure: true });
  words = output.replace(/\s+/g, " ");
});
afterAll(async () => {
  await app.dispose();
  await server.stop();
  removeFolder(folder);
});

it.each([
  ["in its log, when its release fails", "log", /isn't healthy: it ended .*\| x{3900,4000}(?!x)/],
  [
    "as a health command",
    "health",
    /health command ended with exit code 3 after 2 s: x{3000,4000}(?!x)/,
  ],
  [
    "as a release command",
    "release",
    /release command ended with exit code 3 \| x{3900,4000}(?!x)/,
  ],
  ["in its log, over SSH", "remote", /isn't healthy: it ended .*\| x{3900,4000}(?!x)/],
  [
    "when an image is tried",
    "tried-verified",
    /ended with exit code 3; its last lines: .*\| x{3900,8000}(?!x)/,
  ],
])(
  "a container that prints a line of 100 kB %s fails the update, with the line cut",
  (_, name, said) => {
    const own = words
      .split(/ (?=command:(?:local|remote):Command \()/)
      .filter((part) => part.includes(`Command (${name}`));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(said);
  },
);
