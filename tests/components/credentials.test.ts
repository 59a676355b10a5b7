import { HostTarget, Image } from "../../components";
import { answered, provided } from "../fuzz/mocked";
import { register, secretMark } from "./mocks";

// Credentials go to their own registry alone. That a late reference to another registry ends the update before any request, the real engine
// and a real server show in tests/engine/late.test.ts.

const digest = `sha256:${"a".repeat(64)}`;
const ecr = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web@${digest}`;
const run = (program: () => unknown) =>
  register(
    program,
    ({ type, name, inputs }) => provided(type, name, inputs) as Record<string, unknown>,
    answered,
  );
/** The token that the AWS provider returns in tests. */
const token = /canary0/;
const platforms = ["linux/amd64"];
const sources = { "linux/amd64": ecr };

it("the token for the ECR registry of the sources is not for the other registry that joins them", async () => {
  const registry = { address: "ghcr.io", repository: "team/web" };
  const resources = await run(() => new Image("web", { sources, platforms, registry }));
  expect(JSON.stringify(resources)).not.toMatch(token);
});

it.each([
  ["without a registry", undefined],
  [
    "in the ECR registry that is named",
    { address: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", repository: "team/all" },
  ],
])("the token for ECR verifies what is joined %s", async (_, registry) => {
  const resources = await run(() => new Image("web", { sources, platforms, registry }));
  const gate = resources.find(({ name }) => name === "web-verified");
  expect(gate?.inputs.environment).toMatchObject({
    ...secretMark,
    value: { MULTIARCH_REGISTRY_PASSWORD: "canary0" },
  });
});

it("a plain address of another registry than the reference's is an error that names both fields", () => {
  const registry = { address: "ghcr.io", username: "robot", password: "token" };
  expect(() => new HostTarget("web", { ref: `quay.io/team/web@${digest}`, registry })).toThrow(
    'web: registry: contains credentials for "ghcr.io", but ref is in "quay.io"; use the address and credentials of the registry of ref, or remove registry',
  );
});
