import { once } from "node:events";
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

describe("what a registry gives isn't written further than its manifest says:", () => {
  const write = async (options = {}) => {
    const file = createWriteStream(join(folder, "web.tar"));
    await once(file, "open");
    const request = { reference, name: "web:dev", docker: true, ...options };
    await writeArchive(request, file).finally(() => file.destroy());
  };
  const blobs = () => [...registry.content.keys()].filter((path) => path.includes("/blobs/"));
  const put = (digest: string, body: string | Buffer) =>
    registry.content.set(`/v2/app/manifests/${digest}`, { type: types.manifest, body });
  /** An image of these descriptors, under its digest. */
  const image = (layers: unknown) => {
    const config = registry.blob(types.config, '{"os":"linux","architecture":"amd64"}');
    const manifest = { mediaType: types.manifest, config, layers };
    const body = JSON.stringify(manifest);
    put(sha256(body), body);
    reference = `${registry.host}/app@${sha256(body)}`;
    return sha256(body);
  };

  test("a blob that is larger", async () => {
    const body = Buffer.alloc(20 << 20, 4);
    const { digest } = registry.blob(types.layer, body);
    image([{ digest, size: 1000 }]);
    await expect(write()).rejects.toThrow(/sent more than the 1000 bytes that the manifest states/);
    expect(registry.served.get(`/v2/app/blobs/${digest}`)).toBeLessThan(body.length);
  });

  test("a blob that is smaller", async () => {
    const { digest } = registry.blob(types.layer, "small");
    image([{ digest, size: 1000 }]);
    await expect(write()).rejects.toThrow(/sent fewer than the 1000 bytes/);
  });

  test.each(["5", -1, 1e300, 0.5, null])("a size that is %j", async (size) => {
    image([{ digest: sha256("x"), size }]);
    await expect(write()).rejects.toThrow("is no image or index");
  });

  test("a configuration that isn't its digest's", async () => {
    registry.content.set(blobs()[0]!, { type: "", body: '{"architecture":"../../x"}' });
    await expect(write()).rejects.toThrow("is broken");
  });

  test("indexes that list the same over and over: each digest is read once", async () => {
    let digest = reference.split("@")[1]!;
    for (let level = 0; level < 8; level++) {
      const child = { mediaType: level ? types.index : types.manifest, digest, size: 1 };
      ({ digest } = registry.index(Array.from({ length: 3 }, () => child)));
    }
    reference = `${registry.host}/app@${digest}`;
    await write();
    const manifests = registry.seen.filter(({ path }) => path.includes("/manifests/"));
    expect(manifests).toHaveLength(9);
  });

  test("a transfer that takes too long", async () => {
    registry.intercept = (request, response) => {
      if (!request.url!.includes("/blobs/") || request.url === blobs()[0]) return false;
      response.writeHead(200).write("x");
      return true;
    };
    await expect(write({ limit: 300 })).rejects.toThrow(/took more than 0.005 minutes/);
  });
});
