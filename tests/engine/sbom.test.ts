/** Provenance and SBOMs beside the images in the index. */
import { type AppProject, createApp, docker, registry } from "./appProject";
import { requireLogin } from "./basicAuth";
import { environment, NOTHING } from "./harness";
import { pushScanner, scanner, spdx } from "./scanner";

let app: AppProject;
let generator: string;
const both = ["linux/amd64", "linux/arm64"];
const slsa = /^https:\/\/slsa\.dev\/provenance/;

beforeAll(async () => {
  app = await createApp("sbom");
  generator = await other("scanner", scanner);
  set({});
});

afterAll(() => app.dispose());

/** Another scanner, for its script. */
const other = (tag: string, script: string) =>
  pushScanner(app.project, `${app.front.address}/${app.repository}-tools`, tag, script);

function set(attestations: Record<string, unknown>, image: Record<string, unknown> = {}): void {
  const asked = { sbom: true, sbomGenerator: generator, ...attestations };
  app.set({ image: { platforms: both, attestations: asked, ...image } });
}

interface Descriptor {
  digest: string;
  platform: { architecture: string };
  annotations?: Record<string, string>;
}

async function json(kind: "manifests" | "blobs", digest: string) {
  const { status, body } = await registry("GET", `${app.repository}/${kind}/${digest}`);
  expect(status).toBe(200);
  return JSON.parse(body) as {
    manifests?: Descriptor[];
    layers?: Descriptor[];
    predicate?: {
      name?: string;
      buildDefinition?: { resolvedDependencies: { uri: string }[] };
    };
  };
}

interface Statements {
  architecture: string;
  digest: string;
  types: string[];
  names: string[];
  materials: string[];
}

/** What the registry holds of a release: each image's architecture, with the statements about it. */
async function statements() {
  const { imageUri } = (await app.project.outputs()) as { imageUri: string };
  const { manifests = [] } = await json("manifests", imageUri.split("@")[1]!);
  const isStatement = (one: Descriptor) => one.platform.architecture === "unknown";
  const found: Statements[] = [];
  let attached = 0;
  for (const { digest, platform } of manifests.filter((one) => !isStatement(one))) {
    const about = manifests.filter(
      (one) => isStatement(one) && one.annotations?.["vnd.docker.reference.digest"] === digest,
    );
    attached += about.length;
    const layers = await Promise.all(
      about.map(async (one) => (await json("manifests", one.digest)).layers ?? []),
    );
    const types: string[] = [];
    const names: string[] = [];
    const materials: string[] = [];
    for (const layer of layers.flat()) {
      const type = layer.annotations?.["in-toto.io/predicate-type"] ?? "";
      types.push(type);
      const { predicate } = await json("blobs", layer.digest);
      if (type === spdx) names.push(predicate?.name ?? "");
      else
        materials.push(...predicate!.buildDefinition!.resolvedDependencies.map(({ uri }) => uri));
    }
    found.push({
      architecture: platform.architecture,
      digest,
      types: types.sort(),
      names,
      materials,
    });
  }
  expect(manifests).toHaveLength(found.length + attached);
  return found.sort((a, b) => a.architecture.localeCompare(b.architecture));
}

const running = () => {
  const [container] = app.containers().filter((line) => line.endsWith(" running"));
  return docker(environment().env, "inspect", "-f", "{{.Config.Image}}", container!.split(" ")[0]!);
};

it("each platform's image has an SBOM of its own files in the index, and a target runs the plain image", async () => {
  await app.project.up();
  const found = await statements();
  expect(found).toMatchObject([
    { architecture: "amd64", types: [spdx], names: ["release one"] },
    { architecture: "arm64", types: [spdx], names: ["release one"] },
  ]);
  expect(await app.page()).toBe("release one on x86_64");
  expect(running()).toBe(`${app.front.address}/${app.repository}@${found[0]!.digest}`);
  const { images } = (await app.project.outputs()) as { images: { digest: string }[] };
  expect(images.map(({ digest }) => digest)).toEqual(found.map(({ digest }) => digest));
});

it("unchanged, nothing is built or scanned, and a preview says so", async () => {
  const preview = await app.project.preview();
  expect(preview.summary).toEqual({ ...NOTHING, same: preview.summary.same });
  const run = await app.project.up();
  expect(run.summary).toEqual({ ...NOTHING, same: run.summary.same });
  expect(run.output).not.toContain("building");
});

it("a new release has a new SBOM", async () => {
  app.project.write("app/RELEASE", "release two");
  const preview = await app.project.preview();
  const replaced = preview.events.filter(({ op }) => op === "replace").map(({ name }) => name);
  expect(replaced).toEqual(
    expect.arrayContaining(["web-linux-amd64-attested", "web-linux-arm64-attested"]),
  );
  await app.project.up();
  expect((await statements()).map(({ names }) => names)).toEqual([
    ["release two"],
    ["release two"],
  ]);
});

it("taken away, the SBOM leaves the index and the container stays; asked for again, no image is built", async () => {
  const before = { found: await statements(), containers: app.containers() };
  app.set({ image: { platforms: both } });
  await app.project.up();
  expect((await statements()).map(({ types }) => types)).toEqual([[], []]);
  expect(app.containers()).toEqual(before.containers);
  set({});
  const preview = await app.project.preview();
  const scans = preview.events.filter(({ op }) => op === "create").map(({ name }) => name);
  expect(scans.sort()).toEqual(["web-linux-amd64-attested", "web-linux-arm64-attested"]);
  const run = await app.project.up();
  expect(run.output).not.toContain("building linux");
  expect(await statements()).toEqual(before.found);
  expect(app.containers()).toEqual(before.containers);
});

/** The digests of the images that the provider built, by architecture. */
async function provided(): Promise<unknown[]> {
  const { resources } = await app.project.state();
  return resources
    .filter(({ type }) => type === "docker-build:index:Image")
    .sort((a, b) => a.urn.localeCompare(b.urn))
    .map(({ outputs }) => outputs?.digest);
}

it.each<[string, Record<string, unknown>]>([
  [", reproducible", { reproducible: { epoch: 1_700_000_000 } }],
  [", compressed by zstd", { compression: "zstd" }],
])(
  "the provenance of the real build is beside the SBOM, for the very images that the provider built%s",
  async (_, image) => {
    app.project.write("app/RELEASE", "release two");
    set({}, image);
    await app.project.up();
    set({ provenance: true }, image);
    const preview = await app.project.preview();
    const replaced = preview.events.filter(({ op }) => op === "replace").map(({ name }) => name);
    expect(replaced).toEqual(
      expect.arrayContaining(["web-linux-amd64-attested", "web-linux-arm64-attested"]),
    );
    const run = await app.project.up();
    expect(run.output).not.toContain("building linux");
    const found = await statements();
    for (const { types, names, materials } of found) {
      expect(types).toEqual([expect.stringMatching(slsa) as string, spdx]);
      expect(names).toEqual(["release two"]);
      expect(materials.join()).toContain("/base/busybox@1");
    }
    expect(found.map(({ digest }) => digest)).toEqual(await provided());
    expect(running()).toContain(found[0]!.digest);
    set({});
    await app.project.up();
  },
);

it("a scanner that isn't there, fails or says nothing stops the run before the target, with the field and what it printed", async () => {
  app.project.write("app/RELEASE", "release three");
  const failures: [string, RegExp][] = [
    [
      `${app.front.address}/nowhere:1`,
      /the builder can't pull the scanner \S+nowhere:1: name one .*image\.attestations\.sbomGenerator/,
    ],
    [
      await other("failing", "echo no list of packages; exit 3"),
      /image\.attestations: \S+ \(linux\/\w+\) could not be built with attestations[\s\S]*no list of packages[\s\S]*exit code: 3/,
    ],
    [await other("silent", "true"), /image\.attestations: .*the scanner \S+silent wrote no SBOM/],
  ];
  for (const [sbomGenerator, message] of failures) {
    set({ sbomGenerator });
    const { output } = await app.project.up({ expectFailure: true });
    expect(output).toMatch(message);
    expect(output).not.toContain("    at ");
  }
  expect(await app.page()).toBe("release two on x86_64");
});

it("every part of a build and names with letters outside ASCII are in the build with attestations too", async () => {
  const { baseImage } = environment();
  const text = `FROM ${baseImage} AS wanted
ARG GREETING
COPY --from=sizes /maß.txt /maß.txt
COPY --chmod=755 serve.sh RELEASE Übersicht.txt /
RUN --mount=type=secret,id=a-key,required=true test "$(cat /run/secrets/a-key)" = "geheim, \\"ö\\"" && test "$GREETING" = "Grüße, \\"Welt\\" = 1" && grep -q db.test /etc/hosts
RUN mkdir -p /www
ONBUILD RUN echo more > /more
CMD ["/serve.sh"]
FROM wanted AS other
RUN exit 1
`;
  app.project.write("app/Bücher.Dockerfile", text);
  app.project.write("app/Übersicht.txt", "ä");
  app.project.write("Größe/maß.txt", "1 m");
  const image = {
    dockerfile: "app/Bücher.Dockerfile",
    target: "wanted",
    namedContexts: { sizes: "./Größe" },
    buildArgs: { BASE: baseImage, GREETING: 'Grüße, "Welt" = 1' },
    labels: { titel: "Größe, 1 = 1" },
    secrets: { "a-key": 'geheim, "ö"' },
    extraHosts: ["db.test:192.0.2.1"],
    platforms: [both[0]],
  };
  set({ provenance: true }, image);
  await app.project.up();
  const found = await statements();
  expect(found.map(({ types }) => types.length)).toEqual([2]);
  expect(found.map(({ digest }) => digest)).toEqual(await provided());
});

it("the credentials that are given serve the scan and the scanner's image too, and a rotated password scans nothing", async () => {
  const given = (password: string) => {
    const login = { username: "robot", password };
    requireLogin(app.front, login);
    const { address } = app.front;
    set({}, { registry: { address, repository: app.repository, ...login } });
  };
  given("first-password-5Qz8");
  app.project.write("app/RELEASE", "release four");
  const first = await app.project.up();
  expect((await statements()).map(({ names }) => names)).toEqual([
    ["release four"],
    ["release four"],
  ]);
  expect(first.output).not.toContain("first-password-5Qz8");
  given("second-password-9Kw2");
  const run = await app.project.up();
  expect(run.summary).toEqual({ ...NOTHING, same: run.summary.same });
});
