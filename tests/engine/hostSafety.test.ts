/**
 * The host script on a host with other users, hostile names and few tools. That HostTarget gives the script these settings is for
 * tests/components/host.test.ts.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { pullSettings } from "../../components/targets/host/hostSettings";
import { environment } from "./harness";
import {
  App,
  docker,
  env,
  folderOf,
  here,
  image,
  inspect,
  makeApp,
  makeRenamed,
  removeAll,
  sh,
} from "./hostApp";

jest.setTimeout(90_000);

afterAll(removeAll);

const { registry } = environment();
const nobody = 65_534;
const canary = `canary-${randomBytes(6).toString("hex")}`;
const login = { MULTIARCH_REGISTRY_USERNAME: "robot", MULTIARCH_REGISTRY_PASSWORD: canary };
const folder = () => mkdtempSync(join(tmpdir(), "multiarch-test-"));
/** The ID of a process that has ended. */
const ended = () => Number(execFileSync("sh", ["-c", "echo $$"]).toString());

describe("the folders that killed runs leave", () => {
  const pullIn = async (TMPDIR: string, cwd: string, more: NodeJS.ProcessEnv = {}) => {
    const text = pullSettings(makeApp("sweep").identity, await image("v1"), here);
    const result = await sh("pull", `cd '${cwd}'\n${text}`, { env: { TMPDIR, ...login, ...more } });
    expect(result).toMatchObject({ code: 0 });
  };

  test("are removed only if they are real folders of this account, of exactly that name, and their process has ended", async () => {
    const [TMPDIR, cwd, victim] = [folder(), folder(), folder()];
    for (const name of ["data", "compose", "abcdef"]) mkdirSync(join(cwd, name));
    writeFileSync(join(victim, "kept"), "");
    const gone = ended();
    const hostile = [
      "multiarch.1\ndata\ncompose\nx.abcdef",
      `multiarch.${gone}\ndata\n.abcdef`,
      `multiarch.${gone} data.abcdef`,
      `multiarch.${gone}$(touch data).abcdef`,
      `multiarch.-1.abcdef`,
      `multiarch.0.abcdef`,
      `multiarch.${gone}.abc*ef`,
      `multiarch.${gone}.ab\ndef`,
      `multiarch.*.??????`,
    ];
    const alive = `multiarch.${process.pid}.abcdef`;
    const foreign = `multiarch.${gone}.uvwxyz`;
    const left = `multiarch.${gone}.abcdef`;
    for (const name of [...hostile, alive, foreign, left]) mkdirSync(join(TMPDIR, name));
    chownSync(join(TMPDIR, foreign), nobody, nobody);
    const link = `multiarch.${gone}.linked`;
    symlinkSync(victim, join(TMPDIR, link));
    const file = `multiarch.${gone}.afile1`;
    execFileSync("mkfifo", [join(TMPDIR, file)]);

    await pullIn(TMPDIR, cwd);
    expect(readdirSync(TMPDIR).sort()).toEqual([...hostile, alive, foreign, link, file].sort());
    expect(readdirSync(cwd).sort()).toEqual(["abcdef", "compose", "data"]);
    expect(readdirSync(victim)).toEqual(["kept"]);
    for (const one of [TMPDIR, cwd, victim]) rmSync(one, { recursive: true });
  });

  test("are kept while their process runs, where there is no /proc", async () => {
    const TMPDIR = folder();
    const [alive, left] = [`multiarch.${process.pid}.abcdef`, `multiarch.${ended()}.abcdef`];
    for (const name of [alive, left]) mkdirSync(join(TMPDIR, name));
    const text = pullSettings(makeApp("noproc").identity, await image("v1"), here);
    const mounts = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec sh "$@"', "sh"];
    const result = await sh("pull", text, { shell: mounts, env: { TMPDIR, ...login } });
    expect(result).toMatchObject({ code: 0 });
    expect(readdirSync(TMPDIR)).toEqual([alive]);
    rmSync(TMPDIR, { recursive: true });
  });
});

describe("the lock", () => {
  const label = (pid: number, more: { since?: number; boot?: string; place?: string } = {}) =>
    [
      ...[pid, 0, more.since ?? Math.floor(Date.now() / 1000)],
      more.boot ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      more.place ??
        `${hostname()}/${execFileSync("readlink", ["/proc/self/ns/pid"]).toString().trim()}`,
    ].join(" ");
  /** A lock as a run leaves it, or has it. */
  const lock = async (app: App, value: string) => {
    const reference = await image("v1");
    await docker("pull", "--quiet", reference);
    const name = `${app.container}-lock`;
    return docker(
      "create",
      "--name",
      name,
      "--label",
      `multiarch.lock=${value}`,
      reference,
      "lock",
    );
  };
  /** Releases v1 with a wait of so many seconds for the lock. */
  const release = async (app: App, seconds: number, more: NodeJS.ProcessEnv = {}) => {
    const text = (await app.text({})).replace(/^lock_timeout=.*$/gm, `lock_timeout=${seconds}`);
    expect(await app.pull("v1")).toMatchObject({ code: 0 });
    return sh("release", text, { env: more });
  };

  test.concurrent.each([
    ["a FIFO", (path: string) => void execFileSync("mkfifo", ["-m", "666", path])],
    ["a symlink", (path: string) => symlinkSync(`${path}.target`, path)],
    ["a folder", (path: string) => mkdirSync(path)],
  ])("is no file: %s in a shared folder has no effect", async (what, make) => {
    const app = makeApp(`squat-${what.at(-1)}`);
    const places = ["/tmp", "/run/lock"].filter((one) => existsSync(one));
    const paths = places.map((one) => join(one, `multiarch-${app.container}.lock`));
    for (const path of paths) make(path);
    expect(await app.release()).toMatchObject({ code: 0 });
    expect(paths.some((path) => existsSync(`${path}.target`))).toBe(false);
    for (const path of paths) rmSync(path, { recursive: true });
  });

  test.concurrent("of a run that still works is waited for, and the wait has an end", async () => {
    const app = makeApp("held");
    const id = await lock(app, label(process.pid));
    const failed = await release(app, 2);
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain(
      `another release of ${app.container} has been running on this host for 2 s (process ${process.pid} of user 0 on ${hostname()})`,
    );
    expect(failed.stderr).toContain(`docker rm ${app.container}-lock`);
    expect(await inspect(`${app.container}-lock`, "{{.Id}}")).toBe(id);
    expect(await app.names()).toEqual(["-lock=created"]);
  });

  test.concurrent("is waited for as long where the clock jumps back", async () => {
    const app = makeApp("clock");
    await lock(app, label(process.pid));
    const tools = folderOf([]);
    // Each call is an hour before the last one.
    writeFileSync(
      join(tools, "date"),
      `#!/bin/sh\nn=$(cat ${tools}/n 2>/dev/null || echo 0)\necho $((n + 1)) >${tools}/n\necho $((1800000000 - n * 3600))\n`,
      { mode: 0o755 },
    );
    const began = Date.now();
    const failed = await release(app, 3, { PATH: `${tools}:${env.PATH}` });
    expect(failed.stderr).toContain("has been running on this host for 3 s");
    expect(Date.now() - began).toBeLessThan(30_000);

    await docker("rm", `${app.container}-lock`);
    const unhealthy = await app.release(
      { health: { path: "/absent", timeout: 2 } },
      { env: { PATH: `${tools}:${env.PATH}` } },
    );
    expect(unhealthy.stderr).toContain("/absent answered 404 after 2 s");
    rmSync(tools, { recursive: true });
  });

  const zombie = () => {
    // Its parent never waits for it.
    const script = "(exit 0) & echo $!; exec sleep 60";
    const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    return new Promise<number>((resolve) => {
      parent.stdout.once("data", (text) => resolve(Number(text)));
      setTimeout(() => parent.kill("SIGKILL"), 30_000).unref();
    });
  };
  test.concurrent.each([
    ["a process that has ended", async () => label(ended())],
    ["a process that has ended and that nobody waits for", async () => label(await zombie())],
    ["a time before the host was started again", async () => label(process.pid, { boot: "0-0" })],
    [
      "another host, from longer ago than a release may take",
      async () => label(1, { place: "elsewhere/pid:[1]", since: 1_700_000_000 }),
    ],
  ])("of %s is taken over at once", async (_what, value) => {
    const app = makeApp(`left-${randomBytes(2).toString("hex")}`);
    await lock(app, await value());
    expect(await release(app, 900)).toMatchObject({ code: 0 });
    expect(await app.names()).toEqual(["=running"]);
  });

  test.concurrent(
    "of another host is respected, for its processes can't be seen from here",
    async () => {
      const app = makeApp("elsewhere");
      await lock(app, label(1, { place: "elsewhere/pid:[1]" }));
      expect((await release(app, 1)).stderr).toContain("(process 1 of user 0 on elsewhere)");
    },
  );

  test.concurrent(
    "never takes the place of a container that multiarch did not create",
    async () => {
      const app = makeApp("namesake");
      const reference = await image("v1");
      await docker("pull", "--quiet", reference);
      const id = await docker("create", "--name", `${app.container}-lock`, reference);
      expect((await release(app, 5)).stderr).toContain(
        `the name ${app.container}-lock is taken by a container that multiarch did not create`,
      );
      expect(await inspect(`${app.container}-lock`, "{{.Id}}")).toBe(id);
    },
  );

  test.concurrent("keeps two accounts from releasing at once", async () => {
    const app = makeApp("accounts");
    await app.release();
    // The engine's socket lies in a folder of root's.
    const relay = join(folder(), "engine.sock");
    const engine = env.DOCKER_HOST!.replace("unix://", "");
    const server = net.createServer((client) => {
      const to = net.connect(engine);
      client.pipe(to).pipe(client);
      for (const socket of [client, to]) socket.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(relay, resolve));
    chmodSync(join(relay, ".."), 0o755);
    chmodSync(relay, 0o666);
    const other = {
      shell: ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "sh"],
      env: { DOCKER_HOST: `unix://${relay}`, HOME: "/nonexistent", DOCKER_CONFIG: "/nonexistent" },
    };
    expect(await app.pull("v2")).toMatchObject({ code: 0 });
    const text = await app.text({ version: "v2", health: { seconds: 2 } });
    const first = sh("release", text, other);
    const lockName = `${app.container}-lock`;
    for (let n = 0; n < 100 && (await inspect(lockName, "{{.Id}}")) === "none"; n++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await app.release({ version: "v1" });
    expect(await first).toMatchObject({ code: 0 });
    expect(second).toMatchObject({ code: 0 });
    expect(second.stderr).toMatch(/^waiting for another release of .* of user 65534 on /);
    expect(await app.names()).toEqual(["-previous=exited", "=running"]);
    server.close();
  });

  test.concurrent("is removed when a signal arrives while the engine creates it", async () => {
    const app = makeApp("signal");
    const tools = folderOf([]);
    const client = execFileSync("sh", ["-c", "command -v docker"], { env }).toString().trim();
    // The signal arrives after the engine has created the container, and before its client has ended.
    writeFileSync(
      join(tools, "docker"),
      `#!/bin/sh\n${client} "$@"; code=$?\n[ "$1" != create ] || { kill -TERM $MAIN; sleep 1; }\nexit $code\n`,
      { mode: 0o755 },
    );
    const text = `export MAIN=$$\n${await app.text({})}`;
    expect(await app.pull("v1")).toMatchObject({ code: 0 });
    const result = await sh("release", text, { env: { PATH: `${tools}:${env.PATH}` } });
    expect(result).toMatchObject({ code: 130 });
    expect(await app.names()).toEqual([]);
    rmSync(tools, { recursive: true });
  });

  test.concurrent("is not a container of an app whose labels the image has", async () => {
    const [app, victim] = [makeApp("labels"), makeApp("victim")];
    const reference = await image("v1");
    await docker("pull", "--quiet", reference);
    const labels = [
      `multiarch.app=${victim.identity.owner}`,
      `multiarch.resource=${victim.identity.owner}`,
    ];
    const hostile = `localhost/${app.container}:hostile`;
    const from = `${app.container}-source`;
    await docker("create", "--name", from, reference);
    await docker("commit", ...labels.flatMap((one) => ["--change", `LABEL ${one}`]), from, hostile);
    await docker("rm", from);
    const running = sh("release", await app.text({ image: hostile, health: { seconds: 3 } }));
    const lockName = `${app.container}-lock`;
    for (let n = 0; n < 100 && (await inspect(lockName, "{{.Id}}")) === "none"; n++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await victim.remove()).toMatchObject({ code: 0 });
    expect(await inspect(lockName, "{{.Id}}")).not.toBe("none");
    expect(await running).toMatchObject({ code: 0 });
    expect(await app.names()).toEqual(["=running"]);
  });

  test.concurrent("is not inherited: what a release started may live on", async () => {
    const app = makeApp("conmon");
    // As Podman's conmon: a child of the engine's client that keeps every descriptor and outlives the script.
    const tools = folderOf([]);
    const client = execFileSync("sh", ["-c", "command -v docker"], { env }).toString().trim();
    writeFileSync(
      join(tools, "docker"),
      `#!/bin/sh\n[ "$1" != start ] || { sleep 20 >/dev/null 2>&1 & }\nexec ${client} "$@"\n`,
      { mode: 0o755 },
    );
    const options = { env: { PATH: `${tools}:${env.PATH}` } };
    for (const version of ["v1", "v2", "v1"] as const) {
      expect(await app.release({ version }, options)).toMatchObject({ code: 0 });
      expect(await app.get()).toBe(version);
    }
    rmSync(tools, { recursive: true });
  });
});

describe("credentials", () => {
  test.concurrent(
    "are sent to their own registry only, and known to the pull's processes only",
    async () => {
      const sent: (string | undefined)[] = [];
      const stranger = http.createServer((request, response) => {
        sent.push(request.headers.authorization);
        response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
      });
      await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
      const address = `localhost:${(stranger.address() as AddressInfo).port}`;
      const tools = folderOf([]);
      const client = execFileSync("sh", ["-c", "command -v docker"], { env }).toString().trim();
      writeFileSync(
        join(tools, "docker"),
        `#!/bin/sh\n{ printf '%s: ' "$1 $2"; env | grep -c ${canary}; } >>${tools}/calls\nexec ${client} "$@"\n`,
        { mode: 0o755 },
      );
      const reference = (await image("v1")).replace(registry.address, address);
      const text = pullSettings(makeApp("stranger").identity, reference, here).replace(
        /^registry=.*$/m,
        `registry='${registry.address}'`,
      );
      const result = await sh("pull", text, { env: { ...login, PATH: `${tools}:${env.PATH}` } });
      stranger.close();
      expect(result).toMatchObject({ code: 1 });
      expect(sent.length).toBeGreaterThan(0);
      expect(sent.filter((one) => one !== undefined)).toEqual([]);
      const calls = readFileSync(join(tools, "calls"), "utf8").trim().split("\n");
      expect(calls.filter((one) => one.endsWith(": 1")).map((one) => one.split(":")[0])).toEqual([
        "image inspect",
        "pull --quiet",
        "image inspect",
      ]);
      expect(calls.some((one) => one.startsWith("version") && one.endsWith(": 0"))).toBe(true);
      rmSync(tools, { recursive: true });
    },
  );

  test("the helper answers for its own registry only", async () => {
    const tools = folderOf([]);
    // The client of the pull asks the helper for every name; what it answers is kept.
    writeFileSync(
      join(tools, "docker"),
      `#!/bin/sh
[ "$1" != image ] || exit 1
[ "$1" = pull ] || exit 0
for server in ghcr.io https://ghcr.io ghcr.io.example.com docker.io '' '*'; do
  printf '%s=%s\\n' "$server" "$(printf %s "$server" | docker-credential-multiarch get)" >>${tools}/answers
done
exit 1
`,
      { mode: 0o755 },
    );
    const text = pullSettings(
      makeApp("helper").identity,
      `ghcr.io/team/web@sha256:${"0".repeat(64)}`,
      here,
    );
    await sh("pull", text, { env: { ...login, PATH: `${tools}:${env.PATH}` } });
    const asked = readFileSync(join(tools, "answers"), "utf8").trim().split("\n");
    expect(asked[0]).toBe(`ghcr.io={"Username":"robot","Secret":"${canary}"}`);
    expect(asked.slice(1).filter((line) => line.includes(canary))).toEqual([]);
    expect(asked).toHaveLength(6);
    rmSync(tools, { recursive: true });
  });
});

// eslint-disable-next-line no-control-regex
const control = /[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
test.concurrent(
  "words of a container can neither steer a terminal nor imitate lines of multiarch",
  async () => {
    const app = makeApp("words");
    const hostile = [
      "\\033[2J\\033[31mred\\007\\b\\r the new release is running",
      "\\302\\233" + "31m c1 \\342\\200\\256 bidi \\342\\200\\250 the new release is running",
      "caf\\303\\251",
    ].join("\\n");
    const command = [
      "sh",
      "-c",
      `head -c 100000 /dev/zero | tr '\\0' x; printf '\\n${hostile}\\n'; exit 3`,
    ];
    const failed = await app.release({ command });
    expect(failed.code).toBe(1);
    expect(failed.stderr).not.toMatch(control);
    expect(failed.stderr).toContain("  | ?[2J?[31mred???");
    expect(failed.stderr).toContain("  | café\n");
    expect(
      failed.stderr.split("\n").filter((line) => line.startsWith("the new release is running")),
    ).toEqual([]);
    expect(Math.max(...failed.stderr.split("\n").map((line) => line.length))).toBeLessThan(4_100);
  },
);

describe("a host with few tools", () => {
  /** From the first release to the removal, with a rename. */
  const life = async ([former, app]: App[], options: Parameters<typeof sh>[2]) => {
    expect(await former!.release({ health: { seconds: 1 } }, options)).toMatchObject({ code: 0 });
    const environment = { LINES: "one\ntwo", PLAIN: "x y" };
    const next = { version: "v2" as const, health: { seconds: 1 }, environment };
    expect(await app!.release(next, options)).toMatchObject({ code: 0 });
    expect(await former!.names()).toEqual([]);
    expect(await app!.release(next, options)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/already/),
    });
    expect(await app!.get()).toBe("v2");
    expect(await sh("remove", await app!.text({}), options)).toMatchObject({ code: 0, stderr: "" });
    expect(await app!.names()).toEqual([]);
  };
  const posix = "sh awk cat chmod cut date head id ln mktemp rm sed sleep tail tr uname".split(" ");

  test.concurrent.each(["sha256sum", "shasum", "openssl", "cksum"])(
    "such as no timeout, no flock, no readlink, and of the hashes only %s",
    async (hasher) => {
      const PATH = folderOf(["docker", hasher, ...posix]);
      await life(makeRenamed(`former-${hasher}`, `few-${hasher}`), { env: { PATH } });
      rmSync(PATH, { recursive: true });
    },
  );

  test.concurrent("with BusyBox alone", async () => {
    const PATH = folderOf(["docker"]);
    const busybox = execFileSync("sh", ["-c", "command -v busybox"]).toString().trim();
    for (const applet of execFileSync(busybox, ["--list"]).toString().trim().split("\n"))
      if (!["timeout", "flock", "sha256sum"].includes(applet))
        symlinkSync(busybox, join(PATH, applet));
    await life(makeRenamed("busybox-former", "busybox-only"), {
      shell: [join(PATH, "sh")],
      env: { PATH },
    });
    rmSync(PATH, { recursive: true });
  });

  test.concurrent("without /proc", async () => {
    const app = makeApp("no-proc");
    const real = folder();
    // On Linux, /dev/stdin is a link into /proc/self/fd, so that folder alone is left.
    const mounts = [
      ...["unshare", "-m", "sh", "-c"],
      `mount --bind /proc ${real} && mount -t tmpfs none /proc && mkdir /proc/self && ln -s ${real}/self/fd /proc/self/fd && exec sh "$@"`,
      "sh",
    ];
    expect(await app.release({}, { shell: mounts })).toMatchObject({ code: 0 });
    expect(await app.release({}, { shell: mounts })).toMatchObject({ code: 0 });
    expect(await app.get()).toBe("v1");
    rmSync(real, { recursive: true });
  });
});

describe("Podman", () => {
  let podman: NodeJS.ProcessEnv;
  let store: string;

  beforeAll(() => {
    store = folder();
    const PATH = folderOf([
      ..."sh awk cat chmod cut date head id ln mktemp rm sed sleep tail tr uname curl sha256sum".split(
        " ",
      ),
    ]);
    writeFileSync(
      join(store, "containers.conf"),
      // What an unprivileged container such as this machine allows.
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
    );
    writeFileSync(
      join(store, "registries.conf"),
      `[[registry]]\nlocation = "${registry.address}"\ninsecure = true\n`,
    );
    const path = env.PATH ?? "";
    writeFileSync(
      join(PATH, "podman"),
      `#!/bin/sh\nPATH='${path}' exec podman --root ${store}/data --runroot ${store}/run "$@"\n`,
      { mode: 0o755 },
    );
    podman = {
      PATH,
      CONTAINERS_CONF: join(store, "containers.conf"),
      CONTAINERS_REGISTRIES_CONF: join(store, "registries.conf"),
      DOCKER_HOST: undefined,
      DOCKER_CONFIG: undefined,
    };
  });
  afterAll(() => {
    const all = (...args: string[]) =>
      execFileSync(join(podman.PATH!, "podman"), args, {
        env: { ...env, ...podman },
        stdio: "ignore",
      });
    all("rm", "--all", "--force");
    all("rmi", "--all", "--force");
    execFileSync("sh", [
      "-c",
      `umount -R ${store}/data 2>/dev/null; rm -rf ${store} ${podman.PATH}`,
    ]);
  });

  test("takes release after release, goes back, and leaves nothing after the removal", async () => {
    const [former, renamed] = makeRenamed("podman-former", "podman") as [App, App];
    let app = former;
    const list = () =>
      execFileSync(
        join(podman.PATH!, "podman"),
        ["ps", "-a", "--format", "{{.Names}}={{.State}}"],
        {
          env: { ...env, ...podman },
        },
      )
        .toString()
        .trim();
    const release = async (version: "v1" | "v2") => {
      const pull = pullSettings(app.identity, await image(version), here);
      expect(await sh("pull", pull, { env: podman })).toMatchObject({ code: 0 });
      const result = await sh("release", await app.text({ version }), { env: podman });
      expect(result).toMatchObject({ code: 0 });
      expect(await app.get()).toBe(version);
      return result;
    };
    await release("v1");
    await release("v2");
    app = renamed;
    expect(await release("v1")).toMatchObject({
      stderr: expect.stringContaining(`renaming container ${former.container} to`),
    });
    const formerImages = pullSettings(former.identity, await image("v1"), here);
    expect(await sh("forget", formerImages, { env: podman })).toMatchObject({ code: 0 });
    const failed = await sh("release", await app.text({ version: "v2", command: ["false"] }), {
      env: podman,
    });
    expect(failed).toMatchObject({ code: 1 });
    expect(await app.get()).toBe("v1");
    expect(await release("v1")).toMatchObject({ stderr: expect.stringMatching(/already/) });
    const removed = await sh("remove", await app.text({}), { env: podman });
    expect(removed).toMatchObject({ code: 0, stderr: "" });
    const forget = pullSettings(app.identity, await image("v1"), here);
    expect(await sh("forget", forget, { env: podman })).toMatchObject({ code: 0, stderr: "" });
    expect(list()).toBe("");
  });
});
