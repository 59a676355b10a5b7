import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { App } from "../../components";

// Everything here is refused before any resource is registered. tests/engine/builders.test.ts shows what builders do.

const app = (image: Record<string, unknown>) => ({
  image: { context: "app", registry: { address: "ghcr.io", repository: "team/web" }, ...image },
  host: { ports: [{ container: 8080 }] },
});
const builder = (fields: Record<string, unknown>) => app({ builder: { name: "multi", ...fields } });
const remote = (fields: Record<string, unknown>) =>
  builder({ driver: "remote", endpoint: "tcp://10.0.0.5:1234", ...fields });
const container = (fields: Record<string, unknown>) =>
  builder({ driver: "docker-container", ...fields });
const two = (one: Record<string, unknown>, other: Record<string, unknown>) =>
  app({
    platforms: ["linux/amd64", "linux/arm64"],
    builders: { "linux/amd64": one, "linux/arm64": other },
  });

const before = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
beforeAll(() => {
  mkdirSync(join(folder, "app"));
  writeFileSync(join(folder, "app/Dockerfile"), "FROM scratch\n");
  for (const name of ["ca.pem", "cert.pem", "key.pem", "buildkitd.toml"])
    writeFileSync(join(folder, name), "");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** What is wrong, and how the one line of the error starts. */
const table: [string, unknown, string][] = [
  ["a builder that is a text", app({ builder: "multi" }), "image.builder: must be an object"],
  ["a builder without a name", builder({ name: undefined }), "image.builder.name: is missing"],
  ["an empty name", builder({ name: "" }), "image.builder.name: must be a text"],
  [
    "a name with a space",
    builder({ name: "my builder" }),
    `image.builder.name: "my builder" is no`,
  ],
  ["a name that starts with a digit", builder({ name: "2nd" }), `image.builder.name: "2nd" is no`],
  ["a name that is a path", builder({ name: "../x" }), `image.builder.name: "../x" is no`],
  ["a name that is an option", builder({ name: "--use" }), `image.builder.name: "--use" is no`],
  [
    "a name that is known later",
    builder({ name: pulumi.output("multi") }),
    "image.builder.name: is an output",
  ],
  [
    "the engine's own builder made anew",
    container({ name: "Default" }),
    `image.builder.name: "default" is the engine's own builder`,
  ],
  ["a misspelt field", builder({ drivr: "remote" }), "image.builder.drivr: is not a field"],
  [
    "an unknown driver",
    builder({ driver: "kubernetes" }),
    `image.builder.driver: is "kubernetes"; write one of "docker-container", "remote"`,
  ],
  [
    "an address without a driver",
    builder({ endpoint: "tcp://10.0.0.5:1234" }),
    "image.builder.endpoint: means nothing without image.builder.driver",
  ],
  [
    "TLS without a driver",
    builder({ tls: { ca: "ca.pem" } }),
    "image.builder.tls: means nothing without image.builder.driver",
  ],
  [
    "options without a driver",
    builder({ driverOptions: { network: "host" } }),
    "image.builder.driverOptions: means nothing without image.builder.driver",
  ],
  [
    "a configuration without a driver",
    builder({ config: "buildkitd.toml" }),
    "image.builder.config: means nothing without image.builder.driver",
  ],
  [
    "a remote builder without an address",
    remote({ endpoint: undefined }),
    "image.builder.endpoint: is missing",
  ],
  [
    "an address without a scheme",
    remote({ endpoint: "10.0.0.5:1234" }),
    `image.builder.endpoint: "10.0.0.5:1234" is no address of this driver`,
  ],
  [
    "an address of the web",
    remote({ endpoint: "https://10.0.0.5" }),
    `image.builder.endpoint: "https://10.0.0.5" is no address of this driver`,
  ],
  [
    "TCP without a port",
    remote({ endpoint: "tcp://10.0.0.5" }),
    `image.builder.endpoint: "tcp://10.0.0.5" must hold a host and a port`,
  ],
  [
    "a socket that isn't an absolute path",
    remote({ endpoint: "unix://run/buildkitd.sock" }),
    `image.builder.endpoint: "unix://run/buildkitd.sock" must hold`,
  ],
  ["two addresses in one", remote({ endpoint: "tcp://a:1,tcp://b:2" }), "image.builder.endpoint:"],
  [
    "an address that is known later",
    remote({ endpoint: pulumi.output("tcp://10.0.0.5:1234") }),
    "image.builder.endpoint: is an output",
  ],
  [
    "options for a remote builder",
    remote({ driverOptions: { network: "host" } }),
    "image.builder.driverOptions: means nothing with the driver remote",
  ],
  [
    "a configuration for a remote builder",
    remote({ config: "buildkitd.toml" }),
    "image.builder.config: means nothing with the driver remote",
  ],
  ["TLS without an authority", remote({ tls: {} }), "image.builder.tls.ca: is missing"],
  [
    "an authority that isn't there",
    remote({ tls: { ca: "nowhere.pem" } }),
    `image.builder.tls.ca: there is no file "nowhere.pem"`,
  ],
  [
    "an authority that is a folder",
    remote({ tls: { ca: "app" } }),
    `image.builder.tls.ca: there is no file "app"`,
  ],
  [
    "a certificate without its key",
    remote({ tls: { ca: "ca.pem", certificate: "cert.pem" } }),
    "image.builder.tls.key: is missing next to image.builder.tls.certificate",
  ],
  [
    "a key without its certificate",
    remote({ tls: { ca: "ca.pem", key: "key.pem" } }),
    "image.builder.tls.certificate: is missing next to image.builder.tls.key",
  ],
  [
    "a field that TLS hasn't",
    remote({ tls: { ca: "ca.pem", cert: "cert.pem" } }),
    "image.builder.tls.cert: is not a field",
  ],
  [
    "TLS over SSH",
    remote({ endpoint: "ssh://me@host", tls: { ca: "ca.pem" } }),
    "image.builder.tls: means nothing for ssh://",
  ],
  [
    "TLS for an engine",
    container({ tls: { ca: "ca.pem" } }),
    "image.builder.tls: is for the driver remote",
  ],
  [
    "a remote builder's option for a container",
    container({ driverOptions: { cacert: "/ca.pem" } }),
    "image.builder.driverOptions.cacert: is of the driver remote",
  ],
  [
    "an option that is a number",
    container({ driverOptions: { "cpu-shares": 5 } }),
    "image.builder.driverOptions.cpu-shares: must be a string",
  ],
  [
    "options as a list",
    container({ driverOptions: ["network=host"] }),
    "image.builder.driverOptions: must map names to texts",
  ],
  [
    "a configuration that isn't there",
    container({ config: "nowhere.toml" }),
    `image.builder.config: there is no file "nowhere.toml"`,
  ],
  [
    "an engine without a scheme",
    container({ endpoint: "10.0.0.5:2376" }),
    `image.builder.endpoint: "10.0.0.5:2376" is no address of this driver`,
  ],
  [
    "an engine by an address that only BuildKit has",
    container({ endpoint: "kube-pod://buildkitd-0" }),
    "image.builder.endpoint:",
  ],
  [
    "emulators on another machine's kernel",
    remote({ installEmulators: true }),
    "image.builder.installEmulators: can't be done for a remote builder elsewhere",
  ],
  [
    "emulators over SSH",
    remote({ endpoint: "ssh://me@host", installEmulators: true }),
    "image.builder.installEmulators: can't be done for a remote builder elsewhere",
  ],
  [
    "emulators asked for with a text",
    builder({ installEmulators: "yes" }),
    "image.builder.installEmulators: must be true or false",
  ],
  [
    "one name for two builders",
    two(
      { name: "a", driver: "remote", endpoint: "tcp://a:1" },
      { name: "A", driver: "remote", endpoint: "tcp://b:1" },
    ),
    `image.builders["linux/arm64"]: describes builder "A" otherwise than image.builders["linux/amd64"]`,
  ],
  [
    "a builder described once and named once",
    two({ name: "a", driver: "docker-container" }, { name: "a" }),
    `image.builders["linux/arm64"]: describes builder "a" otherwise`,
  ],
  [
    "a mistake in one of two",
    two({ name: "a" }, { name: "b", driver: "remote" }),
    `image.builders["linux/arm64"].endpoint: is missing`,
  ],
];

function messageOf(args: unknown): string {
  try {
    new App("web", args as ConstructorParameters<typeof App>[1]);
  } catch (error) {
    expect(error).toBeInstanceOf(pulumi.RunError);
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}

it.each(table)("%s gives one clear error with the field's path", (_, args, start) => {
  const lines = messageOf(args).split("\n");
  expect(lines).toEqual([expect.stringContaining(`web: ${start}`)]);
  expect(lines[0]).toMatch(/; \S+/);
});

it("a password in an address is refused, and shown nowhere", () => {
  for (const scheme of ["ssh", "tcp", "https"]) {
    const message = messageOf(remote({ endpoint: `${scheme}://me:canary@host:22` }));
    expect(message).toContain("web: image.builder.endpoint: ");
    expect(message).not.toContain("canary");
  }
});

it("several problems of one builder are told at once", () => {
  const message = messageOf(remote({ name: "my builder", endpoint: "tcp://host", tls: {} }));
  expect(message.split("\n")).toHaveLength(3);
});

// What is good isn't refused: the one error left is of another field, which is bad on purpose.
it.each<[string, Record<string, unknown>]>([
  ["a name", {}],
  ["a builder in a container", { driver: "docker-container" }],
  [
    "a builder in a container of an engine elsewhere, with all there is",
    {
      driver: "docker-container",
      endpoint: "ssh://me@host:22",
      driverOptions: { network: "host", "env.HTTP_PROXY": "http://proxy:3128", image: "x,y" },
      config: "buildkitd.toml",
      installEmulators: true,
    },
  ],
  ["an engine by its context", { driver: "docker-container", endpoint: "my-context.2" }],
  [
    "a remote builder with mutual TLS",
    {
      driver: "remote",
      endpoint: "tcp://10.0.0.5:1234",
      tls: { ca: "ca.pem", certificate: "cert.pem", key: "key.pem", serverName: "builder" },
    },
  ],
  ["TCP over IPv6", { driver: "remote", endpoint: "tcp://[::1]:1234" }],
  ["SSH with a socket", { driver: "remote", endpoint: "ssh://me@host:22/run/buildkitd.sock" }],
  [
    "a socket of this machine, with emulators",
    { driver: "remote", endpoint: "unix:///run/b.sock", installEmulators: true },
  ],
  ["a builder in a pod", { driver: "remote", endpoint: "kube-pod://buildkitd-0?namespace=ci" }],
])("%s is let through", (_, fields) => {
  const args = builder(fields);
  expect(messageOf({ ...args, image: { ...args.image, network: "wrong" } })).toBe(
    messageOf(app({ network: "wrong" })),
  );
});

it("the same builder for two platforms is let through", () => {
  const same = () => ({
    name: "a",
    driverOptions: { network: "host" },
    driver: "docker-container",
  });
  const { name, ...rest } = same();
  const args = two(same(), { ...rest, name });
  expect(messageOf({ ...args, image: { ...args.image, network: "wrong" } })).toMatch(
    /^web: image\.network[^\n]*$/,
  );
});
