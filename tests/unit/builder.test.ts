import { isNative, parseInspect } from "../../components/builders/facts";

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
    endpoint: "tcp://127.0.0.1:5999",
    detail: "its status is inactive",
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

it("a node's own platform and its 32-bit ancestor are native, on whichever node", () => {
  expect(isNative("linux/amd64", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/amd64/v2", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/386", ["linux/amd64"])).toBe(true);
  expect(isNative("linux/arm64", ["linux/amd64"])).toBe(false);
  expect(isNative("linux/arm64", ["linux/amd64", "linux/arm64"])).toBe(true);
  expect(isNative("linux/arm/v7", ["linux/arm64"])).toBe(true);
});
