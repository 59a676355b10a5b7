import http from "node:http";
import type { AddressInfo } from "node:net";
import { type AppProject, createApp, startRegistryFront } from "./appProject";
import { createProject, type RunResult } from "./harness";
import {
  type KeyPair,
  makeKey,
  removeFolder,
  type SshServer,
  sshFolder,
  startSshd,
} from "./sshServer";

// Values that only an update knows, because a resource of the same program returns them. A real sshd and a real HTTP server on loopback
// record whether anything reached them.

const words = (run: RunResult) => run.output.replace(/\s+/g, " ");

/** JavaScript for a value that is unknown in a preview, and that `up` then knows. */
const late = (code: string) =>
  `new (require("@pulumi/command").local.Command)("late", { create: "true" }).stdout.apply(() => ${code})`;

describe("an SSH host key that is known late", () => {
  const folder = sshFolder();
  let server: SshServer;
  let key: KeyPair;
  let app: AppProject;

  beforeAll(async () => {
    const [other, user] = ["other", "user"].map((name) => makeKey(folder, name));
    key = user!;
    server = await startSshd(folder, other!, [key]);
    app = await createApp("sshlate");
  });
  afterAll(async () => {
    await app.dispose();
    await server.stop();
    removeFolder(folder);
  });

  const privateKey = `require("fs").readFileSync(process.env.TEST_KEY, "utf8")`;
  const hosts = (change: string) => `{ ssh: {
    hosts: { one: { address: "127.0.0.1", port: ${server.port}, ${change} } },
    user: "${server.user}",
    privateKey: ${privateKey},
  } }`;
  const bastion = (change: string) => `{ ssh: {
    hosts: { one: { address: "127.0.0.2", acceptAnyHostKey: true } },
    bastion: { address: "127.0.0.1", port: ${server.port}, ${change} },
    user: "${server.user}",
    privateKey: ${privateKey},
  } }`;

  it.each<[string, () => string, string]>([
    [
      "undefined",
      () => hosts(`hostKey: ${late("undefined")}`),
      "host.ssh.hosts.one.hostKey: is missing",
    ],
    ["empty", () => hosts(`hostKey: ${late('""')}`), "host.ssh.hosts.one.hostKey: must be a"],
    [
      "not a key",
      () => hosts(`hostKey: ${late('"SHA256:abc"')}`),
      "host.ssh.hosts.one.hostKey: must be one line",
    ],
    [
      "undefined for the bastion",
      () => bastion(`hostKey: ${late("undefined")}`),
      "host.ssh.bastion.hostKey: is missing",
    ],
  ])("and turns out to be %s fails before anything is sent", async (_, host, sentence) => {
    app.set({ hostCode: host() });
    const before = server.log();
    const run = await app.project.up({
      env: { TEST_KEY: key.file, SSH_AUTH_SOCK: "" },
      expectFailure: true,
    });
    expect(words(run)).toContain(`web: ${sentence}`);
    expect(run.output).not.toMatch(/^\s+at /m);
    expect(server.log()).toBe(before);
    expect(app.containers()).toEqual([]);
  });
});

describe("a reference that is known late and names another registry than the credentials", () => {
  const password = "canary-of-the-registry";

  it.each(["App", "HostTarget"])(
    "fails an update of %s, and that registry receives no request",
    async (kind) => {
      const requests: string[] = [];
      const other = http.createServer((request, response) => {
        requests.push(JSON.stringify([request.url, request.headers]));
        response.writeHead(401, { "www-authenticate": 'Basic realm="other"' }).end();
      });
      await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
      const front = await startRegistryFront();
      const address = `localhost:${(other.address() as AddressInfo).port}`;
      const ref = late(JSON.stringify(`${address}/team/web@sha256:${"a".repeat(64)}`));
      const login = `address: "${front.address}", username: "robot", password: "${password}"`;
      const args =
        kind === "App"
          ? `{ image: { ref: ${ref}, registry: { ${login}, repository: "team/web" } }, host: {} }`
          : `{ ref: ${ref}, registry: { ${login} } }`;
      const project = await createProject({
        name: "reflate",
        program: `const multiarch = require("multiarch");\nnew multiarch.${kind}("web", ${args});\n`,
        files: {},
      });
      try {
        const run = await project.up({ expectFailure: true });
        const path = kind === "App" ? "image." : "";
        expect(words(run)).toContain(
          `web: ${path}registry: contains credentials for "${front.address}", but ${path}ref is in "${address}"`,
        );
        expect(run.output).not.toContain(password);
        expect(run.output).not.toMatch(/^\s+at /m);
        expect(requests).toEqual([]);
      } finally {
        await project.dispose();
        await front.close();
        other.close();
      }
    },
  );
});
