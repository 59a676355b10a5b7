import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DockerSettings, type Login, useLogins } from "../../components/registry/dockerConfig";

// Which settings Docker's client gets, and what is left of them.

const basic = (login: string) => Buffer.from(login).toString("base64");
/** What people have in their own settings, credentials in all of it. */
const config = {
  currentContext: "mine",
  cliPluginsExtraDirs: ["/opt/plugins"],
  credHelpers: { "123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login", "gcr.io": "gcloud" },
  auths: {
    "https://index.docker.io/v1/": { auth: basic("hub:canary-hub") },
    "ghcr.io": { identitytoken: "canary-token" },
    "registry.test": { auth: basic("old:canary-old") },
  },
  proxies: { default: { httpProxy: "http://me:canary-proxy@proxy.test:3128" } },
  HttpHeaders: { "X-Token": "canary-header" },
};
const login: Login = { address: "registry.test", username: "ann", password: "canary-given" };
const others: Login[] = [{ address: "quay.io", username: "q", password: "canary-other" }, login];

const stored = process.env;
let folder: string;
let settings: DockerSettings | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-logins-"));
  for (const name of ["tmp", "docker"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "docker", "config.json"), JSON.stringify(config));
  process.env = {
    PATH: stored.PATH,
    HOME: folder,
    TMPDIR: join(folder, "tmp"),
    DOCKER_CONFIG: join(folder, "docker"),
  };
});
afterEach(() => {
  settings?.close();
  settings = undefined;
  process.env = stored;
  rmSync(folder, { recursive: true });
});

const madeFolder = () => settings!.env.DOCKER_CONFIG!;
const written = () =>
  JSON.parse(readFileSync(join(madeFolder(), "config.json"), "utf8")) as Record<string, unknown>;
const ask = (server: string) =>
  JSON.parse(
    execFileSync("docker-credential-multiarch", ["get"], {
      env: settings!.env,
      input: `${server}\n`,
      encoding: "utf8",
    }),
  ) as object;

it("a command gets the logins of its own registries alone, and Docker asks for no others", () => {
  settings = useLogins(others, [
    `registry.test/app@sha256:${"0".repeat(64)}`,
    "ghcr.io/team/base:1",
  ]);
  expect(JSON.parse(settings.env.MULTIARCH_LOGINS!)).toEqual({
    "registry.test": { Username: "ann", Secret: "canary-given" },
    "ghcr.io": { Username: "<token>", Secret: "canary-token" },
  });
  expect(written()).toEqual({
    auths: {},
    currentContext: "mine",
    cliPluginsExtraDirs: ["/opt/plugins"],
    credHelpers: { "registry.test": "multiarch", "ghcr.io": "multiarch" },
  });
  expect(ask("registry.test")).toEqual({ Username: "ann", Secret: "canary-given" });
  expect(ask("ghcr.io")).toEqual({ Username: "<token>", Secret: "canary-token" });
  expect(() => ask("quay.io")).toThrow();
});

it("Docker Hub has its login under the key that Docker uses, and a registry with a helper keeps it", () => {
  settings = useLogins([], ["alpine:3", "gcr.io/project/app:1"]);
  expect(written().credHelpers).toEqual({
    "https://index.docker.io/v1/": "multiarch",
    "gcr.io": "gcloud",
  });
  expect(ask("https://index.docker.io/v1/")).toEqual({ Username: "hub", Secret: "canary-hub" });
});

it("no credential, proxy or header of anyone is in a file", () => {
  settings = useLogins(others, ["registry.test/app", "ghcr.io/team/base", "alpine"]);
  symlinkSync("/nowhere", join(madeFolder(), "link"));
  const files = readdirSync(madeFolder(), { withFileTypes: true }).filter((one) => one.isFile());
  expect(files.map(({ name }) => name)).toEqual(["config.json", "docker-credential-multiarch"]);
  for (const { name } of files)
    expect(readFileSync(join(madeFolder(), name), "utf8")).not.toContain("canary");
});

it("nothing is left after close", () => {
  settings = useLogins([login], ["registry.test/app"]);
  expect(existsSync(madeFolder())).toBe(true);
  settings.close();
  expect(readdirSync(join(folder, "tmp"))).toEqual([]);
});

it.each(["end", "error", "SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])(
  "nothing is left of a process that ends by %s",
  async (how) => {
    const program = `
      const { useLogins } = require(${JSON.stringify(resolve("components/registry/dockerConfig"))});
      const { env } = useLogins([], []);
      process.stdout.write(String(require("node:fs").existsSync(env.DOCKER_CONFIG)));
      if (process.argv[1] === "error") setTimeout(() => { throw new Error("failed"); }, 50);
      else if (process.argv[1] !== "end") setInterval(() => {}, 1000);
    `;
    const tsx = require.resolve("tsx/cjs");
    const child = spawn(process.execPath, ["--require", tsx, "-e", program, how], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    const ended = new Promise((done) => child.once("exit", done));
    const existed = await new Promise((ready) => child.stdout.once("data", ready));
    expect(String(existed)).toBe("true");
    // With its whole group, as a terminal and a runner of pipelines do.
    if (how.startsWith("SIG")) process.kill(-child.pid!, how as NodeJS.Signals);
    await ended;
    const left = () => readdirSync(join(folder, "tmp")).filter((name) => !name.startsWith("tsx-"));
    const end = Date.now() + 5000;
    while (left().length > 0 && Date.now() < end) await new Promise((next) => setTimeout(next, 20));
    expect(left()).toEqual([]);
  },
);

it("nothing is left of a process that is killed before its settings are complete", async () => {
  // The helper is tried once, and here it kills who tries it.
  const kill = join(folder, "kill.js");
  writeFileSync(
    kill,
    `if (process.env.MULTIARCH_HELPER === "") process.kill(process.ppid, "SIGKILL");`,
  );
  const program = `require(${JSON.stringify(resolve("components/registry/dockerConfig"))}).useLogins([], [])`;
  const tsx = require.resolve("tsx/cjs");
  const child = spawn(process.execPath, ["--require", tsx, "-e", program], {
    env: { ...process.env, NODE_OPTIONS: `--require ${kill}` },
    stdio: "ignore",
  });
  const signal = await new Promise((done) => child.once("exit", (_, by) => done(by)));
  expect(signal).toBe("SIGKILL");
  const left = () => readdirSync(join(folder, "tmp")).filter((name) => !name.startsWith("tsx-"));
  const end = Date.now() + 3000;
  while (left().length > 0 && Date.now() < end) await new Promise((next) => setTimeout(next, 20));
  expect(left()).toEqual([]);
});
