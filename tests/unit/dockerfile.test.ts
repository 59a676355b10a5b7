import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adviseEmulated } from "../../components/dockerfile/advice";
import { baseImagesOf, checkBaseImages } from "../../components/dockerfile/baseImages";
import { checkStages } from "../../components/dockerfile/check";
import { checkDockerfile } from "../../components/dockerfile/dockerfile";
import { type BuildSettings, readDockerfile } from "../../components/dockerfile/stages";
import { expand } from "../../components/dockerfile/words";
import { FakeRegistry, sha256, types } from "./fakeRegistry";

// What is told of a Dockerfile by its text and by its base images. tests/engine/dockerfile.test.ts shows what a user sees.

const both = ["linux/amd64", "linux/arm64"];

/** What is found, as `level line: what`. */
function found(text: string, settings: BuildSettings = {}, platforms = both): string[] {
  return checkStages(readDockerfile(text)!, platforms, settings).map(
    ({ level, line, what }) => `${level} ${line}: ${what}`,
  );
}

/** The base images that are asked about, as `image line: platforms that it must hold`. */
function asked(text: string, settings: BuildSettings = {}, platforms = both): string[] {
  return baseImagesOf(readDockerfile(text)!, platforms, settings).map(
    ({ image, line, needed }) => `${image} ${line}: ${[...needed.keys()].join(" ")}`,
  );
}

describe("a word of a Dockerfile", () => {
  const scope = new Map([
    ["A", "one"],
    ["EMPTY", ""],
    ["LATER", undefined],
  ]);
  it.each([
    ["busybox:1.36", "busybox:1.36"],
    ["$A:x", "one:x"],
    ["${A}-x", "one-x"],
    ['"${A}"', "one"],
    ["'$A'", "$A"],
    ["\\$A", "$A"],
    ["${NONE:-two}", "two"],
    ["${NONE-two}", "two"],
    ["${EMPTY:-two}", "two"],
    ["${EMPTY-two}", ""],
    ["${A:-$NONE}", "one"],
    ["${NONE:-${A}/${NONE:-z}}", "one/z"],
    ['${NONE:-"two"}', "two"],
    ["${A:+set}", "set"],
    ["x${NONE:+set}", "x"],
    ["x${NONE:+$NONE}", "x"],
    ["$NONE", undefined],
    ["${LATER:-two}", undefined],
    ["x${LATER}", undefined],
    ["${A#o}", undefined],
    ["${A%e}", undefined],
    ["${A:?needed}", undefined],
    ["${A/o/e}", undefined],
    ["${A", undefined],
    ["${NONE:-two", "two"],
  ])("%s is %s", (word, value) => {
    expect(expand(word, scope, "\\")).toBe(value);
  });

  it("is escaped by what the file says", () => {
    expect(expand("`$A\\", scope, "`")).toBe("$A\\");
  });
});

describe("a --platform in the stage that becomes the image", () => {
  const fixed = (line: number, written = "linux/amd64", platform = "linux/arm64") =>
    `warning ${line}: FROM --platform=${written} fixes the stage that becomes the image: the image for ${platform} would hold code of linux/amd64`;

  it("is told where other platforms are planned", () => {
    expect(found("FROM --platform=linux/amd64 alpine\n")).toEqual([fixed(1)]);
  });
  it("is told where the one planned platform is another", () => {
    expect(found("FROM --platform=linux/amd64 alpine\n", {}, ["linux/arm64"])).toEqual([fixed(1)]);
  });
  it("is nothing where it is the one planned platform, in any spelling", () => {
    expect(found("FROM --platform=linux/x86_64 alpine\n", {}, ["linux/amd64"])).toEqual([]);
    expect(found("FROM --platform=linux/arm64/v8 alpine\n", {}, ["linux/arm64"])).toEqual([]);
  });
  it("is told of a stage that the last one is FROM, whatever the names' case, with the line of its FROM", () => {
    const text = `# a comment

FROM --platform=linux/amd64 alpine AS Base
RUN true
FROM base AS mid
FROM MID
`;
    expect(found(text)).toEqual([fixed(3)]);
  });
  it("is told of an ARG's default, and of a build argument that sets it", () => {
    const text = "ARG PLATFORM=linux/amd64\nFROM --platform=${PLATFORM} alpine\n";
    expect(found(text)).toEqual([fixed(2, "${PLATFORM}")]);
    const both = found(text, { buildArgs: { PLATFORM: "linux/s390x" } });
    expect(both).toHaveLength(1);
    expect(both[0]).toContain(
      "the images for linux/amd64 and linux/arm64 would hold code of linux/s390x",
    );
  });
  it("is nothing where a build argument isn't known yet", () => {
    const text = "ARG PLATFORM=linux/amd64\nFROM --platform=$PLATFORM alpine\n";
    expect(found(text, { buildArgs: { PLATFORM: undefined } })).toEqual([]);
  });
  it("is told with the two platforms of a default value in place", () => {
    expect(found("FROM --platform=${NOWHERE:-linux/amd64} alpine\n")).toEqual([
      fixed(1, "${NOWHERE:-linux/amd64}"),
    ]);
  });
  it.each(["$TARGETPLATFORM", "${TARGETPLATFORM}", "linux/$TARGETARCH", '"$TARGETOS/$TARGETARCH"'])(
    "is nothing where it is the planned one: %s",
    (platform) => {
      expect(found(`FROM --platform=${platform} alpine\n`)).toEqual([]);
    },
  );
  it("is nothing where each platform has a stage of its own", () => {
    const text = `FROM --platform=linux/amd64 alpine AS base-amd64
FROM --platform=linux/arm64 alpine AS base-arm64
FROM base-\${TARGETARCH}
`;
    expect(found(text)).toEqual([]);
  });
  it("is told where the stage for one platform is the other's", () => {
    const text = `FROM --platform=linux/amd64 alpine AS base-amd64
FROM --platform=linux/amd64 alpine AS base-arm64
FROM base-\${TARGETARCH}
`;
    expect(found(text)).toEqual([fixed(2)]);
  });
  it("is nothing in a stage that files are copied from", () => {
    const text = `FROM --platform=linux/amd64 node AS web
RUN npm ci && npm run build
FROM nginx
COPY --from=web /site /usr/share/nginx/html
`;
    expect(found(text)).toEqual([]);
  });
  it("is nothing on scratch, where BuildKit passes over it", () => {
    expect(found("FROM --platform=linux/amd64 scratch\nCOPY a /\n")).toEqual([]);
  });
  it("is nothing in a stage that isn't built", () => {
    const text = "FROM --platform=linux/amd64 alpine AS test\nFROM alpine AS app\n";
    expect(found(text)).toEqual([]);
    expect(found(text, { target: "app" })).toEqual([]);
    expect(found(text, { target: "TEST" })).toEqual([fixed(1)]);
    expect(found(text, { target: "nobody" })).toEqual([]);
  });
  it("is nothing in a stage that a named context replaces", () => {
    const text = "FROM --platform=linux/amd64 alpine AS base\nFROM base\n";
    expect(found(text, { namedContexts: ["base"] })).toEqual([]);
  });
  it("is told of the builder's platform, which the image would hold", () => {
    const [text] = found("FROM --platform=$BUILDPLATFORM nginx\nCOPY . /\n");
    expect(text).toContain(
      "warning 1: FROM --platform=$BUILDPLATFORM in the stage that becomes the image: the images for linux/amd64 and linux/arm64 would hold the builder's architecture",
    );
  });
  it("is read with continuation lines, in lower case, with Windows' line ends and another escape", () => {
    expect(found("from \\\n  --platform=linux/amd64 \\\n  alpine\n")).toEqual([fixed(1)]);
    expect(found("# escape=`\r\n\r\nFROM --platform=linux/amd64 `\r\n alpine\r\n")).toEqual([
      fixed(3),
    ]);
  });
  it("is nothing in a here-document or a comment that only looks like one", () => {
    const text = `FROM alpine
COPY <<EOF /Dockerfile
FROM --platform=linux/amd64 alpine
EOF
# FROM --platform=linux/amd64 alpine
`;
    expect(found(text)).toEqual([]);
  });
  it("is nothing where the file switches BuildKit's own check off", () => {
    const text = "FROM --platform=linux/amd64 alpine\n";
    expect(found(`# check=skip=FromPlatformFlagConstDisallowed\n${text}`)).toEqual([]);
    expect(found(`# syntax=docker/dockerfile:1\n# check=skip=A,all;error=true\n${text}`)).toEqual(
      [],
    );
    expect(found(`# check=skip=UndefinedVar\n${text}`)).toHaveLength(1);
  });
});

describe("a platform argument without ARG", () => {
  const empty = (line: number, name = "TARGETARCH", stage = "stage 1") =>
    `warning ${line}: $${name} is empty in ${stage}, which has no ARG ${name} before this line`;

  it("is told in RUN, once for each stage, with the line of its first use", () => {
    const text = `FROM alpine
RUN true \\
  # about $TARGETARCH
  && echo $TARGETARCH \\
  && echo \${TARGETARCH}
RUN echo $TARGETARCH
`;
    expect(found(text)).toEqual([empty(4)]);
  });
  it.each([
    "COPY bin/$TARGETARCH /",
    "COPY --chown=$TARGETARCH a /",
    "ADD https://example.com/${TARGETARCH}.tar /",
    "ENV ARCH=$TARGETARCH",
    "ENV TARGETARCH=$TARGETARCH",
    "ARG NAME=x-$TARGETARCH",
    "LABEL arch=${TARGETARCH}",
    "WORKDIR /$TARGETARCH",
    "RUN echo ${TARGETARCH%64}",
    "RUN --mount=type=cache,id=x-$TARGETARCH,target=/c true",
    'RUN ["sh", "-c", "echo $TARGETARCH"]',
    "RUN GOARCH=$TARGETARCH go build",
    "RUN echo ${TARGETARCH:-amd64}",
    "run echo $TARGETARCH",
    "RUN echo what is read for $TARGETARCH",
  ])("is told in %s", (line) => {
    expect(found(`FROM alpine\n${line}\n`)).toEqual([empty(2)]);
  });
  it.each(["TARGETPLATFORM", "TARGETOS", "TARGETVARIANT", "BUILDPLATFORM", "BUILDARCH", "BUILDOS"])(
    "is told of %s",
    (name) => {
      expect(found(`FROM alpine\nRUN echo $${name}\n`)).toEqual([empty(2, name)]);
    },
  );
  it.each([
    "ARG TARGETARCH",
    "ARG TARGETARCH=amd64",
    "ARG A TARGETARCH B=c",
    "arg TARGETARCH",
    "ENV TARGETARCH=amd64",
    "ENV A=b TARGETARCH=amd64",
    "ENV TARGETARCH amd64",
  ])("is nothing after %s", (line) => {
    expect(found(`FROM alpine\n${line}\nRUN echo $TARGETARCH\n`)).toEqual([]);
  });
  it("is told where ARG comes later, in another stage, or before the first FROM", () => {
    expect(found("FROM alpine\nRUN echo $TARGETARCH\nARG TARGETARCH\n")).toEqual([empty(2)]);
    expect(found("ARG TARGETARCH\nFROM alpine\nRUN echo $TARGETARCH\n")).toEqual([empty(3)]);
    const text = `FROM alpine AS Build
ARG TARGETARCH
RUN echo $TARGETARCH
FROM alpine
COPY --from=build /x /
RUN echo $TARGETARCH
`;
    expect(found(text)).toEqual([empty(6, "TARGETARCH", "stage 2")]);
  });
  it("is nothing where a stage is FROM one that has it, by ARG, ENV or ONBUILD", () => {
    for (const line of ["ARG TARGETARCH", "ENV TARGETARCH=x", "ONBUILD ARG TARGETARCH"])
      expect(
        found(`FROM alpine AS a\n${line}\nFROM a AS b\nFROM b\nRUN echo $TARGETARCH\n`),
      ).toEqual([]);
  });
  it.each([
    "FROM --platform=$TARGETPLATFORM alpine",
    "FROM alpine\nRUN echo \\$TARGETARCH",
    "FROM alpine\nRUN echo $TARGETARCHIVE ${MY_TARGETARCH}",
    "FROM alpine\nRUN TARGETARCH=$(uname -m) && echo $TARGETARCH",
    "FROM alpine\nRUN export TARGETARCH=$(uname -m); \\\n  echo $TARGETARCH",
    "FROM alpine\nRUN uname -m | while read -r one TARGETARCH; do echo $TARGETARCH; done",
    "FROM alpine\nRUN for TARGETARCH in a b; do echo $TARGETARCH; done",
    'FROM alpine\nRUN echo "${TARGETARCH:-$(uname -m)}"',
    "FROM alpine\nRUN echo ${TARGETARCH:=`uname -m`}",
    'FROM alpine\nCMD ["sh", "-c", "echo $TARGETARCH"]',
    "FROM alpine\nENTRYPOINT echo $TARGETARCH",
    "FROM alpine\nONBUILD RUN echo $TARGETARCH",
    "FROM alpine\nCOPY <<'EOF' /x\n$TARGETARCH\nEOF",
    'FROM alpine\nRUN cat <<"EOF" > /x\n$TARGETARCH\nEOF',
    "FROM alpine\nRUN <<EOF\n# $TARGETARCH\ntrue\nEOF",
    "FROM alpine AS unused\nRUN echo $TARGETARCH\nFROM alpine",
  ])("is nothing in %j", (text) => {
    expect(found(`${text}\n`)).toEqual([]);
  });
  it("is told in here-documents, with the line in them", () => {
    const run = "FROM alpine\nRUN <<EOF\nset -e\necho $TARGETARCH\nEOF\n";
    expect(found(run)).toEqual([empty(4)]);
    // A script that RUN is given as a whole is run, quoted or not.
    expect(found(run.replace("<<EOF", '<<-"EOF" bash'))).toEqual([empty(4)]);
    expect(found("FROM alpine\nCOPY <<EOF /x\n$TARGETARCH\nEOF\n")).toEqual([empty(3)]);
  });
  it("is told in a stage that files are copied from or mounted from, by name or number", () => {
    const stage = "FROM golang AS build\nRUN GOARCH=$TARGETARCH go build\nFROM scratch\n";
    for (const line of [
      "COPY --from=BUILD /x /",
      "COPY --from=0 /x /",
      "RUN --mount=type=bind,from=build,target=/b true",
    ])
      expect(found(`${stage}${line}\n`)).toEqual([empty(2, "TARGETARCH", 'stage "build"')]);
  });
  it("is nothing where the file switches BuildKit's own check off", () => {
    expect(found("# check=skip=UndefinedVar\nFROM alpine\nRUN echo $TARGETARCH\n")).toEqual([]);
  });
});

describe("a stage that compiles for a fixed platform", () => {
  const stage = (from: string, step: string) =>
    `FROM --platform=${from} golang AS build\n${step}\nFROM alpine\nCOPY --from=build /x /\n`;
  it("is a note where nothing in it names the planned one", () => {
    expect(found(stage("linux/amd64", "RUN go build ."))).toEqual([
      'note 2: go build in stage "build" compiles for linux/amd64, and nothing in that stage names linux/arm64',
    ]);
    expect(found(stage("$BUILDPLATFORM", "RUN cargo build --release"))).toEqual([
      `note 2: cargo build in stage "build" compiles for the builder's architecture, and nothing in that stage names linux/amd64 and linux/arm64`,
    ]);
  });
  it.each([
    "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build .",
    "ENV GOARCH=arm64\nRUN go build .",
    "RUN cargo build --target aarch64-unknown-linux-gnu",
    "RUN mvn package",
    "RUN npm run build",
    "COPY . .",
  ])("is nothing with %j", (step) => {
    expect(found(stage("$BUILDPLATFORM", step))).toEqual([]);
  });
});

describe("base images", () => {
  it("are those of the stages that are built, each once, with what each must hold", () => {
    const text = `ARG GO=1.22
ARG REPO
FROM --platform=$BUILDPLATFORM golang:\${GO} AS build
FROM node AS unused
FROM --platform=linux/amd64 node:20 AS web
FROM \${REPO:-docker.io/library}/nginx AS final
COPY --from=build /x /
COPY --from=web /y /
COPY --from=busybox:musl /bin/sh /
RUN --mount=type=bind,from=alpine/git,target=/git true
COPY --from=nginx /z /
FROM final
`;
    expect(asked(text).sort()).toEqual([
      "alpine/git 6: linux/amd64 linux/arm64",
      "busybox:musl 6: linux/amd64 linux/arm64",
      "docker.io/library/nginx 6: linux/amd64 linux/arm64",
      "nginx 6: linux/amd64 linux/arm64",
      "node:20 5: linux/amd64",
    ]);
    expect(asked(text, { target: "web" })).toEqual(["node:20 5: linux/amd64"]);
  });
  it.each([
    ["scratch", "FROM scratch\n"],
    ["an ARG without a value", "ARG BASE\nFROM $BASE\n"],
    ["a variable that nobody declares", "FROM $BASE\n"],
    ["the builder's name for it", "FROM base-$BUILDARCH\n"],
    ["a source with a variable", "FROM scratch\nCOPY --from=$X a b\n"],
  ])("are none with %s", (_what, text) => {
    expect(asked(text)).toEqual([]);
  });
  it("are none where a build argument isn't known yet", () => {
    const text = "ARG BASE=alpine\nFROM $BASE\n";
    expect(asked(text, { buildArgs: { BASE: undefined } })).toEqual([]);
    expect(asked(text, { buildArgs: { BASE: "debian:13" } })).toEqual([
      "debian:13 2: linux/amd64 linux/arm64",
    ]);
  });
  it("aren't set by build arguments that the file doesn't declare before FROM", () => {
    expect(asked("FROM ${BASE:-alpine}\nARG BASE\n", { buildArgs: { BASE: "debian" } })).toEqual([
      "alpine 1: linux/amd64 linux/arm64",
    ]);
  });
  it("take the place that a named context leaves", () => {
    const text = "FROM alpine\nCOPY --from=tools /x /\n";
    expect(asked(text, { namedContexts: ["alpine", "tools"] })).toEqual([]);
    expect(asked(text, { namedContexts: ["tools"] })).toEqual([
      "alpine 1: linux/amd64 linux/arm64",
    ]);
  });
  it("may be another for each platform, from several FROM with one ARG", () => {
    const text = `ARG TAG=1
FROM base:$TAG-$TARGETARCH
COPY --from=tool /x /
FROM other:$TAG
COPY --from=0 /x /
`;
    expect(asked(text).sort()).toEqual([
      "base:1-amd64 2: linux/amd64",
      "base:1-arm64 2: linux/arm64",
      "other:1 4: linux/amd64 linux/arm64",
      "tool 2: linux/amd64 linux/arm64",
    ]);
  });

  const requiredBy = { "linux/amd64": "host.architecture", "linux/arm64": "ecs.architecture" };
  const lacking = (held: readonly string[] | undefined, platforms = both) =>
    checkBaseImages(
      baseImagesOf(readDockerfile("FROM base:1\n")!, platforms, {}),
      requiredBy,
      () => undefined,
      () => Promise.resolve(held),
    );
  it("that lack a planned platform are told with what they hold and who needs it", async () => {
    expect(await lacking(["linux/amd64", "linux/s390x"])).toEqual([
      {
        level: "warning",
        line: 1,
        what: "the base image base:1 holds linux/amd64 and linux/s390x and lacks linux/arm64, which is needed (linux/arm64, for ecs.architecture)",
        fix: "take one that has it, or leave the platform out",
      },
    ]);
  });
  it("that hold all, or that nothing can be told of, are nothing", async () => {
    expect(await lacking(both)).toEqual([]);
    expect(await lacking(undefined)).toEqual([]);
    expect(await lacking([])).toEqual([]);
  });
  it("hold a platform in a lower variant too, and not in a higher", async () => {
    expect(await lacking(["linux/arm/v6"], ["linux/arm/v7"])).toEqual([]);
    expect(await lacking(["linux/arm/v7"], ["linux/arm/v6"])).toHaveLength(1);
    expect(await lacking(["linux/amd64"], ["linux/amd64/v3"])).toEqual([]);
  });
});

describe("a registry that is asked for a base image", () => {
  let registry: FakeRegistry;
  beforeEach(async () => {
    registry = await FakeRegistry.start();
  });
  afterEach(() => registry.stop());

  const check = (text: string, strict = false, pull = false) =>
    checkDockerfile({
      inline: text,
      pull,
      requiredBy: { "linux/amd64": "platforms", "linux/arm64": "platforms" },
      access: () => undefined,
      strict,
      path: (field) => `image.${field}`,
    });

  /** An index whose entries state platforms, and whose children aren't there. */
  function index(...architectures: string[]): void {
    const children = architectures.map((architecture) => ({
      mediaType: types.manifest,
      digest: sha256(architecture),
      size: 1,
      platform: { os: "linux", architecture },
    }));
    registry.index(children, { tag: "1" });
  }

  it("is asked once, for the index alone", async () => {
    index("amd64", "arm64");
    const { errors, warnings } = await check(`FROM ${registry.reference("1")}\n`);
    expect([...errors, ...warnings]).toEqual([]);
    expect(registry.seen.map(({ path }) => path)).toEqual(["/v2/app/manifests/1"]);
  });
  it("tells of an index that lacks a platform; strict makes an error of it", async () => {
    index("amd64", "ppc64le");
    const text = `FROM ${registry.reference("1")}\n`;
    const line = `image.dockerfileInline:1: the base image ${registry.reference("1")} holds linux/amd64 and linux/ppc64le and lacks linux/arm64, which is needed (linux/arm64, for platforms); take one that has it, or leave the platform out`;
    expect(await check(text)).toMatchObject({ errors: [], warnings: [line] });
    expect(await check(text, true)).toMatchObject({ errors: [line], warnings: [] });
    const skipped = `# check=skip=InvalidBaseImagePlatform\n${text}`;
    expect((await check(skipped)).warnings).toEqual([]);
  });
  it("says that a newer image under a tag triggers no build, unless a digest is named or every update builds", async () => {
    index("amd64", "arm64");
    const tagged = `FROM ${registry.reference("1")}\n`;
    expect((await check(tagged)).notes).toEqual([
      `image.dockerfileInline:1: a newer image under the tag ${registry.reference("1")} will not trigger a build; name it by digest, or set image.pull: true`,
    ]);
    expect((await check(tagged, true)).errors).toEqual([]);
    expect((await check(tagged, false, true)).notes).toEqual([]);
    const digest = `FROM ${registry.reference("1")}@${sha256("x")}\n`;
    expect((await check(digest)).notes).toEqual([]);
  });
  it("tells of a plain image by its configuration", async () => {
    registry.image({ os: "linux", architecture: "amd64" }, { tag: "1" });
    const { warnings } = await check(`FROM ${registry.reference("1")}\n`);
    expect(warnings[0]).toContain("holds linux/amd64 and lacks linux/arm64");
  });
  it("gives nothing where it refuses, doesn't know the image, or isn't there", async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    expect((await check(`FROM ${registry.reference("1")}\n`)).warnings).toEqual([]);
    registry.intercept = () => false;
    expect((await check(`FROM ${registry.reference("none")}\n`)).warnings).toEqual([]);
    expect((await check("FROM 127.0.0.1:9/app:1\n")).warnings).toEqual([]);
  });
  it("that never answers is waited for for 5 s in all", async () => {
    registry.intercept = () => true;
    const started = Date.now();
    const text = ["a", "b", "c"].map((tag) => `FROM ${registry.reference(tag)} AS s-${tag}`);
    const copies = ["a", "b"].map((tag) => `COPY --from=s-${tag} / /`);
    expect((await check([...text, ...copies].join("\n"))).warnings).toEqual([]);
    expect(Date.now() - started).toBeLessThan(7000);
  }, 15_000);
});

describe("the Dockerfile", () => {
  const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
  const before = process.cwd();
  beforeAll(() => {
    mkdirSync(join(folder, "app"));
    writeFileSync(join(folder, "app/Dockerfile"), "FROM --platform=linux/amd64 scratch AS a\n");
    writeFileSync(join(folder, "other"), "FROM scratch\nRUN echo $TARGETARCH\n");
    process.chdir(folder);
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  const warnings = async (request: { context?: string; location?: string; inline?: string }) =>
    (
      await checkDockerfile({
        ...request,
        requiredBy: { "linux/arm64": "platforms" },
        access: () => undefined,
        strict: false,
        path: (field) => field,
      })
    ).warnings.map((text) => text.replace(/ is empty.*/, ""));

  it("is the context's, the one that is named, or the text", async () => {
    expect(await warnings({ context: "app" })).toEqual([]);
    writeFileSync("app/Dockerfile", "FROM scratch\nRUN echo $TARGETOS\n");
    expect(await warnings({ context: "app" })).toEqual(["app/Dockerfile:2: $TARGETOS"]);
    expect(await warnings({ context: "app", location: "other" })).toEqual(["other:2: $TARGETARCH"]);
    expect(await warnings({ context: "app", inline: "FROM scratch\nENV A=$BUILDOS" })).toEqual([
      "dockerfileInline:2: $BUILDOS",
    ]);
  });
  it("isn't looked at where it is elsewhere, can't be read, or is in another language", async () => {
    for (const context of ["https://example.com/a.git", "git@example.com:a.git", "nowhere"])
      expect(await warnings({ context })).toEqual([]);
    const inline = "# syntax=example.com/other/language:1\nFROM scratch\nRUN $TARGETARCH\n";
    expect(await warnings({ inline })).toEqual([]);
    expect(
      await warnings({ inline: inline.replace("example.com/other/language", "docker/dockerfile") }),
    ).toHaveLength(1);
    for (const text of ["", "no Dockerfile", "FROM", "RUN <<EOF\nx", "FROM a AS", "\0\uFEFF{"])
      expect(await warnings({ inline: text })).toEqual([]);
  });
});

describe("the advice for an emulated build", () => {
  const advice = (text: string, settings: BuildSettings = {}) =>
    adviseEmulated(text, {
      ...settings,
      platform: "linux/arm64",
      file: "app/Dockerfile",
      buildersPath: "image.builders",
    });

  it("is to cross-compile in a stage that compiles, with its line", () => {
    expect(
      advice(
        "FROM golang:1.22 AS Build\nRUN go build -o /x .\nFROM scratch\nCOPY --from=build /x /\n",
      ),
    ).toBe(
      'app/Dockerfile:2: go build in stage "Build" is emulated for linux/arm64, which is slow: write FROM --platform=$BUILDPLATFORM golang:1.22 AS Build at line 1 (ARG TARGETOS TARGETARCH there, and GOOS=$TARGETOS GOARCH=$TARGETARCH before go build); or name a native builder for linux/arm64 in image.builders',
    );
  });
  it.each([
    ["cargo build --release", "cargo build"],
    ["dotnet publish -c Release", "dotnet publish"],
    ["./mvnw package", "the Java build"],
    ["make -j4", "the C compiler"],
    ["gcc a.c", "the C compiler"],
    ["apt-get install -y make gcc && cmake . && make", "the C compiler"],
  ])("knows %s", (step, name) => {
    expect(
      advice(`FROM x AS build\nRUN ${step}\nFROM scratch\nCOPY --from=build /x /\n`),
    ).toContain(`${name} in stage "build" is emulated`);
  });
  it("is to part the stage where it becomes the image", () => {
    expect(advice("FROM golang\nRUN go build .\n")).toContain(
      "move it into a stage of its own with FROM --platform=$BUILDPLATFORM, and COPY --from that stage",
    );
  });
  it.each([
    "npm ci",
    "pip install -r requirements.txt",
    "apt-get update && apt-get install -y curl",
    "apk add --no-cache curl",
    "bundle install",
    "python -m pip --no-cache-dir install x",
  ])("is a native builder where packages are installed: %s", (step) => {
    expect(advice(`FROM x\nRUN ${step}\n`)).toBe(
      "app/Dockerfile:2: packages are installed in stage 1 under emulation for linux/arm64, which is slow: name a native builder for linux/arm64 in image.builders",
    );
  });
  it.each([
    "FROM nginx\nCOPY site /usr/share/nginx/html\nRUN chmod -R a+r /usr/share/nginx/html\n",
    "FROM --platform=$BUILDPLATFORM golang AS build\nRUN go build .\nFROM scratch\nCOPY --from=build /x /\n",
    "FROM golang AS unused\nRUN go build .\nFROM scratch\n",
    "FROM alpine\nRUN echo makefile > /cmake.txt\n",
    "",
  ])("is none for %j", (text) => {
    expect(advice(text)).toBeUndefined();
  });
});
