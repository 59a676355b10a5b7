import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../../components/registry/client";
import { start, type Trial } from "../../components/verification/start";
import { refusal } from "./entrypointImage";
import type { HeldImage } from "../../components/verification/inspect";

// What a docker client is asked, and what its words come to, by a client that plays back. That a real engine behaves so is shown by
// tests/engine/verification.test.ts.

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const image = (platform: string): HeldImage => ({
  platform,
  digest,
  size: 1,
  config: {},
  volumes: [],
  layers: [],
});
const stored = process.env;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-start-"));
  for (const name of ["bin", "tmp", "docker"]) mkdirSync(join(folder, name));
  const own = join(folder, "docker");
  process.env = {
    PATH: `${join(folder, "bin")}:${stored.PATH}`,
    HOME: folder,
    TMPDIR: join(folder, "tmp"),
    DOCKER_CONFIG: own,
  };
  mkdirSync(join(own, "contexts"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  process.env = stored;
});

/** A client that says, and does, something else for each command. */
function client(answers: Record<string, string>): void {
  const usual: Record<string, string> = {
    version: "echo linux/amd64",
    context: "echo mine",
    ps: ":",
    image: `[ "$2" = rm ] || exit 1`,
    wait: "echo 0",
    ...answers,
  };
  const cases = Object.entries(usual).map(([name, text]) => `${name}) ${text} ;;`);
  const script = `#!/bin/sh\necho "$*" >> ${folder}/calls\ncase $1 in\n${cases.join("\n")}\nesac\n`;
  writeFileSync(join(folder, "bin", "docker"), script, { mode: 0o755 });
}

const calls = () => readFileSync(join(folder, "calls"), "utf8").trimEnd().split("\n");

function run(trial: Trial = {}, platform = "linux/amd64", password?: string): Promise<void> {
  const registry = new Registry("registry.test/app:1");
  return start([image(platform)], registry, trial, { username: "ann", password });
}

test("an image is pulled by digest, started apart from everything, and removed", async () => {
  client({});
  await run({ command: ["--version"] }, "linux/arm64");
  const reference = `registry.test/app@${digest}`;
  const name = /--name (multiarch-verify-[0-9a-f]{12}) /.exec(calls().join("\n"))![1]!;
  expect(calls()).toEqual([
    "version --format {{.Server.Os}}/{{.Server.Arch}}",
    expect.stringMatching(/^ps --all --filter label=multiarch\.verify --format /),
    `image inspect ${reference}`,
    `pull --quiet --platform linux/arm64 ${reference}`,
    expect.stringMatching(
      new RegExp(
        `^run --detach --name ${name} --label multiarch\\.verify=\\d+ --platform linux/arm64 ` +
          `--network none --pids-limit 8192 --log-driver json-file --log-opt max-size=1m ${reference} --version$`,
      ),
    ),
    `wait ${name}`,
    expect.stringContaining(`logs --tail 20 ${name}`),
    `rm --force --volumes ${name}`,
    `image rm ${reference}`,
  ]);
});

test("an image that was there before stays", async () => {
  client({ image: "echo sha256:1" });
  await run();
  expect(calls().filter((call) => call.startsWith("image rm"))).toEqual([]);
});

test("what still runs after the time is good without a command, and not with one", async () => {
  client({ wait: "exec sleep 20", logs: "echo said >&2" });
  await run({ seconds: 1 });
  expect(await refusal(run({ seconds: 1, command: ["migrate"] }))).toBe(
    "linux/amd64: verify.command (migrate) didn't end within 1 s: give it more verify.seconds, or another verify.command; its last lines:\n  | said",
  );
  expect(calls().filter((call) => call.startsWith("rm --force"))).toHaveLength(2);
});

test("containers of runs that were killed are removed when their time is over", async () => {
  const later = Math.ceil(Date.now() / 1000) + 100;
  client({ ps: `printf 'old 1000\\nnew ${later}\\n'` });
  await run();
  expect(calls()).toContain("rm --force --volumes old");
  expect(calls()).not.toContain("rm --force --volumes new");
});

describe("each fault has its sentence", () => {
  const emulate =
    `linux/arm64: the engine of this machine is for linux/amd64, and can't emulate linux/arm64: register QEMU ` +
    `(docker run --privileged --rm tonistiigi/binfmt --install arm64), or set verify.depth to "entrypoint"`;

  test("no client", async () => {
    process.env.PATH = join(folder, "tmp");
    expect(await refusal(run())).toContain("there is no docker command): install or start it, or");
  });

  test("no engine", async () => {
    client({ version: "echo 'Cannot connect to the Docker daemon at x' >&2; exit 1" });
    expect(await refusal(run())).toBe(
      `verify.depth "run" starts images on the machine that runs Pulumi, and no container engine answers there ` +
        `(Cannot connect to the Docker daemon at x): install or start it, or set verify.depth to "entrypoint"`,
    );
  });

  test("no pull, and nothing is started", async () => {
    client({ pull: "echo 'Error response from daemon: unauthorized' >&2; exit 1" });
    expect(await refusal(run())).toContain(
      `can't pull registry.test/app@${digest} (unauthorized): see`,
    );
    expect(calls().filter((call) => call.startsWith("run"))).toEqual([]);
  });

  test.each([
    "exec /bin/sh: exec format error",
    "standard_init_linux.go:228: exec user process caused: exec format error",
    "exec container process `/bin/sh`: Exec format error",
  ])("no emulation, where the container says %j", async (text) => {
    client({ wait: "echo 1", logs: `cat >&2 <<'E'\n${text}\nE\n` });
    expect(await refusal(run({}, "linux/arm64"))).toBe(emulate);
    expect(await refusal(run())).toContain("is no program for this machine");
  });

  test("no emulation, where the engine says it", async () => {
    const said =
      'docker: Error response from daemon: OCI runtime create failed: exec: "/a": exec format error: unknown.';
    client({ run: `echo '${said}' >&2; exit 126` });
    expect(await refusal(run({}, "linux/arm64"))).toBe(emulate);
  });

  test("a program in the image that can't be started is the image's own failure", async () => {
    client({ wait: "echo 126", logs: "echo 'sh: /app: Exec format error' >&2" });
    expect(await refusal(run({}, "linux/arm64"))).toBe(
      "linux/arm64: the image's own command ended with exit code 126 (without network and settings; verify.command " +
        "starts something that needs none); its last lines:\n  | sh: /app: Exec format error",
    );
  });

  // What Docker with runc 1.1, Podman with runc 1.1, and env print.
  test.each([
    ["exec /app: no such file or directory", "the image lacks the command or what starts it"],
    ["env: 'bash\\r': No such file or directory", "the image lacks the command or what starts it"],
  ])("a file that the command needs, where the container says %j", async (text, sentence) => {
    client({ wait: "echo 127", logs: `cat >&2 <<'E'\n${text}\nE\n` });
    expect(await refusal(run())).toContain(`linux/amd64: ${sentence}`);
  });

  test.each([
    [`exec: "/x": stat /x: no such file or directory: unknown`, "the image lacks the command"],
    [`exec: "x": executable file not found in $PATH: unknown`, "the image lacks the command"],
    [`exec: "/x": permission denied: unknown`, "the container's user can't execute the command"],
  ])("a command, where the engine says %j", async (text, sentence) => {
    const said = `docker: Error response from daemon: unable to start container process: ${text}`;
    client({ run: `cat >&2 <<'E'\n${said}\nE\nexit 127` });
    expect(await refusal(run())).toContain(`linux/amd64: ${sentence}`);
  });

  test("a command that isn't there", async () => {
    client({ run: `echo 'docker: Error response from daemon: no such file.' >&2; exit 127` });
    expect(await refusal(run())).toContain("can't start it (no such file.): build it again, or");
  });
});

describe("credentials", () => {
  // What a client does with them: asks the helper that its settings name.
  const pull = `cat "$DOCKER_CONFIG/config.json" > ${"$"}HOME/seen
    echo >> ${"$"}HOME/seen; ls "$DOCKER_CONFIG" >> ${"$"}HOME/seen
    echo registry.test | docker-credential-multiarch get >> ${"$"}HOME/seen`;
  const password = 'can"ary\\1';

  test("reach the client by a helper, and are in no file and no argument", async () => {
    client({ pull, run: "exit 1" });
    // The engine of the user's own context.
    const auths = {
      "https://index.docker.io/v1/": { auth: Buffer.from("hub:canary-hub").toString("base64") },
      "ghcr.io": { identitytoken: "canary-token" },
      "registry.test": { auth: Buffer.from("old:canary-old").toString("base64") },
    };
    const config = { currentContext: "mine", auths };
    writeFileSync(join(folder, "docker", "config.json"), JSON.stringify(config));
    await refusal(run({}, "linux/amd64", password));
    const seen = readFileSync(join(folder, "seen"), "utf8").trimEnd().split("\n");
    expect(JSON.parse(seen[0]!)).toEqual({
      currentContext: "mine",
      auths: {},
      credHelpers: { "registry.test": "multiarch" },
    });
    expect(seen).toEqual(expect.arrayContaining(["contexts", "docker-credential-multiarch"]));
    expect(JSON.parse(seen.at(-1)!)).toEqual({ Username: "ann", Secret: password });
    expect(calls().join("\n")).not.toContain("canary");
    expect(calls().join("\n")).not.toContain(password);
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });

  test("that weren't given leave Docker's own in place", async () => {
    client({ pull: `echo "$DOCKER_CONFIG" > ${"$"}HOME/seen` });
    await run();
    expect(readFileSync(join(folder, "seen"), "utf8").trim()).toBe(join(folder, "docker"));
  });
});

test("a long error of the engine, which may repeat the image's own words, is judged in time", async () => {
  const words = `awk 'BEGIN { for (at = 0; at < 40000; at++) printf "OCI runtime " }' >&2; exit 125`;
  client({ run: words });
  const started = Date.now();
  expect(await refusal(run())).toMatch(/can't start it \(OCI runtime /);
  // A pattern whose time grows with the square of the text takes minutes.
  expect(Date.now() - started).toBeLessThan(15_000);
});
