import * as fc from "fast-check";
import { Registry } from "../../components/registry/client";
import {
  credentialsKey,
  isSameRegistry,
  parseReference,
  printReference,
  registryHost,
} from "../../components/registry/reference";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

function print(text: string): string {
  const parsed = parseReference(text);
  return parsed.ok ? printReference(parsed.reference) : `error: ${parsed.error}`;
}

describe("a reference is normalised as Docker does", () => {
  test.each([
    ["nginx", "docker.io/library/nginx"],
    ["nginx:1.27", "docker.io/library/nginx:1.27"],
    ["team/web", "docker.io/team/web"],
    ["docker.io/nginx", "docker.io/library/nginx"],
    ["index.docker.io/nginx", "docker.io/library/nginx"],
    ["registry-1.docker.io/team/web:v1", "docker.io/team/web:v1"],
    ["localhost/web", "localhost/web"],
    ["localhost:5000", "docker.io/library/localhost:5000"],
    ["localhost:5000/web", "localhost:5000/web"],
    ["localhost:5000/team/web:V_1.0-rc", "localhost:5000/team/web:V_1.0-rc"],
    ["registry:5000/web", "registry:5000/web"],
    ["Registry/web", "Registry/web"],
    ["ghcr.io/owner/a/b/c", "ghcr.io/owner/a/b/c"],
    ["[::1]:5000/web", "[::1]:5000/web"],
    ["[2001:db8::1]/web", "[2001:db8::1]/web"],
    ["127.0.0.1:5000/web", "127.0.0.1:5000/web"],
    ["a--b/c__d.e-f_g", "docker.io/a--b/c__d.e-f_g"],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1.27@${digest}`, `docker.io/library/nginx:1.27@${digest}`],
    [
      `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@${digest}`,
      `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@${digest}`,
    ],
  ])("%s is %s", (text, expected) => {
    expect(print(text)).toBe(expected);
  });
});

describe("what is no reference says why", () => {
  test.each([
    ["", "is empty"],
    ["ng inx", "space"],
    ["nginx\n", "line break"],
    ["https://ghcr.io/web", "scheme"],
    ["0123456789abcdef".repeat(4), "image ID"],
    ["team/Web", "lower case"],
    ["nginx:", "tag must be"],
    ["nginx:-x", "tag must be"],
    [`nginx:${"x".repeat(129)}`, "tag must be"],
    ["nginx:a:b", "tag must be"],
    ["nginx@", "digest must be"],
    ["nginx@sha256:12", "digest must be"],
    [`nginx@${digest.toUpperCase()}`, "digest must be"],
    [`nginx@${digest.replace("256", "512")}`, "digest must be"],
    [`nginx@${digest}@${digest}`, "more than one @"],
    [`@${digest}`, "names no repository"],
    ["ghcr.io/", "names no repository"],
    ["team//web", "repository must be letters"],
    ["/web", "repository must be letters"],
    ["web/", "repository must be letters"],
    ["a___b", "repository must be letters"],
    ["a..b/c", "is no host"],
    ["-a.io/web", "is no host"],
    ["[::1/web", "is no host"],
    ["[:::]/web", "is no host"],
    ["localhost:port/web", "is no host"],
    ["localhost:65536/web", "is no port"],
    [`ghcr.io/${"a".repeat(248)}`, "longer than 255"],
    ["ärger", "repository must be letters"],
  ])("%j", (text, expected) => {
    expect(print(text)).toContain("error: ");
    expect(print(text)).toContain(expected);
  });

  test("255 characters are allowed, 128 in a tag", () => {
    expect(print(`ghcr.io/${"a".repeat(247)}:${"x".repeat(128)}`)).toMatch(/^ghcr/);
  });
});

const component = fc.stringMatching(/^[a-z0-9]{1,8}([._]|__|-{1,3})?[a-z0-9]{1,8}$/);
const reference = fc
  .record({
    registry: fc.constantFrom("docker.io", "index.docker.io", "localhost:5000", "ghcr.io", "[::1]"),
    path: fc.array(component, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined }),
    digest: fc.option(fc.constant(digest), { nil: undefined }),
  })
  .map(({ registry, path, ...rest }) =>
    printReference({ registry, repository: path.join("/"), ...rest }),
  );

describe("for every text", () => {
  const anything = fc.oneof(
    reference,
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^[a-zA-Z0-9.:/@_[\]-]{0,30}$/),
  );

  test("parsing never throws, and what it takes is printed to what parses to the same", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseReference(text);
        if (!parsed.ok) expect(parsed.error).not.toBe("");
        else expect(parseReference(printReference(parsed.reference))).toEqual(parsed);
      }),
      { numRuns: 1000 },
    );
  });

  test("a well-formed reference is taken", () => {
    fc.assert(fc.property(reference, (text) => parseReference(text).ok));
  });

  test("a registry can be asked for whatever is taken", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseReference(text);
        if (!parsed.ok) return;
        const { registry, repository, tag, digest } = parsed.reference;
        expect(new Registry(text)).toMatchObject({
          name: `${registry}/${repository}`,
          repository,
          target: digest ?? tag ?? "latest",
        });
      }),
      { numRuns: 1000 },
    );
  });
});

test("Docker Hub answers at another host than its name, and its credentials have their own key", () => {
  expect(registryHost("docker.io")).toBe("registry-1.docker.io");
  expect(registryHost("ghcr.io")).toBe("ghcr.io");
  expect(credentialsKey("docker.io")).toBe("https://index.docker.io/v1/");
  expect(credentialsKey("localhost:5000")).toBe("localhost:5000");
});

test.each([
  ["ghcr.io", "ghcr.io/team/web", true],
  ["GHCR.io", "ghcr.io/team/web", true],
  ["https://ghcr.io", "ghcr.io/team/web", true],
  ["docker.io", "nginx", true],
  ["index.docker.io", "docker.io/team/web", true],
  ["https://index.docker.io/v1/", "team/web", true],
  ["registry-1.docker.io", "registry-1.docker.io/team/web", true],
  ["localhost:5000", "localhost:5000/web", true],
  ["localhost:5000", "localhost:5001/web", false],
  ["localhost", "localhost:5000/web", false],
  ["ghcr.io", "ghcr.io.example.com/team/web", false],
  ["ghcr.io", "ghcr.io:444/team/web", false],
  ["ghcr.io", "team/web", false],
  ["docker.io", "ghcr.io/docker.io/web", false],
  ["", "ghcr.io/team/web", false],
  ["registry", "docker.io/team/web", false],
  ["myreg/team", "team/web", false],
  ["ghcr.io", "", false],
  ["", "", false],
])("credentials for %j may be used for %j: %j", (address, reference, same) => {
  expect(isSameRegistry(address, reference)).toBe(same);
});
