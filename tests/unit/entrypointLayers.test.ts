import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { RuntimeConfig } from "../../components/verification/inspect";
import type { Limits } from "../../components/verification/layer";
import {
  amd64,
  arm,
  arm64,
  blobPath,
  type Files,
  limits,
  outcomeOf,
  type Packing,
  plenty,
  readFrom,
  refusal,
  storeImage,
  tar,
  x86,
  zstdFrame,
} from "./entrypointImage";
import { answer, FakeRegistry, sha256, types } from "./fakeRegistry";

// Compressing large layers takes long on a busy machine.
jest.setTimeout(60_000);

/** More than what the network between two processes holds. */
const little = 12 << 20;

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
});
afterEach(() => registry.stop());

const outcome = (config: RuntimeConfig, layers: readonly Files[], packing?: Packing) =>
  outcomeOf(registry, config, layers, packing);
const read = (digest: string, given?: Limits, idle?: number) =>
  readFrom(registry, digest, given, idle);

describe("layers are told apart by their bytes", () => {
  const config = { Cmd: ["/app"] };
  const files = { filler: randomBytes(500_000), app: x86 };

  test.each<[string, Packing]>([
    ["gzip", (content) => gzipSync(content)],
    [
      "gzip in several members",
      (content) =>
        Buffer.concat([gzipSync(content.subarray(0, 700)), gzipSync(content.subarray(700))]),
    ],
    ["zstd", (content) => zstdFrame(content)],
    [
      "zstd in several frames, after one to skip",
      (content) =>
        Buffer.concat([
          Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]),
          zstdFrame(content.subarray(0, 300_000)),
          zstdFrame(content.subarray(300_000)),
        ]),
    ],
    ["nothing", (content) => content],
  ])("%s", async (_, packing) => {
    expect(await outcome(config, [files], packing)).toBe("/app");
  });

  // `zstd -19 | base64` of the tar of { app: arm }.
  const compressed =
    "KLUv/QRoRQIAEgMLFLCpAwzDFGCsO00H7xKR7DoGaE0GjQUBpQP7Zcq115ujFPN5/uKbhJi/a6kKIGC3O+l9LDZSKQAjgKUDTF6wgcB1egpEPK5U/g==";

  test("zstd that compresses, as BuildKit makes it", async () => {
    const layer = registry.blob(types.layer, Buffer.from(compressed, "base64"));
    const { digest } = await storeImage(registry, arm64, config, [layer]);
    expect((await read(digest)).code).toEqual([{ file: "/app", architecture: "arm64" }]);
  });

  test.each<[string, Buffer | string, string]>([
    ["nothing that is known", "\xfd7zXZ", "can't be read (it is no tar, and packed by neither"],
    ["a broken gzip", Buffer.concat([Buffer.from([31, 139]), randomBytes(2000)]), "can't be read"],
    ["half a tar", Buffer.alloc(700), "can't be read"],
    ["zstd for a machine with more memory", zstdFrame(Buffer.alloc(9), 0xa8), "2048 MiB"],
  ])("%s is refused", async (_, body, expected) => {
    const layer = registry.blob(types.layer, body as Buffer);
    const { digest } = await storeImage(registry, amd64, config, [layer]);
    const message = await refusal(read(digest));
    expect(message).toContain(`layer ${layer.digest} can't be read`);
    expect(message).toContain(expected);
  });

  test("bytes that don't have the layer's digest are refused, once all were read", async () => {
    const layer = registry.blob(types.layer, gzipSync(await tar({ other: x86 })));
    const { digest } = await storeImage(registry, amd64, config, [{ app: x86 }, layer]);
    const other = gzipSync(await tar({ another: x86 }));
    registry.content.set(blobPath(layer), { type: "x", body: other });
    expect(await refusal(read(digest))).toContain(`layer ${layer.digest} is ${sha256(other)}`);
  });

  test("an empty layer is one", async () => {
    expect(await outcome(config, [{ app: x86 }, {}])).toBe("/app");
  });

  test("a layer that lies elsewhere is passed over, and told where that matters", async () => {
    const elsewhere = {
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      digest: sha256("elsewhere"),
      size: 1,
      urls: ["https://example.test/layer"],
    };
    const there = await storeImage(registry, amd64, config, [elsewhere, { app: x86 }]);
    expect(await read(there.digest)).toMatchObject({ warnings: [], code: [{ file: "/app" }] });
    const not = await storeImage(registry, amd64, config, [elsewhere, { other: x86 }]);
    expect((await read(not.digest)).warnings).toEqual([
      expect.stringContaining("some of its layers lie outside the registry"),
    ]);
  });
});

describe("no more is downloaded than needed", () => {
  const config = { Cmd: ["/app"] };
  const raw: Packing = (content) => content;

  test.each<[string, Packing]>([
    ["gzip", (content) => gzipSync(content, { level: 1 })],
    ["zstd", (content) => zstdFrame(content)],
    ["uncompressed", raw],
  ])("a layer only until the file has begun (%s)", async (_, packing) => {
    const layer = { app: Buffer.concat([x86, randomBytes(plenty)]), last: randomBytes(1000) };
    const image = await storeImage(registry, amd64, config, [layer], packing);
    const { downloaded, code } = await read(image.digest);
    expect(code[0]?.file).toBe("/app");
    expect(downloaded).toBeLessThan(1 << 20);
    expect(registry.served.get(blobPath(image.layers[0]!))).toBeLessThan(little);
  });

  test("the older layers aren't asked for, the newer ones once and whole", async () => {
    const image = await storeImage(registry, amd64, { Cmd: ["/run"] }, [
      { "bin/sh": arm },
      { "bin/sh": x86 },
      { run: "#!/bin/sh" },
      { other: randomBytes(200_000) },
    ]);
    const { downloaded } = await read(image.digest);
    const paths = image.layers.map(blobPath);
    const asked = registry.seen.map(({ path }) => path).filter((path) => paths.includes(path));
    expect(asked).toEqual([paths[3], paths[2], paths[1]]);
    expect(downloaded).toBe(image.layers.slice(1).reduce((sum, { size }) => sum + size, 0));
  });

  test("what two platforms share is read once", async () => {
    const shared = registry.blob(types.layer, gzipSync(await tar({ run: "#!/bin/sh" })));
    const images = [
      await storeImage(registry, amd64, { Cmd: ["/run"] }, [{ "bin/sh": x86 }, shared]),
      await storeImage(registry, arm64, { Cmd: ["/run"] }, [{ "bin/sh": arm }, shared]),
    ];
    const { code } = await read(registry.index(images).digest);
    expect(code.map((each) => each?.architecture)).toEqual(["amd64", "arm64"]);
    expect(registry.seen.filter(({ path }) => path === blobPath(shared))).toHaveLength(1);
  });

  test("what comes later in a layer is read on from where it stopped", async () => {
    const image = await storeImage(registry, amd64, { Cmd: ["/a"] }, [
      { a: "#!/z", between: randomBytes(3 << 20), z: x86 },
    ]);
    expect((await read(image.digest)).code[0]?.file).toBe("/z");
    expect(registry.seen.filter(({ path }) => path === blobPath(image.layers[0]!))).toHaveLength(1);
  });

  test("more than the limit is a warning for that image, and the next is looked at", async () => {
    const images = [
      await storeImage(registry, amd64, config, [{ filler: randomBytes(plenty), app: x86 }]),
      await storeImage(registry, arm64, config, [{ app: arm }]),
    ];
    const small = { ...limits, bytes: 2 << 20 };
    const { warnings, code } = await read(registry.index(images).digest, small);
    expect(warnings).toEqual([
      expect.stringMatching(/^linux\/amd64: \/app wasn't found in more than 2 MiB of layers, so/),
    ]);
    expect(code).toEqual([undefined, { file: "/app", architecture: "arm64" }]);
    expect(registry.served.get(blobPath(images[0]!.layers[0]!))).toBeLessThan(little + (2 << 20));
  });

  test("and no longer than the limit of time", async () => {
    const { digest } = await storeImage(registry, amd64, config, [{ app: x86 }]);
    expect(await refusal(read(digest, { ...limits, total: -1 }))).toContain(
      `reading layers took more than`,
    );
  });
});

describe("a transfer that stops", () => {
  const config = { Cmd: ["/app"] };
  let path: string;
  let digest: string;

  beforeEach(async () => {
    const image = await storeImage(registry, amd64, config, [
      { filler: randomBytes(400_000), app: x86 },
    ]);
    digest = image.digest;
    path = blobPath(image.layers[0]!);
  });

  /** Sends half of the layer, and then nothing, or the end of the connection. */
  const half = (times: number, cut: boolean) => {
    registry.intercept = (request, response) => {
      if (request.url !== path || times-- <= 0) return false;
      const body = registry.content.get(path)!.body;
      response.writeHead(200, { "content-length": body.length });
      response.write(body.slice(0, 200_000), () => cut && response.destroy());
      return true;
    };
  };

  test("is begun again", async () => {
    half(1, true);
    expect((await read(digest)).code[0]?.file).toBe("/app");
    half(1, false);
    expect((await read(digest, limits, 200)).code[0]?.file).toBe("/app");
  });

  test("again and again is an error that says what, why, and the ways out", async () => {
    half(9, true);
    expect(await refusal(read(digest))).toMatch(
      /^127\.0\.0\.1:\d+: 127\.0\.0\.1:\d+\/app@sha256:[a-f0-9]{64} broke off after \d+ bytes \(aborted\): try again, or set verify\.depth to "manifest", which reads no layers$/,
    );
    half(9, false);
    expect(await refusal(read(digest, limits, 100))).toContain(
      "(fewer than 64 KiB in 0.1 s): try again, or",
    );
  });

  test("that never begins is told as for manifests", async () => {
    registry.intercept = (request, response) => request.url === path && answer(response, 503);
    expect(await refusal(read(digest))).toContain("(503): try again later");
    registry.intercept = (request, response) => request.url === path && answer(response, 404);
    expect(await refusal(read(digest))).toContain("isn't in the registry (404)");
  });
});

test("real zstd of every level is read", async () => {
  let level = 1;
  const available = (() => {
    try {
      return execFileSync("zstd", ["--version"]).length > 0;
    } catch {
      return false;
    }
  })();
  if (!available) return; // the frames above are made by hand, and BuildKit's are read by tests/engine/verification.test.ts
  for (; level <= 19; level += 6) {
    const text = "some text that compresses. ".repeat(100_000);
    const packing: Packing = (input) =>
      execFileSync("zstd", ["-q", "-c", `-${level}`], { input, maxBuffer: 2 ** 28 });
    const files = { text, noise: randomBytes(300_000), app: x86 };
    expect(await outcome({ Cmd: ["/app"] }, [files], packing)).toBe("/app");
  }
});
