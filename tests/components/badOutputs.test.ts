import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { App } from "../../components";

// Origins, verification and outputs; refused before any resource is registered. What a user sees: tests/engine/origins, outputs, refused.

const digest = `sha256:${"a".repeat(64)}`;
const registry = { address: "ghcr.io", repository: "team/web" };
const built = { context: "app", registry };
type Change = Record<string, unknown>;
const host = { ports: [{ container: 8080 }] };
const image = (change: Change) => ({ image: { ...built, ...change }, host });
const sources = (given: unknown, change: Change = {}) => ({
  image: { sources: given, ...change },
  host,
});
const copy = (change: Change) => ({
  image: { copyOf: `ghcr.io/team/web@${digest}`, registry, ...change },
  host,
});

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
beforeAll(() => {
  mkdirSync(join(folder, "app"));
  writeFileSync(join(folder, "app/Dockerfile"), "FROM scratch\n");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const amd64 = { "linux/amd64": `ghcr.io/team/web@${digest}` };

const table: [string, unknown, string][] = [
  [
    "sources that are a text",
    sources("ghcr.io/team/web"),
    "image.sources: must map names to texts",
  ],
  [
    "sources by an unknown platform",
    sources({ ...amd64, arm46: `a/b@${digest}` }),
    `image.sources["arm46"]: is no platform`,
  ],
  [
    "a source by its tag",
    sources({ "linux/amd64": "ghcr.io/team/web:amd64" }),
    `image.sources["linux/amd64"]: "ghcr.io/team/web:amd64" names no digest`,
  ],
  [
    "a source that is no reference",
    sources({ "linux/amd64": `https://a/b@${digest}` }),
    `image.sources["linux/amd64"]:`,
  ],
  [
    "a source that is a number",
    sources({ "linux/amd64": 7 }),
    "image.sources.linux/amd64: must be a string",
  ],
  [
    "one platform under two spellings",
    sources({ ...amd64, x86_64: `a/b@${digest}` }),
    `image.sources["x86_64"]: is linux/amd64, which another entry names already`,
  ],
  [
    "sources without a target's platform",
    sources({ "linux/arm64": `a/b@${digest}` }),
    "image.sources: holds linux/arm64, but host.architecture is x86_64",
  ],
  [
    "sources without a listed platform",
    sources(amd64, { platforms: ["linux/amd64", "linux/arm64"] }),
    "image.sources: names no image for linux/arm64",
  ],
  [
    "sources beyond the listed platforms",
    sources({ ...amd64, arm64: `a/b@${digest}` }, { platforms: ["linux/amd64"] }),
    `image.sources["arm64"]: is a platform that isn't planned`,
  ],
  [
    "sources next to a context",
    sources(amd64, { context: "app" }),
    "image.context: means nothing next to image.sources",
  ],
  [
    "sources next to a finished image",
    sources(amd64, { ref: `a/b@${digest}` }),
    "image.sources: means nothing next to image.ref",
  ],
  [
    "a copy next to a builder",
    copy({ builder: { name: "multi" } }),
    "image.builder: means nothing next to image.copyOf",
  ],
  ["a copy without a place", copy({ registry: undefined }), "image.registry: is missing"],
  [
    "a copy of a tag",
    copy({ copyOf: "ghcr.io/team/web:1" }),
    'image.copyOf: "ghcr.io/team/web:1" names no digest',
  ],
  ["a copy of no reference", copy({ copyOf: "Team/Web" }), "image.copyOf:"],
  [
    "no index for two platforms",
    image({ index: false, platforms: ["linux/amd64", "linux/arm64"] }),
    "image.index: is false, and linux/amd64 and linux/arm64 are planned",
  ],
  ["an index that is a text", image({ index: "no" }), "image.index: must be true or false"],
  [
    "attestations that are a flag",
    image({ attestations: true }),
    "image.attestations: must be an object",
  ],
  [
    "an unknown attestation",
    image({ attestations: { sbomm: true } }),
    "image.attestations.sbomm: is not a field",
  ],
  [
    "an SBOM that is a text",
    image({ attestations: { sbom: "spdx" } }),
    "image.attestations.sbom: must be true or false",
  ],
  [
    "an SBOM without an index",
    image({ index: false, attestations: { sbom: true } }),
    "image.attestations.sbom: lies in an index, and image.index is false; remove one of them",
  ],
  [
    "attestations of a context with credentials in its address",
    image({
      context: "https://example.com/app.tar?signature=x",
      attestations: { provenance: true },
    }),
    "image.context: can't contain credentials with image.attestations",
  ],
  [
    "an SBOM of images that were built elsewhere",
    sources(amd64, { attestations: { sbom: true } }),
    "image.attestations: means nothing next to image.sources",
  ],
  [
    "a scanner without an SBOM",
    image({ attestations: { sbomGenerator: "ghcr.io/team/scanner:1" } }),
    "image.attestations.sbomGenerator: is given without image.attestations.sbom: true",
  ],
  [
    "a scanner that is no reference",
    image({ attestations: { sbom: true, sbomGenerator: "https://ghcr.io/team/scanner" } }),
    'image.attestations.sbomGenerator: "https://ghcr.io/team/scanner": starts with a scheme',
  ],
  [
    "attestations without an index",
    image({ index: false, attestations: { provenance: true } }),
    "image.attestations.provenance: lies in an index",
  ],
  ["an unknown depth", image({ verify: { depth: "deep" } }), `image.verify.depth: is "deep"`],
  [
    "a command without a start",
    image({ verify: { command: ["--version"] } }),
    "image.verify.command: is for images that are started",
  ],
  [
    "an empty command",
    image({ verify: { depth: "run", command: [] } }),
    "image.verify.command: is empty",
  ],
  [
    "seconds that are too many",
    image({ verify: { depth: "run", seconds: 1e6 } }),
    "image.verify.seconds: must be a whole number",
  ],
  [
    "a strictness that is a text",
    image({ verify: { strict: "yes" } }),
    "image.verify.strict: must be true or false",
  ],
  [
    "several platforms to load",
    image({ load: { platform: "linux/amd64,linux/arm64" } }),
    `image.load.platform: "linux/amd64,linux/arm64" names several platforms, and an engine takes one`,
  ],
  [
    "a platform to load that isn't planned",
    image({ load: { platform: "linux/arm64" } }),
    "image.load.platform: is linux/arm64, which isn't planned",
  ],
  ["an unknown platform to load", image({ load: { platform: "mips" } }), "image.load.platform:"],
  ["a tag with a digest", image({ load: { tag: `web@${digest}` } }), "image.load.tag:"],
  ["a tarball without a path", image({ tarball: {} }), "image.tarball.path: is missing"],
  [
    "a tarball that is a folder",
    image({ tarball: { path: "out/" } }),
    `image.tarball.path: "out/" is a folder`,
  ],
  [
    "a tarball whose name no file system takes",
    image({ tarball: { path: `out/${"a".repeat(251)}` } }),
    `image.tarball.path: "out/${"a".repeat(72)}... holds a name of more than 250 bytes`,
  ],
  [
    "an unknown kind of tarball",
    image({ tarball: { path: "a.tar", format: "zip" } }),
    `image.tarball.format: is "zip"`,
  ],
];

it.each(table)("%s gives one clear error with the field's path", (_, args, start) => {
  let error: unknown;
  try {
    new App("web", args as ConstructorParameters<typeof App>[1]);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(pulumi.RunError);
  const lines = (error as Error).message.split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
});
