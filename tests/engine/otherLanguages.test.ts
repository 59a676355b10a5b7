import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { appFiles, docker, freePort, get } from "./appProject";
import { createProject, environment, NOTHING, type Project } from "./harness";
import { checkout, documented, errorsIn, placed, prepareLanguages } from "./languages";

// A program in YAML, in a folder of its own, with this checkout as its package. One App serves through all of it.

let folder: string;
let env: Record<string, string>;
let project: Project;
let port: number;
const repository = `test/lang-yaml-${process.pid}`;

/** The documented program, as data. */
interface Program {
  name: string;
  packages: Record<string, string>;
  resources: Record<string, { type: string; properties: Record<string, Record<string, unknown>> }>;
  outputs: Record<string, string>;
}

/** What the tests may change in it. */
interface Change {
  image?: Record<string, unknown>;
  host?: Record<string, unknown>;
}

const both = { platforms: ["linux/amd64", "linux/arm64"] };
const dockerfile = () =>
  appFiles["app/Dockerfile"].replace("ARG BASE\n", `ARG BASE=${environment().baseImage}\n`);

function program({ image = both, host = {} }: Change = {}): Program {
  const text = placed(documented("yaml"), repository, port);
  const read = parse(text) as Program;
  read.name = "lang-yaml";
  read.packages = { multiarch: checkout };
  const { properties } = read.resources.web!;
  properties.image = { ...properties.image, ...image };
  properties.host = { ...properties.host, ...host };
  read.outputs.imageUri = "${web.imageUri}";
  read.outputs.platforms = "${web.platforms}";
  return read;
}

function set(change?: Change): void {
  project.write("Pulumi.yaml", stringify(program(change)));
}

const page = () => get(port);
const container = () =>
  docker(
    environment().env,
    "ps",
    "--all",
    "--filter",
    "name=^lang-yaml-test-web$",
    "--format",
    "{{.ID}} {{.State}}",
  );

/** Runs `up`, sees it fail, and finds the release before serving. */
async function refused(change?: Change) {
  set(change);
  const before = container();
  const result = await project.up({ expectFailure: true });
  expect(container()).toBe(before);
  expect(await page()).toBe("release one on x86_64");
  expect(result.output).not.toMatch(/^\s+at /m);
  return result;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-lang-"));
  ({ env } = await prepareLanguages(folder));
  port = await freePort();
  const files = { ...appFiles, "app/Dockerfile": dockerfile() };
  project = await createProject({
    name: "lang-yaml",
    program: "",
    files: {
      ...files,
      "Pulumi.yaml": stringify({ ...program(), packages: undefined, resources: {}, outputs: {} }),
    },
    env,
  });
});
afterAll(async () => {
  await project?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

it("the repository's folder is a package, with the published schema", async () => {
  await project.pulumi(["package", "add", checkout]);
  const { packages } = parse(
    readFileSync(join(project.directory, "Pulumi.yaml"), "utf8"),
  ) as Program;
  expect(packages).toEqual({ multiarch: checkout });

  const { stdout } = await project.pulumi(["package", "get-schema", checkout]);
  const read = (text: string) => JSON.parse(text) as Record<"resources" | "types", object>;
  const { resources, types } = read(readFileSync(join(checkout, "components/schema.json"), "utf8"));
  const shown = read(stdout.slice(stdout.indexOf("{")));
  expect(Object.keys(shown.resources).sort()).toEqual(Object.keys(resources).sort());
  expect(Object.keys(shown.types).sort()).toEqual(Object.keys(types).sort());
  expect(shown.resources).toMatchObject({
    "multiarch:index:App": { isComponent: true, requiredInputs: ["image"] },
  });
});

it("an App is built from the program's folder, verified and released, and has its outputs", async () => {
  set();
  const { output } = await project.up();
  expect(output).toContain("platforms: linux/amd64 (host.architecture, image.platforms)");
  expect(await page()).toBe("release one on x86_64");
  expect(container()).toMatch(/ running$/);
  expect(await project.outputs()).toEqual({
    imageUri: expect.stringContaining(`${environment().registry.address}/${repository}@sha256:`),
    platforms: both.platforms,
    url: `http://127.0.0.1:${port}`,
  });
  const { text } = await project.state();
  expect(text).not.toContain(project.directory);
  // A way that is relative to the program is no machine's path, and is ignored where it changes.
  const absolute = text.replaceAll(`..${checkout}`, "");
  expect(absolute).toContain("multiarch:index:App");
  expect(absolute).not.toContain(checkout);
});

it("a second run changes nothing, also with null in fields that were left out, and a look at what runs is waited for", async () => {
  set({ image: { ...both, cache: null, verify: null }, host: { ssh: null, health: null } });
  expect((await project.up()).summary).toEqual({ ...NOTHING, same: expect.any(Number) });
  docker(environment().env, "stop", "--time", "1", "lang-yaml-test-web");
  const { output } = await project.preview();
  expect(output).toContain("nothing runs as lang-yaml-test-web on this machine");
  docker(environment().env, "start", "lang-yaml-test-web");
});

it("a builder that isn't there is one error for each platform, in preview and in up", async () => {
  const image = { ...both, builder: { name: "lang-nobody" } };
  const missing = (platform: string) =>
    expect.stringContaining(
      `before hook "preflight of App web (${platform})" failed: image.builder: there is no builder "lang-nobody" on this machine`,
    );
  const expected = both.platforms.map(missing);
  expect(errorsIn(await refused({ image })).sort()).toEqual(expected);
  expect(errorsIn(await project.preview({ expectFailure: true })).sort()).toEqual(expected);
});

it("an image that fails its verification never reaches the target, and says why once", async () => {
  project.write("app/Dockerfile", dockerfile().replace("FROM ", "FROM --platform=linux/amd64 "));
  expect(errorsIn(await refused())).toEqual([
    expect.stringContaining(
      "App web: linux/arm64: /bin/busybox, which runs /serve.sh, holds code for x86_64 (ELF machine 62) and can't run on linux/arm64",
    ),
  ]);
  project.write("app/Dockerfile", dockerfile());
});

it("bad arguments are told in the words of a TypeScript program, a line each", async () => {
  const bad = { image: { platforms: ["linux/arm64"] }, host: { ports: [{ container: 99_999 }] } };
  const { resources } = program(bad);
  const script = await createProject({
    name: "lang-js",
    files: { ...appFiles, "app/Dockerfile": dockerfile() },
    program: `const multiarch = require("multiarch"); new multiarch.App("web", ${JSON.stringify(resources.web!.properties)});`,
  });
  const said = errorsIn(await script.preview({ expectFailure: true }));
  await script.dispose();
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(
    /^web: host\.ports\[0\]\.container: .*\n\s+web: image\.platforms: holds linux\/arm64/m,
  );
  const [found, ...others] = errorsIn(await refused(bad));
  expect(others).toEqual([]);
  expect(found).toBe(`multiarch:index:App resource 'web' has a problem: ${said[0]}`);
});

it("components are used by themselves, with secrets, and with outputs that a preview doesn't know", async () => {
  const { registry } = environment();
  const own = await freePort();
  const target = {
    image: { images: "${image.images}" },
    ports: [{ container: 8080, host: own }],
    environment: { TOKEN: { "fn::secret": "canary-yaml" } },
  };
  const parts = {
    name: "lang-parts",
    runtime: "yaml",
    packages: { multiarch: checkout },
    resources: {
      image: {
        type: "multiarch:Image",
        properties: {
          context: "./app",
          registry: { address: registry.address, repository: `${repository}-parts` },
        },
      },
      target: { type: "multiarch:HostTarget", properties: target },
    },
    outputs: { ref: "${image.images[0].ref}", url: "${target.url}" },
  };
  Object.assign(parts.resources.image.properties, both);
  const files = { ...appFiles, "app/Dockerfile": dockerfile() };
  const text = stringify(parts);
  const other = await createProject({
    name: "lang-parts",
    program: "",
    files: { ...files, "Pulumi.yaml": text },
    env,
  });
  await other.preview();
  await other.up();
  expect(await get(own)).toBe("release one on x86_64");
  expect(docker(environment().env, "exec", "lang-parts-test-target", "env")).toContain(
    "TOKEN=canary-yaml",
  );
  expect((await other.state()).text).not.toContain("canary-yaml");
  expect((await other.up()).summary).toEqual({ ...NOTHING, same: expect.any(Number) });

  // Of two hosts with one container's name, the second is refused, as in a program.
  const second = structuredClone({
    ...parts.resources.target,
    properties: { ...target, name: "target" },
  });
  Object.assign(parts.resources, { second });
  other.write("Pulumi.yaml", stringify(parts));
  expect(errorsIn(await other.preview({ expectFailure: true })).join()).toContain(
    "name: is already used by another host target of this program",
  );
  await other.dispose();
});
