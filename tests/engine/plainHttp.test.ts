/** A registry on this machine that serves plain HTTP only, as `docker run -p 5000:5000 registry` does. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../local/exec";
import { silentLog } from "../../local/log";
import { speaks } from "../../local/registry";
import { ensureTool, tools } from "../../local/tools";
import { type AppProject, createApp, freePort, manifestTypes } from "./appProject";
import { runDocker } from "./dockerClient";
import { environment, NOTHING, type RunResult } from "./harness";

let app: AppProject;
let folder: string;
let server: ChildProcess;
let port: number;
const both = ["linux/amd64", "linux/arm64"];
const noBuild = "context: undefined, builder: undefined, buildArgs: undefined";

const ask = (path: string, method = "GET") =>
  fetch(`http://localhost:${port}/v2/${path}`, { method, headers: { accept: manifestTypes } });
/** Steps on resources other than our components, whose arguments change with every setting. */
const changes = ({ events }: RunResult) =>
  events
    .filter(({ op, type }) => op !== "same" && !type.startsWith("multiarch:"))
    .map(({ op, name }) => `${op} ${name}`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-plain-"));
  port = await freePort();
  const data = { rootdirectory: join(folder, "data") };
  const config = {
    ...{ version: 0.1, log: { level: "error" } },
    storage: { filesystem: data, delete: { enabled: true } },
    http: { addr: `:${port}` },
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const { registry } = await ensureTool(tools.registry, silentLog);
  const env = { ...process.env, OTEL_TRACES_EXPORTER: "none" };
  server = spawn(registry!, ["serve", join(folder, "config.yml")], { stdio: "ignore", env });
  await waitFor(() => speaks(`http://localhost:${port}/v2/`), 20_000);
  app = await createApp("plain-http");
});
afterAll(async () => {
  await app.dispose();
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill();
  await ended;
  rmSync(folder, { recursive: true });
});

it("takes a build for two platforms with an index and tags, which is verified and deployed to a host", async () => {
  const registry = { address: `localhost:${port}`, repository: "team/web" };
  app.set({ image: { platforms: both, registry, tags: ["latest", "v1"] } });
  await app.project.up();
  expect(await app.page()).toBe("release one on x86_64");
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const { tags } = (await (await ask("team/web/tags/list")).json()) as { tags: string[] };
  expect(tags.sort()).toEqual([
    "cache-web-test-linux-amd64",
    "cache-web-test-linux-arm64",
    "latest",
    expect.stringMatching(/^sha-/),
    "v1",
  ]);
  for (const tag of ["latest", "v1"]) {
    const answer = await ask(`team/web/manifests/${tag}`, "HEAD");
    expect(`localhost:${port}/team/web@${answer.headers.get("docker-content-digest")}`).toBe(
      imageUri,
    );
  }
  expect((await app.project.up()).summary).toEqual({ ...NOTHING, same: expect.any(Number) });
});

it("a tag that is added or removed changes nothing else: what targets are given stays known, and what is verified stays", async () => {
  const registry = { address: `localhost:${port}`, repository: "team/web" };
  app.set({ image: { platforms: both, registry, tags: ["latest", "v2"] } });
  const expected = ["create web:v2", "delete web:v1"];
  expect(changes(await app.project.preview()).sort()).toEqual(expected);
  expect(changes(await app.project.up()).sort()).toEqual(expected);
  expect((await ask("team/web/manifests/v2", "HEAD")).status).toBe(200);
});

/** Builds an image with provenance, as `docker buildx build` does unless told otherwise. */
async function attested(platform: string): Promise<string> {
  const { builder, baseImage } = environment();
  const name = `localhost:${port}/team/web`;
  const metadata = join(folder, "metadata.json");
  await runDocker([
    ...["buildx", "build", "--builder", builder, "--platform", platform, "--progress=plain"],
    ...["--provenance=mode=min", "--build-arg", `BASE=${baseImage}`, "--metadata-file", metadata],
    `--output=type=image,name=${name},push=true,push-by-digest=true,name-canonical=true`,
    `${app.project.directory}/app`,
  ]);
  const { "containerimage.digest": digest } = JSON.parse(readFileSync(metadata, "utf8")) as {
    "containerimage.digest": string;
  };
  return `${name}@${digest}`;
}

it("images that were built elsewhere, with attestations too, are joined in another repository and deployed; docker buildx is required for it", async () => {
  const { images } = (await app.project.outputs()) as {
    images: { platform: string; ref: string }[];
  };
  const plain = Object.fromEntries(images.map(({ platform, ref }) => [platform, ref]));
  const sources = { ...plain, "linux/arm64": await attested("linux/arm64") };
  const registry = { address: `127.0.0.1:${port}`, repository: "team/joined" };
  app.set({ image: { sources, registry }, imageCode: `{ ${noBuild} }` });

  const settings = mkdtempSync(join(tmpdir(), "multiarch-no-buildx-"));
  const isPlugin = (source: string) => source.includes("cli-plugins");
  cpSync(environment().env.DOCKER_CONFIG ?? "", settings, {
    recursive: true,
    filter: (source) => !isPlugin(source),
  });
  const without = { env: { DOCKER_CONFIG: settings } };
  const text =
    "App web: docker buildx is required on the machine that runs pulumi up, but `docker buildx version` fails. Install the Docker CLI with its buildx plugin: https://docs.docker.com/go/buildx/";
  expect((await app.project.preview(without)).output).toContain(`warning: ${text}`);
  const { output } = await app.project.up({ ...without, expectFailure: true });
  expect(output).toContain(text);
  rmSync(settings, { recursive: true });

  await app.project.up();
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  expect(imageUri).toContain(`127.0.0.1:${port}/team/joined@sha256:`);
  expect(await app.page()).toBe("release one on x86_64");
});

it("a manifest that it has lost is reported by the next preview, with the command that pushes it again", () =>
  loseAndRepair("team/joined"));

it("a digest is copied to the IPv6 address, and again if it is lost", async () => {
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const registry = { address: `[::1]:${port}`, repository: "team/copied" };
  app.set({
    image: { copyOf: imageUri, platforms: both, registry },
    imageCode: `{ ${noBuild} }`,
    host: null,
  });
  await app.project.up();
  const copied = (await app.project.outputs()) as { imageUri: string };
  expect(copied.imageUri).toBe(`[::1]:${port}/team/copied@${imageUri.split("@")[1]}`);
  await loseAndRepair("team/copied");
});

/** Deletes the index, and pushes it again with the command that a preview after a refresh names. */
async function loseAndRepair(repository: string): Promise<void> {
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const path = `${repository}/manifests/${imageUri.split("@")[1]}`;
  expect((await ask(path, "DELETE")).status).toBe(202);
  await app.project.refresh();
  const { output } = await app.project.preview();
  const [, command = ""] = /`pulumi (up --replace [^`]*)` makes it again/.exec(output) ?? [];
  await app.project.pulumi([...command.replaceAll("'", "").split(" "), "--yes", "--skip-preview"]);
  expect((await ask(path, "HEAD")).status).toBe(200);
  expect((await app.project.preview()).output).not.toContain("warning");
}
