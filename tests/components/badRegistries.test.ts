import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Image } from "../../components";
import { imageProblems } from "../../components/image/imageProblems";

// Addresses that a registry doesn't take, told before anything is registered. tests/components/badInput.test.ts holds the other fields.

const folder = mkdtempSync(join(tmpdir(), "multiarch-"));
const before = process.cwd();
beforeAll(() => {
  mkdirSync(join(folder, "app"));
  writeFileSync(join(folder, "app/Dockerfile"), "FROM scratch\n");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

type Registry = Record<string, unknown>;
const args = (registry: Registry) => ({ context: "app", platforms: ["linux/amd64"], registry });

/** An address and a repository, and what the one line of the error says. */
const table: [address: string | undefined, repository: string, error: string][] = [
  [
    "ghcr.io",
    "web",
    `registry.repository: "web" on ghcr.io needs an owner before it; write "OWNER/web"`,
  ],
  [
    "GHCR.io",
    "web",
    `registry.repository: "web" on ghcr.io needs an owner before it; write "OWNER/web"`,
  ],
  [
    undefined,
    "web",
    `registry.repository: "web" on Docker Hub needs a user or an organisation before it; write "user/web", or name another registry with registry.address`,
  ],
  [
    "docker.io",
    "web",
    `registry.repository: "web" on Docker Hub needs a user or an organisation before it; write "user/web"`,
  ],
  [
    "index.docker.io",
    "web",
    `registry.repository: "web" on Docker Hub needs a user or an organisation before it; write "user/web"`,
  ],
  [
    "registry-1.docker.io",
    "team/shop/web",
    `registry.repository: "team/shop/web" on Docker Hub has 3 parts, and a repository there has 2; write "team/shop-web"`,
  ],
  [
    undefined,
    "a/b/c/d",
    `registry.repository: "a/b/c/d" on Docker Hub has 4 parts, and a repository there has 2; write "a/b-c-d"`,
  ],
  [
    "registry.gitlab.com",
    "web",
    `registry.repository: "web" on registry.gitlab.com needs a group or a user before it; write "GROUP/web"`,
  ],
  [
    "quay.io",
    "web",
    `registry.repository: "web" on quay.io needs a namespace before it; write "NAMESPACE/web"`,
  ],
  [
    "public.ecr.aws",
    "web",
    `registry.repository: "web" on public.ecr.aws needs the registry's alias before it; write "ALIAS/web"`,
  ],
  [
    "acme.jfrog.io",
    "web",
    `registry.repository: "web" on Artifactory needs the repository's key before it; write "REPOSITORY-KEY/web"`,
  ],
  [
    "europe-west3-docker.pkg.dev",
    "web",
    `registry.repository: "web" on Artifact Registry needs a project and a repository before it; write "PROJECT/REPOSITORY/web"`,
  ],
  [
    "us-docker.pkg.dev",
    "images/web",
    `registry.repository: "images/web" on Artifact Registry needs a project before it; write "PROJECT/images/web"`,
  ],
  ["ghcr.io", "Team/Web", `registry.repository: "Team/Web": the repository must be in lower case`],
  ["ghcr.io", "team/web:1", `registry.repository: "team/web:1" holds a tag or a digest`],
  ["quay.io", "team//web", `registry.repository: "team//web": the repository must be`],
  [
    "https://quay.io",
    "team/web",
    `registry.address: "https://quay.io" must be a host, without a scheme or a path; write "quay.io"`,
  ],
  [
    "quay.io/team",
    "web",
    `registry.address: "quay.io/team" must be a host, without a scheme or a path; write "quay.io", and add "team" to the repository`,
  ],
  ["registry.gitlab.com", "", `registry.repository: must be a text that isn't empty`],
];

it.each(table)("%s/%s is told in one line, with the fix", (address, repository, error) => {
  let thrown: unknown;
  try {
    new Image("web", args({ ...(address && { address }), repository }) as never);
  } catch (caught) {
    thrown = caught;
  }
  expect(thrown).toBeInstanceOf(Error);
  const { message, stack } = thrown as Error;
  expect(message.startsWith(`web: ${error}`)).toBe(true);
  expect(message.split("\n")).toHaveLength(1);
  expect(stack).toBe(message);
});

it.each([
  [undefined, "alice/web"],
  ["ghcr.io", "owner/web"],
  ["ghcr.io", "owner/shop/web"],
  ["registry.gitlab.com", "group/project"],
  ["registry.gitlab.com", "group/sub/project/web/api"],
  ["quay.io", "team/web"],
  ["quay.io", "team/shop/web"],
  ["public.ecr.aws", "z1y2x3/shop/web"],
  ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "web"],
  ["acme.jfrog.io", "docker-local/web"],
  // The repository stands in the host.
  ["acme-docker-local.jfrog.io", "web"],
  ["europe-west3-docker.pkg.dev", "project/images/web"],
  ["europe-west3-docker.pkg.dev", "example.com/project/images/web"],
  ["acme.azurecr.io", "web"],
  ["localhost:5000", "web"],
  ["registry.example.com", "web"],
  ["harbor.example.com:8443", "project/web"],
])("%s/%s is as its registry takes it", (address, repository) => {
  const registry = { ...(address && { address }), repository };
  expect(imageProblems(args(registry), "image")).toEqual([]);
});

it("the path of the field is the user's own, in an App as in an Image", () => {
  const [problem] = imageProblems(args({ address: "ghcr.io", repository: "web" }), "image");
  expect(problem?.path).toBe("image.registry.repository");
});
