import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { credentialsFor } from "../../components/registry/credentials";
import { useLogins } from "../../components/registry/dockerConfig";
import { helperProblem, loginProblem } from "../../components/registry/providerLogins";

// Which login is used of those that Docker stores, in each form of its settings. That Docker's client uses the same, and the provider what
// these tests say, the real engine shows in tests/engine/credentials.test.ts.

const basic = (login: string) => Buffer.from(login).toString("base64");
const auth = basic("robot:secret");
const azure = { auth: basic("00000000-0000-0000-0000-000000000000:"), identitytoken: "T" };
const stored = process.env;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-stored-"));
  mkdirSync(join(folder, "bin"));
  process.env = {
    PATH: [join(folder, "bin"), stored.PATH].join(delimiter),
    HOME: folder,
    DOCKER_CONFIG: folder,
  };
  helper(
    "get-only",
    `[ $1 = get ] && echo '{"Username":"robot","Secret":"secret"}' || { echo "list is not supported"; exit 1; }`,
  );
  helper(
    "listing",
    `[ $1 = get ] && echo '{"Username":"robot","Secret":"secret"}' || echo '{"https://registry.test/v1/":"robot"}'`,
  );
  helper("hiding", `[ $1 = get ] && echo '{"Username":"robot","Secret":"secret"}' || echo '{}'`);
  helper("token", `[ $1 = get ] && echo '{"Username":"<token>","Secret":"T"}' || echo '{}'`);
  helper(
    "empty",
    `[ $1 = get ] && { echo "credentials not found in native keychain"; exit 1; } || echo '{}'`,
  );
});
afterEach(() => {
  process.env = stored;
  rmSync(folder, { recursive: true });
});

function helper(name: string, script: string): void {
  const file = join(folder, "bin", `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function configure(config: unknown, variable?: unknown): void {
  writeFileSync(
    join(folder, "config.json"),
    typeof config === "string" ? config : JSON.stringify(config),
  );
  if (variable !== undefined) process.env.DOCKER_AUTH_CONFIG = JSON.stringify(variable);
}

const robot = { username: "robot", password: "secret" };
const other = { auth: basic("other:old") };
const at = (entry: unknown) => ({ auths: { "registry.test": entry } });

const forms: [form: string, expected: object, config: unknown, variable?: unknown][] = [
  ["auth", robot, at({ auth })],
  [
    "auth with a colon in the password",
    { username: "a", password: "b:c" },
    at({ auth: basic("a:b:c") }),
  ],
  ["username and password", robot, at(robot)],
  ["identitytoken", { identityToken: "T" }, at({ identitytoken: "T" })],
  ["identitytoken of az acr login", { identityToken: "T" }, at(azure)],
  ["registrytoken", { registryToken: "T" }, at({ registrytoken: "T" })],
  ["a key with scheme and path", robot, { auths: { "https://registry.test/v1/": { auth } } }],
  [
    "two keys, of which the exact one counts",
    robot,
    { auths: { "registry.test": { auth }, "https://registry.test/v1/": other } },
  ],
  ["credHelpers", robot, { credHelpers: { "registry.test": "get-only" }, credsStore: "empty" }],
  ["credsStore", robot, { credsStore: "get-only" }],
  ["credsStore before auths", robot, { credsStore: "get-only", ...at(other) }],
  [
    "an empty entry of credHelpers before credsStore",
    robot,
    { ...at({ auth }), credHelpers: { "registry.test": "" }, credsStore: "empty" },
  ],
  ["a helper with an identity token", { identityToken: "T" }, { credsStore: "token" }],
  [
    "a helper that knows no login",
    { source: "no credentials" },
    { credsStore: "empty", ...at(other) },
  ],
  [
    "a helper that is not installed",
    {
      source: "no credentials, because docker-credential-nowhere is not installed",
    },
    { credsStore: "nowhere", ...at(other) },
  ],
  [
    "DOCKER_AUTH_CONFIG before everything",
    robot,
    { credsStore: "empty", ...at(other) },
    at({ auth }),
  ],
  ["DOCKER_AUTH_CONFIG for another registry", robot, at({ auth }), { auths: { "quay.io": other } }],
  ["no settings at all", { source: "no credentials" }, {}],
  ["a file that is not valid", { source: "no credentials" }, "{ auths"],
  ["an entry that is not valid", robot, { auths: { "quay.io": 7, "registry.test": { auth } } }],
];

it.each(forms)("Docker's logins are read: %s", async (_, expected, config, ...[variable]) => {
  configure(config, variable);
  const source = expect.any(String) as string;
  expect(await credentialsFor("registry.test", {})).toEqual({ source, ...expected });
});

it("Docker Hub has one key, and its names are none", async () => {
  configure({ auths: { "https://index.docker.io/v1/": { auth }, "docker.io": other } });
  expect(await credentialsFor("docker.io", {})).toMatchObject(robot);
  configure({ auths: { "docker.io": other } });
  expect(await credentialsFor("docker.io", {})).toEqual({ source: "no credentials" });
});

it("without settings, Docker's default helper is used if it is installed", async () => {
  if (process.platform !== "linux") return;
  helper("secretservice", `echo '{"Username":"robot","Secret":"secret"}'`);
  configure({});
  expect(await credentialsFor("registry.test", {})).toMatchObject(robot);
  configure(at(other));
  expect(await credentialsFor("registry.test", {})).toMatchObject({ username: "other" });
});

it.each(forms)(
  "Docker's client gets the same from our settings: %s",
  async (_, expected, config, ...[variable]) => {
    configure(config, variable);
    const settings = useLogins([], ["registry.test/app"]);
    try {
      process.env = settings.env;
      const { source, ...read } = await credentialsFor("registry.test", {});
      const { source: wanted = source, ...login } = expected as { source?: string };
      expect(read).toEqual(login);
      expect(source).toContain(wanted);
      expect(settings.env.DOCKER_AUTH_CONFIG).toBeUndefined();
    } finally {
      settings.close();
    }
  },
);

it("a command without a list of registries gets every login", () => {
  configure({
    auths: { "registry.test": { auth }, "quay.io": other },
    credHelpers: { "gcr.io": "gcloud" },
  });
  const { env, close } = useLogins([{ address: "quay.io", username: "me", password: "mine" }]);
  close();
  expect(JSON.parse(env.MULTIARCH_LOGINS!)).toEqual({
    "registry.test": { Username: "robot", Secret: "secret" },
    "quay.io": { Username: "me", Secret: "mine" },
  });
});

it.each<[form: string, problem: RegExp | undefined, config: unknown, variable?: unknown]>([
  ["auth", undefined, at({ auth })],
  ["an identity token", /registry\.test is an identity token/, at(azure)],
  ["a registry token", /is a registry token/, at({ registrytoken: "T" })],
  [
    "an identity token of a helper",
    /is an identity token/,
    { credHelpers: { "registry.test": "token" } },
  ],
  ["a helper for one registry", undefined, { credHelpers: { "registry.test": "get-only" } }],
  [
    "a helper that is not installed",
    /no credentials, because docker-credential-nowhere is not installed/,
    { credHelpers: { "registry.test": "nowhere" } },
  ],
  ["a credsStore that lists it", undefined, { credsStore: "listing" }],
  [
    "a credsStore that does not list it",
    /docker-credential-hiding does not list its login for registry\.test/,
    { credsStore: "hiding" },
  ],
  ["DOCKER_AUTH_CONFIG", undefined, at(azure), at({ auth })],
  ["no login", undefined, {}],
])(
  "what the docker-build provider can't read is known: %s",
  async (_, problem, config, ...[variable]) => {
    configure(config, variable);
    const found = await loginProblem("registry.test", false);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found!.what).toMatch(problem);
  },
);

it("a credsStore that can't list its logins stops the docker-build provider, unless DOCKER_AUTH_CONFIG is set", async () => {
  configure({ credsStore: "get-only" });
  expect(await helperProblem()).toContain(
    "docker-credential-get-only failed: list is not supported",
  );
  configure({ credsStore: "nowhere" });
  expect(await helperProblem()).toContain("docker-credential-nowhere is not installed");
  configure({ credsStore: "nowhere" }, { auths: {} });
  expect(await helperProblem()).toBeUndefined();
  delete process.env.DOCKER_AUTH_CONFIG;
  for (const config of [{ credsStore: "listing" }, at({ auth }), {}]) {
    configure(config);
    expect(await helperProblem()).toBeUndefined();
  }
});

it("DOCKER_AUTH_CONFIG takes precedence over the credentials given in the docker-build provider, which is known", async () => {
  configure({}, at({ auth }));
  expect((await loginProblem("registry.test", true))!.what).toContain("DOCKER_AUTH_CONFIG");
  expect(await loginProblem("quay.io", true)).toBeUndefined();
});
