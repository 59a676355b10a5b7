/** `pulumi refresh` where the credentials in the state have expired, and where the registry has lost an image. */
import { createApp, registry, type AppProject } from "./appProject";
import { requireLogin, type Login } from "./basicAuth";
import type { RunOptions, RunResult } from "./harness";

const expired: Login = { username: "robot", password: "expired-password-3Hd7" };
const valid: Login = { ...expired, password: "valid-password-6Rk1" };
const withLogin = ({ username, password }: Login): RunOptions => ({
  env: { TEST_USERNAME: username, TEST_PASSWORD: password },
});

/** Steps that changed something. */
const changes = ({ events }: RunResult) =>
  events
    .filter(({ op }) => !["same", "refresh", "read"].includes(op))
    .map(({ op, type, name }) => `${op} ${type} ${name}`);

let app: AppProject;

/** Deletes every manifest of these references, and so their tags. */
async function lose(...references: string[]): Promise<void> {
  for (const reference of references) {
    const [name, digest] = reference.slice(reference.indexOf("/") + 1).split("@");
    expect((await registry("DELETE", `${name}/manifests/${digest}`)).status).toBe(202);
  }
}

/** The references that the stack's outputs name: the index, and the image of each platform. */
async function references(): Promise<string[]> {
  const { imageUri, images } = await app.project.outputs();
  return [imageUri as string, ...(images as { ref: string }[]).map(({ ref }) => ref)];
}

/** Runs the one command that a warning or an error names. */
async function repair({ output }: RunResult, options: RunOptions): Promise<void> {
  const [, words = ""] = /`pulumi (up --replace [^`]*)` makes it again/.exec(output) ?? [];
  const args = [...words.matchAll(/'([^']*)'|([^\s']+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain!,
  );
  await app.project.pulumi([...args, "--yes", "--skip-preview"], options);
}

describe("a build", () => {
  const options = withLogin(valid);
  const given = () =>
    `{ registry: { address: "${app.front.address}", repository: "${app.repository}", username: process.env.TEST_USERNAME, password: process.env.TEST_PASSWORD } }`;
  beforeAll(async () => {
    app = await createApp("refreshed", { image: { platforms: ["linux/amd64", "linux/arm64"] } });
    app.set({
      image: { platforms: ["linux/amd64", "linux/arm64"], tags: ["latest"] },
      imageCode: given(),
    });
    requireLogin(app.front, expired);
    await app.project.up(withLogin(expired));
    requireLogin(app.front, valid);
  });
  afterAll(() => app.dispose());

  it("a refresh with an expired password changes nothing, and neither does the next up with a valid one", async () => {
    app.front.takeRecords();
    const refreshed = await app.project.refresh(withLogin(expired));
    expect(refreshed.output).not.toMatch(/warning|error/);
    expect(app.front.takeRecords()).toEqual([]);
    for (const run of [await app.project.preview(options), await app.project.up(options)]) {
      expect(changes(run)).toEqual([]);
      expect(run.output).not.toMatch(/warning|error/);
    }
    app.project.write("app/RELEASE", "release two");
    await app.project.up(options);
    expect(await app.page()).toBe("release two on x86_64");
  });

  it.each([["before"], ["after"]])(
    "an index and images that the registry lost are made again by the one command that a run %s a refresh names",
    async (when) => {
      const before = await references();
      const latest = `${app.repository}/manifests/latest`;
      await lose(...before);
      expect((await registry("HEAD", latest)).status).toBe(404);
      if (when === "after") await app.project.refresh(options);
      const run = await app.project.up(options);
      await repair(run, options);
      expect((await registry("HEAD", latest)).status).toBe(200);
      for (const reference of await references()) {
        const [name, digest] = reference.slice(reference.indexOf("/") + 1).split("@");
        expect((await registry("HEAD", `${name}/manifests/${digest}`)).status).toBe(200);
      }
      const again = await app.project.up(options);
      expect(changes(again)).toEqual([]);
      expect(again.output).not.toContain("warning");
      expect(await app.page()).toBe("release two on x86_64");
    },
  );

  it("an index that must be pushed from an image that the registry lost fails with the one command that builds the image again", async () => {
    const [, amd64 = ""] = await references();
    await lose(amd64);
    app.set({ image: { platforms: ["linux/amd64"] }, imageCode: given() });
    const run = await app.project.up({ ...options, expectFailure: true });
    expect(run.output).toContain(`${amd64} is no longer in the registry: \`pulumi up --replace '`);
    await repair(run, options);
    expect(await references()).toContain(amd64);
    expect(changes(await app.project.up(options))).toEqual([]);
    expect(await app.page()).toBe("release two on x86_64");
  });
});
