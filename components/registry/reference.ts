/** An image reference in full: nothing in it is left to a default. */
export interface Reference {
  /** Host of the registry, with its port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path within the registry: `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string;
}

/** The reference, or what is wrong with the text: lower case, no full stop, to be put after the text itself. */
export type ParsedReference =
  | { readonly ok: true; readonly reference: Reference }
  | { readonly ok: false; readonly error: string };

const dockerHub = "docker.io";

/** Every name that Docker Hub goes by. */
const dockerHubNames: ReadonlySet<string> = new Set([
  dockerHub,
  "index.docker.io",
  "registry-1.docker.io",
]);

const hostPattern =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::([0-9]+))?$/i;
const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
/** The grammar of a tag (OCI distribution specification). */
export const tagPattern = /^\w[\w.-]{0,127}$/;
/** The one form of a digest that registries give. */
export const digestPattern = /^sha256:[a-f0-9]{64}$/;
const maximumLength = 255;

/**
 * Reads an image reference as Docker does: short names are Docker Hub's, and the first part is a host where it holds a
 * dot, a colon or a capital, or is `localhost`.
 * Grammar: https://pkg.go.dev/github.com/distribution/reference
 */
export function parseReference(text: string): ParsedReference {
  if (text === "") return wrong("is empty");
  if (/\s/.test(text)) return wrong("holds a space or a line break");
  if (/^[a-z]+:\/\//i.test(text))
    return wrong("starts with a scheme, which a reference has none of");
  if (/^[a-f0-9]{64}$/.test(text)) return wrong("is an image ID, not a reference");

  const [named, digest, ...more] = text.split("@") as [string, ...string[]];
  if (more.length > 0) return wrong("holds more than one @");
  if (digest !== undefined && !digestPattern.test(digest)) {
    return wrong("the digest must be sha256: and 64 hexadecimal digits in lower case");
  }

  const [registry, rest] = splitHost(named);
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) {
    return wrong(
      "the tag must be 1 to 128 letters, digits, dots, dashes and underscores, not starting with a dot or a dash",
    );
  }

  const host = hostPattern.exec(registry);
  if (Number(host?.[1] ?? 1) > 65535) return wrong(`${host?.[1]} is no port`);
  if (host === null || !isAddress(registry)) return wrong(`${registry} is no host of a registry`);
  if (path === "") return wrong("names no repository");
  if (path !== path.toLowerCase()) return wrong("the repository must be in lower case");
  if (!path.split("/").every((component) => componentPattern.test(component))) {
    return wrong(
      "the repository must be letters and digits, parted by a dot, one or two underscores, dashes or a slash",
    );
  }

  const repository = registry === dockerHub && !path.includes("/") ? `library/${path}` : path;
  if (`${registry}/${repository}`.length > maximumLength) {
    return wrong(`registry and repository are longer than ${maximumLength} characters`);
  }
  return {
    ok: true,
    reference: {
      registry,
      repository,
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
    },
  };
}

/** The registry that a text names as a reference, or undefined. */
export function registryIn(text: string): string | undefined {
  const parsed = parseReference(text);
  return parsed.ok ? parsed.reference.registry : undefined;
}

/** The reference in full: `docker.io/library/nginx:1.27@sha256:…`. */
export function printReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** `sha256:…` of a reference that ends with it. */
export function digestOf(reference: string): string {
  return reference.slice(reference.indexOf("@") + 1);
}

/** The host that answers for a registry: Docker Hub's is another than its name. */
export function registryHost(registry: string): string {
  return dockerHubNames.has(registry) ? "registry-1.docker.io" : registry;
}

/**
 * Whether an address and a reference name the same registry: Docker Hub has several names, and hosts are the same in any case. A single
 * word such as `registry` is not an address: in a reference, it is a part of Docker Hub.
 */
export function isSameRegistry(address: string, reference: string): boolean {
  const host = address.replace(/^https?:\/\/|\/.*$/g, "");
  if (!isHost(host)) return false;
  const [given, named] = [`${host}/any`, reference].map((text) =>
    registryHost(registryIn(text)?.toLowerCase() ?? ""),
  );
  return given === named;
}

/** A host by which a registry can be named in a reference. */
export function isHost(text: string): boolean {
  const parsed = parseReference(`${text}/any`);
  if (!parsed.ok || text.includes("/")) return false;
  const { registry, repository } = parsed.reference;
  return repository === (registry === "docker.io" ? "library/any" : "any");
}

/** Docker Hub's key in Docker's config.json. */
export const dockerHubKey = "https://index.docker.io/v1/";

/** The key under which Docker's config.json and credential helpers keep a registry's credentials. */
export function credentialsKey(registry: string): string {
  return dockerHubNames.has(registry) ? dockerHubKey : registry;
}

function splitHost(named: string): [registry: string, rest: string] {
  const slash = named.indexOf("/");
  const first = named.slice(0, Math.max(slash, 0));
  const isHost = first === "localhost" || /[.:A-Z]/.test(first);
  if (!isHost) return [dockerHub, named];
  return [dockerHubNames.has(first) ? dockerHub : first, named.slice(slash + 1)];
}

/** The grammar lets `[:::]` and `999.0.0.1` pass, which no registry can be asked at. */
function isAddress(host: string): boolean {
  return URL.canParse(`https://${host}`);
}

function wrong(error: string): ParsedReference {
  return { ok: false, error };
}
