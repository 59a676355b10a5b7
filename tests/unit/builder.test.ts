import type { BuilderArgs } from "../../components/builders/builderArgs";
import { createArguments, difference } from "../../components/builders/definition";
import {
  type BuilderFacts,
  isNative,
  parseInspect,
  parseList,
} from "../../components/builders/facts";
import { stepsIn } from "../../components/builders/history";
import { judge } from "../../components/image/preflight";

// What `docker buildx inspect` of buildx 0.38 printed for a remote builder, shortened at the end.
const running = `Name:          v1
Driver:        remote
Last Activity: 2026-11-24 03:03:08 +0000 UTC

Nodes:
Name:             v10
Endpoint:         tcp://127.0.0.1:5556
Status:           running
BuildKit version: v0.34.2
Platforms:        linux/amd64, linux/amd64/v2, linux/amd64/v3, linux/arm64*, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor:         oci
`;

it("a running builder is ready, with its platforms", () => {
  expect(parseInspect(running)).toEqual({
    state: "ready",
    name: "v1",
    driver: "remote",
    endpoints: ["tcp://127.0.0.1:5556"],
    platforms: ["linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/arm64", "linux/386"],
    own: ["linux/amd64"],
  });
});

it("the platforms of several nodes are put together, those of a dead node left out", () => {
  const dead = `Name:     two1\nEndpoint: tcp://127.0.0.1:1\nStatus:   inactive\nPlatforms: linux/s390x\n`;
  const arm = `Name:     two2\nEndpoint: tcp://127.0.0.1:2\nStatus:   running\nPlatforms: linux/arm64, linux/arm/v7\n`;
  expect(parseInspect(`${running}\n${dead}\n${arm}`)).toMatchObject({
    state: "ready",
    platforms: [
      "linux/amd64",
      "linux/amd64/v2",
      "linux/amd64/v3",
      "linux/arm64",
      "linux/386",
      "linux/arm/v7",
    ],
    own: ["linux/amd64", "linux/arm64"],
  });
});

it("a builder that doesn't answer is unreachable, though the command exits with 0", () => {
  const dead = `Name:          dead
Driver:        remote

Nodes:
Name:     dead0
Endpoint: tcp://127.0.0.1:5999
Status:   inactive
`;
  expect(parseInspect(dead)).toEqual({
    state: "unreachable",
    name: "dead",
    driver: "remote",
    endpoints: ["tcp://127.0.0.1:5999"],
    detail: "its status is inactive",
  });
});

// What buildx 0.38 printed for a builder in a container that nobody has started yet.
const inactive = `Name:          dc1
Driver:        docker-container
Last Activity: 2026-11-25 02:27:12 +0000 UTC

Nodes:
Name:                  dc10
Endpoint:              unix:///run/docker.sock
Status:                inactive
BuildKit daemon flags: --allow-insecure-entitlement=network.host
`;

it("a builder in a container that isn't running is stopped, which is no fault", () => {
  expect(parseInspect(inactive)).toEqual({
    state: "stopped",
    name: "dc1",
    driver: "docker-container",
    endpoints: ["unix:///run/docker.sock"],
  });
  expect(parseInspect(inactive.replace("inactive", "stopped"))).toMatchObject({ state: "stopped" });
});

it("a builder in a container whose engine doesn't answer is unreachable", () => {
  const failed = inactive.replace(/Status:.*/, "Error: failed to connect to the docker API");
  expect(parseInspect(failed)).toMatchObject({
    state: "unreachable",
    detail: "failed to connect to the docker API",
  });
});

it("the default builder without an engine is unreachable, with the client's own words", () => {
  const none =
    "Name:   default\nDriver: \nError:  failed to connect to the docker API at unix:///run/docker.sock\n";
  expect(parseInspect(none)).toMatchObject({
    state: "unreachable",
    detail: "failed to connect to the docker API at unix:///run/docker.sock",
  });
});

// What `docker buildx ls --format json` of buildx 0.38 printed, shortened.
const listed = {
  alpha: `{"Current":false,"Driver":"remote","Dynamic":false,"Name":"alpha","Nodes":[{"Endpoint":"tcp://127.0.0.1:1","Name":"alpha0","Status":"inactive"}]}`,
  zeta: `{"Current":false,"Driver":"remote","Dynamic":false,"Name":"zeta","Nodes":[{"Endpoint":"unix:///b.sock","Name":"zeta0","Platforms":["linux/amd64","linux/arm64"],"Status":"running","Version":"v0.34.2"}]}`,
  default: `{"Current":true,"Driver":"docker","Dynamic":false,"Name":"default","Nodes":[{"Endpoint":"default","IDs":["moby"],"Name":"default","Platforms":["linux/amd64","linux/arm64"],"Status":"running"}]}`,
  silent: `{"Current":true,"Driver":"","Dynamic":false,"Err":"failed to connect to the docker API","Name":"default","Nodes":[{"Endpoint":"","Name":""}]}`,
};

describe("without `builder`", () => {
  const { alpha, zeta } = listed;
  const ready = {
    state: "ready",
    name: "zeta",
    own: ["linux/amd64"],
    endpoints: ["unix:///b.sock"],
  };
  const current = (line: string) => line.replace('"Current":false', '"Current":true');
  const used = (...lines: string[]) => parseList(`${lines.join("\n")}\n`);

  it("the selected builder is used, running or not", () => {
    expect(used(alpha, current(zeta))).toEqual({ ...used(current(zeta)) });
    expect(used(current(zeta))).toMatchObject({
      ...ready,
      platforms: ["linux/amd64", "linux/arm64"],
    });
    expect(used(current(zeta))).not.toHaveProperty("instead");
    expect(used(current(alpha), zeta)).toMatchObject({ state: "unreachable", name: "alpha" });
  });

  it("Docker's own is passed over for the first running one by name, also if its engine does not answer", () => {
    const beta = zeta.replaceAll("zeta", "beta");
    for (const own of [listed.default, listed.silent]) {
      expect(used(own, alpha, zeta)).toMatchObject({ ...ready, instead: true });
      expect(used(zeta, own, beta)).toMatchObject({ ...ready, name: "beta", instead: true });
    }
  });

  it("one with a node that does not run is passed over", () => {
    const half = zeta.replace(
      '"Nodes":[',
      '"Nodes":[{"Endpoint":"tcp://b:1","Status":"inactive"},',
    );
    expect(used(listed.default, half)).toEqual({ state: "new" });
  });

  it("a new one is started if none runs, and no engine means an error", () => {
    expect(used(listed.default, alpha)).toEqual({ state: "new" });
    expect(used(listed.silent, alpha)).toMatchObject({
      state: "unreachable",
      detail: "failed to connect to the docker API",
    });
  });
});

describe("the record of a build", () => {
  // What `docker buildx history inspect attachment --type provenance` of buildx 0.38 printed, shortened.
  const dockerfile =
    "FROM --platform=$BUILDPLATFORM a AS build\nRUN b\nFROM a\nCOPY --from=build c c\n";
  const provenance = (...llbDefinition: object[]) =>
    JSON.stringify({
      buildDefinition: { internalParameters: { buildConfig: { llbDefinition } } },
      runDetails: {
        metadata: {
          buildkit_metadata: {
            source: { infos: [{ data: Buffer.from(dockerfile).toString("base64") }] },
          },
        },
      },
    });
  const step = (Op: object, Architecture: string, Variant?: string) => ({
    op: {
      Op,
      constraints: {},
      platform: { Architecture, OS: "linux", ...(Variant && { Variant }) },
    },
  });
  const source = step({ source: {} }, "arm64");
  const exec = { exec: { meta: {} } };

  it("shows whether a step of the image's platform ran", () => {
    const ran = (text: string, platform = "linux/arm64") => stepsIn(text, dockerfile, platform);
    expect(ran(provenance(source, step(exec, "amd64"), { op: { Op: {} } }))).toBe(false);
    expect(ran(provenance(source, step(exec, "amd64"), step(exec, "arm64")))).toBe(true);
    expect(ran(provenance(step(exec, "arm", "v7")), "linux/arm/v7")).toBe(true);
  });

  it("shows nothing of another Dockerfile, and none is no answer", () => {
    expect(stepsIn(provenance(source), `${dockerfile}RUN d\n`, "linux/arm64")).toBeUndefined();
    for (const text of ["", "{}", "null", "[]", '{"runDetails":1,"buildDefinition":[]}'])
      expect(stepsIn(text, dockerfile, "linux/arm64")).toBeUndefined();
  });
});

it("a node's own platform and its 32-bit ancestor are native, on whichever node", () => {
  expect(isNative("linux/amd64", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/amd64/v2", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/386", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/arm64", ["linux/amd64"])).toBe(false);
  expect(isNative("linux/arm64", ["linux/amd64", "linux/arm64"])).toBe(true);
  expect(isNative("linux/arm/v7", ["linux/arm64"])).toBe(true);
});

describe("what is asked of buildx", () => {
  it("a builder in a container, by what is stated and without selecting it", () => {
    const builder: BuilderArgs = {
      name: "multi",
      driver: "docker-container",
      endpoint: "my-context",
      driverOptions: { network: "host", "env.NO_PROXY": "a,b" },
      config: "/etc/buildkitd.toml",
    };
    expect(createArguments(builder)).toEqual([
      "create",
      ...["--name", "multi", "--driver", "docker-container"],
      ...["--driver-opt", "network=host", "--driver-opt", `"env.NO_PROXY=a,b"`],
      ...["--buildkitd-config", "/etc/buildkitd.toml", "my-context"],
    ]);
  });

  it("a remote one, with the absolute paths that buildx wants, and a wait of five seconds at most", () => {
    const tls = { ca: "ca.pem", certificate: "cert.pem", key: "/key.pem", serverName: "b" };
    const endpoint = "tcp://10.0.0.5:1234";
    expect(createArguments({ name: "far", driver: "remote", endpoint, tls })).toEqual([
      "create",
      ...["--name", "far", "--driver", "remote"],
      ...["--driver-opt", `cacert=${process.cwd()}/ca.pem`],
      ...["--driver-opt", `cert=${process.cwd()}/cert.pem`],
      ...["--driver-opt", "key=/key.pem", "--driver-opt", "servername=b"],
      ...["--timeout", "5000ms", endpoint],
    ]);
  });
});

describe("a builder that is there", () => {
  const facts = parseInspect(running);
  const named = (fields: Partial<BuilderArgs>): BuilderArgs => ({ name: "v1", ...fields });

  it("is as stated where driver and address are, and where neither is", () => {
    expect(difference(facts, named({}))).toBeUndefined();
    const same = named({ driver: "remote", endpoint: "tcp://127.0.0.1:5556" });
    expect(difference(facts, same)).toBeUndefined();
    const current = named({ driver: "docker-container" });
    expect(difference(parseInspect(inactive), current)).toBeUndefined();
    expect(difference(parseInspect(inactive), { ...current, endpoint: "default" })).toBeUndefined();
  });

  it("is told with both, where driver or address differ", () => {
    expect(difference(facts, named({ driver: "remote", endpoint: "tcp://b:1" }))).toBe(
      "is there already as remote at tcp://127.0.0.1:5556, and stated as remote at tcp://b:1",
    );
    expect(difference(facts, named({ driver: "docker-container" }))).toMatch(
      /as remote at .*stated as docker-container$/,
    );
  });
});

describe("what a preview says of a builder", () => {
  const ready = parseInspect(running);
  const path = "image.builder";
  const container: BuilderArgs = { name: "multi", driver: "docker-container" };
  const say = (facts: BuilderFacts, platform: string, builder?: BuilderArgs, preview = true) => {
    const { level, text } = judge(facts, platform, builder, path, { preview });
    return `${level}: ${text}`;
  };

  it("one that isn't there is made by up where its driver is stated, and is a warning where it isn't", () => {
    const missing: BuilderFacts = { state: "missing", name: "multi" };
    expect(say(missing, "linux/arm64", container)).toBe(
      'info: building linux/arm64 on builder "multi", which `pulumi up` makes first (docker-container)',
    );
    const bare = { name: "multi" };
    expect(say(missing, "linux/arm64", bare)).toMatch(/^warn: .*image\.builder\.driver:/);
    expect(say(missing, "linux/arm64", bare, false)).toMatch(/^error: /);
  });

  it("a foreign platform may need emulation, until a record shows that the build runs no step of it", () => {
    const text = (platform: string, emulates?: boolean) =>
      judge(ready, platform, undefined, path, { preview: true, emulates }).text;
    expect(text("linux/arm64")).toBe('building linux/arm64 on builder "v1" (may need emulation)');
    expect(text("linux/arm64", true)).toBe(text("linux/arm64"));
    expect(text("linux/arm64", false)).toBe('building linux/arm64 on builder "v1"');
    expect(text("linux/amd64")).toBe('building linux/amd64 natively on builder "v1"');
  });

  it("without `builder`, preview and up say in the same words which one is used", () => {
    const first = { ...ready, instead: true } as BuilderFacts;
    const used =
      'info: building linux/arm64 on builder "v1", the first running builder by name (the selected one is Docker\'s own) (may need emulation)';
    const made =
      "warn: building linux/arm64: no builder is running, so `pulumi up` starts a new builder in a container, which stays on this machine. " +
      'To choose a builder, set image.builder, for example { name: "multi", driver: "docker-container" }';
    for (const preview of [true, false]) {
      expect(say(first, "linux/arm64", undefined, preview)).toBe(used);
      expect(say({ state: "new" }, "linux/arm64", undefined, preview)).toBe(made);
    }
  });

  it("one that is stopped is started by up", () => {
    const args = { ...container, name: "dc1" };
    expect(say(parseInspect(inactive), "linux/arm64", args)).toMatch(/^info: .*starts it$/);
  });

  it("one of the docker driver can't be used, and the fix is one that is made", () => {
    const engine: BuilderFacts = { ...ready, driver: "docker" } as BuilderFacts;
    expect(say(engine, "linux/amd64", { name: "v1" })).toMatch(
      /^error: .*docker driver.*write \{ name: "multi", driver: "docker-container" \}$/,
    );
  });

  it("a platform that it doesn't offer is refused, with what is within reach as the fix", () => {
    const lacking = (endpoint: string, fields: Partial<BuilderArgs>) =>
      say({ ...ready, endpoints: [endpoint] } as BuilderFacts, "linux/s390x", {
        name: "v1",
        ...fields,
      });
    const emulators = { installEmulators: true };
    expect(lacking("unix:///b.sock", {})).toMatch(
      /^error: .*image\.builder\.installEmulators: true/,
    );
    expect(lacking("unix:///b.sock", emulators)).toMatch(/^info: .*registers QEMU for it first$/);
    expect(lacking("tcp://b:1", {})).toMatch(/^error: .*on its machine with `docker run .*s390x`/);
    expect(lacking("tcp://b:1", emulators)).toMatch(
      /^error: .*from here, QEMU can't be registered/,
    );
  });

  it("one that doesn't answer over SSH is to be asked by hand", () => {
    const far: BuilderFacts = {
      ...{ state: "unreachable", name: "v1", driver: "remote" },
      ...{ endpoints: ["ssh://me@far:22"], detail: "its status is inactive" },
    } as BuilderFacts;
    expect(say(far, "linux/amd64", { name: "v1" })).toMatch(
      /^error: .*doesn't answer at ssh:\/\/me@far:22 .*`ssh me@far buildctl debug workers`/,
    );
  });
});
