import { shellWord } from "../quote";
import { ecrAddress } from "./ecr";

/** Registries that are known by their host, and what each asks of an address and of a login. */
interface RegistryKind {
  /** What messages call it. */
  readonly name: string;
  readonly host: Pick<RegExp, "test">;
  /** What stands before an image's own name, in their order: a word for it, and how it is written where it is missing. */
  readonly before: readonly (readonly [word: string, placeholder: string])[];
  /** Whether the image's own name may hold no slash. */
  readonly flat?: boolean;
  /** The command that logs in. */
  readonly login: (host: string) => string;
  /** What a user name and a password are there. */
  readonly user: string;
}

const docker = (host: string) => `docker login ${shellWord(host)}`;

/** The first that fits. What can be told by no host of its own (Harbor, Nexus, GitLab and Artifactory at home) is in docs/registries.md. */
const kinds: readonly RegistryKind[] = [
  {
    // https://docs.docker.com/docker-hub/repos/create/, https://docs.docker.com/security/access-tokens/
    name: "Docker Hub",
    host: /^((index|registry-1)\.)?docker\.io$/,
    before: [["a user or an organisation", "user"]],
    flat: true,
    login: () => "docker login",
    user: "the Docker ID and a personal access token that may read and write",
  },
  {
    // https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry
    name: "ghcr.io",
    host: /^ghcr\.io$/,
    before: [["an owner", "OWNER"]],
    login: docker,
    user: "a GitHub user and a personal access token (classic) with write:packages, in GitHub Actions GITHUB_TOKEN with `packages: write`",
  },
  {
    // https://docs.gitlab.com/user/packages/container_registry/#naming-convention-for-your-container-images,
    // https://docs.gitlab.com/user/packages/container_registry/authenticate_with_container_registry/
    name: "registry.gitlab.com",
    host: /^registry\.gitlab\.com$/,
    before: [["a group or a user", "GROUP"]],
    login: docker,
    user: "a deploy token with read_registry and write_registry and its user name, in GitLab CI CI_REGISTRY_USER and CI_REGISTRY_PASSWORD",
  },
  {
    // Names with further slashes: https://docs.redhat.com/en/documentation/red_hat_quay/3/html/configure_red_hat_quay/config-fields-nested-repositories
    // https://docs.redhat.com/en/documentation/red_hat_quay/3/html/use_red_hat_quay/allow-robot-access-user-repo
    name: "quay.io",
    host: /^quay\.io$/,
    before: [["a namespace", "NAMESPACE"]],
    login: docker,
    user: "a robot account, NAMESPACE+ROBOT, with write permission, and its token",
  },
  {
    // https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html,
    // https://docs.aws.amazon.com/AmazonECR/latest/public/docker-push-ecr-image.html
    name: "public.ecr.aws",
    host: /^public\.ecr\.aws$/,
    before: [["the registry's alias", "ALIAS"]],
    login: (host) =>
      `aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin ${host}`,
    user: "AWS and the token of that command, which lasts 12 hours",
  },
  {
    // https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
    name: "ECR",
    host: { test: (host) => ecrAddress(host) !== undefined },
    before: [],
    login: (host) =>
      `aws ecr get-login-password | docker login --username AWS --password-stdin ${host}`,
    user: "AWS and the token of that command, which lasts 12 hours",
  },
  {
    // A host NAME-REPOSITORY.jfrog.io stands for the repository by itself, so a dash in it tells nothing.
    // https://jfrog.com/help/r/jfrog-artifactory-documentation/docker-repository-url-formats
    name: "Artifactory",
    host: /^[^.-]+\.jfrog\.io$/,
    before: [["the repository's key", "REPOSITORY-KEY"]],
    login: docker,
    user: "a JFrog user who may deploy there, and an identity or access token",
  },
  {
    // https://cloud.google.com/artifact-registry/docs/docker/names,
    // https://cloud.google.com/artifact-registry/docs/docker/authentication
    name: "Artifact Registry",
    host: /^[a-z0-9-]+-docker\.pkg\.dev$/,
    before: [
      ["a project", "PROJECT"],
      ["a repository", "REPOSITORY"],
    ],
    login: (host) =>
      `gcloud auth print-access-token | docker login --username oauth2accesstoken --password-stdin ${host}`,
    user: "oauth2accesstoken and the token of that command, or _json_key and a service account's key",
  },
  {
    // https://learn.microsoft.com/azure/container-registry/container-registry-authentication
    name: "Azure Container Registry",
    host: /^[a-z0-9]+\.azurecr\.(io|cn|us)$/,
    before: [],
    login: (host) => `az acr login --name ${host.split(".")[0]}`,
    user: "a service principal with AcrPush and its password",
  },
];

/** What is wrong with a repository's path in a registry, as far as its host tells the rules; to be put after the path. */
export function pathProblem(
  host: string,
  path: string,
): { readonly what: string; readonly fix: string } | undefined {
  const kind = kindOf(host);
  if (kind === undefined) return undefined;
  const { name, before, flat = false } = kind;
  const parts = path.split("/");
  const lacking = before.slice(0, Math.max(0, before.length + 1 - parts.length));
  if (lacking.length > 0) {
    const words = lacking.map(([word]) => word).join(" and ");
    const good = [...lacking.map(([, placeholder]) => placeholder), path].join("/");
    return { what: `on ${name} needs ${words} before it`, fix: `write "${good}"` };
  }
  if (!flat || parts.length === before.length + 1) return undefined;
  const [owner, ...rest] = parts;
  return {
    what: `on ${name} has ${parts.length} parts, and a repository there has ${before.length + 1}`,
    fix: `write "${owner}/${rest.join("-")}"`,
  };
}

/** How one logs in to a registry: the command, and what user name and password are there, where that is known. */
export function howToLogIn(host: string): { readonly command: string; readonly user?: string } {
  const kind = kindOf(host);
  return kind === undefined
    ? { command: docker(host) }
    : { command: kind.login(host), user: kind.user };
}

function kindOf(host: string): RegistryKind | undefined {
  return kinds.find((kind) => kind.host.test(host.toLowerCase()));
}
