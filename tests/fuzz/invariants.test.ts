import * as pulumi from "@pulumi/pulumi";
import { findingsIn } from "./invariants";
import { digestFor } from "./mocked";

// The fuzz is worth what its invariants see: here each is broken once.

const { serializeProperties } = pulumi.runtime;
const digest = digestFor("web-linux-amd64");

/** A plan for one platform, as it is registered. */
async function plan(host: Record<string, unknown> = {}) {
  const inputs = async (given: object) =>
    (await serializeProperties("", given)) as Record<string, unknown>;
  return [
    {
      ...{ type: "multiarch:index:Image", name: "web" },
      inputs: await inputs({ platforms: { "linux/amd64": "host.architecture" } }),
    },
    {
      ...{ type: "docker-build:index:Image", name: "web-linux-amd64" },
      inputs: await inputs({ platforms: ["linux/amd64"] }),
    },
    {
      ...{ type: "multiarch:index:HostTarget", name: "web" },
      inputs: await inputs({ ref: `registry.example/web@${digest}`, ...host }),
    },
  ];
}

const look = (resources: Awaited<ReturnType<typeof plan>>, architecture = "x86_64") =>
  findingsIn(
    resources,
    resources.map(({ type, name }) => ({ chain: type, name })),
    { host: { architecture } },
    new Set(["canary1"]),
  );

beforeAll(() =>
  pulumi.runtime.setMocks({ newResource: () => ({ id: "", state: {} }), call: () => ({}) }),
);

it("finds nothing in a plan that holds, with a secret that is marked as one", async () => {
  const environment = { USER: "web", PASSWORD: pulumi.secret("canary1") };
  expect(look(await plan({ environment }))).toEqual([]);
});

it("finds a secret in the clear beside one that is marked, and in base64", async () => {
  const environment = { PASSWORD: pulumi.secret("canary2"), USER: "canary1" };
  expect(look(await plan({ environment }))).toEqual([
    expect.stringContaining("HostTarget web holds the secret canary1 in the clear"),
  ]);
  const script = Buffer.from("a line of a script, and canary1 in the midst of it").toString(
    "base64",
  );
  expect(look(await plan({ script }))).toEqual([
    expect.stringContaining("HostTarget web holds the secret canary1 in the clear"),
  ]);
});

it("finds a target of another platform, one of another image, one that is missing, and one name twice", async () => {
  expect(look(await plan(), "arm64")).toEqual([
    "host runs linux/arm64, and planned are linux/amd64",
    expect.stringMatching(/^host runs linux\/arm64, and is given /),
  ]);
  const other = `registry.example/web@${digestFor("web-linux-arm64")}`;
  expect(look(await plan({ ref: other }))).toEqual([
    `host runs linux/amd64, and is given ${other}`,
  ]);
  const resources = await plan();
  expect(look(resources.slice(0, 2))).toEqual(["host is not made, and was asked for"]);
  expect(look([...resources, resources[1]!])).toEqual([
    "two resources are docker-build:index:Image::web-linux-amd64",
    "planned are linux/amd64, built are linux/amd64,linux/amd64",
  ]);
});
