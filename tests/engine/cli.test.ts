/** `npx multiarch doctor`, `inspect` and `cleanup`, and a registry that takes no indexes. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { checkout } from "../../local/paths";
import { type AppProject, createApp } from "./appProject";
import { requireLogin } from "./basicAuth";
import { environment } from "./harness";

let app: AppProject;
const { env, builder } = environment();
const both = ["linux/amd64", "linux/arm64"];

beforeAll(async () => {
  app = await createApp("cli", { image: { platforms: both } });
});
afterAll(() => app.dispose());

interface Ran {
  code: number;
  output: string;
}

/** The program as npx starts it. */
function multiarch(args: string[], more: Record<string, string> = {}): Promise<Ran> {
  const main = join(checkout, "dist/components/cli/main.js");
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: { ...process.env, ...env, ...more } },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

const index = (contentType = "") => /image\.index|manifest\.list/.test(contentType);

/** What registries without indexes answer, as old versions of Nexus and Quay did. */
const refuseIndexes = () =>
  app.front.intercept(({ method, headers }) =>
    method === "PUT" && index(headers["content-type"])
      ? {
          status: 400,
          headers: { "content-type": "application/json" },
          body: '{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"unsupported manifest media type"}]}',
        }
      : undefined,
  );

it("inspect shows an index's platforms, sizes and the code that its entrypoints hold", async () => {
  await app.project.up();
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const { code, output } = await multiarch(["inspect", imageUri]);
  expect(code).toBe(0);
  expect(output).toContain(imageUri);
  expect(output).toMatch(/linux\/amd64 +\d\.\d MB +sha256:\w{64} +\S*busybox \(amd64\)/);
  expect(output).toMatch(/linux\/arm64 +\d\.\d MB +sha256:\w{64} +\S*busybox \(arm64\)/);
  const json = JSON.parse(
    (await multiarch(["inspect", "--json", "--manifest", imageUri])).output,
  ) as {
    images: object[];
  };
  expect(json.images.map((image) => Object.keys(image))).toEqual([
    ["platform", "digest", "size"],
    ["platform", "digest", "size"],
  ]);
});

it("inspect tells an image that claims a platform and holds another's code, and one that isn't there", async () => {
  app.project.write(
    "app/Dockerfile",
    `ARG BASE\nFROM --platform=linux/amd64 \${BASE}\nCMD ["/bin/busybox"]\n`,
  );
  app.set({ image: { platforms: ["linux/arm64"], verify: { depth: "manifest" } }, host: null });
  await app.project.up();
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const { code, output } = await multiarch(["inspect", imageUri]);
  expect(code).toBe(1);
  expect(output).toMatch(/wrong: linux\/arm64: \/bin\/busybox holds code for .*x86/);
  const missing = await multiarch(["inspect", `${imageUri.split("@")[0]}:nothing`]);
  expect(missing.code).toBe(1);
  expect(missing.output).toContain("isn't in the registry");
});

it("doctor says what machine, builder and registry can do", async () => {
  const { code, output } = await multiarch([
    ...["doctor", "--builder", builder],
    `${app.front.address}/${app.repository}-probe`,
  ]);
  expect(output).toContain(`ok     builder "${builder}" builds linux/amd64 natively`);
  expect(output).toContain(`ok     builder "${builder}" builds linux/arm64 (may need emulation)`);
  expect(output).toContain("ok     a container engine for linux/amd64");
  expect(output).toContain("-probe takes indexes");
  expect(code).toBe(0);
});

it("doctor names what is wrong, each with the way to mend it", async () => {
  const nobody = await multiarch(["doctor", "--builder", "nobody"]);
  expect(nobody.code).toBe(1);
  expect(nobody.output).toMatch(
    /wrong {2}there is no builder "nobody"\n +write builder: \{ name: "multi"/,
  );
  const without = await multiarch(["doctor"], { BUILDX_CONFIG: join(app.project.directory, "bx") });
  expect(without.output).toMatch(
    /wrong {2}no builder is running, so `pulumi up` starts a new builder in a container, which stays on this machine\n +write builder: \{ name: "multi"/,
  );
  const none = await multiarch(["doctor"], { PATH: "/nowhere" });
  // And nothing else, for there is nobody to ask.
  expect(none.output).toMatch(/wrong {2}there is no docker client here\n +install Docker.*\n$/);
  const words = await multiarch(["doctor", "--builder", builder, "a:b"]);
  expect(words.output).toContain("holds a tag or a digest");
});

it("doctor tries credentials, and says whose were refused", async () => {
  const login = { username: "ann", password: "canary-cli" };
  requireLogin(app.front, login);
  const args = ["doctor", "--builder", builder, `${app.front.address}/${app.repository}`];
  const without = await multiarch(args);
  expect(without.code).toBe(1);
  expect(without.output).toContain("didn't accept the credentials that Docker stored here");
  const given = await multiarch(args, {
    MULTIARCH_REGISTRY_USERNAME: login.username,
    MULTIARCH_REGISTRY_PASSWORD: login.password,
  });
  expect(given.output).toContain("takes indexes");
  expect(given.output).not.toContain("canary");
  app.front.intercept(undefined);
});

it("a registry without indexes is told by doctor, and by a run, with the way for one platform", async () => {
  refuseIndexes();
  const { code, output } = await multiarch([
    ...["doctor", "--builder", builder],
    `${app.front.address}/${app.repository}-old`,
  ]);
  expect(code).toBe(1);
  expect(output).toContain("image.index: false");
  app.project.write(
    "app/Dockerfile",
    `ARG BASE\nFROM \${BASE}\nCOPY serve.sh /serve.sh\nCMD ["/serve.sh"]\n`,
  );
  app.set({ image: { platforms: ["linux/amd64"] }, host: null });
  const run = await app.project.up({ expectFailure: true });
  expect(run.output).toContain("image.index: false where it is built here");
  app.set({ image: { platforms: ["linux/amd64"], index: false }, host: null });
  await app.project.up();
  const { images } = (await app.project.outputs()) as { images: { platform: string }[] };
  expect(images).toMatchObject([{ platform: "linux/amd64" }]);
  app.set({ image: { index: false, platforms: both }, host: null });
  const several = await app.project.preview({ expectFailure: true });
  expect(several.output).toContain(
    "image.index: is false, and linux/amd64 and linux/arm64 are planned",
  );
});

it("a wrong command line gives the usage and exit code 2", async () => {
  for (const [args, text] of [
    [[], "a command is missing"],
    [["heal"], "there is no command heal"],
    [["inspect"], "inspect needs a reference"],
    [["cleanup", "all"], "cleanup takes no all"],
    [["doctor", "--json"], "doctor has no option --json"],
    [["inspect", "--loud", "a"], "--loud"],
  ] as [string[], string][]) {
    const { code, output } = await multiarch(args);
    expect(output).toContain(text);
    expect(output).toContain("usage: npx multiarch");
    expect(code).toBe(2);
  }
  expect((await multiarch(["--help"])).code).toBe(0);
});
