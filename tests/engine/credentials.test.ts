import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp, type AppProject } from "./appProject";
import { encodeLogin, requireLogin, type Login } from "./basicAuth";
import { environment, type RunResult } from "./harness";

// A registry that wants a login, on the real engine, BuildKit and container engine. The tests follow one App.

const first: Login = { username: "robot", password: "first-password-5Qz8" };
const second: Login = { ...first, password: "second-password-9Kw2" };
const wrong: Login = { ...first, password: "wrong-password-1Xv6" };

let app: AppProject;
beforeAll(async () => {
  app = await createApp("credentials");
  requireLogin(app.front, first);
});
afterAll(() => app.dispose());

/** The program's text stays the same whatever the password is, as with one from the environment or from the config. */
function withGiven(target: AppProject): void {
  const { address } = target.front;
  target.set({
    imageCode: `{ registry: { address: "${address}", repository: "${target.repository}", username: process.env.TEST_USERNAME, password: process.env.TEST_PASSWORD } }`,
  });
}

const given = ({ username, password }: Login) => ({
  env: { TEST_USERNAME: username, TEST_PASSWORD: password },
});

/** Steps that did something, as `op type name`. */
const changes = (run: RunResult) =>
  run.events
    .filter(({ op, type }) => op !== "same" && op !== "read" && !type.startsWith("pulumi:"))
    .map(({ op, type, name }) => `${op} ${type} ${name}`);

/** Files below a folder that hold one of the texts; links are not followed. */
function filesWith(folder: string, texts: string[]): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const content = readFileSync(file);
      return texts.some((text) => content.includes(text));
    });
}

it("a username and password that are given serve the push, the index, the verification and the pull, and are left in no settings of Docker", async () => {
  withGiven(app);
  await app.project.up(given(first));
  expect(await app.page()).toBe("release one on x86_64");
  const accepted = app.front.takeRecords().filter(({ status }) => status < 300);
  const asked = (method: string, path: RegExp) =>
    accepted.filter((record) => record.method === method && path.test(record.path)).length;
  expect(asked("PUT", /\/manifests\/sha256:/)).toBeGreaterThan(0);
  expect(asked("PUT", /\/manifests\/sha-/)).toBe(1);
  expect(asked("PUT", /\/manifests\/cache-/)).toBe(1);
  expect(asked("GET", /\/blobs\//)).toBeGreaterThan(1);

  const { DOCKER_CONFIG = "", BUILDX_CONFIG = "" } = environment().env;
  const texts = [first.password, encodeLogin(first), app.front.address];
  expect(filesWith(DOCKER_CONFIG, texts)).toEqual([]);
  expect(filesWith(BUILDX_CONFIG, texts.slice(0, 2))).toEqual([]);
  const helpers = readdirSync(tmpdir()).filter((name) => /^multiarch\.\w{6}$/.test(name));
  for (const name of helpers)
    expect(filesWith(join(tmpdir(), name), [app.front.address])).toEqual([]);
});

it("a password rotated in the registry and in the settings changes nothing, and one thing is asked of the registry", async () => {
  requireLogin(app.front, second);
  const before = app.containers();
  for (const command of ["preview", "up"] as const) {
    app.front.takeRecords();
    const run = await app.project[command](given(second));
    expect(changes(run)).toEqual([]);
    expect(run.output).not.toContain("warning");
    expect(
      app.front.takeRecords().map(({ method, path, status }) => `${status} ${method} ${path}`),
    ).toEqual([expect.stringMatching(/^200 HEAD \/v2\/.*\/manifests\/sha256:/)]);
  }
  expect(app.containers()).toEqual(before);
});

it("the next release is pushed, verified and pulled with the new password alone", async () => {
  app.project.write("app/RELEASE", "release two");
  await app.project.up(given(second));
  expect(await app.page()).toBe("release two on x86_64");
});

it("a wrong password is an error that names the registry, whose credentials they are and how to renew them, and nothing is deployed", async () => {
  const before = app.containers();
  app.project.write("app/RELEASE", "release three");
  const { output } = await app.project.up({ ...given(wrong), expectFailure: true });
  expect(output).toContain(
    `${app.front.address} didn't accept the credentials of image.registry: renew image.registry.password`,
  );
  expect(output).not.toContain(wrong.password);
  expect(await app.page()).toBe("release two on x86_64");
  expect(app.containers()).toEqual(before);

  await app.project.up(given(second));
  expect(await app.page()).toBe("release three on x86_64");
});

it("credentials that only Docker has stored serve just as well; where they are refused, the error says how to log in", async () => {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-docker-config-"));
  cpSync(environment().env.DOCKER_CONFIG ?? "", folder, {
    recursive: true,
    verbatimSymlinks: true,
  });
  const store = (login: Login) =>
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ auths: { [app.front.address]: { auth: encodeLogin(login) } } }),
    );
  const options = { env: { DOCKER_CONFIG: folder } };
  try {
    app.set({});
    app.project.write("app/RELEASE", "release four");
    store(wrong);
    const { output } = await app.project.up({ ...options, expectFailure: true });
    expect(output).toContain(
      `${app.front.address} didn't accept the credentials that Docker stored here: \`docker login ${app.front.address}\` renews them`,
    );
    expect(await app.page()).toBe("release three on x86_64");

    store(second);
    await app.project.up(options);
    expect(await app.page()).toBe("release four on x86_64");
    expect(changes(await app.project.preview(options))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What Docker's settings are in a run, and what comes of it. */
const helpers: Record<string, string> = {
  getting: `[ $1 = get ] && echo '{"Username":"${second.username}","Secret":"${second.password}"}' || { echo "list is not supported"; exit 1; }`,
  hiding: `[ $1 = get ] && echo '{"Username":"${second.username}","Secret":"${second.password}"}' || echo '{}'`,
};
const azure = {
  auth: encodeLogin({ username: "00000000-0000-0000-0000-000000000000", password: "" }),
};

it("of the forms in which Docker stores logins, those that the provider reads build, and the preview names the others with a way out", async () => {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-docker-forms-"));
  cpSync(environment().env.DOCKER_CONFIG ?? "", folder, {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const [name, script] of Object.entries(helpers))
    writeFileSync(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, {
      mode: 0o755,
    });
  const { address } = app.front;
  const at = (entry: object) => ({ auths: { [address]: entry } });
  const variable = JSON.stringify(at({ auth: encodeLogin(second) }));
  const settings = { host: null, image: { platforms: ["linux/amd64"] } };
  const PATH = `${folder}:${environment().env.PATH}`;
  let release = 0;
  const options = (config: object, env: Record<string, string> = {}) => {
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    app.project.write("app/RELEASE", `form ${++release}`);
    return { env: { DOCKER_CONFIG: folder, PATH, ...env } };
  };
  try {
    app.set(settings);
    for (const [config, message] of [
      [
        at({ ...azure, identitytoken: "T" }),
        `image.registry: Docker's stored login for ${address} is an identity token, which the docker-build provider can't use. Set image.registry.username and image.registry.password`,
      ],
      [
        at({ registrytoken: "T" }),
        `image.registry: Docker's stored login for ${address} is a registry token`,
      ],
      [
        { credsStore: "hiding" },
        `image.registry: docker-credential-hiding does not list its login for ${address}`,
      ],
      [
        { credsStore: "getting" },
        `web: image.registry: the docker-build provider can't list the logins of Docker's credsStore "getting": docker-credential-getting failed: list is not supported; replace credsStore with credHelpers`,
      ],
      [{ credsStore: "nowhere" }, "docker-credential-nowhere is not installed"],
    ] as const) {
      const { output } = await app.project.preview({ ...options(config), expectFailure: true });
      expect(output).toContain(message);
      expect(output).not.toContain("    at ");
      expect(output).not.toContain("getting host:");
    }
    for (const [config, env] of [
      [{ auths: { [`https://${address}/v1/`]: { auth: encodeLogin(second) } } }],
      [{ credHelpers: { [address]: "getting" } }],
      [{ credsStore: "getting" }, { DOCKER_AUTH_CONFIG: variable }],
    ] as [object, Record<string, string>?][])
      await app.project.up(options(config, env));
    withGiven(app);
    const both = options({}, { ...given(second).env, DOCKER_AUTH_CONFIG: variable });
    expect((await app.project.preview(both)).output).toContain(
      `image.registry: the docker-build provider uses the login for ${address} in DOCKER_AUTH_CONFIG, not the credentials given. Remove ${address} from DOCKER_AUTH_CONFIG`,
    );
    app.set(settings);
    // A registry that needs no login, with a helper that is not installed.
    app.front.intercept(undefined);
    await app.project.up(
      options({ credsStore: "nowhere" }, { DOCKER_AUTH_CONFIG: '{"auths":{}}' }),
    );
    expect((await app.project.state()).text).not.toContain(second.password);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
