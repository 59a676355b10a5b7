import type { Chooser } from "./chooser";

/** What an image must lie in, for its targets. */
export interface Place {
  readonly lambda: boolean;
  readonly aws: boolean;
  /** Whether credentials for a registry elsewhere may be given. */
  readonly private: boolean;
}

const ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const spellings: Readonly<Record<string, readonly string[]>> = {
  "linux/amd64": [
    "linux/amd64",
    "amd64",
    "x86_64",
    "LINUX/AMD64",
    " linux/x86-64 ",
    "linux/amd64/v1",
  ],
  "linux/arm64": ["linux/arm64", "arm64", "aarch64", "linux/arm64/v8", "Linux/ARM64"],
  "linux/arm/v7": ["linux/arm/v7", "linux/arm", "armhf", "linux/arm/7"],
  "linux/s390x": ["linux/s390x", "s390x"],
};

/** `image`, with `repository` where the App is to have one. */
export function imageOf(
  choose: Chooser,
  place: Place,
  needed: readonly string[],
): { image: Record<string, unknown>; repository?: unknown } {
  const extra = Object.keys(spellings).filter((one) => !needed.includes(one) && choose.often(20));
  const planned = [...needed, ...(needed.length === 0 ? ["linux/amd64"] : []), ...extra];
  const platforms = [...new Set(planned)];
  const origin = choose.one(["build", "build", "ref", "sources", "copyOf"]);
  const listed = needed.length === 0 || extra.length > 0 || choose.often(30);
  const lies = whereItLies(choose, place, origin);
  const common = {
    ...(listed && (origin !== "sources" || choose.often(50))
      ? { platforms: platforms.map((one) => choose.one(spellings[one]!)) }
      : {}),
    ...lies.image,
    ...choose.fields({ verify: () => verify(choose), tarball: () => tarball(choose) }, 25),
    // In `up` this machine's engine would have to be there.
    ...(choose.preview && choose.often(30) ? { load: load(choose, platforms) } : {}),
  };
  const pushed = origin === "ref" ? {} : choose.fields({ tags: () => tags(choose) }, 30);
  const own = {
    build: () => build(choose, platforms),
    ref: () => ({ ref: choose.input(reference(choose, place)) }),
    sources: () => ({
      sources: Object.fromEntries(
        platforms.map((one) => [
          choose.one(spellings[one]!),
          choose.input(reference(choose, place)),
        ]),
      ),
    }),
    copyOf: () => ({
      copyOf: choose.input(`ghcr.io/team/other@${choose.digest()}`),
      ...choose.fields({ pullCredentials: () => [credentials(choose)] }),
    }),
  }[origin]!();
  return { image: { ...common, ...pushed, ...own }, ...lies.app };
}

function reference(choose: Chooser, { lambda }: Place): string {
  return `${lambda ? ecr : choose.one([ecr, "ghcr.io"])}/team/web@${choose.digest()}`;
}

function whereItLies(choose: Chooser, place: Place, origin: string) {
  if (origin === "ref" || origin === "sources") {
    if (origin === "ref" || choose.often(60)) return { image: {} };
  }
  const kind = choose.one(
    place.aws ? ["none", "app", "registry", "outputs"] : ["app", "registry", "outputs"],
  );
  if (kind === "none") return { image: {} };
  if (kind === "app")
    return { image: {}, app: { repository: repository(choose, origin === "build") } };
  if (kind === "outputs") {
    const repositoryOutputs = {
      repositoryUrl: choose.input(`${ecr}/team/web`),
      repositoryName: choose.input("team/web"),
      arn: choose.input("arn:aws:ecr:eu-west-1:123456789012:repository/team/web"),
      username: choose.input("AWS"),
      password: choose.input(choose.canary()),
    };
    return { image: { repository: repositoryOutputs } };
  }
  const address = place.lambda
    ? ecr
    : choose.one([ecr, "ghcr.io", "localhost:5000", "quay.io", undefined]);
  const who = { username: choose.input("robot"), password: choose.input(choose.canary()) };
  const known = place.private || address === ecr;
  return {
    image: {
      registry: {
        ...(address === undefined ? {} : { address: choose.input(address) }),
        repository: choose.input("team/web"),
        ...(known && choose.often(50) ? who : {}),
      },
    },
  };
}

function repository(choose: Chooser, tagged: boolean): Record<string, unknown> {
  if (choose.often(30))
    return {
      existing: { name: "team/web", ...choose.fields({ registryId: () => "123456789012" }) },
    };
  const rule = () => ({
    ...choose.fields({ description: () => choose.canary() }),
    tagPatterns: choose.some(["pr-*", "test-*"], 1),
    ...choose.one<object>([{ expireAfterDays: choose.whole(1, 99) }, { keepNewest: 9 }]),
  });
  return choose.fields({
    name: () => choose.one(["team/web", "web"]),
    mutableTags: () => (tagged ? ["stable-*"] : ["edge"]),
    scanOnPush: () => choose.often(50),
    kmsKeyArn: () => choose.input("arn:aws:kms:eu-west-1:123456789012:key/1"),
    untaggedDays: () => choose.whole(1, 365),
    keepReleases: () => choose.whole(2, 1000),
    lifecycleRules: () => [rule()],
    pullAccounts: () => choose.some(["123456789012", "210987654321"]),
    lambdaPull: () => choose.often(50),
    forceDelete: () => choose.often(50),
    tags: () => choose.texts(["team", "cost"]),
  });
}

const credentials = (choose: Chooser) => ({
  address: choose.input(choose.one(["ghcr.io", "docker.io"])),
  username: choose.input("robot"),
  password: choose.input(choose.canary()),
});

const tags = (choose: Chooser) => choose.some(["latest", "v1.2"]);
const tarball = (choose: Chooser) => ({
  // One of its own, for sets run at the same time in one folder.
  path: `${choose.one(["out", "."])}/web-${choose.whole(1, 1e9)}.tar`,
  ...choose.fields({ format: () => choose.one(["oci", "docker"]) }),
});
const load = (choose: Chooser, platforms: readonly string[]) =>
  choose.fields({
    platform: () => choose.one(spellings[choose.one(platforms)]!).trim(),
    tag: () => choose.input(choose.one(["web", "team/web:dev"])),
  });

function verify(choose: Chooser): Record<string, unknown> {
  const strict = choose.fields({ strict: () => choose.often(50) });
  if (choose.often(50))
    return { ...strict, ...choose.fields({ depth: () => choose.one(["manifest", "entrypoint"]) }) };
  const run = { command: () => ["--version"], seconds: () => choose.whole(1, 3600) };
  return { ...strict, depth: "run", ...choose.fields(run) };
}

function build(choose: Chooser, platforms: readonly string[]): Record<string, unknown> {
  const dockerfile = choose.one<object>([
    {},
    {},
    { dockerfile: choose.input("app/Dockerfile") },
    { dockerfileInline: choose.input(`FROM scratch\nLABEL a=${choose.canary()}\n`) },
  ]);
  const remote = Object.keys(dockerfile).length > 0 && choose.often(20);
  const sbom = choose.often(20);
  const attestations = sbom
    ? { sbom, ...choose.fields({ sbomGenerator: () => choose.input("ghcr.io/team/scanner:1") }) }
    : { sbom };
  const builders = () =>
    Object.fromEntries(
      platforms.map((one, at) => [choose.one(spellings[one]!), builder(choose, `b${at}`)]),
    );
  return {
    context: choose.input(
      // A full commit: none is looked up.
      remote
        ? `https://github.com/team/web.git#${"0123456789".repeat(4)}`
        : choose.one(["app", "./app"]),
    ),
    ...dockerfile,
    ...choose.fields({
      buildArgs: () => choose.texts(["VERSION", "A.B"]),
      secrets: () => choose.texts(["npm", "token"]),
      ssh: () => [
        { id: choose.input("default"), ...choose.fields({ paths: () => ["id_ed25519"] }) },
      ],
      target: () => choose.input("final"),
      labels: () => choose.texts(["org.opencontainers.image.title", "a"]),
      namedContexts: () => ({
        shared: choose.input("app"),
        base: choose.input("docker-image://ghcr.io/team/base:1"),
      }),
      pullCredentials: () => [credentials(choose)],
      cache: () =>
        choose.fields({
          enabled: () => choose.often(50),
          mode: () => choose.one(["max", "min"]),
          from: () => ["ghcr.io/team/web:cache"],
        }),
      pull: () => choose.often(50),
      network: () => choose.one(["default", "host", "none"]),
      extraHosts: () => ["db:192.0.2.1"],
      buildOnPreview: () => choose.often(50),
      compression: () => choose.one(["gzip", "zstd"]),
    }),
    ...choose.one<object>([{}, {}, { builder: builder(choose, "main") }, { builders: builders() }]),
    ...choose.fields({ reproducible: () => ({ epoch: choose.input(1_700_000_000) }) }, 20),
    ...(platforms.length === 1 && choose.often(20)
      ? { index: false }
      : choose.fields({
          index: () => true,
          attestations: () => ({
            ...attestations,
            ...choose.fields({ provenance: () => choose.often(50) }),
          }),
        })),
  };
}

function builder(choose: Chooser, name: string): Record<string, unknown> {
  const driver = choose.one([undefined, "docker-container", "remote"]);
  const emulators = choose.fields({ installEmulators: () => choose.often(50) });
  if (driver === undefined) return { name, ...emulators };
  if (driver === "docker-container")
    return {
      ...{ name, driver },
      ...emulators,
      ...choose.fields({
        endpoint: () => choose.one(["my-context", "ssh://me@host", "tcp://host:2376"]),
        driverOptions: () => ({ network: "host" }),
        config: () => "buildkitd.toml",
      }),
    };
  const tls = {
    ca: "ca.pem",
    ...choose.one<object>([{}, { certificate: "ca.pem", key: "ca.pem" }]),
    ...choose.fields({ serverName: () => "buildkit.example.com" }),
  };
  return choose.often(50)
    ? { name, driver, endpoint: "unix:///run/buildkit/buildkitd.sock", ...emulators }
    : { name, driver, endpoint: "tcp://host:1234", ...choose.fields({ tls: () => tls }) };
}
