/**
 * The host's script against a real engine: what `@pulumi/command` would run, without Pulumi. That HostTarget gives
 * the script these settings, as secrets and with the right triggers, is for tests/components/host.test.ts.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pullSettings, refusalScript } from "../../components/targets/host/hostSettings";
import { hostScript } from "../../components/targets/host/hostScript";
import { environment } from "./harness";
import {
  docker,
  folderOf,
  here,
  image,
  inspect,
  makeApp,
  other,
  pause,
  removeAll,
  run,
  sh,
  shells,
} from "./hostApp";

const { registry } = environment();
const canary = `canary-${randomBytes(6).toString("hex")}`;
jest.setTimeout(90_000);

afterAll(removeAll);

describe("release", () => {
  test.concurrent.each(shells)(
    "under %s: the first serves, the same again does nothing, a new image takes over and the one before is kept",
    async (name, shell) => {
      const app = makeApp(`life-${name}`);
      const first = await app.release({}, { shell });
      expect(first).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("the new release serves"),
      });
      expect(await app.get()).toBe("v1");
      const id = await app.id();
      expect(JSON.parse(first.stdout)).toEqual({ container: id, image: await image("v1") });

      expect(await app.release({}, { shell })).toEqual({
        ...{ code: 0, stdout: first.stdout },
        stderr: "this release serves already\n",
      });
      expect(await app.id()).toBe(id);

      expect(await app.release({ version: "v2" }, { shell })).toMatchObject({ code: 0 });
      expect(await app.get()).toBe("v2");
      expect(await app.names()).toEqual(["-previous=exited", "=running"]);
      // A policy might start the one before with the engine, next to the one that serves.
      const kept = await inspect(
        `${app.container}-previous`,
        "{{.Id}} {{.HostConfig.RestartPolicy.Name}}",
      );
      expect(kept).toBe(`${id} no`);
      expect(await inspect(app.container, "{{.HostConfig.RestartPolicy.Name}}")).toBe(
        "unless-stopped",
      );
    },
  );

  test.concurrent(
    "a third release removes the first one's container, forgetting then its image, and no other",
    async () => {
      const app = makeApp("third");
      for (const version of ["v1", "v2", "v3"] as const)
        expect(await app.release({ version })).toMatchObject({ code: 0 });
      expect(await app.names()).toEqual(["-previous=exited", "=running"]);
      expect(await app.forget()).toEqual({ code: 0, stdout: "", stderr: "" });
      const tags = await docker("images", "-q", `localhost/multiarch/${app.container}`);
      expect(tags.split("\n")).toHaveLength(2);
    },
  );

  test.concurrent(
    "of something that crashes at its start leaves the old one serving, and shows its last lines masked",
    async () => {
      const app = makeApp("crash");
      const environment = { TOKEN: canary };
      await app.release({ environment });
      const id = await app.id();
      const crash = ["sh", "-c", 'echo "connecting with $TOKEN"; exit 3'];
      const failed = await app.release(
        { version: "v2", environment, command: crash },
        { secrets: [canary] },
      );
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain("the new release isn't healthy: it ended with exit code 3");
      expect(failed.stderr).toContain("  | connecting with ***\n");
      expect(failed.stderr).toContain("the release before serves, as it did");
      expect(failed.stderr + failed.stdout).not.toContain(canary);
      expect(await app.id()).toBe(id);
      expect(await app.names()).toEqual(["=running"]);
      expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
      expect(await app.get()).toBe("v2");
    },
  );

  test.concurrent("of something that never answers leaves the old one serving", async () => {
    const app = makeApp("mute");
    await app.release();
    const id = await app.id();
    const failed = await app.release({ health: { path: "/absent", timeout: 2 }, version: "v2" });
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stderr).toContain("/absent answered 404 after 2 s");
    expect(await app.id()).toBe(id);
    expect(await app.names()).toEqual(["=running"]);
  });

  test.concurrent(
    "that is healthy beside the old one and fails in its place starts the old one again",
    async () => {
      const app = makeApp("rollback");
      await app.release();
      const id = await app.id();
      // The candidate makes the file in the volume, and the one that is to serve stumbles over it.
      const once =
        "test ! -e /data/x || exit 9; touch /data/x; mkdir /www; exec busybox httpd -f -p 8080 -h /www";
      const settings = {
        version: "v2" as const,
        health: { command: ["test", "-d", "/www"], timeout: 5 },
        volumes: [{ source: `${run}-rollback`, target: "/data" }],
        command: ["sh", "-c", once],
      };
      const failed = await app.release(settings);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(/switching to the new release\nthe new release isn't healthy/);
      expect(await app.id()).toBe(id);
      expect(await app.get()).toBe("v1");
      expect(await app.names()).toEqual(["=running"]);
      await docker("volume", "rm", `${run}-rollback`);
    },
  );

  test.concurrent("of a program for another architecture says so", async () => {
    const app = makeApp("junk");
    const failed = await app.release({ command: ["/junk"] });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/isn't healthy[^]*holds a program for another architecture/);
    expect(await app.names()).toEqual([]);
  });

  test.concurrent(
    "of a command that can't be started says why, with and without init",
    async () => {
      const app = makeApp("lacking");
      for (const [command, init, sentence] of [
        ["/crlf", true, /the image lacks the command or what starts it: the program in a script's/],
        [
          "/crlf",
          false,
          /the image lacks the command or what starts it: the program in a script's/,
        ],
        ["/nowhere", false, /the image lacks the command or what starts it/],
        ["nowhere", false, /the image lacks the command or what starts it/],
        ["/text", true, /the container's user can't execute the command: COPY it with --chmod=755/],
        [
          "/text",
          false,
          /the container's user can't execute the command: COPY it with --chmod=755/,
        ],
      ] as const) {
        const failed = await app.release({ command: [command], init, health: { timeout: 5 } });
        expect([command, init, failed.stderr]).toEqual([
          command,
          init,
          expect.stringMatching(sentence),
        ]);
      }
      const own = ["sh", "-c", "echo web: /x: No such file or directory; exit 1"];
      const failed = await app.release({ command: own });
      expect(failed.stderr).toContain("| web: /x: No such file or directory");
      expect(failed.stderr).not.toContain("the image lacks");
    },
  );

  test.concurrent(
    "onto a port that something else has fails before the old one is stopped",
    async () => {
      const app = makeApp("port");
      await app.release();
      const started = await inspect(app.container, "{{.State.StartedAt}}");
      const server = net.createServer().listen(0, "127.0.0.1");
      await pause(50);
      const host = (server.address() as AddressInfo).port;
      const failed = await app.release({ ports: [{ container: 8080, host }] });
      server.close();
      expect(failed).toMatchObject({ code: 1 });
      expect(failed.stderr).toContain(`port ${host} of the host is taken by another program`);
      expect(await inspect(app.container, "{{.State.StartedAt}}")).toBe(started);

      const second = makeApp("port-second");
      const also = await second.release({ ports: [{ container: 8080, host: app.port }] });
      expect(also.stderr).toContain(
        `port ${app.port} of the host is taken by the container ${app.container}`,
      );
      expect(await second.names()).toEqual([]);
      expect(await app.get()).toBe("v1");
    },
  );

  test.concurrent("never touches a container of the same name that isn't its own", async () => {
    const app = makeApp("foreign");
    await docker("create", "--name", `${app.container}-candidate`, await image("v1").then(pulled));
    const failed = await app.release();
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      `${app.container}-candidate is already in use by a container that somebody else created`,
    );
    expect(await app.names()).toEqual(["-candidate=created"]);
  });

  test.concurrent(
    "with stop-first never runs two at once, and starts the old one again",
    async () => {
      const app = makeApp("stop-first");
      const settings = { strategy: "stop-first" as const };
      await app.release(settings);
      const id = await app.id();
      const failed = await app.release({ ...settings, command: ["false"], version: "v2" });
      expect(failed.code).toBe(1);
      expect(failed.stderr).not.toContain("beside");
      expect(await app.id()).toBe(id);
      expect(await app.get()).toBe("v1");
      expect(await app.release({ ...settings, version: "v2" })).toMatchObject({ code: 0 });
      expect(await app.get()).toBe("v2");
    },
  );

  test.concurrent(
    "runs its command first, from the new image with its environment, and changes nothing where that fails",
    async () => {
      const app = makeApp("migrate");
      await app.release();
      const id = await app.id();
      const migrate = (end: string) => ({
        version: "v2" as const,
        environment: { STEP: "one" },
        release: { command: ["sh", "-c", `echo migrating $STEP for $VERSION; ${end}`], timeout: 2 },
      });
      const failed = await app.release(migrate("exit 4"));
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain(
        "the release command ended with exit code 4\n  | migrating one for v2\n",
      );
      const slow = await app.release(migrate("sleep 60"));
      expect(slow.stderr).toContain("the release command was still running after 2 s");
      expect(await app.id()).toBe(id);
      expect(await app.names()).toEqual(["=running"]);
      expect(await app.release(migrate("exit 0"))).toMatchObject({ code: 0 });
      expect(await app.get()).toBe("v2");
    },
  );

  test.concurrent("waits for another one on the same host", async () => {
    const app = makeApp("together");
    await app.release();
    const results = await Promise.all([
      app.release({ version: "v2", health: { seconds: 2 } }),
      app.release({ version: "v3", health: { seconds: 2 } }),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(results.some(({ stderr }) => stderr.startsWith("waiting for another release"))).toBe(
      true,
    );
    expect(await app.names()).toEqual(["-previous=exited", "=running"]);
  });

  test.concurrent("passes an environment on as it is, and is not led astray by it", async () => {
    const app = makeApp("environment");
    const variables = {
      PATH: "/bin:/of/the/user",
      DOCKER_HOST: "tcp://192.0.2.1:1",
      HOME: "/nowhere",
      LINES: "one\n  two = 'three' \"four\" $HOME `x` \\n\n",
      ODD: "  'a' \"b\" $PATH `id` \\ # % \t é end ",
      EMPTY: "",
      image: "mine\ntoo",
    };
    const serve = ["/bin/sh", "-c", "exec /bin/busybox httpd -f -p 8080"];
    const result = await app.release({
      environment: variables,
      command: serve,
      health: { seconds: 0 },
    });
    expect(result).toMatchObject({ code: 0 });
    const text = await docker("exec", app.container, "/bin/cat", "/proc/1/environ");
    const seen = Object.fromEntries(
      text.split("\0").map((one) => [one.split("=", 1)[0], one.slice(one.indexOf("=") + 1)]),
    ) as Record<string, string>;
    expect(seen).toMatchObject(variables);
  });

  test.concurrent("shows no secret in the list of processes, in a label or in a file", async () => {
    const app = makeApp("secret");
    const secret = `${canary}-listed`;
    const settings = { environment: { TOKEN: secret, KEY: `${secret}\nline two` } };
    const seen = new Set<string>();
    let watching = true;
    const watch = (async () => {
      while (watching) {
        for (const pid of readdirSync("/proc").filter((one) => /^\d+$/.test(one)))
          try {
            const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
            if (line.includes(secret)) seen.add(line);
          } catch {
            // It ended meanwhile.
          }
        await pause(5);
      }
    })();
    await app.release({});
    expect(await app.release(settings, { secrets: [secret] })).toMatchObject({ code: 0 });
    watching = false;
    await watch;
    expect([...seen]).toEqual([]);
    expect(await inspect(app.container, "{{json .Config.Labels}} {{json .Args}}")).not.toContain(
      secret,
    );
  });
});

const pulled = async (reference: string) => {
  await docker("pull", "--quiet", reference);
  return reference;
};

test.concurrent.each(["wget", "bash"])(
  "asks for health by %s where there is no curl",
  async (prober) => {
    // No timeout, flock or sha256sum: macOS and minimal hosts have none.
    const tools = "sh docker cksum cut date id sleep head sed tail tr awk cat uname".split(" ");
    const folder = folderOf([...tools, prober]);
    const app = makeApp(`by-${prober}`);
    const health = { path: "/", timeout: 3 };
    expect(await app.release({ health }, { env: { PATH: folder } })).toMatchObject({ code: 0 });
    const absent = { path: "/absent", timeout: 0 };
    const failed = await app.release({ health: absent, version: "v2" }, { env: { PATH: folder } });
    expect(failed.stderr).toContain("/absent answered 404");
    rmSync(folder, { recursive: true });
  },
);

describe("a release that was killed", () => {
  const points: [string, number][] = [
    ["starting the new release beside", 0],
    ["starting the new release beside", 400],
    ["switching to the new release", 0],
    ["switching to the new release", 250],
    ["switching to the new release", 500],
    ["switching to the new release", 800],
  ];
  test.concurrent.each(points)(
    'after "%s" + %i ms is finished by the next, or undone by it',
    async (killAt, killAfter) => {
      const app = makeApp(`killed-${killAt.slice(0, 3)}-${killAfter}`);
      await app.release();
      await app.release({ version: "v2" }, { killAt, killAfter });
      // The source was reverted meanwhile, or it was not.
      const version = killAfter === 250 ? "v1" : "v2";
      expect(await app.release({ version })).toMatchObject({ code: 0 });
      expect(await app.get()).toBe(version);
      const names = await app.names();
      expect(names).toContain("=running");
      expect(names.filter((name) => !["=running", "-previous=exited"].includes(name))).toEqual([]);
    },
  );

  test.concurrent("between its two renames is finished by the next", async () => {
    const app = makeApp("killed-renames");
    await app.release();
    await app.release({ version: "v2" });
    const id = await app.id();
    await docker("rename", app.container, `${app.container}-next`);
    expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
    expect(await app.id()).toBe(id);
    expect(await app.names()).toEqual(["-previous=exited", "=running"]);
  });

  test.concurrent(
    "with the old one stopped and none started starts the old one, whatever comes next",
    async () => {
      const app = makeApp("killed-stopped");
      await app.release();
      const id = await app.id();
      await docker("stop", "-t", "1", app.container);
      const failed = await app.release({ version: "v2", command: ["false"] });
      expect(failed.code).toBe(1);
      expect(await app.id()).toBe(id);
      expect(await app.get()).toBe("v1");
    },
  );
});

test.concurrent(
  "where somebody removed the release that serves, the one before comes back until the next does",
  async () => {
    const app = makeApp("gone");
    await app.release();
    await app.release({ version: "v2" });
    await docker("rm", "-f", app.container);
    expect(await app.release({ version: "v2", command: ["false"] })).toMatchObject({ code: 1 });
    expect(await app.get()).toBe("v1");
    expect(await inspect(app.container, "{{.HostConfig.RestartPolicy.Name}}")).toBe(
      "unless-stopped",
    );
    expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
    expect(await app.get()).toBe("v2");
  },
);

describe("pull", () => {
  test.concurrent(
    "for another architecture fails before anything is pulled, naming both",
    async () => {
      const app = makeApp("architecture");
      const result = await app.pull("v3", other);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(
        new RegExp(`^the host is to be ${other}, and this machine is ${here}.*\n$`),
      );
      expect(await docker("images", "-q", `localhost/multiarch/${app.container}`)).toBe("");
    },
  );

  test.concurrent("uses credentials that are left nowhere", async () => {
    const password = `pa"ss\\${canary}`;
    const expected = `Basic ${Buffer.from(`robot:${password}`).toString("base64")}`;
    const [host, port] = registry.address.split(":") as [string, string];
    const front = http.createServer((request, response) => {
      if (request.headers.authorization !== expected) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
        return;
      }
      const headers = { ...request.headers };
      delete headers.authorization;
      http
        .get({ host, port, path: request.url, headers, method: request.method }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        })
        .on("error", () => response.destroy());
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const address = `localhost:${(front.address() as AddressInfo).port}`;
    const app = makeApp("credentials");
    const reference = (await image("v1")).replace(registry.address, address);
    const text = pullSettings(app.identity, reference, here);
    const TMPDIR = mkdtempSync(join(tmpdir(), "multiarch-test-"));
    const DOCKER_CONFIG = join(TMPDIR, "own");
    const login = (secret: string) => ({
      ...{ TMPDIR, DOCKER_CONFIG, MULTIARCH_REGISTRY_USERNAME: "robot" },
      MULTIARCH_REGISTRY_PASSWORD: secret,
    });
    // What a killed run left goes, and what one has that is under way stays.
    const [left, other] = [`multiarch.${2 ** 22 + 1}.abcdef`, `multiarch.${process.pid}.abcdef`];
    for (const folder of [left, other]) mkdirSync(join(TMPDIR, folder));
    const refused = await sh("pull", text, { env: login("wrong") });
    const accepted = await sh("pull", text, { env: login(password) });
    front.close();
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain(`the registry ${address} refused the credentials`);
    expect(accepted).toMatchObject({ code: 0 });
    expect(readdirSync(TMPDIR)).toEqual([other]);
    rmSync(TMPDIR, { recursive: true });
    await docker("rmi", reference);
  });

  test.concurrent("is bounded where the engine hangs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "multiarch-test-"));
    const socket = join(folder, "docker.sock");
    const server = net.createServer().listen(socket);
    const text = pullSettings(makeApp("hang").identity, await image("v1"), here, undefined);
    const result = await sh("pull", text, { env: { DOCKER_HOST: `unix://${socket}` } });
    server.close();
    rmSync(folder, { recursive: true });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      "doesn't answer; `docker version` says: no answer from docker within 10 s",
    );
  });
});

describe("remove", () => {
  test.concurrent("and then forget leave nothing of the app, and what is the user's", async () => {
    const app = makeApp("remove");
    const volume = `${run}-kept`;
    const volumes = [{ source: volume, target: "/data" }];
    await app.release({ volumes });
    await app.release({ volumes, version: "v2" });
    expect(await app.remove()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await app.names()).toEqual([]);
    expect(await app.forget()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await docker("images", "-q", `localhost/multiarch/${app.container}`)).toBe("");
    expect(await docker("volume", "rm", volume)).toBe(volume);
    expect(await app.remove()).toMatchObject({ code: 0 });
  });
});

test.concurrent(
  "settings that are not valid are printed, and the script does nothing else",
  async () => {
    const { container } = makeApp("wrong");
    const text = refusalScript("wrong: ports[0].host: must be a port");
    expect(await sh("release", text)).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: "wrong: ports[0].host: must be a port\n",
    });
    expect(await inspect(container, "{{.Id}}")).toBe("none");
  },
);

test.concurrent("a text that was cut on its way does nothing", async () => {
  const app = makeApp("cut");
  const whole = (await app.text({})) + hostScript("release");
  for (const lost of [8, 200, 5_000, 9_000, 14_000])
    expect((await sh("release", whole.slice(0, -lost), { whole: true })).stdout).toBe("");
  expect(await app.names()).toEqual([]);
});

describe("alone on the machine", () => {
  // Not concurrent, and last: measured while nothing else runs, 0.2 s on two cores.
  test("a new release takes over with a gap of less than a second", async () => {
    const app = makeApp("gap");
    await app.release();
    const asked: Promise<{ at: number; ok: boolean }>[] = [];
    // Requests overlap: one that waits for the repetition of a SYN must not hide the rest.
    const poller = setInterval(() => {
      const at = performance.now();
      asked.push(app.get().then((text) => ({ at, ok: text.startsWith("v") })));
    }, 20);
    expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
    await pause(200);
    clearInterval(poller);
    const failed = (await Promise.all(asked)).filter(({ ok }) => !ok).map(({ at }) => at);
    const gap = failed.length === 0 ? 0 : Math.max(...failed) - Math.min(...failed) + 20;
    expect(gap).toBeLessThan(1000);
    if (process.env.MULTIARCH_TEST_MEASURE) process.stderr.write(`gap: ${Math.round(gap)} ms\n`);
  });
});
