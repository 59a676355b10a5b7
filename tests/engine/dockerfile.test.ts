import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Front } from "../../local/registryFront";
import { requireLogin } from "./basicAuth";
import { createProject, environment, type Project, type RunResult } from "./harness";
import { startRegistryFront } from "./appProject";

// What a user sees of a Dockerfile that gives another platform's image than planned. One Image for linux/amd64 and linux/arm64, of which
// this machine's builder emulates one. unit/dockerfile holds what is found, and what isn't.

let project: Project;
let front: Front;
const repository = `test/dockerfile-${process.pid}`;
const both = ["linux/amd64", "linux/arm64"];
const { baseImage, builder } = environment();

beforeAll(async () => {
  front = await startRegistryFront();
  project = await createProject({ name: "dockerfile", program: program({}) });
  project.write("app/RELEASE", "release one");
});
afterAll(async () => {
  await project.dispose();
  await front.close();
});

function program(image: Record<string, unknown>, code = "{}"): string {
  const args = {
    context: "./app",
    platforms: both,
    registry: { address: front.address, repository },
    builder: { name: builder },
    buildArgs: { BASE: baseImage },
    ...image,
  };
  return `const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
new multiarch.Image("web", { ...${JSON.stringify(args)}, ...(${code}) });
`;
}

/** Writes Dockerfile and program. */
function set(dockerfile: string, image: Record<string, unknown> = {}, code?: string): void {
  project.write("app/Dockerfile", dockerfile);
  project.write("index.js", program(image, code));
}

/** How often a text is said; the engine prints a message in its progress, and again under Diagnostics. */
const times = ({ output }: RunResult, text: string) => {
  const diagnostics = output.slice(output.lastIndexOf("Diagnostics:"));
  return diagnostics.split(text).length - 1;
};

const undeclared = `ARG BASE
FROM \${BASE}
RUN echo "built for <$TARGETARCH>" > /built-for
COPY RELEASE /
`;
const warning =
  "app/Dockerfile:3: $TARGETARCH is empty in stage 1, which has no ARG TARGETARCH before this line; write ARG TARGETARCH after the stage's FROM";

it("TARGETARCH without ARG is a warning in preview and in up, once for all platforms, and nothing where no build is due", async () => {
  set(undeclared);
  const preview = await project.preview();
  expect(times(preview, `warning: ${warning}`)).toBe(1);
  const up = await project.up();
  expect(times(up, `warning: ${warning}`)).toBe(1);
  expect(up.summary.create).toBeGreaterThan(3);
  const again = await project.preview();
  expect(again.output).not.toContain("TARGETARCH");
});

it("with verify.strict it is an error in preview and in up, and nothing is built", async () => {
  set(undeclared, { verify: { strict: true } });
  project.write("app/RELEASE", "release two");
  front.takeRecords();
  for (const command of ["preview", "up"] as const) {
    const { output } = await project[command]({ expectFailure: true });
    expect(output).toContain(warning);
    expect(output).not.toContain(`warning: ${warning}`);
    expect(output).not.toMatch(/^\s+at /m);
  }
  expect(front.takeRecords().filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual(
    [],
  );
  set(undeclared.replace("RUN", "ARG TARGETARCH\nRUN"), { verify: { strict: true } });
  const mended = await project.up();
  expect(mended.output).not.toContain("is empty");
});

it("a fixed platform in the final stage, and in an emulated build what fits this Dockerfile", async () => {
  set(`ARG BASE
FROM \${BASE} AS build
RUN go build -o /web .
FROM --platform=linux/amd64 \${BASE}
COPY --from=build /web /web
`);
  const preview = await project.preview();
  expect(preview.output).toContain(
    "warning: app/Dockerfile:4: FROM --platform=linux/amd64 fixes the stage that becomes the image: the image for linux/arm64 would hold code of linux/amd64; remove --platform there",
  );
  expect(preview.output).toMatch(/building linux\/arm64 on builder \S+ \(may need emulation\)/);
  expect(times(preview, "is emulated for linux/arm64")).toBe(1);
  expect(preview.output).not.toContain("is emulated for linux/amd64");
  expect(preview.output).toContain(
    'app/Dockerfile:3: go build in stage "build" is emulated for linux/arm64, which is slow: write FROM --platform=$BUILDPLATFORM ${BASE} AS build at line 2',
  );

  project.write("app/Dockerfile", "ARG BASE\nFROM $BASE\nRUN apk add curl\n");
  expect((await project.preview()).output).toContain(
    "app/Dockerfile:3: packages are installed in stage 1 under emulation for linux/arm64, which is slow: name a native builder for linux/arm64 in builders",
  );
  project.write("app/Dockerfile", "ARG BASE\nFROM $BASE\nCOPY RELEASE /\n");
  const plain = await project.preview();
  expect(plain.output).toMatch(/building linux\/arm64 on builder \S+ \(may need emulation\)/);
  expect(plain.output).not.toContain("which is slow");
});

it("a build that only cross-compiles may need emulation, until BuildKit's record shows that no step of the platform ran", async () => {
  const cross = `ARG BASE
FROM --platform=$BUILDPLATFORM \${BASE} AS build
ARG TARGETARCH
RUN echo "$TARGETARCH" > /built-for
FROM \${BASE}
COPY --from=build /built-for /
COPY RELEASE /
`;
  const arm = { platforms: ["linux/arm64"] };
  const unknown = `building linux/arm64 on builder "${builder}" (may need emulation)`;
  const known = new RegExp(`building linux/arm64 on builder "${builder}"$`, "m");
  set(cross, arm);
  const first = await project.up();
  expect(first.output).toContain(unknown);
  expect(first.output).not.toMatch(known);

  project.write("app/RELEASE", "release three");
  const second = await project.preview();
  expect(second.output).toMatch(known);
  expect(second.output).toMatch(/change: builds linux\/arm64$/m);
  expect(second.output).not.toContain("emulat");

  project.write("app/Dockerfile", `${cross}RUN true\n`);
  expect((await project.preview()).output).toContain(unknown);
  await project.up();
  project.write("app/RELEASE", "release four");
  expect((await project.preview()).output).toContain(unknown);
});

it("a base image that lacks a planned platform is told with what it holds, also where its registry wants the credentials that are given", async () => {
  const base = `${front.address}/${repository}-base:1`;
  await buildBase(base, "linux/amd64");
  const lacks = `app/Dockerfile:1: the base image ${base} holds linux/amd64 and lacks linux/arm64, which is needed (linux/arm64, for platforms); take one that has it`;
  set(`FROM ${base}\nCOPY RELEASE /\n`);
  expect(times(await project.preview(), `warning: ${lacks}`)).toBe(1);

  const login = { username: "robot", password: "canary-pull-password" };
  requireLogin(front, login);
  expect((await project.preview()).output).not.toContain("lacks linux/arm64");
  const { registry } = environment();
  const code = `{ pullCredentials: [{ address: ${JSON.stringify(front.address)}, username: "${login.username}", password: pulumi.secret("${login.password}") }] }`;
  set(
    `FROM ${base}\nCOPY RELEASE /\n`,
    { registry: { address: registry.address, repository }, verify: { strict: true } },
    code,
  );
  const strict = await project.preview({ expectFailure: true });
  expect(strict.output).toContain(lacks);
  expect(strict.output).not.toContain(login.password);
});

/** Pushes an image of one platform, never synchronously: the registry's front is served by this very process. */
async function buildBase(reference: string, platform: string): Promise<void> {
  const { docker, env } = environment();
  const args = ["buildx", "build", "--builder", builder, "--platform", platform];
  const building = promisify(execFile)(
    docker,
    [...args, "--provenance=false", "--tag", reference, "--push", "-"],
    { env: { ...process.env, ...env } },
  );
  building.child.stdin?.end(`FROM ${baseImage}\nRUN echo base > /base\n`);
  await building;
}
