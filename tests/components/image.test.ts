import * as pulumi from "@pulumi/pulumi";
import {
  App,
  Architecture,
  CacheMode,
  Compression,
  Image,
  type ImageArgs,
  VerifyDepth,
} from "../../components";
import { register, type Registered, secretMark } from "./mocks";

// Mocks prove what the providers are given. That the registry then holds it is shown by tests/engine/app.test.ts.

const digests: Record<string, string> = {
  "web-linux-amd64": `sha256:${"a".repeat(64)}`,
  "web-linux-arm64": `sha256:${"b".repeat(64)}`,
};
const indexDigest = `sha256:${"c".repeat(64)}`;

function provider({ type, name }: Registered): Record<string, unknown> {
  if (type === "docker-build:index:Image") return { digest: digests[name] ?? indexDigest };
  if (type !== "command:local:Command" || !name.endsWith("-verified")) return {};
  return {
    stdout: JSON.stringify({
      reference: `registry.example/team/web@${indexDigest}`,
      images: Object.entries(digests).map(([key, digest], at) => ({
        platform: key.replace("web-", "").replaceAll("-", "/"),
        digest,
        size: 1000 + at,
      })),
    }),
  };
}

const base: ImageArgs = {
  context: "./examples/web",
  registry: { address: "registry.example", repository: "team/web" },
  platforms: ["linux/arm64", "linux/x86_64"],
};

async function image(args: Partial<ImageArgs> = {}): Promise<Registered[]> {
  return register(() => new Image("web", { ...base, ...args }), provider);
}

const named = (all: Registered[], type: string, name: string) =>
  all.find((one) => one.type === type && one.name === name)!.inputs;
/** The settings of the command that pushes and verifies. */
function settings(all: Registered[]) {
  const { environment } = named(all, "command:local:Command", "web-verified");
  const plain = ((environment as { value?: object }).value ?? environment) as Record<
    string,
    string
  >;
  return JSON.parse(plain.MULTIARCH_VERIFY!) as {
    push: Record<string, unknown>;
    [key: string]: unknown;
  };
}
const built = (all: Registered[]) => named(all, "docker-build:index:Image", "web-linux-arm64");

it("registers one image for each platform, one command that pushes and verifies their index, and nothing else", async () => {
  const all = await image();
  expect(all.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "command:local:Command web-verified",
    "docker-build:index:Image web-linux-amd64",
    "docker-build:index:Image web-linux-arm64",
    "multiarch:index:Image web",
  ]);
});

it("a platform's image is pushed by digest, without a tag, with a cache of its own", async () => {
  const inputs = built(await image());
  const cache = "registry.example/team/web:cache-web-stack-linux-arm64";
  expect(inputs).toEqual({
    platforms: ["linux/arm64"],
    network: "default",
    context: { location: "./examples/web" },
    buildArgs: {},
    registries: [],
    cacheFrom: [{ registry: { ref: cache } }],
    cacheTo: [
      {
        registry: {
          ref: cache,
          mode: "max",
          imageManifest: true,
          ociMediaTypes: true,
          ignoreError: true,
        },
      },
    ],
    exports: [
      {
        image: {
          names: ["registry.example/team/web"],
          push: true,
          pushByDigest: true,
          nameCanonical: true,
          ociMediaTypes: true,
        },
      },
    ],
    push: false,
    buildOnPreview: false,
  });
});

it("the index joins the digests under a tag made of its content, which is then verified", async () => {
  const all = await image();
  const told = settings(all);
  const { target } = told.push;
  expect(told.push).toEqual({
    sources: Object.values(digests).map((digest) => `registry.example/team/web@${digest}`),
    target: expect.stringMatching(/^registry\.example\/team\/web:sha-[0-9a-f]{24}$/),
    index: true,
    path: "",
    credentials: "stored",
    rebuild: expect.stringMatching(/^pulumi up --replace '.*web-linux-amd64' --replace '.*arm64'$/),
  });
  expect(told).toMatchObject({
    reference: target,
    exact: true,
    images: { "linux/amd64": digests["web-linux-amd64"] },
  });
  const inputs = named(all, "command:local:Command", "web-verified");
  expect(Object.keys(inputs.environment as object).sort()).toEqual([
    "MULTIARCH_PROGRAM",
    "MULTIARCH_VERIFY",
  ]);
});

it("the gate is triggered by the tag, platforms and depth alone", async () => {
  const all = await image();
  const inputs = named(all, "command:local:Command", "web-verified");
  expect(inputs.create).toBe("node -; exit $?");
  expect(inputs.triggers).toEqual([
    settings(all).push.target,
    "linux/amd64,linux/arm64",
    "entrypoint",
  ]);
  expect(inputs.delete).toBeUndefined();
  expect(inputs.update).toBeUndefined();
});

it("the component is recorded with its plan, and with no credential or secret", async () => {
  const all = await image({
    registry: { ...base.registry!, username: "me", password: "canary-password" },
    secrets: { token: "canary-secret" },
    pullCredentials: [{ address: "docker.io", username: "me", password: "canary-pull" }],
  });
  const inputs = named(all, "multiarch:index:Image", "web");
  expect(inputs.platforms).toEqual({ "linux/amd64": "platforms", "linux/arm64": "platforms" });
  expect(inputs.secrets).toEqual(["token"]);
  expect(JSON.stringify(inputs)).not.toContain("canary");
});

it("every password and build secret is registered as a secret", async () => {
  const all = await image({
    registry: { ...base.registry!, username: "me", password: "canary-password" },
    secrets: { token: "canary-secret" },
    pullCredentials: [{ address: "docker.io", username: "me", password: "canary-pull" }],
  });
  const inputs = built(all);
  expect(inputs.secrets).toEqual({ ...secretMark, value: { token: "canary-secret" } });
  // Secretness moves up to the whole property where mocks stand in for the engine.
  expect(inputs.registries).toEqual({
    ...secretMark,
    value: [
      { address: "registry.example", username: "me", password: "canary-password" },
      { address: "docker.io", username: "me", password: "canary-pull" },
    ],
  });
  const gate = named(all, "command:local:Command", "web-verified").environment;
  expect(gate).toMatchObject(secretMark);
});

it("what the user states reaches the build", async () => {
  const inputs = built(
    await image({
      dockerfileInline: "FROM scratch",
      buildArgs: { VERSION: "7" },
      ssh: [{ id: "default" }],
      target: "final",
      labels: { a: "b" },
      namedContexts: { shared: "./examples", base: "docker-image://busybox" },
      network: "none",
      extraHosts: ["db:192.0.2.1"],
      pull: true,
      builder: { name: "big" },
      buildOnPreview: true,
      compression: Compression.Zstd,
      cache: {
        mode: CacheMode.Min,
        from: ["registry.example/team/web:cache-web-main-linux-arm64"],
      },
    }),
  );
  expect(inputs).toMatchObject({
    dockerfile: { inline: "FROM scratch" },
    buildArgs: { VERSION: "7" },
    ssh: [{ id: "default" }],
    target: "final",
    labels: { a: "b" },
    context: {
      named: { shared: { location: "./examples" }, base: { location: "docker-image://busybox" } },
    },
    network: "none",
    addHosts: ["db:192.0.2.1"],
    pull: true,
    builder: { name: "big" },
    buildOnPreview: true,
  });
  expect(inputs.exports).toEqual([
    { raw: expect.stringMatching(/,compression=zstd,force-compression=true$/) },
  ]);
  expect(inputs.cacheTo).toMatchObject([{ registry: { mode: "min" } }]);
  expect(inputs.cacheFrom).toHaveLength(2);
});

it("user@host:path is a Git context for any user, its commit is an input, and its Dockerfile is a path inside it", async () => {
  const commit = "0123456789".repeat(4);
  const context = `deploy-1@git.example.com:team/app.git#${commit}:web`;
  const secrets = { GIT_AUTH_TOKEN: pulumi.secret("canary") };
  const inputs = built(await image({ context, secrets, dockerfile: "docker/web.Dockerfile" }));
  expect(inputs).toMatchObject({
    context: { location: context },
    dockerfile: { location: "dockerfile@context:/../docker/web.Dockerfile" },
  });
  expect(inputs.buildArgs).toEqual({ MULTIARCH_COMMITS: `context ${commit}` });
});

it("with pull, which builds on every update, no commit is looked up", async () => {
  const context = "https://user:canary@git.invalid/app.git#main";
  expect(built(await image({ context, pull: true })).buildArgs).toEqual({});
});

it("a cache switched off is neither read nor written", async () => {
  const inputs = built(await image({ cache: { enabled: false } }));
  expect(inputs.cacheFrom).toEqual([]);
  expect(inputs.cacheTo).toEqual([]);
});

it("each platform has its own builder where builders are given, in any spelling", async () => {
  const all = await image({
    builders: { "linux/aarch64": { name: "arm" }, x86_64: { name: "intel" } },
  });
  expect(built(all).builder).toEqual({ name: "arm" });
  expect(named(all, "docker-build:index:Image", "web-linux-amd64").builder).toEqual({
    name: "intel",
  });
});

it("a reproducible build rewrites file times and passes the epoch", async () => {
  const inputs = built(await image({ reproducible: { epoch: 1700000000 } }));
  expect(inputs.buildArgs).toEqual({ SOURCE_DATE_EPOCH: "1700000000" });
  expect(inputs.exports).toEqual([
    {
      raw: "type=image,name=registry.example/team/web,push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true,rewrite-timestamp=true",
    },
  ]);
});

it("an absolute context is recorded relative to the project", async () => {
  const all = await image({ context: `${process.cwd()}/examples/web` });
  expect(built(all).context).toEqual({ location: "examples/web" });
  expect(JSON.stringify(all)).not.toContain(`"${process.cwd()}`);
});

it("each tag for people is a copy of what was verified, and the verification is the same without it", async () => {
  const all = await image({ tags: ["latest", "v1"] });
  for (const tag of ["latest", "v1"])
    expect(named(all, "command:local:Command", `web:${tag}`).triggers).toEqual([
      `registry.example/team/web@${indexDigest}`,
      `registry.example/team/web:${tag}`,
    ]);
  expect(settings(all)).toEqual(settings(await image()));
});

it("without an index, the image of the one platform is verified by its own digest", async () => {
  const all = await image({ index: false, platforms: ["linux/arm64"] });
  const reference = `registry.example/team/web@${digests["web-linux-arm64"]}`;
  expect(settings(all)).toMatchObject({ reference, push: { sources: [reference], index: false } });
});

it("a copy is verified by the digest of its source", async () => {
  const copyOf = `other.example/team/web@${indexDigest}`;
  const all = await register(
    () => new Image("web", { copyOf, platforms: ["linux/amd64"], registry: base.registry }),
    provider,
  );
  expect(settings(all)).toMatchObject({
    reference: `registry.example/team/web@${indexDigest}`,
    exact: false,
    push: { sources: [copyOf], index: false },
  });
});

describe("with attestations", () => {
  const attested = `sha256:${"d".repeat(64)}`;
  const registry = {
    address: "registry.example",
    repository: "team/web",
    username: "ci",
    password: "push",
  };
  const [mirror, generator] = ["mirror.example", "mirror.example/scanner:1"];
  const asked: Partial<ImageArgs> = {
    registry,
    builder: { name: "multi" },
    buildArgs: { VERSION: "1" },
    secrets: { token: "build-secret" },
    pullCredentials: [{ address: mirror, username: "reader", password: "pull" }],
    attestations: { provenance: true, sbom: true, sbomGenerator: generator },
  };
  const withAttestations = (args: Partial<ImageArgs> = {}) =>
    register(
      () => new Image("web", { ...base, ...asked, ...args }),
      (one) => (one.name.endsWith("-attested") ? { stdout: attested } : provider(one)),
    );

  it("a command for each platform repeats its build, with the builder, the credentials and the secrets of the first", async () => {
    const all = await withAttestations();
    const inputs = named(all, "command:local:Command", "web-linux-arm64-attested");
    const source = `registry.example/team/web@${digests["web-linux-arm64"]}`;
    const attestations = { provenance: true, sbom: true, generator };
    expect(inputs.triggers).toEqual([source, JSON.stringify(attestations)]);
    const secret = inputs.environment as Record<string, unknown>;
    const environment = (secret.value ?? secret) as Record<string, string>;
    const { build, secrets } = JSON.parse(environment.MULTIARCH_BUILDX!) as Record<string, object>;
    const { context, buildArgs, cacheFrom } = named(
      all,
      "docker-build:index:Image",
      "web-linux-arm64",
    );
    expect(build).toMatchObject({ context, buildArgs, cacheFrom, attestations });
    expect(build).toMatchObject({ platform: "linux/arm64", builder: "multi" });
    expect(secrets).toEqual(["token"]);
    expect(environment.MULTIARCH_BUILDX).not.toContain("build-secret");
    expect(environment.MULTIARCH_SECRET_0).toBe("build-secret");
    const logins = JSON.parse(environment.MULTIARCH_LOGINS!) as { address: string }[];
    expect(logins.map(({ address }) => address)).toEqual([mirror, "registry.example"]);
    expect(inputs.create).toBe("node -; exit $?");
    expect(inputs.delete).toBeUndefined();
  });

  it("the index joins the images with their attestations, under another tag than without", async () => {
    const [all, without] = [await withAttestations(), await image()];
    const source = `registry.example/team/web@${attested}`;
    const { push } = settings(all);
    expect(push.sources).toEqual([source, source]);
    expect(push.target).not.toBe(settings(without).push.target);
  });

  it("the provider builds the same as without, and never by Docker's client", async () => {
    const attestations = { provenance: true, sbom: true };
    for (const args of [{}, { compression: "zstd" }, { reproducible: { epoch: 0 } }] as const) {
      const [plain, more] = [await image(args), await image({ ...args, attestations })].map(built);
      expect(more).toEqual(plain);
      expect(more).not.toHaveProperty("exec");
    }
  });

  it.each(["https://robot:canary@git.example/app.git", "https://files.example/app.tar?key=canary"])(
    "a context with credentials in its address is refused, because others can read the arguments of a process: %s",
    (address) => {
      const error = (args: Partial<ImageArgs>) => {
        try {
          new Image("web", { ...base, ...asked, ...args });
        } catch (caught) {
          return (caught as Error).message;
        }
      };
      const refused = "can't contain credentials with attestations";
      expect(error({ context: address })).toContain(`context: ${refused}`);
      const named = error({ namedContexts: { lib: address } });
      expect(named).toContain(`namedContexts.lib: ${refused}`);
      expect(named).not.toContain("canary");
    },
  );
});

it("Docker Hub's short names are written out", async () => {
  const all = await image({ registry: { repository: "alice/web" } });
  expect(built(all).exports).toMatchObject([{ image: { names: ["docker.io/alice/web"] } }]);
});

it("a finished image builds nothing and is verified", async () => {
  const ref = `registry.example/team/web@${indexDigest}`;
  const all = await register(() => new Image("web", { ref, platforms: ["linux/amd64"] }), provider);
  expect(all.map(({ type }) => type).sort()).toEqual([
    "command:local:Command",
    "multiarch:index:Image",
  ]);
  expect(named(all, "command:local:Command", "web-verified").triggers).toEqual([
    ref,
    "linux/amd64",
    "entrypoint",
  ]);
});

it("the gate is told how deep to look, and where its program lies from here", async () => {
  const verify = { depth: VerifyDepth.Run, command: ["--version"], seconds: 9 };
  const inputs = named(await image({ verify }), "command:local:Command", "web-verified");
  const { MULTIARCH_VERIFY, MULTIARCH_PROGRAM } = inputs.environment as Record<string, string>;
  expect(JSON.parse(MULTIARCH_VERIFY!)).toMatchObject({ ...verify, verifyPath: "verify" });
  expect(MULTIARCH_PROGRAM).toBe("components/verification/main.ts");
  expect(inputs.triggers).toMatchObject([{}, {}, expect.stringMatching(/^run .*--version.*9/)]);
  // A killed run must not leave a container or a temporary file.
  expect(inputs.create).toBe("node -; exit $?");
});

it("the outputs are references by digest, with the sizes that the registry holds", async () => {
  const outputs: unknown[] = [];
  await register(() => {
    const made = new Image("web", base);
    pulumi
      .all([made.imageUri, made.digest, made.platforms, made.images, made.platformRef("x86_64")])
      .apply((values) => outputs.push(...values));
  }, provider);
  const repository = "registry.example/team/web";
  expect(outputs).toEqual([
    `${repository}@${indexDigest}`,
    indexDigest,
    ["linux/amd64", "linux/arm64"],
    [
      {
        platform: "linux/amd64",
        digest: digests["web-linux-amd64"],
        size: 1000,
        ref: `${repository}@${digests["web-linux-amd64"]}`,
      },
      {
        platform: "linux/arm64",
        digest: digests["web-linux-arm64"],
        size: 1001,
        ref: `${repository}@${digests["web-linux-arm64"]}`,
      },
    ],
    `${repository}@${digests["web-linux-amd64"]}`,
  ]);
});

describe("App", () => {
  const app = (name: string, architecture?: Architecture, port = 8080) =>
    new App(name, {
      image: { context: "./examples/web", registry: base.registry },
      host: { architecture, ports: [{ container: 8080, host: port }] },
    });

  it("builds the target's platform, and records who needs it", async () => {
    const all = await register(() => app("web", Architecture.Arm64), provider);
    expect(named(all, "multiarch:index:App", "web")).toMatchObject({
      image: { platforms: { "linux/arm64": "host.architecture" } },
      host: { architecture: "arm64" },
    });
    const images = all.filter(({ type }) => type === "docker-build:index:Image");
    expect(images.map(({ name }) => name)).toEqual(["web-linux-arm64"]);
  });

  it("two Apps in one program have nothing in common", async () => {
    const all = await register(() => [app("web"), app("worker", undefined, 8081)], provider);
    const caches = all
      .filter(({ type }) => type === "docker-build:index:Image")
      .map(({ inputs }) => JSON.stringify(inputs.cacheTo));
    expect(new Set(caches).size).toBe(2);
    const names = all.map(({ type, name }) => `${type} ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
