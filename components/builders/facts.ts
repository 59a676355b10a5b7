import { docker } from "../command";

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
      /** The own platform of each node; what else a node offers is emulated. */
      readonly own: readonly string[];
    })
  /** It is there and isn't running: the first build starts it. A remote one is never in this state. */
  | (Known & { readonly state: "stopped" })
  /** It is there, and doesn't answer. */
  | (Known & { readonly state: "unreachable"; readonly detail: string })
  /** No builder of that name on this machine. */
  | { readonly state: "missing"; readonly name: string }
  /** Neither the Docker client nor buildx can be started here, so nothing can be told. */
  | { readonly state: "unknown"; readonly detail: string };

/** How long a builder may take to answer, in milliseconds. */
export const patience = 1500;
/** How long Docker's client may take to start and to report it, in milliseconds. A busy machine needs seconds for that. */
const clientLimit = 10_000;

/** Asks a builder what it can do; the selected one where no name is given. */
export async function inspectBuilder(name?: string): Promise<BuilderFacts> {
  const named = name === undefined ? [] : [name];
  const asked = await docker(
    ["buildx", "inspect", ...named, "--timeout", `${patience}ms`],
    clientLimit,
  );
  if (asked.ok) return parseInspect(asked.stdout);
  const absent = /no builder "(.*)" found/.exec(asked.stderr)?.[1];
  if (absent !== undefined) return { state: "missing", name: absent };
  // buildx reports a silent builder by itself, so a late answer means that the client is slow.
  const detail = asked.late
    ? `docker took more than ${clientLimit / 1000} seconds to answer`
    : asked.detail;
  return { state: "unknown", detail };
}

/** Reads what `docker buildx inspect` prints. It exits with 0 for a dead builder, so the status is what counts. */
export function parseInspect(text: string): BuilderFacts {
  const [head = "", ...nodes] = text
    .split(/^Nodes:$|^(?=Name: )/m)
    .filter((part) => part.trim() !== "");
  const field = (part: string, key: string) =>
    new RegExp(`^${key}:[ \\t]*(.*)$`, "m").exec(part)?.[1]?.trim() ?? "";
  const known: Known = {
    name: field(head, "Name"),
    driver: field(head, "Driver"),
    endpoints: nodes.map((node) => field(node, "Endpoint")).filter(Boolean),
  };
  const running = nodes.filter((node) => field(node, "Status") === "running");
  if (running.length > 0) {
    // A star marks platforms that the user chose for a node.
    const offered = running.map((node) =>
      field(node, "Platforms")
        .split(",")
        .map((platform) => platform.trim().replace(/\*$/, ""))
        .filter(Boolean),
    );
    return {
      state: "ready",
      ...known,
      platforms: [...new Set(offered.flat())],
      // BuildKit lists a node's own platform first; the emulated ones look just like it.
      own: offered.flatMap((platforms) => platforms.slice(0, 1)),
    };
  }
  const error = nodes.map((node) => field(node, "Error")).find(Boolean) ?? field(head, "Error");
  const status = field(nodes[0] ?? "", "Status");
  // Only a remote builder has nobody who starts it. What has an error instead of a status can't be asked.
  if (error === "" && status !== "" && known.driver !== "remote")
    return { state: "stopped", ...known };
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

/** How a builder that offers a platform runs its steps. */
export const manner = (platform: string, own: readonly string[]): string =>
  isNative(platform, own) ? "natively" : "emulated by QEMU";

/** Whether one of the builder's nodes runs this platform's steps natively, by the nodes' own platforms. */
export function isNative(platform: string, own: readonly string[]): boolean {
  const architecture = (text: string) => text.split("/")[1] ?? "";
  const wanted = architecture(platform);
  return own
    .map(architecture)
    .some((node) => node === wanted || (ancestors[node]?.includes(wanted) ?? false));
}
