/** Images that are built elsewhere, joined or copied; images without an index; attestations that come along. */
import { readFileSync } from "node:fs";
import { type AppProject, createApp, docker, registry } from "./appProject";
import { environment } from "./harness";
import { runDocker } from "./dockerClient";

let app: AppProject;
const both = ["linux/amd64", "linux/arm64"];
const index = "application/vnd.oci.image.index.v1+json";

beforeAll(async () => {
  app = await createApp("origins");
});
afterAll(() => app.dispose());

/** What a CI's runner does: a build for one platform, pushed by its digest. */
async function buildElsewhere(platform: string, repository: string, ...more: string[]) {
  const { builder, baseImage } = environment();
  const name = `${app.front.address}/${repository}`;
  const output = `type=image,name=${name},push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true`;
  const args = [
    "buildx",
    "build",
    "--builder",
    builder,
    "--platform",
    platform,
    "--progress=plain",
  ];
  const metadata = `${app.project.directory}/metadata.json`;
  await runDocker([
    ...[
      ...args,
      "--build-arg",
      `BASE=${baseImage}`,
      "--output",
      output,
      "--metadata-file",
      metadata,
    ],
    ...[...more, `${app.project.directory}/app`],
  ]);
  const { "containerimage.digest": digest } = JSON.parse(readFileSync(metadata, "utf8")) as Record<
    string,
    string
  >;
  return `${name}@${digest}`;
}

const noBuild = `context: undefined, builder: undefined, buildArgs: undefined`;

async function manifest(reference: string) {
  const [name, digest] = reference.slice(reference.indexOf("/") + 1).split("@");
  const { body } = await registry("GET", `${name}/manifests/${digest}`);
  return JSON.parse(body) as {
    mediaType: string;
    manifests?: { digest: string; platform: { architecture: string }; annotations?: object }[];
  };
}

it("images that a CI built on native runners are joined, verified and deployed, with the attestations beside them", async () => {
  const amd64 = await buildElsewhere("linux/amd64", app.repository, "--provenance=false");
  const arm64 = await buildElsewhere("linux/arm64", app.repository, "--provenance=mode=max");
  app.set({
    imageCode: `{ ${noBuild}, registry: undefined, sources: { "linux/amd64": "${amd64}", aarch64: "${arm64}" } }`,
  });
  const run = await app.project.up();
  expect(run.output).toContain(
    "platforms: linux/amd64 (host.architecture, image.sources), linux/arm64 (image.sources)",
  );
  expect(run.events.some(({ type }) => type === "docker-build:index:Image")).toBe(false);
  expect(await app.page()).toBe("release one on x86_64");
  const { imageUri, images } = await app.project.outputs();
  const { manifests, mediaType } = await manifest(imageUri as string);
  expect(mediaType).toBe(index);
  expect(manifests?.map(({ platform }) => platform.architecture).sort()).toEqual([
    "amd64",
    "arm64",
    "unknown",
  ]);
  const [first, second] = images as { platform: string; ref: string }[];
  expect(first).toMatchObject({ platform: "linux/amd64", ref: amd64 });
  // Of an image with attestations a target gets the image, never the index around it.
  expect((await manifest(second!.ref)).manifests).toBeUndefined();
  expect(second!.platform).toBe("linux/arm64");

  const again = await app.project.up();
  expect(again.summary).toEqual({ ...again.summary, create: 0, update: 0, replace: 0, delete: 0 });
});

it("sources that lack a target's platform are refused before anything is made, with both fields", async () => {
  app.set({
    imageCode: `{ ${noBuild}, registry: undefined, sources: { arm64: "${app.front.address}/x@sha256:${"0".repeat(64)}" } }`,
  });
  const { output } = await app.project.preview({ expectFailure: true });
  expect(output).toContain(
    "image.sources: holds linux/arm64, but host.architecture is x86_64, which runs linux/amd64",
  );
});

it("a source that holds another platform than its key says is stopped before the target", async () => {
  const wrong = await buildElsewhere("linux/arm64", app.repository, "--provenance=false");
  app.set({
    imageCode: `{ ${noBuild}, registry: undefined, sources: { amd64: "${wrong}" } }`,
  });
  const { output } = await app.project.up({ expectFailure: true });
  expect(output).toMatch(/was built for linux\/amd64, but its config says linux\/arm64/);
  expect(await app.page()).toBe("release one on x86_64");
});

it("a digest is copied with its whole index to another repository, and deployed from there", async () => {
  app.set({ image: { platforms: both }, imageCode: "{ attestations: { provenance: true } }" });
  await app.project.up();
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const to = `${app.repository}-prod`;
  app.set({
    imageCode: `{ ${noBuild}, copyOf: "${imageUri}", tags: ["stable"], registry: { address: "${app.front.address}", repository: "${to}" } }`,
  });
  const run = await app.project.up();
  const copied = (await app.project.outputs()) as { imageUri: string };
  const digest = imageUri.split("@")[1];
  expect(copied.imageUri).toBe(`${app.front.address}/${to}@${digest}`);
  const { manifests } = await manifest(copied.imageUri);
  expect(manifests).toHaveLength(4);
  for (const child of manifests!) {
    const found = await registry("GET", `${to}/manifests/${child.digest}`);
    expect(found.status).toBe(200);
  }
  expect(
    docker(
      environment().env,
      "inspect",
      "-f",
      "{{.Config.Image}}",
      app.containers()[0]!.split(" ")[0]!,
    ),
  ).toContain(to);
  const stable = await registry("HEAD", `${to}/manifests/stable`);
  expect(stable.status).toBe(200);
  expect(run.output).not.toContain("error");
});

it("without an index the one platform is a plain image with a tag that keeps it", async () => {
  app.set({ image: { index: false, tags: ["latest"] } });
  await app.project.up();
  const { imageUri, platforms } = (await app.project.outputs()) as Record<string, string>;
  expect(platforms).toEqual(["linux/amd64"]);
  const found = await manifest(imageUri!);
  expect(found.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  const { body } = await registry("GET", `${app.repository}/tags/list`);
  const { tags } = JSON.parse(body) as { tags: string[] };
  expect(tags).toContain("latest");
  expect(tags.some((tag) => tag.startsWith("sha-"))).toBe(true);
  expect(await app.page()).toBe("release one on x86_64");
});
