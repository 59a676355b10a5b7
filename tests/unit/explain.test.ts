import { explain, type ErrorPlace } from "../../components/image/explain";
import { cacheTag, contentTag } from "../../components/image/cache";

const place: ErrorPlace = {
  subject: "linux/arm64",
  builder: "big",
  registry: "registry.example",
  credentials: "stored",
  path: (field) => `image.${field}`,
};

// Raw texts as BuildKit, registries, AWS and the provider print them; where a test of the engine provokes one, it says so.
it.each([
  [
    "a step without an emulator",
    `process "/bin/sh -c uname" did not complete successfully: exec /bin/sh: exec format error`,
    /no emulator.*binfmt/,
  ],
  [
    "the older wording of it",
    "standard_init_linux.go:228: exec user process caused: exec format error",
    /no emulator/,
  ],
  [
    "a crash of QEMU",
    "qemu: uncaught target signal 11 (Segmentation fault) - core dumped",
    /QEMU crashed.*image\.builders/,
  ],
  [
    "a base image without the platform",
    "no match for platform in manifest: not found",
    /base image doesn't exist for linux\/arm64/,
  ],
  [
    "a base image without the platform, in Docker's words",
    "image Manifest does not contain descriptor matching platform 'linux/amd64'",
    /base image doesn't exist/,
  ],
  [
    "a base image without the platform, in containerd's words",
    "failed to find a descriptor for platform",
    /base image doesn't exist/,
  ],
  [
    "the docker driver",
    "ERROR: Multi-platform build is not supported for the docker driver.",
    /docker-container.*image\.builder/,
  ],
  [
    "the docker exporter",
    "docker exporter does not currently support exporting manifest lists",
    /docker-container/,
  ],
  [
    "a full disk",
    "write /var/lib/buildkit/x: no space left on device",
    /docker buildx prune --builder big/,
  ],
  [
    "Lambda given an index",
    "The image manifest, config or layer media type for the source image 1.dkr/x is not supported.",
    /platform's own digest/,
  ],
  [
    "a registry without OCI indexes",
    "failed to push: unexpected status: 400 MANIFEST_INVALID: manifest invalid",
    /refused the manifest/,
  ],
  [
    "expired credentials",
    "failed to authorize: unexpected status: 401 Unauthorized",
    /docker login registry\.example/,
  ],
  [
    "a right that is missing",
    "unexpected status from PUT request: 403 Forbidden",
    /lack the right to push/,
  ],
  ["a rate limit", "429 Too Many Requests - toomanyrequests", /limits requests/],
  [
    "a registry that isn't well",
    "unexpected status from POST request: 503 Service Unavailable",
    /sends only what is missing/,
  ],
  ["a name that isn't", "dial tcp: lookup registry.example: no such host", /registry\.address/],
  [
    "a private authority",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    /SSL_CERT_FILE/,
  ],
  [
    "a builder that was stopped",
    "rpc error: code = Unavailable desc = error reading from server: EOF",
    /builder "big" broke/,
  ],
  ["a builder that hangs", "context deadline exceeded", /docker buildx inspect big/],
])("%s gets its sentence", (_, raw, sentence) => {
  expect(explain(raw, place)).toMatch(sentence);
});

it("an error of the user's own step is left as it is", () => {
  expect(
    explain(`process "/bin/sh -c make" did not complete successfully: exit code: 2`, place),
  ).toBeUndefined();
});

it("a host that isn't the image's own registry is named, and not blamed on the registry", () => {
  const hub =
    "docker.io/library/alpine:3: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/alpine/manifests/3: 503 Service Unavailable";
  expect(explain(hub, place)).toMatch(/^registry-1\.docker\.io, which a base image or a download/);
  expect(explain(hub, { ...place, registry: "docker.io" })).toMatch(/^docker\.io isn't well/);
  const download =
    "failed to load cache key: invalid response status 403 for https://example.com/tool.tgz";
  expect(explain(download, place)).toMatch(/^example\.com, which/);
  const own = "unexpected status from PUT request to https://registry.example/v2/x: 403 Forbidden";
  expect(explain(own, place)).toMatch(/lack the right to push/);
});

it("a path that sounds like an error is none", () => {
  const raw = `failed to compute cache key: "/unauthorized.txt": not found`;
  expect(explain(raw, place)).toBeUndefined();
  const interpreter = "exec user process caused: no such file or directory";
  expect(explain(interpreter, place)).toBeUndefined();
});

it("given credentials are renewed where they were given", () => {
  const text = explain("401 Unauthorized", { ...place, credentials: "given" });
  expect(text).toContain("renew image.registry.password");
});

describe("tags", () => {
  it("a cache tag tells apps, stacks and platforms apart, and fits the grammar", () => {
    expect(cacheTag("web", "dev", "linux/arm/v7")).toBe("cache-web-dev-linux-arm-v7");
    const long = cacheTag("a".repeat(200), "s", "linux/amd64");
    expect(long).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/);
    expect(long).not.toBe(cacheTag("a".repeat(201), "s", "linux/amd64"));
    const [one, two] = [
      cacheTag("web", "dev-eu", "linux/amd64"),
      cacheTag("web-dev", "eu", "linux/amd64"),
    ];
    expect(one).toMatch(/^cache-web-dev-eu-linux-amd64-[0-9a-f]{8}$/);
    expect(one).not.toBe(two);
    expect(cacheTag("a/b", "s", "linux/amd64")).not.toBe(cacheTag("a-b", "s", "linux/amd64"));
  });

  it("a content tag depends on the digests and on nothing else", () => {
    const one = contentTag({ "linux/amd64": "sha256:1", "linux/arm64": "sha256:2" });
    expect(one).toBe(contentTag({ "linux/arm64": "sha256:2", "linux/amd64": "sha256:1" }));
    expect(one).not.toBe(contentTag({ "linux/amd64": "sha256:2", "linux/arm64": "sha256:1" }));
    expect(one).toMatch(/^sha-[0-9a-f]{24}$/);
  });
});
