import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { BuilderArgs } from "../../components/builders/builderArgs";
import { emulatorImage, ensureEmulator } from "../../components/builders/emulators";
import { ensureBuilder, type EnsurePlace } from "../../components/builders/ensure";
import { inspectBuilder } from "../../components/builders/facts";
import { removeCreated } from "../../components/builders/remove";

// The driver docker-container needs privileged containers, which the machines of the engine tests don't have. What is asked of
// `docker` is shown here with one of our own on PATH; that the real one does it is not shown. Remote builders are real in
// tests/engine/builders.test.ts.

const fakeDocker = `#!/bin/sh
cd "$FAKE" || exit 9
echo "docker $*" >> calls
case "$*" in
"buildx create "*)
  sleep 0.2
  [ -e late ] && mv late instance
  [ -e instance ] && { echo 'ERROR: existing instance for "multi" but no append mode, specify the node name' >&2; exit 1; }
  [ -e refuse ] && { cat refuse >&2; exit 1; }
  echo "\${DRIVER:-docker-container}" > instance; echo inactive > status; echo multi ;;
"buildx inspect --bootstrap "*)
  [ -e refuse ] && { cat refuse >&2; exit 1; }
  echo running > status ;;
"buildx inspect "*)
  [ -e instance ] || { echo 'ERROR: no builder "multi" found' >&2; exit 1; }
  printf 'Name:   multi\\nDriver: %s\\n\\nNodes:\\nName: multi0\\nEndpoint: %s\\nStatus: %s\\nPlatforms: linux/amd64%s\\n' \\
    "$(cat instance)" "\${ENDPOINT:-unix:///run/docker.sock}" "$(cat status)" "$(cat emulated 2>/dev/null)" ;;
"buildx rm "*) rm instance ;;
"context inspect "*) echo "\${CONTEXT_HOST}" ;;
*"run --privileged "*)
  [ -e refuse ] && { cat refuse >&2; exit 1; }
  case "$*" in *--uninstall*) rm emulated ;; *) printf ', linux/zz9' > emulated ;; esac ;;
*) exit 8 ;;
esac
`;

const fakeBinfmt = `#!/bin/sh
cd "$FAKE" || exit 9
echo "update-binfmts $*" >> calls
[ -e binfmt ] || { echo "not in database" >&2; exit 2; }
printf ', linux/zz9' > emulated
`;

const real = { ...process.env };
let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-"));
  said = [];
  writeFileSync(join(folder, "calls"), "");
  for (const [name, text] of Object.entries({ docker: fakeDocker, "update-binfmts": fakeBinfmt })) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  process.env.PATH = [folder, real.PATH].join(delimiter);
  process.env.FAKE = folder;
  process.env.BUILDX_CONFIG = join(folder, "buildx");
});
afterEach(() => {
  for (const key of Object.keys(process.env)) if (!(key in real)) delete process.env[key];
  Object.assign(process.env, real);
  rmSync(folder, { recursive: true });
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const has = (name: string) => existsSync(join(folder, name));
const calls = (word: string) =>
  readFileSync(join(folder, "calls"), "utf8")
    .split("\n")
    .filter((line) => line.includes(word));
const place = (preview = false): EnsurePlace => ({
  path: "image.builder",
  preview,
  say: (text) => Promise.resolve(void said.push(text)),
});
const multi: BuilderArgs = { name: "multi", driver: "docker-container" };

it("a builder that isn't there is made, started, recorded, and not selected", async () => {
  const facts = await ensureBuilder({ ...multi, driverOptions: { network: "host" } }, place());
  expect(facts).toMatchObject({ state: "ready", driver: "docker-container" });
  const create = "docker buildx create --name multi --driver docker-container";
  expect(calls("create")).toEqual([`${create} --driver-opt network=host`]);
  expect(calls("bootstrap")).toEqual(["docker buildx inspect --bootstrap multi"]);
  expect(calls("--use")).toEqual([]);
  expect(said.join("\n")).toMatch(/made builder "multi".*\nstarting builder "multi"/);
  expect((await removeCreated()).lines).toEqual([`removed builder "multi"`]);
  expect(has("instance")).toBe(false);
  expect((await removeCreated()).lines).toEqual([]);
});

it("a preview makes and starts nothing", async () => {
  expect(await ensureBuilder(multi, place(true))).toMatchObject({ state: "missing" });
  write("instance", "docker-container");
  write("status", "stopped");
  expect(await ensureBuilder(multi, place(true))).toMatchObject({ state: "stopped" });
  expect([...calls("create"), ...calls("bootstrap")]).toEqual([]);
});

it("two platforms at once make one builder, and each gets its facts", async () => {
  const both = await Promise.all([
    ensureBuilder(multi, place()),
    ensureBuilder({ ...multi, name: "Multi" }, place()),
  ]);
  expect(both.map(({ state }) => state)).toEqual(["ready", "ready"]);
  expect(calls("create")).toHaveLength(1);
});

it("where another process was quicker, its builder is taken, and isn't recorded as ours", async () => {
  write("late", "docker-container");
  write("status", "inactive");
  expect(await ensureBuilder(multi, place())).toMatchObject({ state: "ready" });
  expect(calls("bootstrap")).toHaveLength(1);
  expect((await removeCreated()).lines).toEqual([]);
  expect(has("instance")).toBe(true);
});

it("a builder that is stopped is started; one that is otherwise than stated isn't touched", async () => {
  write("instance", "docker-container");
  write("status", "stopped");
  const elsewhere = { ...multi, endpoint: "ssh://far" };
  expect(await ensureBuilder(elsewhere, place())).toMatchObject({ state: "stopped" });
  expect(calls("bootstrap")).toEqual([]);
  expect(await ensureBuilder({ name: "multi" }, place())).toMatchObject({ state: "ready" });
  expect(calls("bootstrap")).toHaveLength(1);
});

it("an engine that refuses is told with its own words", async () => {
  // The real words of buildx 0.38 for an engine that isn't there.
  write(
    "refuse",
    "ERROR: failed to initialize builder multi (multi0): failed to connect to the docker API at unix:///no.sock\n",
  );
  await expect(ensureBuilder(multi, place())).rejects.toThrow(
    /^image\.builder: builder "multi" \(docker-container\) can't be made \(failed to initialize .*no\.sock\); /,
  );
  expect((await removeCreated()).lines).toEqual([]);
});

it("a start that fails is told with its own words", async () => {
  // The real words of buildx 0.38 for an engine without the network.
  const words =
    'ERROR: Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host';
  write("instance", "docker-container");
  write("status", "inactive");
  write("refuse", `#1 [internal] booting buildkit\n${words}\n`);
  await expect(ensureBuilder(multi, place())).rejects.toThrow(
    /^image\.builder: builder "multi" can't be started \(Error response from daemon: .*no such host\); .*driverOptions\.image/,
  );
});

it("a record that was cut short is passed over, and stops no other", async () => {
  mkdirSync(join(folder, "buildx", "multiarch"), { recursive: true });
  writeFileSync(join(folder, "buildx", "multiarch", "builder-half.json"), `{"kind":"buil`);
  expect(await removeCreated()).toEqual({ lines: [], left: false });
});

it("what was made anew by somebody else in the meantime isn't removed", async () => {
  await ensureBuilder(multi, place());
  write("instance", "remote");
  expect((await removeCreated()).lines).toEqual([
    `builder "multi" stays: it was made anew or changed by somebody else`,
  ]);
  expect(has("instance")).toBe(true);
});

it("what is gone already is said, and what can't be asked stays for the next time", async () => {
  await ensureBuilder(multi, place());
  rmSync(join(folder, "docker"));
  process.env.PATH = folder;
  expect((await removeCreated()).lines).toEqual([
    `builder "multi" stays: there is no docker command`,
  ]);
  process.env.PATH = [folder, real.PATH].join(delimiter);
  write("docker", fakeDocker);
  chmodSync(join(folder, "docker"), 0o755);
  rmSync(join(folder, "instance"));
  expect((await removeCreated()).lines).toEqual([`builder "multi" is gone already`]);
  expect((await removeCreated()).lines).toEqual([]);
});

describe("emulators", () => {
  async function ready() {
    const facts = await ensureBuilder(multi, place());
    if (facts.state !== "ready") throw new Error(facts.state);
    return facts;
  }
  // Only Linux has binfmt_misc.
  const root = process.platform === "linux" && process.getuid?.() === 0;

  it("a privileged container of the engine registers one, and unregisters it", async () => {
    process.env.ENDPOINT = "ssh://me@far";
    const facts = await ensureEmulator(await ready(), "linux/zz9", multi, place());
    expect(facts).toMatchObject({ platforms: ["linux/amd64", "linux/zz9"] });
    const engine = `docker --host ssh://me@far run --privileged --rm ${emulatorImage}`;
    expect(calls("privileged")).toEqual([`${engine} --install zz9`]);
    expect(calls("update-binfmts")).toEqual([]);
    expect((await removeCreated()).lines).toEqual([
      `removed builder "multi"`,
      "unregistered qemu-zz9",
    ]);
    expect(calls("uninstall")).toEqual([`${engine} --uninstall qemu-zz9`]);
  });

  it("an engine that is known by its context is told by its context", async () => {
    process.env.ENDPOINT = "far-context";
    process.env.CONTEXT_HOST = "tcp://10.0.0.5:2376";
    await ensureEmulator(await ready(), "linux/zz9", multi, place());
    expect(calls("privileged")[0]).toMatch(/^docker --context far-context run --privileged/);
  });

  (root ? it : it.skip)(
    "on this machine, root lets binfmt-support do it, and the engine where that can't",
    async () => {
      const facts = await ready();
      await ensureEmulator(facts, "linux/zz9", multi, place());
      expect(calls("update-binfmts")).toEqual(["update-binfmts --enable qemu-zz9"]);
      expect(calls("privileged")).toHaveLength(1);
      write("binfmt", "");
      await ensureEmulator(facts, "linux/zz9", multi, place());
      expect(calls("privileged")).toHaveLength(1);
      await removeCreated();
      expect(calls("--disable")).toEqual(["update-binfmts --disable qemu-zz9"]);
    },
  );

  it("an engine that can't is told with its own words, and what to do by hand", async () => {
    process.env.ENDPOINT = "ssh://me@far";
    const facts = await ready();
    write("refuse", "docker: Error response from daemon: privileged mode is incompatible\n");
    await expect(ensureEmulator(facts, "linux/zz9", multi, place())).rejects.toThrow(
      /^image\.builder\.installEmulators: QEMU for linux\/zz9 .*privileged mode is incompatible\); run `docker run/,
    );
  });
});

it("a docker that isn't there tells nothing, which is no error", async () => {
  process.env.PATH = join(folder, "empty");
  expect(await inspectBuilder("multi")).toEqual({
    state: "unknown",
    detail: "there is no docker command",
  });
});
