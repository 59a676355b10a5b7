import { randomBytes } from "node:crypto";
import { normalisePlatform } from "../../components/platform";
import { inspect, type RuntimeConfig } from "../../components/verification/inspect";
import {
  amd64,
  arm,
  blobPath,
  elf,
  type Files,
  folder,
  gone,
  hardlink,
  outcomeOf,
  plenty,
  readFrom,
  refusal,
  storeImage,
  symlink,
  x86,
} from "./entrypointImage";
import { FakeRegistry } from "./fakeRegistry";

// Compressing large layers takes long on a busy machine.
jest.setTimeout(60_000);

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
});
afterEach(() => registry.stop());

const outcome = (config: RuntimeConfig, layers: readonly Files[]) =>
  outcomeOf(registry, config, layers);
const read = (digest: string) => readFrom(registry, digest);

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

describe("the volumes that an image declares", () => {
  const volumes = async (Volumes: unknown) => {
    const config = { Cmd: ["/app"], Volumes } as RuntimeConfig;
    const { digest } = await storeImage(registry, amd64, config, []);
    return (await inspect(registry.reference(digest))).images[0]!.volumes;
  };

  test("are absolute paths without a slash at the end, sorted", async () => {
    expect(await volumes({ "/srv/b/": {}, "/a": {}, data: {} })).toEqual(["/a", "/data", "/srv/b"]);
  });

  test("are at most 16, of at most 200 characters each", async () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`/${at}`, {}]));
    expect(await volumes(many)).toHaveLength(16);
    expect(await volumes({ [`/${"x".repeat(200)}`]: {}, "/a": {} })).toEqual(["/a"]);
  });

  test.each([null, undefined, "text", ["/a"], 1])("are none where Volumes is %j", async (value) => {
    expect(await volumes(value)).toEqual([]);
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
    [
      "to nowhere",
      [{ "bin/sh": symlink("bash") }],
      "linux/amd64: /bin/sh does not exist in the image",
    ],
    [
      "to itself",
      [{ "bin/sh": symlink("sh") }],
      "linux/amd64: /bin/sh does not exist in the image",
    ],
    [
      "in a circle",
      [{ bin: symlink("sbin"), sbin: symlink("bin") }],
      "linux/amd64: /bin/sh does not exist in the image",
    ],
  ])("%s", async (_, layers, expected) => {
    expect(await outcome({ Cmd: ["/bin/sh"] }, layers)).toContain(expected);
  });
});

describe("layers lie over each other", () => {
  const missing = "linux/amd64: /srv/app does not exist in the image";
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
    ["#!/bin/bash\n", "/bin/bash, which runs /run, does not exist in the image"],
    ["#!/usr/bin/env ruby\n", "ruby, which runs /run, does not exist in the image"],
    ["echo no first line\n", "/run is no program, and has no #! line"],
    ["#!\n", "/run is no program, and has no #! line"],
    ["", "/run is no program, and has no #! line"],
    ["#!/run\n", "is started by a script that is started by a script"],
  ])("%j: %s", async (text, expected) => {
    expect(await start(text)).toContain(expected);
  });

  test.each([
    ["#!/bin/sh\r\n", "#!/bin/sh\\r"],
    ["#!/bin/bash -e\r\nexit\r\n", "#!/bin/bash -e\\r"],
    ["#!/usr/bin/env node\r\n", "#!/usr/bin/env node\\r"],
  ])("%j, with Windows line endings: the reason and the fix", async (text, line) => {
    expect(await start(text)).toBe(
      `linux/amd64: /run has Windows line endings: the carriage return becomes part of its first line, "${line}", and ` +
        `starting /run fails with "no such file or directory", although it exists. Save it with LF line endings ` +
        `(in Git: "*.sh text eol=lf" in .gitattributes)`,
    );
  });

  test("an interpreter that the image lacks: the reason and the fix", async () => {
    expect(await start("#!/usr/bin/env bash\n")).toBe(
      'linux/amd64: bash, which runs /run, does not exist in the image: starting /run fails with "no such file or ' +
        'directory", although it exists. Install it, or change the first line of /run',
    );
  });

  test("a script without the execute permission", async () => {
    const run = { text: "#!/bin/sh\n", mode: 0o644 };
    expect(await outcome({ Cmd: ["/run"] }, [base, { run }])).toBe(
      "linux/amd64: /run is not executable. COPY it with --chmod=755",
    );
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

describe("the dynamic loader of a program", () => {
  const loader = "/lib64/ld-linux-x86-64.so.2";
  const dynamic = elf(62, 64, true, loader);
  const lacks = (path: string, library: string, base: string) =>
    `linux/amd64: /app is dynamically linked and needs ${path}, which does not exist in the image: starting /app fails with ` +
    `"no such file or directory", although it exists. Link it statically (for Go: CGO_ENABLED=0), or use a base image with ` +
    `${library}, such as ${base}`;
  const start = (...layers: Files[]) => outcome({ Cmd: ["/app"] }, layers);

  test("that an image FROM scratch lacks: the reason and the fix", async () => {
    expect(await start({ app: dynamic })).toBe(lacks(loader, "glibc", "debian:stable-slim"));
  });

  test("of another C library than the distribution's: glibc on Alpine, musl on Debian", async () => {
    const alpine = { "lib/ld-musl-x86_64.so.1": x86 };
    expect(await start(alpine, { app: dynamic })).toBe(
      lacks(loader, "glibc", "debian:stable-slim"),
    );
    const musl = elf(62, 64, true, "/lib/ld-musl-x86_64.so.1");
    expect(await start({ "lib64/ld-linux-x86-64.so.2": x86 }, { app: musl })).toBe(
      lacks("/lib/ld-musl-x86_64.so.1", "musl", "alpine"),
    );
    expect(await start(alpine, { app: musl })).toBe("/app");
  });

  test.each<[string, Files]>([
    ["as it is", { "lib64/ld-linux-x86-64.so.2": x86 }],
    [
      "behind a link of its folder",
      { lib64: symlink("usr/lib64"), "usr/lib64/ld-linux-x86-64.so.2": x86 },
    ],
    [
      "behind links of its folder and of itself",
      {
        lib64: symlink("usr/lib64"),
        "usr/lib64/ld-linux-x86-64.so.2": symlink("../lib/x86_64-linux-gnu/ld.so"),
        "usr/lib/x86_64-linux-gnu/ld.so": x86,
      },
    ],
  ])("is found in the base image %s", async (_, base) => {
    expect(await start(base, { app: dynamic })).toBe("/app");
  });

  test("behind a link that leads nowhere, not executable, or of another platform", async () => {
    const at = "lib64/ld-linux-x86-64.so.2";
    expect(await start({ [at]: symlink("ld.so") }, { app: dynamic })).toContain("does not exist");
    const text = { [at]: { text: "x", mode: 0o644 } };
    expect(await start(text, { app: dynamic })).toContain("which is not an executable program");
    expect(await refusal(start({ [at]: arm }, { app: dynamic }))).toContain(
      `${loader}, the loader of /app, holds code for aarch64`,
    );
  });

  test("of a script's interpreter and of env's program", async () => {
    const run = (first: string, files: Files) => start(files, { app: first });
    expect(await run("#!/bin/sh\n", { "bin/sh": dynamic })).toContain(
      `/bin/sh, which runs /app, is dynamically linked and needs ${loader}`,
    );
    const env = { "usr/bin/env": x86, "usr/bin/node": dynamic };
    expect(await run("#!/usr/bin/env node\n", env)).toContain(
      `/usr/bin/node, which runs /app, is dynamically linked and needs ${loader}`,
    );
    expect(await run("#!/usr/bin/env node\n", { "usr/bin/env": dynamic })).toContain(
      `/usr/bin/env, which runs /app, is dynamically linked`,
    );
  });

  test.each<[string, Buffer]>([
    ["linux/386", elf(3, 32, true, "/lib/ld-linux.so.2")],
    ["linux/arm64", elf(183, 64, true, "/lib/ld-linux-aarch64.so.1")],
    ["linux/s390x", elf(22, 64, false, "/lib/ld64.so.1")],
  ])("is read from programs for %s", async (platform, app) => {
    const [os = "", architecture = ""] = platform.split("/");
    const image = await storeImage(registry, { os, architecture }, { Cmd: ["/app"] }, [{ app }]);
    expect((await read(image.digest)).warnings[0]).toMatch(
      /needs \/lib\/ld[\w.-]+, which does not/,
    );
  });

  test("is not looked for in more than 24 MiB of layers", async () => {
    const base = { "opt/filler": randomBytes(plenty) };
    const { digest, layers } = await storeImage(registry, amd64, { Cmd: ["/app"] }, [
      base,
      { app: dynamic },
    ]);
    expect(await read(digest)).toMatchObject({ code: [{ file: "/app" }], warnings: [] });
    expect(registry.served.get(blobPath(layers[0]!))).toBeUndefined();
  });

  test.each<[string, (app: Buffer) => void]>([
    ["segments behind the file", (app) => app.writeUInt32LE(2 ** 31, 32)],
    ["65,535 segments", (app) => app.writeUInt16LE(0xffff, 56) && app.writeUInt32LE(1, 120)],
    ["segments of another size", (app) => app.writeUInt16LE(1, 54)],
    ["a path behind the first bytes", (app) => app.writeUInt32LE(5000, 128)],
    ["a path of 2^63 bytes", (app) => app.writeUInt32LE(2 ** 31, 156)],
    ["an empty path", (app) => app.write("\0", 300)],
  ])("a header with %s is read as one without a loader", async (_, spoil) => {
    const app = Buffer.from(dynamic);
    spoil(app);
    expect(await start({ app })).toBe("/app");
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
      "linux/amd64: /app is not executable. COPY it with --chmod=755",
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
    expect(await outcome(config, [{ "opt/app": x86 }])).toContain(
      "app does not exist in the image",
    );
  });
});
