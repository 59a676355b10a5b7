import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
  copyFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp, type AppProject } from "./appProject";
import { encodeLogin, requireLogin, type Login } from "./basicAuth";
import { environment, type RunOptions } from "./harness";
import { startBuilder, startPrivateRegistry, type PrivateRegistry } from "./privateRegistry";
import { startTokenServer, type TokenServer } from "./tokenServer";

// Registries as others run them: with a token server beside them, and with a certificate of a private authority. Each is built for,
// pushed to, verified, and deployed from. credentials.test.ts has Basic authentication over plain http.

const login: Login = { username: "robot", password: "canary-password-7Tz2" };
const wrong: Login = { ...login, password: "wrong-password-4Jk9" };

const given = ({ username, password }: Login): RunOptions => ({
  env: { TEST_USERNAME: username, TEST_PASSWORD: password },
});
const givenCode = (address: string, repository: string) =>
  `{ registry: { address: "${address}", repository: "${repository}", username: process.env.TEST_USERNAME, password: process.env.TEST_PASSWORD } }`;

const folders: string[] = [];
const temporary = () => {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-registries-"));
  folders.push(folder);
  return folder;
};
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** The environment's Docker settings with what `docker login` would have stored. */
function stored(address: string, { username, password }: Login): RunOptions {
  const folder = temporary();
  cpSync(environment().env.DOCKER_CONFIG ?? "", folder, {
    recursive: true,
    verbatimSymlinks: true,
  });
  const auth = encodeLogin({ username, password });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [address]: { auth } } }));
  return { env: { DOCKER_CONFIG: folder } };
}

describe("a registry with a token server", () => {
  let app: AppProject;
  let server: TokenServer;
  beforeAll(async () => {
    app = await createApp("tokens");
    server = await startTokenServer(app.front, login);
  });
  afterAll(async () => {
    await app.dispose();
    await server.close();
  });

  it("is pushed to, verified and pulled from with credentials that are given, for which it gives tokens", async () => {
    app.set({ imageCode: givenCode(app.front.address, app.repository) });
    await app.project.up(given(login));
    expect(await app.page()).toBe("release one on x86_64");
    const requests = server.takeRequests();
    const scopes = requests.filter(({ status }) => status === 200).flatMap((one) => one.scopes);
    expect(scopes).toContain(`repository:${app.repository}:pull,push`);
    expect(scopes).toContain(`repository:${app.repository}:pull`);
    // Nobody got anything without a token.
    const open = app.front.takeRecords().filter(({ status }) => status === 401);
    expect(open.length).toBeGreaterThan(0);
  });

  it("is asked with fresh tokens by a run that changes nothing, and by a password that was rotated", async () => {
    const rotated: Login = { ...login, password: "rotated-password-8Qm3" };
    server.require(rotated);
    const preview = await app.project.preview(given(rotated));
    expect(preview.output).not.toContain("warning");
    expect(preview.output).toMatch(/\d+ unchanged/);
    expect(server.takeRequests().map(({ status }) => status)).toContain(200);
    server.require(login);
  });

  it("refuses a wrong password: nothing is deployed, and the password is not shown", async () => {
    app.project.write("app/RELEASE", "release two");
    const { output } = await app.project.up({ ...given(wrong), expectFailure: true });
    expect(output).toMatch(/401 Unauthorized|unauthorized/i);
    expect(output).not.toContain(wrong.password);
    expect(await app.page()).toBe("release one on x86_64");
    expect(server.takeRequests().every(({ status }) => status === 401)).toBe(true);
  });

  it("takes credentials that only Docker has stored just as well", async () => {
    app.set({});
    await app.project.up(stored(app.front.address, login));
    expect(await app.page()).toBe("release two on x86_64");
    const scopes = server.takeRequests().flatMap((one) => one.scopes);
    expect(scopes).toContain(`repository:${app.repository}:pull,push`);
  });
});

// A builder of the test's own, and the engine's folder of authorities, need root, as the environment's builder does.
(process.getuid?.() === 0 ? describe : describe.skip)(
  "a registry with https alone and a private authority",
  () => {
    let app: AppProject;
    let registry: PrivateRegistry;
    let builder: Awaited<ReturnType<typeof startBuilder>>;
    /** Where the engine looks for a registry's authority. */
    let engineFolder: string;
    const withCa = (options: RunOptions): RunOptions => ({
      ...options,
      env: { ...options.env, SSL_CERT_FILE: registry.bundle },
    });

    beforeAll(async () => {
      app = await createApp("private-ca");
      requireLogin(app.front, login);
      registry = await startPrivateRegistry(app.front, temporary());
      builder = await startBuilder(registry, temporary());
      engineFolder = join("/etc/docker/certs.d", registry.address);
    });
    afterAll(async () => {
      if (existsSync(engineFolder)) rmSync(engineFolder, { recursive: true });
      await app.dispose();
      await builder.stop();
      registry.close();
    });

    const set = (name: string, code?: string) =>
      app.set({
        image: {
          builder: { name },
          registry: { address: registry.address, repository: app.repository },
        },
        imageCode: code,
      });

    it("isn't trusted by a builder that wasn't told of the authority: the error says to whom it must be named", async () => {
      set(environment().builder, givenCode(registry.address, app.repository));
      const { output } = await app.project.up(withCa({ ...given(login), expectFailure: true }));
      expect(output).toContain(
        `the certificate of ${registry.address} isn't trusted: name its authority to the builder (buildkitd.toml, registry.ca) and to Pulumi (SSL_CERT_FILE)`,
      );
      expect(app.containers()).toEqual([]);
    });

    it("isn't trusted by a Pulumi that wasn't told of it", async () => {
      set(builder.name, givenCode(registry.address, app.repository));
      const { output } = await app.project.up({ ...given(login), expectFailure: true });
      expect(output).toMatch(/certificate/);
      expect(output).toContain("SSL_CERT_FILE");
      expect(app.containers()).toEqual([]);
    });

    it("is pushed to, verified and pulled from once builder, Pulumi and engine know the authority", async () => {
      mkdirSync(engineFolder, { recursive: true });
      copyFileSync(registry.ca, join(engineFolder, "ca.crt"));
      await app.project.up(withCa(given(login)));
      expect(await app.page()).toBe("release one on x86_64");
      expect((await app.project.outputs()).imageUri).toContain(`${registry.address}/`);
      const again = await app.project.preview(withCa(given(login)));
      expect(again.output).toMatch(/\d+ unchanged/);
      expect(again.output).not.toContain("warning");
    });

    it("takes credentials that only Docker has stored just as well", async () => {
      set(builder.name);
      app.project.write("app/RELEASE", "release two");
      await app.project.up(withCa(stored(registry.address, login)));
      expect(await app.page()).toBe("release two on x86_64");
    });
  },
);
