import { chmodSync, createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker } from "../../components/command";
import { archived, writeArchive } from "../../components/outputs/archive";
import { FakeRegistry, sha256, types } from "./fakeRegistry";

// What a tarball is known by, and an engine that refuses one half way. That other tools read it is shown by tests/engine/outputs.test.ts.

let registry: FakeRegistry;
let folder: string;
let reference: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "multiarch-archive-"));
  registry = await FakeRegistry.start();
  const add = (kind: string, type: string, body: string | Buffer) => {
    const digest = sha256(body);
    registry.content.set(`/v2/app/${kind}/${digest}`, { type, body });
    return { mediaType: type, digest, size: body.length };
  };
  const config = add("blobs", types.config, JSON.stringify({ os: "linux", architecture: "amd64" }));
  const layers = [1, 2, 3].map((nth) => add("blobs", types.layer, Buffer.alloc(3 << 20, nth)));
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers };
  const { digest } = add("manifests", types.manifest, JSON.stringify(manifest));
  reference = `${registry.host}/app@${digest}`;
});
afterEach(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true });
});

test("a tarball tells its image, its name and its form", async () => {
  const file = join(folder, "web.tar");
  const digest = reference.slice(reference.indexOf("@") + 1);
  for (const form of [false, true]) {
    await writeArchive({ reference, name: "web:dev", docker: form }, createWriteStream(file));
    expect(await archived(file)).toEqual({ digest, name: "web:dev", docker: form });
  }
  writeFileSync(file, "something else");
  expect(await archived(file)).toBeUndefined();
});

test("an engine that ends while it is given an image is told with its own words, whenever it ends", async () => {
  const path = process.env.PATH;
  process.env.PATH = `${folder}:${path}`;
  try {
    for (const read of [0, 20, 4000, 9000]) {
      const text = `#!/bin/sh\nhead -c ${read}000 >/dev/null\necho 'Error: no room' >&2\nexit 1\n`;
      writeFileSync(join(folder, "docker"), text);
      chmodSync(join(folder, "docker"), 0o755);
      const loaded = await docker(["load"], 20_000, {
        input: (to) => writeArchive({ reference, name: "web:dev", docker: true }, to),
      });
      expect(loaded).toMatchObject({ ok: false, late: false, detail: "no room" });
    }
  } finally {
    process.env.PATH = path;
  }
});
