/** What is made on the machine that runs Pulumi, beside the push: the image in its engine, and tarballs. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { which } from "../../local/exec";
import { consoleLog } from "../../local/log";
import { installPackages } from "../../local/packages";
import { type AppProject, createApp, docker } from "./appProject";
import { environment, NOTHING } from "./harness";

let app: AppProject;
const both = ["linux/amd64", "linux/arm64"];
const tag = `multiarch-outputs-${process.pid}:dev`;
const { env } = environment();
const file = (name: string) => join(app.project.directory, name);
const settings = (image: Record<string, unknown>) => ({ image: { platforms: both, ...image } });
const wanted = { load: { tag }, tarball: { path: "./out/web.tar" } };
const id = () => docker(env, "image", "inspect", "--format", "{{.Id}} {{.Architecture}}", tag);

beforeAll(async () => {
  if (!which("skopeo")) await installPackages(["skopeo"], "reads tarballs in tests", consoleLog());
  app = await createApp("outputs", settings(wanted));
});

afterAll(async () => {
  docker(env, "image", "rm", "--force", tag);
  await app.dispose();
});

/** What another tool than those that wrote it finds in a tarball. */
function skopeo(transport: string, ...more: string[]): Record<string, unknown> {
  const args = [...more, `${transport}:${file("out/web.tar")}`];
  return JSON.parse(execFileSync("skopeo", ["inspect", ...args], { encoding: "utf8" })) as Record<
    string,
    unknown
  >;
}

it("one run pushes, loads this machine's platform, and writes all of them to an OCI tarball that skopeo reads", async () => {
  const run = await app.project.up();
  expect(run.output).toContain(`${tag} is loaded, for linux/amd64`);
  expect(id()).toMatch(/^sha256:\w+ amd64$/);
  const { imageUri } = await app.project.outputs();
  const raw = skopeo("oci-archive", "--raw") as {
    manifests: { platform: { architecture: string } }[];
  };
  expect(raw.manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
  const digest = execFileSync(
    "skopeo",
    [
      "inspect",
      "--override-arch",
      "arm64",
      "--format",
      "{{.Architecture}}",
      `oci-archive:${file("out/web.tar")}`,
    ],
    { encoding: "utf8" },
  );
  expect(digest.trim()).toBe("arm64");
  expect(run.output).toContain(`out/web.tar holds ${imageUri as string}`);
  expect(docker(env, "run", "--rm", tag, "cat", "/RELEASE")).toBe("release one");
});

it("unchanged, nothing is written, loaded or built again", async () => {
  const before = statSync(file("out/web.tar")).mtimeMs;
  const run = await app.project.up();
  expect(run.summary).toEqual({ ...NOTHING, same: run.summary.same });
  expect(run.output).not.toMatch(/is loaded|holds/);
  expect(statSync(file("out/web.tar")).mtimeMs).toBe(before);
});

it("what is missing on this machine, or is something else, is said in preview and made again without a build", async () => {
  const loaded = id();
  docker(env, "image", "rm", "--force", tag);
  writeFileSync(file("out/web.tar"), "half a tarball");
  const preview = await app.project.preview();
  expect(preview.output).toContain(`${tag} is loaded by \`pulumi up\``);
  expect(preview.output).toContain("out/web.tar is written by `pulumi up`");
  const run = await app.project.up();
  expect(run.summary).toEqual({ ...NOTHING, same: run.summary.same });
  expect(run.output).not.toContain("building");
  expect(id()).toBe(loaded);
  expect(skopeo("oci-archive", "--raw")).toHaveProperty("manifests");
});

it("a new release replaces both", async () => {
  app.project.write("app/RELEASE", "release two");
  await app.project.up();
  expect(docker(env, "run", "--rm", tag, "cat", "/RELEASE")).toBe("release two");
});

it("a Docker tarball holds every platform for docker load, each under its own tag", async () => {
  rmSync(file("out"), { recursive: true });
  app.set(settings({ tarball: { path: "./out/web.tar", format: "docker" }, load: { tag } }));
  await app.project.up();
  const said = docker(env, "load", "--input", file("out/web.tar"));
  for (const architecture of ["amd64", "arm64"]) {
    expect(said).toContain(`${tag}-${architecture}`);
    const found = docker(
      env,
      "image",
      "inspect",
      "-f",
      "{{.Architecture}}",
      `${tag}-${architecture}`,
    );
    expect(found).toBe(architecture);
    docker(env, "image", "rm", "--force", `${tag}-${architecture}`);
  }
});

it("another platform than the engine's is loaded where that is asked for", async () => {
  app.set(settings({ load: { tag, platform: "aarch64" } }));
  await app.project.up();
  expect(id()).toMatch(/ arm64$/);
});

it("an engine whose platform isn't planned fails the run with the field and both ways out, after the deployment", async () => {
  app.set({ image: { platforms: ["linux/arm64"], load: { tag } }, host: null });
  const run = await app.project.up({ expectFailure: true });
  expect(run.output).toContain(
    "image.load: the engine of this machine is linux/amd64, and the image is for linux/arm64: add linux/amd64 to image.platforms",
  );
  expect(run.output).not.toContain("    at ");
});

it("a tarball that can't be written is told with its field, and leaves no half of it", async () => {
  writeFileSync(file("flat"), "");
  app.set(settings({ tarball: { path: "./flat/web.tar" } }));
  const run = await app.project.up({ expectFailure: true });
  expect(run.output).toMatch(/image\.tarball: .*(ENOTDIR|EEXIST)/);
  expect(existsSync(file("flat/web.tar.part"))).toBe(false);
  // Where the folder is one, and the file can't be opened.
  mkdirSync(file("taken/web.tar.part"), { recursive: true });
  app.set(settings({ tarball: { path: "./taken/web.tar" } }));
  const unopened = await app.project.up({ expectFailure: true });
  expect(unopened.output).toMatch(/image\.tarball: EISDIR/);
  expect(unopened.output).not.toContain("    at ");
});

it("on a full disk the run fails with a sentence, the tarball that was there stays, and the next run with room makes it", async () => {
  const disk = file("full");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
  try {
    writeFileSync(join(disk, "web.tar"), "an earlier one");
    app.set(settings({ load: { tag }, tarball: { path: "./full/web.tar" } }));
    const failed = await app.project.up({ expectFailure: true });
    expect(failed.output).toMatch(/image\.tarball: .*no space left on device/);
    expect(failed.output).not.toMatch(/^\s+at /m);
    expect(readdirSync(disk)).toEqual(["web.tar"]);
    expect(readFileSync(join(disk, "web.tar"), "utf8")).toBe("an earlier one");
    expect(await app.page()).toContain("release two");
  } finally {
    execFileSync("umount", [disk]);
  }
  const run = await app.project.up();
  expect(run.output).toContain("full/web.tar holds");
  expect(run.output).not.toContain("building");
});
