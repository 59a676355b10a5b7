import { docker } from "../command";
import { parseObject } from "../registry/attempt";

/** A builder that this machine knows. */
interface Known {
  readonly name: string;
  readonly driver: string;
  /** Where each of its nodes is. */
  readonly endpoints: readonly string[];
}

/** What a buildx builder can do, as `docker buildx inspect` says it. */
export type BuilderFacts =
  | (Known & {
      readonly state: "ready";
      readonly platforms: readonly string[];
      /** The own platform of each node. Steps for others may need emulation. */
      readonly own: readonly string[];
      /** Whether it stands in for the selected builder, which is Docker's own. */
      readonly instead?: boolean;
    })
  /** It is there and isn't running: the first build starts it. A remote one is never in this state. */
  | (Known & { readonly state: "stopped" })
  /** It is there, and doesn't answer. */
  | (Known & { readonly state: "unreachable"; readonly detail: string })
  /** No builder of that name on this machine. */
  | { readonly state: "missing"; readonly name: string }
  /** No builder is set, selected or running: the build starts one in a container. */
  | { readonly state: "new" }
  /** The Docker client or buildx can't be started here, so the builder is unknown. */
  | { readonly state: "unknown"; readonly detail: string };

/** The facts of a builder that has a name. */
type NamedFacts = Exclude<BuilderFacts, { state: "new" }>;

/** What happens without `builder`, in the words of the documentation. */
export const withoutBuilder = {
  instead: "the first running builder by name (the selected one is Docker's own)",
  new: "no builder is running, so `pulumi up` starts a new builder in a container, which stays on this machine",
} as const;

/** How long a builder may take to answer, in milliseconds. On a busy machine, one that runs needs seconds. */
export const patience = 5000;
/** How long Docker's client may take to start and to report it, in milliseconds. A busy machine needs seconds for that. */
const clientLimit = 15_000;

/** Asks a builder what it can do. Without a name: the one that a build without `builder` uses. */
export async function inspectBuilder(name: string): Promise<NamedFacts>;
export async function inspectBuilder(name?: string): Promise<BuilderFacts>;
export async function inspectBuilder(name?: string): Promise<BuilderFacts> {
  const what = name === undefined ? ["ls", "--format", "json"] : ["inspect", name];
  const asked = await docker(["buildx", ...what, "--timeout", `${patience}ms`], clientLimit);
  if (asked.ok) return name === undefined ? parseList(asked.stdout) : parseInspect(asked.stdout);
  const absent = /no builder "(.*)" found/.exec(asked.stderr)?.[1];
  if (absent !== undefined) return { state: "missing", name: absent };
  // buildx reports a silent builder by itself, so a late answer means that the client is slow.
  const detail = asked.late
    ? `docker took more than ${clientLimit / 1000} seconds to answer`
    : asked.detail;
  return { state: "unknown", detail };
}

/** A node of a builder. */
interface Node {
  readonly endpoint: string;
  readonly status: string;
  readonly error: string;
  readonly platforms: readonly string[];
}

/** Reads what `docker buildx inspect` prints. It exits with 0 for a dead builder, so the status is what counts. */
export function parseInspect(text: string): NamedFacts {
  const [head = "", ...nodes] = text
    .split(/^Nodes:$|^(?=Name: )/m)
    .filter((part) => part.trim() !== "");
  const field = (part: string, key: string) =>
    new RegExp(`^${key}:[ \\t]*(.*)$`, "m").exec(part)?.[1]?.trim() ?? "";
  return factsOf(
    field(head, "Name"),
    field(head, "Driver"),
    nodes.map((node) => ({
      endpoint: field(node, "Endpoint"),
      status: field(node, "Status"),
      error: field(node, "Error"),
      platforms: field(node, "Platforms").split(","),
    })),
    field(head, "Error"),
  );
}

/** The driver of Docker's own builder; buildx prints an empty one if its engine doesn't answer. */
const isDockers = (driver: string) => driver === "docker" || driver === "";

/**
 * Which builder a build without `builder` uses, from what `docker buildx ls --format json` prints. The rule is the provider's (host.go of
 * pulumi-docker-build 0.0.22), which does not read BUILDX_BUILDER: the selected builder; if that is Docker's own, the first running one by
 * name; if none runs, a new one in a container.
 */
export function parseList(text: string): BuilderFacts {
  const all = text.split("\n").flatMap((line) => {
    const { Name, Driver, Current, Err, Nodes } = parseObject(line) ?? {};
    if (typeof Name !== "string") return [];
    const nodes = (Array.isArray(Nodes) ? Nodes : []).map((node: Record<string, unknown>) => ({
      endpoint: String(node.Endpoint ?? ""),
      status: String(node.Status ?? ""),
      error: String(node.Err ?? ""),
      platforms: Array.isArray(node.Platforms) ? node.Platforms.map(String) : [],
    }));
    const facts = factsOf(Name, String(Driver ?? ""), nodes, String(Err ?? ""));
    const running = nodes.length > 0 && nodes.every(({ status }) => status === "running");
    return [{ facts, name: Name, own: isDockers(String(Driver ?? "")), current: Current, running }];
  });
  const selected = all.find(({ current }) => current === true);
  if (selected && !selected.own) return selected.facts;
  const [first] = all
    .filter(({ own, running }) => running && !own)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  if (first?.facts.state === "ready") return { ...first.facts, instead: true };
  // Without its engine, no container can be started either.
  return selected?.facts.state === "unreachable" ? selected.facts : { state: "new" };
}

function factsOf(
  name: string,
  driver: string,
  nodes: readonly Node[],
  failure: string,
): NamedFacts {
  const endpoints = nodes.map(({ endpoint }) => endpoint).filter(Boolean);
  const known: Known = { name, driver, endpoints };
  const running = nodes.filter(({ status }) => status === "running");
  if (running.length > 0) {
    // A star marks platforms that the user chose for a node.
    const offered = running.map(({ platforms }) =>
      platforms.map((platform) => platform.trim().replace(/\*$/, "")).filter(Boolean),
    );
    return {
      state: "ready",
      ...known,
      platforms: [...new Set(offered.flat())],
      // BuildKit lists a node's own platform first; the emulated ones look just like it.
      own: offered.flatMap((platforms) => platforms.slice(0, 1)),
    };
  }
  const error = nodes.map((node) => node.error).find(Boolean) ?? failure;
  const status = nodes[0]?.status ?? "";
  // Only a remote builder has nobody who starts it. What has an error instead of a status can't be asked.
  if (error === "" && status !== "" && driver !== "remote") return { state: "stopped", ...known };
  return {
    state: "unreachable",
    ...known,
    detail: error || `its status is ${status || "unknown"}`,
  };
}

/** The 32-bit architectures that a 64-bit one runs without emulation. */
const ancestors: Readonly<Record<string, readonly string[]>> = {
  amd64: ["386"],
  arm64: ["arm"],
};

/**
 * How a platform is built, in words that follow `building` or `builds`.
 *
 * @param on the builder
 * @param emulates whether steps of a foreign platform run; undefined if that is not known
 */
export function manner(
  platform: string,
  own: readonly string[],
  on = "",
  emulates?: boolean,
): string {
  if (isNative(platform, own)) return `${platform} natively${on}`;
  return `${platform}${on}${emulates === false ? "" : " (may need emulation)"}`;
}

/** Whether one of the builder's nodes runs this platform's steps natively, by the nodes' own platforms. */
export function isNative(platform: string, own: readonly string[]): boolean {
  const architecture = (text: string) => text.split("/")[1] ?? "";
  const wanted = architecture(platform);
  return own
    .map(architecture)
    .some((node) => node === wanted || (ancestors[node]?.includes(wanted) ?? false));
}
