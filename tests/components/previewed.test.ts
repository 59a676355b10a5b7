import * as pulumi from "@pulumi/pulumi";
import type { Making } from "../../components/image/built";
import { previewPlatforms } from "../../components/verification/previewed";
import { FakeRegistry } from "../unit/fakeRegistry";

// Pulumi's mocks have no hooks, so the check is called here. That a preview runs it: tests/engine/refused.test.ts.

const mockChecks: (() => Promise<void>)[] = [];
jest.mock("../../components/hooks", () => ({
  ...jest.requireActual<object>("../../components/hooks"),
  beforeChange: (_: string, check: () => Promise<void>) => {
    mockChecks.push(check);
    return {};
  },
}));

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  await pulumi.runtime.setMocks({
    newResource: ({ name }) => ({ id: name, state: {} }),
    call: () => ({}),
  });
});
afterEach(() => registry.stop());

/** What a preview says of a reference, undefined if it accepts it. */
async function said(reference: pulumi.Input<string>, preview = true): Promise<string | undefined> {
  const dry = jest.spyOn(pulumi.runtime, "isDryRun").mockReturnValue(preview);
  const making = { id: "App web", access: {}, plan: { requiredBy: { "linux/amd64": "host" } } };
  previewPlatforms(making as unknown as Making, "App web: image.ref", reference, []);
  dry.mockRestore();
  try {
    for (const check of mockChecks.splice(0)) await check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const arm64 = { os: "linux", architecture: "arm64" };
const amd64 = { os: "linux", architecture: "amd64" };

it("a finished image without the platform is rejected with what it holds and who needs it", async () => {
  const { digest } = registry.index([registry.image(arm64)]);
  const lacks = `App web: image.ref: linux/amd64 is needed by host; ${registry.reference(digest)} holds linux/arm64`;
  expect(await said(registry.reference(digest))).toContain(lacks);
  expect(await said(pulumi.secret(registry.reference(digest)))).toContain(lacks);
});

it("one with the platform is accepted", async () => {
  const { digest } = registry.index([registry.image(arm64), registry.image(amd64)]);
  expect(await said(registry.reference(digest))).toBeUndefined();
});

it("one that the registry does not show is accepted: not found, refused, silent, offline, not known yet", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  expect(await said(registry.reference(digest))).toBeUndefined();
  registry.intercept = (_, response) => {
    response.writeHead(403).end();
    return true;
  };
  expect(await said(registry.reference(digest))).toBeUndefined();
  registry.intercept = () => true;
  const started = Date.now();
  expect(await said(registry.reference(digest))).toBeUndefined();
  expect(Date.now() - started).toBeLessThan(6000);
  expect(await said(`127.0.0.1:9/app@${digest}`)).toBeUndefined();
  expect(await said(pulumi.output(pulumi.unknown as string))).toBeUndefined();
}, 30_000);

it("`up` asks nothing here: its verification comes next", async () => {
  await said(registry.reference(registry.image(arm64).digest), false);
  expect(registry.seen).toEqual([]);
});
