import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { readCode } from "../../components/verification/code";
import { inspect, type RuntimeConfig } from "../../components/verification/inspect";
import { normalisePlatform } from "../../components/platform";
import {
  arm,
  blobPath,
  elf,
  type Files,
  folder,
  gone,
  hardlink,
  type Packing,
  storeImage,
  symlink,
  tar,
  x86,
  zstdFrame,
} from "./entrypointImage";
import { answer, FakeRegistry, sha256, types } from "./fakeRegistry";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const limits = { bytes: 2 ** 31, total: 60_000 };
const plenty = 32 << 20;
/** More than what the network between two processes holds. */
const little = 12 << 20;

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
});
afterEach(() => registry.stop());

/** Reads what an index of these images, or one image, starts. */
async function read(digest: string, given = limits, idle = 30_000) {
  const options = { total: 3000, request: 1000, idle };
  const held = await inspect(registry.reference(digest), {}, options);
  const { codes, ...rest } = await readCode(held.images, held.registry, given);
  return { ...rest, code: held.images.map((image) => codes.get(image.digest)?.code) };
}

/** What one image for linux/amd64 comes to: the file that it starts, or what is said of it. */
async function outcome(config: RuntimeConfig, layers: readonly Files[], packing?: Packing) {
  const { digest } = await storeImage(registry, amd64, config, layers, packing);
  const { code, warnings } = await read(digest);
  return warnings[0] ?? code[0]?.file;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error("nothing was refused");
  return (error as Error).message;
}

describe("what is looked at", () => {
  const every: Files = Object.fromEntries(
    ["app", "srv/app", "bin/sh", "usr/local/bin/app", "opt/app"].map((name) => [name, x86]),
  );
  test.each<[string, RuntimeConfig, string | undefined]>([
    ["the entrypoint", { Entrypoint: ["/app"], Cmd: ["/bin/sh"] }, "/app"],
    ["the command, without an entrypoint", { Entrypoint: null, Cmd: ["/app", "x"] }, "/app"],
    ["the command, with an empty entrypoint", { Entrypoint: [], Cmd: ["/app"] }, "/app"],
    ["the shell of a text", { Cmd: ["/bin/sh", "-c", "exec /app"] }, "/bin/sh"],
    ["the shell of a bare text", { Entrypoint: "exec /app" }, "/bin/sh"],
    ["a path from the working directory", { Cmd: ["./app"], WorkingDir: "/srv" }, "/srv/app"],
    ["a path from the root without one", { Cmd: ["srv/app"] }, "/srv/app"],
    ["a name, by Docker's PATH", { Cmd: ["app"], WorkingDir: "/srv" }, "/usr/local/bin/app"],
    ["a name, by the image's PATH", { Cmd: ["app"], Env: ["A=1", "PATH=/x:/opt"] }, "/opt/app"],
    ["nothing, where nothing is started", {}, undefined],
    ["nothing, where the command is empty", { Cmd: [] }, undefined],
  ])("%s", async (_, config, file) => {
    expect(await outcome(config, [every])).toBe(file);
  });

  test("no layer is read where nothing is started", async () => {
    const { digest, layers } = await storeImage(registry, amd64, {}, [every]);
    expect(await read(digest)).toEqual({ code: [undefined], downloaded: 0, warnings: [] });
    expect(registry.served.get(blobPath(layers[0]!))).toBeUndefined();
  });
});

describe("links", () => {
  const bash = { "usr/bin/bash": x86 };
  test.each<[string, Files[], string]>([
    ["absolute", [{ ...bash, "bin/sh": symlink("/usr/bin/bash") }], "/usr/bin/bash"],
    ["relative", [{ ...bash, "bin/sh": symlink("../usr/bin/bash") }], "/usr/bin/bash"],
    ["of a folder", [{ bin: symlink("usr/bin"), "usr/bin/sh": x86 }], "/usr/bin/sh"],
    [
      "of a folder and of a file in it",
      [{ ...bash, bin: symlink("usr/bin"), "usr/bin/sh": symlink("bash") }],
      "/usr/bin/bash",
    ],
    ["into another layer", [bash, { "bin/sh": symlink("/usr/bin/bash") }], "/usr/bin/bash"],
    ["to what a newer layer holds", [{ "bin/sh": symlink("x") }, { "bin/x": x86 }], "/bin/x"],
    ["hard", [{ "bin/busybox": x86, "bin/sh": hardlink("bin/busybox") }], "/bin/sh"],
    ["hard, to an older layer", [{ "bin/x": x86 }, { "bin/sh": hardlink("bin/x") }], "/bin/sh"],
    [
      "hard, to what a newer layer replaced",
      [{ "bin/x": x86, "bin/sh": hardlink("bin/x") }, { "bin/x": arm }],
      "/bin/sh",
    ],
    ["to nowhere", [{ "bin/sh": symlink("bash") }], "linux/amd64: /bin/sh isn't in the image"],
    ["to itself", [{ "bin/sh": symlink("sh") }], "linux/amd64: /bin/sh isn't in the image"],
    [
      "in a circle",
      [{ bin: symlink("sbin"), sbin: symlink("bin") }],
      "linux/amd64: /bin/sh isn't in the image",
    ],
  ])("%s", async (_, layers, expected) => {
    expect(await outcome({ Cmd: ["/bin/sh"] }, layers)).toContain(expected);
  });
});

describe("layers lie over each other", () => {
  const missing = "linux/amd64: /srv/app isn't in the image";
  test.each<[string, Files[], string]>([
    ["the newest counts", [{ "srv/app": arm }, { "srv/app": x86 }], "/srv/app"],
    ["names may be written ./name", [{ "./srv/app": x86 }], "/srv/app"],
    ["a file that was removed is gone", [{ "srv/app": x86 }, gone("srv/app")], missing],
    ["a folder that was removed is gone", [{ "srv/app": x86 }, gone("srv")], missing],
    ["a folder may be emptied", [{ "srv/app": x86 }, { "srv/.wh..wh..opq": "" }], missing],
    ["a folder above too", [{ "srv/app": x86 }, { ".wh..wh..opq": "" }], missing],
    ["another file's removal is none", [{ "srv/app": x86 }, gone("srv/ap")], "/srv/app"],
    [
      "what is removed and there again is there",
      [{ "srv/app": arm }, { ...gone("srv/app"), "srv/app": x86 }],
      "/srv/app",
    ],
    [
      "what is in a folder that was emptied by the same layer stays",
      [{ "srv/app": arm }, { "srv/app": x86, "srv/.wh..wh..opq": "" }],
      "/srv/app",
    ],
    ["and may come back later", [{ "srv/app": arm }, gone("srv"), { "srv/app": x86 }], "/srv/app"],
    ["a file in a folder's place hides it", [{ "srv/app": x86 }, { srv: "text" }], missing],
    [
      "a folder in a link's place hides it",
      [{ srv: symlink("opt"), "opt/app": x86 }, { srv: folder }],
      missing,
    ],
  ])("%s", async (_, layers, expected) => {
    expect(await outcome({ Cmd: ["/srv/app"] }, layers)).toContain(expected);
  });
});

describe("scripts", () => {
  const base = { "bin/sh": x86, "usr/bin/env": x86, "usr/local/bin/node": x86 };
  const start = (text: string, files: Files = base) =>
    outcome({ Entrypoint: ["/run"], Cmd: ["x"] }, [files, { run: text }]);

  test.each([
    ["#!/bin/sh\nexit", "/bin/sh"],
    ["#! /bin/sh -e\nexit", "/bin/sh"],
    ["#!bin/sh", "/bin/sh"],
    ["#!/usr/bin/env node\n", "/usr/local/bin/node"],
    ["#!/usr/bin/env -S A=1 node --flag\n", "/usr/local/bin/node"],
    ["#!/usr/bin/env\n", "/usr/bin/env"],
  ])("%j is run by %s", async (text, file) => {
    expect(await start(text)).toBe(file);
  });

  test.each([
    ["#!/bin/bash\n", "/bin/bash, which runs /run, isn't in the image"],
    ["#!/usr/bin/env ruby\n", "ruby, which runs /run, isn't in the image"],
    ["echo no first line\n", "/run is no program, and has no #! line"],
    ["#!\n", "/run is no program, and has no #! line"],
    ["", "/run is no program, and has no #! line"],
    ["#!/run\n", "is started by a script that is started by a script"],
  ])("%j: %s", async (text, expected) => {
    expect(await start(text)).toContain(expected);
  });

  test("of one platform with an interpreter of another are refused, by the interpreter's name", async () => {
    expect(await refusal(start("#!/bin/sh\n", { "bin/sh": arm }))).toBe(
      "linux/amd64: /bin/sh, which runs /run, holds code for aarch64 (ELF machine 183) and can't run on linux/amd64: " +
        "build it again, without a fixed --platform in FROM and from a base image that has the platform",
    );
    const env = start("#!/usr/bin/env node", { ...base, "usr/local/bin/node": arm });
    expect(await refusal(env)).toContain("/usr/local/bin/node, which runs /run, holds code for");
    const nested = { ...base, "bin/sh": arm, "usr/local/bin/node": "#!/bin/sh" };
    expect(await refusal(start("#!/usr/bin/env node", nested))).toContain(
      "/bin/sh, which runs /usr/local/bin/node, holds",
    );
  });
});

describe("the code's architecture", () => {
  const machines: [string, Buffer, string][] = [
    ["linux/386", elf(3, 32), "i386"],
    ["linux/amd64", x86, "x86_64"],
    ["linux/arm/v6", elf(40, 32), "32-bit ARM"],
    ["linux/arm/v7", elf(40, 32), "32-bit ARM"],
    ["linux/arm64", arm, "aarch64"],
    ["linux/loong64", elf(258), "LoongArch"],
    ["linux/mips64le", elf(8), "little-endian 64-bit MIPS"],
    ["linux/ppc64", elf(21, 64, false), "big-endian PowerPC"],
    ["linux/ppc64le", elf(21), "little-endian PowerPC"],
    ["linux/riscv64", elf(243), "64-bit RISC-V"],
    ["linux/s390x", elf(22, 64, false), "s390x"],
  ];
  const build = (platform: string, code: Buffer | string) => {
    const [os = "", architecture = "", variant] = platform.split("/");
    expect(normalisePlatform(platform)).toBe(platform);
    const given = { os, architecture, ...(variant && { variant }) };
    return storeImage(registry, given, { Cmd: ["/app"] }, [{ app: code }]);
  };

  test.each(machines)("%s: its own is let through", async (platform, code) => {
    const { digest } = await build(platform, code);
    expect(await read(digest)).toMatchObject({
      code: [{ file: "/app", architecture: platform.split("/")[1] }],
      warnings: [],
    });
  });

  test.each(machines)("%s's is refused elsewhere", async (platform, code, name) => {
    const other = platform === "linux/s390x" ? "linux/ppc64le" : "linux/s390x";
    const { digest } = await build(other, code);
    expect(await refusal(read(digest))).toMatch(
      new RegExp(`^${other}: /app holds code for ${name} \\(ELF machine \\d+\\) and can't run on`),
    );
  });

  test("of machines that nobody knows is refused by its number", async () => {
    const { digest } = await build("linux/amd64", elf(4711));
    expect(await refusal(read(digest))).toContain("code for an unknown machine (ELF machine 4711)");
  });

  test("every image of an index that lies is named", async () => {
    const images = [await build("linux/amd64", arm), await build("linux/arm64", x86)];
    const message = await refusal(read(registry.index(images).digest));
    expect(message.split("\n").map((line) => line.slice(0, 17))).toEqual([
      "linux/amd64: /app",
      "linux/arm64: /app",
    ]);
  });

  test("i386 runs on amd64, and so does x32", async () => {
    for (const code of [elf(3, 32), elf(62, 32)])
      expect(await read((await build("linux/amd64", code)).digest)).toMatchObject({ warnings: [] });
    expect(await refusal(read((await build("linux/386", x86)).digest))).toContain("x86_64");
  });

  test("32-bit ARM on arm64 is for some machines", async () => {
    expect(await read((await build("linux/arm64", elf(40, 32))).digest)).toMatchObject({
      code: [{ architecture: "arm" }],
      warnings: [expect.stringContaining("which only some machines of linux/arm64 run")],
    });
  });

  test.each([
    [Buffer.from("cffaedfe0c000001", "hex"), "is a program for macOS"],
    [Buffer.from("MZ\x90\0"), "is a program for Windows"],
    [Buffer.from("\x7fELF"), "is no program"],
  ])("%j", async (code, expected) => {
    const { warnings } = await read((await build("linux/arm64", code as Buffer)).digest);
    expect(warnings).toEqual([expect.stringContaining(expected)]);
  });

  test("a file that isn't executable", async () => {
    const app = { text: "x", mode: 0o644 };
    expect(await outcome({ Cmd: ["/app"] }, [{ app }])).toBe(
      "linux/amd64: /app isn't executable: COPY it with --chmod=755",
    );
  });
});

describe("a name in several folders of PATH", () => {
  const config = { Cmd: ["app"] };

  test("is found without reading everything where its code is right", async () => {
    const base = { filler: randomBytes(plenty), "usr/bin/app": x86 };
    const { digest, layers } = await storeImage(registry, amd64, config, [
      base,
      { "usr/local/bin/app": x86 },
    ]);
    expect((await read(digest)).code[0]?.file).toBe("/usr/local/bin/app");
    expect(registry.served.get(blobPath(layers[0]!))).toBeUndefined();
  });

  test("is refused only if the first folder's is wrong", async () => {
    const first = { "usr/local/bin/app": x86 };
    expect(await outcome(config, [first, { "usr/bin/app": arm }])).toBe("/usr/local/bin/app");
    const wrong = outcome(config, [{ "usr/local/bin/app": arm }, { "usr/bin/app": arm }]);
    expect(await refusal(wrong)).toContain("/usr/local/bin/app holds code for aarch64");
  });

  test("passes over what isn't executable, folders and links to nowhere", async () => {
    const layer: Files = {
      "usr/local/sbin/app": symlink("nowhere"),
      "usr/local/bin/app": folder,
      "usr/sbin/app": { text: "x", mode: 0o600 },
      bin: symlink("usr/bin"),
      "usr/bin/app": x86,
    };
    expect(await outcome(config, [layer])).toBe("/usr/bin/app");
  });

  test("that is in none is told", async () => {
    expect(await outcome(config, [{ "opt/app": x86 }])).toContain("app isn't in the image");
  });
});

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
    expect(await refusal(read(digest, limits, 100))).toContain("(no byte in 0.1 s): try again, or");
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
