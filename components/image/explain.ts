import { shortLines } from "../errors";
import { shellWord } from "../quote";
import { howToLogIn } from "../registry/kinds";
import { registryHost } from "../registry/reference";

/** Where an error came up, for the sentence that explains it. */
export interface ErrorPlace {
  /** What was being made: `linux/arm64`, or `the index`. */
  readonly subject: string;
  /** The name of the builder, if it is known. */
  readonly builder?: string;
  /** The registry's host. */
  readonly registry: string;
  /** Whose credentials were used. */
  readonly credentials: "given" | "stored" | "aws";
  /** The user's fields, for the fixes. */
  readonly path: (field: string) => string;
}

interface Explanation {
  readonly pattern: RegExp;
  readonly say: (place: ErrorPlace) => string;
}

const emulator = "docker run --privileged --rm tonistiigi/binfmt --install all";

/** What a build's step prints when it isn't the step's own fault. */
const stepExplanations: readonly Explanation[] = [
  {
    pattern: /uncaught target signal (\d+|11)|qemu: uncaught/i,
    say: ({ subject, path }) =>
      `QEMU crashed while it emulated a step for ${subject}, which comes and goes: run it again; or build without ` +
      `emulation, with a native builder in ${path("builders")} or \`FROM --platform=$BUILDPLATFORM\` and a cross compiler`,
  },
  {
    pattern: /exec format error/i,
    say: ({ subject, builder }) =>
      `a step ran code of another architecture than ${subject}: ${who(builder)} has no emulator for it ` +
      `(register QEMU there with \`${emulator}\`), or the base image claims a platform that it doesn't hold`,
  },
  {
    pattern: /no space left on device/i,
    say: ({ builder }) =>
      `the disk of ${who(builder)} is full: ${freed(builder)}; ` +
      `where BuildKit lost track of what it wrote last and the disk stays full, only a new builder frees it`,
  },
];

/** The first that fits is said: what is special comes before what is general. */
const explanations: readonly Explanation[] = [
  {
    pattern:
      /not (supported|implemented|currently implemented) for (the )?docker driver|docker exporter does not/i,
    say: ({ builder, path }) =>
      `${who(builder)} uses the docker driver, which can't push images of this kind: ` +
      `set ${path("builder")} to { name: "multi", driver: "docker-container" }`,
  },
  {
    pattern:
      /does not contain descriptor matching platform|failed to find a descriptor for platform|no match for platform in manifest/i,
    say: ({ subject }) =>
      `a base image doesn't exist for ${subject}: \`docker buildx imagetools inspect\` shows the platforms of an image; ` +
      `take one that has it, or leave the platform out`,
  },
  {
    pattern: /media type for the source image|media type .* is not supported/i,
    say: () =>
      "the service takes one plain image of one platform: give it the platform's own digest, never the index",
  },
  {
    pattern:
      /manifest[ _]invalid|unsupported (manifest )?media ?type|unknown media type|415 |mediatype .*not (allowed|supported)/i,
    say: ({ registry, subject, path }) =>
      subject.startsWith("the index")
        ? `${registry} refused the manifest of ${subject}: it takes no indexes. The image of one platform can do without: ` +
          `${path("index")}: false where it is built here, ${path("ref")} where it was built elsewhere; several can't be pushed there, for only an index holds them under one reference: ` +
          `update the registry, or take another one`
        : `${registry} refused the manifest of ${subject}: it takes no OCI images. Update the registry, take another one, ` +
          `or put a registry that takes them in front of it`,
  },
  {
    pattern:
      /pull access denied|failed to (resolve|do) [^\n]*metadata[^\n]*(401|403|denied|unauthorized|: not found)/i,
    say: ({ path }) =>
      `a base image can't be pulled: it doesn't exist, or needs credentials (${path("pullCredentials")}, or \`docker login\` to its registry)`,
  },
  {
    pattern: /docker\.sock[^\n]*permission denied|permission denied[^\n]*docker\.sock/i,
    say: () =>
      "the user that runs Pulumi may not use the Docker engine: add it to the group docker, or set DOCKER_HOST",
  },
  {
    pattern: /error writing manifest blob|cache[^\n]*400 bad request|400 bad request[^\n]*cache/i,
    say: ({ registry, path }) =>
      `${registry} doesn't take caches as OCI images: set ${path("cache.enabled")} to false, or update the registry`,
  },
  {
    pattern:
      /status[^\n]*\b401\b|401 unauthorized|unauthorized:|failed to push [^\n]*: unauthorized|no basic auth credentials|authentication required/i,
    say: ({ registry, credentials, path }) =>
      `${registry} didn't accept ${whose(credentials, path)}: ${renew(registry, credentials, path)}`,
  },
  {
    pattern:
      /status[^\n]*\b403\b|403 forbidden|\bdenied: |failed to push [^\n]*: denied|insufficient_scope/i,
    say: ({ registry, credentials, path }) =>
      `${registry} refused what was asked with ${whose(credentials, path)}: they lack the right to push to this repository, ` +
      `or have expired: ${renew(registry, credentials, path)}`,
  },
  {
    pattern: /status[^\n]*\b429\b|too ?many ?requests/i,
    say: ({ registry }) =>
      `${registry} or the base image's registry limits requests: wait, or log in for a higher limit`,
  },
  {
    pattern: /status[^\n]*\b(500|502|503|504)\b|service unavailable|bad gateway/i,
    say: ({ registry }) =>
      `${registry} isn't well at the moment. Nothing was deployed; the next \`pulumi up\` sends only what is missing`,
  },
  {
    pattern: /failed to push [^\n]*(repository [^\n]*(does not exist|not known)|name unknown)/i,
    say: ({ registry, path }) =>
      `${registry} has no such repository, and makes none by itself: make it, or see ${path("registry.repository")}`,
  },
  {
    pattern: /no such host|lookup .* on |server misbehaving/i,
    say: ({ registry, path }) =>
      `the host name can't be resolved: check ${path("registry.address")} (${registry}), DNS and the network`,
  },
  {
    pattern: /x509|certificate signed by unknown authority|tls: /i,
    say: ({ registry }) =>
      `the certificate of ${registry} isn't trusted: name its authority to the builder (buildkitd.toml, registry.ca) and to ` +
      `Pulumi (SSL_CERT_FILE)`,
  },
  {
    pattern:
      /error reading from server: EOF|transport is closing|code = Unavailable|closing transport/i,
    say: ({ builder }) =>
      `the connection to ${who(builder)} broke: the builder was stopped or ran out of memory. ` +
      `\`docker buildx inspect --bootstrap${builder ? ` ${builder}` : ""}\` starts it again; then run \`pulumi up\` again`,
  },
  {
    pattern:
      /failed to push [^\n]*(connection reset|broken pipe|\bEOF\b|connection was closed|closed network connection)/i,
    say: ({ builder, registry }) =>
      `the connection from ${who(builder)} to ${registry} broke in the middle of a push, each time that BuildKit tried. Nothing was deployed; ` +
      `the next \`pulumi up\` sends only what is missing. Where it breaks again, see the limits of size and time of what lies between them`,
  },
  {
    pattern: /failed to push [^\n]*(connection refused|i\/o timeout|no route to host)/i,
    say: ({ builder, registry, path }) =>
      `${who(builder)} can't reach ${registry}: see that it runs, and that ${path("registry.address")} means the same where the ` +
      `builder is (in a container, localhost is the container)`,
  },
  {
    pattern: /context deadline exceeded|i\/o timeout|connection refused/i,
    say: ({ builder, registry }) =>
      `${who(builder)} or ${registry} doesn't answer: \`docker buildx inspect${builder ? ` ${builder}` : ""}\` tells of the builder`,
  },
  {
    pattern: /failed to (read|load) dockerfile|dockerfile parse error/i,
    say: ({ path }) => `the Dockerfile can't be read: see ${path("dockerfile")}`,
  },
];

/**
 * The sentence that explains a raw error of BuildKit, of a registry or of the provider; undefined where none fits. `printed` is
 * what the step that failed printed: the user's program may say anything there, so only what a step says of its platform or of
 * the disk is read in it.
 */
export function explain(raw: string, place: ErrorPlace, printed = ""): string | undefined {
  // A step's own command is the user's text, and may hold any word.
  const said = shortLines(raw).replace(/process "[^\n]*" did not/g, "a process did not");
  const other = otherHost(said, place.registry);
  if (other !== undefined && unreachable.test(said))
    return (
      `${other}, which a base image or a download comes from, can't be reached from ${who(place.builder)}: ` +
      `see its network, DNS and, where certificates are named, the authorities that it trusts (buildkitd.toml)`
    );
  if (other !== undefined)
    return (
      `${other}, which a base image or a download comes from, refuses or isn't well: wait and run it again, or give credentials for it ` +
      `(${place.path("pullCredentials")}, or \`docker login ${shellWord(other)}\`)`
    );
  const step = stepExplanations.find(({ pattern }) => pattern.test(`${said}\n${printed}`));
  return (step ?? explanations.find(({ pattern }) => pattern.test(said)))?.say(place);
}

const unreachable = /no such host|x509|connection refused|i\/o timeout|no route to host/;

/** The host that refused a request, or can't be reached, where that isn't the image's own registry. */
function otherHost(text: string, registry: string): string | undefined {
  const failed = text
    .split("\n")
    .find(
      (line) =>
        (/\b(401|403|429|50[0234])\b/.test(line) || unreachable.test(line)) &&
        /https?:\/\//.test(line),
    );
  // A token for a push is for the image's own registry, wherever its token server is.
  if (/[?&]scope=\S*push/.test(failed ?? "")) return undefined;
  const host = /https?:\/\/([^/\s"':-][^/\s"':]*(?::\d+)?)/.exec(failed ?? "")?.[1];
  if (host === undefined) return undefined;
  // Docker Hub's tokens come from a host of their own.
  const answers = registryHost(host === "auth.docker.io" ? "docker.io" : host);
  // A token server may be another host of the registry's own domain.
  const domain = (name: string) => name.replace(/:\d+$/, "").split(".").slice(-2).join(".");
  const own =
    answers === registryHost(registry) ||
    (/[?&]scope=/.test(failed!) && domain(host) === domain(registry));
  return own ? undefined : host;
}

/** What is said of a step that failed where its builder can't tell what it printed. */
export function withoutRecord(builder: string | undefined): string {
  return (
    `${who(builder)} kept no record of the step that failed, as one does whose disk is full (${freed(builder)}), or ` +
    "an old one: what the step printed is in the build's log alone"
  );
}

function freed(builder: string | undefined): string {
  return `\`docker buildx prune${builder ? ` --builder ${builder}` : ""}\` frees the build cache`;
}

function who(builder: string | undefined): string {
  return builder === undefined ? "the builder" : `builder "${builder}"`;
}

function whose(credentials: ErrorPlace["credentials"], path: ErrorPlace["path"]): string {
  if (credentials === "aws") return "the token that the AWS provider got";
  return credentials === "given"
    ? `the credentials of ${path("registry")}`
    : "the credentials that Docker stored here";
}

function renew(
  registry: string,
  credentials: ErrorPlace["credentials"],
  path: ErrorPlace["path"],
): string {
  const { command, user } = howToLogIn(registry);
  const what = user === undefined ? "" : ` (${user})`;
  if (credentials === "aws")
    return "it lasts 12 hours, and `pulumi up` takes a fresh one; the provider's role needs the rights to push (README, permissions)";
  return credentials === "given"
    ? `renew ${path("registry.password")}${what}`
    : `\`${command}\` renews them${what}, or give ${path("registry.username")} and ${path("registry.password")}`;
}
