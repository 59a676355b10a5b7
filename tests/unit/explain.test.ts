import { parseRecord } from "../../components/builders/history";
import { explain, type ErrorPlace } from "../../components/image/explain";
import { cacheTag, contentTag } from "../../components/image/cache";

const place: ErrorPlace = {
  subject: "linux/arm64",
  builder: "big",
  registry: "registry.example",
  credentials: "stored",
  path: (field) => `image.${field}`,
};

const push = "failed to solve: failed to push registry.example/team/web";

// Raw texts that were captured: what the provider 0.0.22, buildx 0.38, BuildKit 0.34 and distribution 3.1 said when the fault was
// provoked. Hosts, paths and digests are shortened. tests/engine/explained.test.ts provokes some of them each time.
const captured: [string, string, RegExp][] = [
  [
    "a base image without the platform",
    "failed to solve: registry.example/busybox:1: failed to resolve source metadata for registry.example/busybox:1: no match for platform in manifest: not found",
    /base image doesn't exist for linux\/arm64/,
  ],
  [
    "a base image that isn't there",
    "failed to solve: registry.example/x: failed to resolve source metadata for registry.example/x:latest: registry.example/x:latest: not found",
    /base image can't be pulled: it doesn't exist/,
  ],
  [
    "several platforms and the docker driver",
    "Multi-platform build is not supported for the docker driver.\nSwitch to a different driver, or turn on the containerd image store, and try again.",
    /set image\.builder to \{ name: "multi", driver: "docker-container" \}/,
  ],
  [
    "a push by digest and the docker driver",
    "push-by-digest is currently not implemented for docker driver, please create a new builder instance",
    /uses the docker driver/,
  ],
  [
    "a cache and the docker driver",
    "Cache export is not supported for the docker driver.",
    /uses the docker driver/,
  ],
  [
    "the docker exporter",
    "docker exporter does not currently support exporting manifest lists",
    /driver: "docker-container"/,
  ],
  [
    "the docker exporter, to a file",
    "docker exporter does not support exporting manifest lists, use the oci exporter instead",
    /driver: "docker-container"/,
  ],
  [
    "a connection that is cut in each try",
    `${push}: failed to copy: failed to do request: Put "https://registry.example/v2/team/web/blobs/uploads/01a2?digest=sha256%3Afe3a": readfrom tcp 127.0.0.1:58298->127.0.0.1:33935: write tcp 127.0.0.1:58298->127.0.0.1:33935: write: connection reset by peer`,
    /the connection from builder "big" to registry\.example broke in the middle of a push/,
  ],
  [
    "a connection that is cut in each try, where the connection was closed before it was written to",
    `${push}: failed to copy: failed to do request: Put "https://registry.example/v2/team/web/blobs/uploads/01a2?digest=sha256%3Afe3a": readfrom tcp 127.0.0.1:58298->127.0.0.1:33935: write tcp 127.0.0.1:58298->127.0.0.1:33935: use of closed network connection`,
    /the connection from builder "big" to registry\.example broke in the middle of a push/,
  ],
  [
    "a registry without OCI images",
    `${push}: unknown: manifest invalid`,
    /refused the manifest of linux\/arm64: it takes no OCI images/,
  ],
  [
    "a registry without OCI images, in other words",
    `${push}: unsupported: unsupported media type`,
    /refused the manifest of linux\/arm64/,
  ],
  [
    "a cache manifest that is refused",
    "failed to solve: error writing manifest blob: unexpected status from PUT request to http://registry.example/v2/team/web/manifests/cache: 400 Bad Request",
    /image\.cache\.enabled/,
  ],
  ["expired credentials", `${push}: unauthorized`, /docker login registry\.example/],
  [
    "wrong credentials",
    `${push}: unauthorized: incorrect username or password`,
    /docker login registry\.example/,
  ],
  [
    "wrong credentials, from a registry without words",
    `${push}: unexpected status from POST request to http://registry.example/v2/team/web/blobs/uploads/: 401 Unauthorized`,
    /docker login registry\.example/,
  ],
  ["a right that is missing", `${push}: denied`, /lack the right to push/],
  [
    "a right that is missing, with the registry's reason",
    `${push}: denied: permission_denied: write_package`,
    /lack the right to push/,
  ],
  [
    "a right that is missing, from a registry without words",
    `${push}: unexpected status from POST request to http://registry.example/v2/team/web/blobs/uploads/: 403 Forbidden`,
    /lack the right to push/,
  ],
  ["a rate limit", `${push}: toomanyrequests`, /limits requests/],
  [
    "a registry that isn't well",
    `${push}: unexpected status from POST request to http://registry.example/v2/team/web/blobs/uploads/: 503 Service Unavailable`,
    /sends only what is missing/,
  ],
  [
    "a repository that isn't there",
    `${push}: unknown: repository name not known to registry`,
    /no such repository.*image\.registry\.repository/,
  ],
  [
    "a host that isn't",
    `${push}: failed to do request: Head "https://registry.example/v2/team/web/blobs/sha256:1": dial tcp: lookup registry.example on 10.0.0.1:53: no such host`,
    /image\.registry\.address/,
  ],
  [
    "a registry that doesn't run",
    `${push}: failed to do request: Head "http://registry.example/v2/team/web/blobs/sha256:1": dial tcp 127.0.0.1:5000: connect: connection refused`,
    /builder "big" can't reach registry\.example.*image\.registry\.address/,
  ],
];

// Written from documentation and from reports: Fargate, Lambda and older releases can't be had here, and these faults weren't provoked.
const documented: [string, string, RegExp][] = [
  [
    "a step without an emulator, in the words of an older runc",
    "standard_init_linux.go:228: exec user process caused: exec format error",
    /no emulator.*binfmt/,
  ],
  [
    "a base image without the platform, in Fargate's words",
    "image Manifest does not contain descriptor matching platform 'linux/amd64'",
    /base image doesn't exist/,
  ],
  [
    "a base image without the platform, in containerd's words",
    "failed to find a descriptor for platform",
    /base image doesn't exist/,
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
];

it.each([...captured, ...documented])("%s gets its sentence", (_, raw, sentence) => {
  expect(explain(raw, place)).toMatch(sentence);
});

// The provider tells a step's exit code only; what the step printed comes from the builder's history. Captured together.
it.each([
  [
    "a step of another architecture",
    `failed to solve: process "/riscv" did not complete successfully: exit code: 1`,
    "exec /riscv: exec format error",
    /^a step ran code of another architecture than linux\/arm64: .*no emulator.*binfmt/,
  ],
  [
    "a shell of another architecture",
    `failed to solve: process "/bin/sh -c true" did not complete successfully: exit code: 1`,
    "exec /bin/sh: exec format error",
    /^a step ran code of another architecture/,
  ],
  [
    "a crash of QEMU",
    `failed to solve: process "/bin/sh -c /crash; exit $?" did not complete successfully: exit code: 139`,
    "qemu: uncaught target signal 11 (Segmentation fault) - core dumped\nSegmentation fault",
    /^QEMU crashed .*comes and goes.*image\.builders/,
  ],
])("%s gets its sentence from what the step printed", (_, raw, printed, sentence) => {
  expect(explain(raw, place)).toBeUndefined();
  expect(explain(raw, place, printed)).toMatch(sentence);
});

it("what the user's own program prints is no error of the registry", () => {
  const raw = `failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2`;
  for (const printed of ["curl: (22) 403 Forbidden", "unauthorized:", "connection refused", "x509"])
    expect(explain(raw, place, printed)).toBeUndefined();
});

it("a registry that refuses an index is told apart from one that refuses images, with the way out for one platform", () => {
  // Captured from a registry that answers 400, and from one that answers 415.
  for (const end of [
    "400 Bad Request\nunknown: manifest invalid",
    "415 Unsupported Media Type\nunsupported",
  ]) {
    const raw = `creating: publish sha256:1 to registry.example/team/web:sha-1: failed commit on ref "index-sha256:1": unexpected status from PUT request to http://registry.example/v2/team/web/manifests/sha-1: ${end}`;
    expect(explain(raw, { ...place, subject: "the index web" })).toMatch(
      /it takes no indexes\. The image of one platform can do without: image\.index: false .*several can't be pushed there, for only an index/,
    );
  }
});

it("the builder's history says which step of which platform failed", () => {
  // What `docker buildx history inspect --format json` printed, shortened.
  const record = {
    Name: "app",
    Platform: ["linux/amd64"],
    Status: "failed",
    Error: {
      Code: 2,
      Message: `process "/riscv" did not complete successfully: exit code: 1`,
      Name: `[3/3] RUN ["/riscv"]`,
      Logs: ["exec /riscv: exec format error"],
    },
  };
  expect(parseRecord(JSON.stringify(record))).toEqual({
    message: record.Error.Message,
    platforms: ["linux/amd64"],
    printed: "exec /riscv: exec format error",
  });
  expect(parseRecord(JSON.stringify({ ...record, Error: undefined }))).toBeUndefined();
  expect(parseRecord("unknown command")).toBeUndefined();
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
