import { execFile } from "node:child_process";

/** What a buildx builder can do, as `docker buildx inspect` says it. */
export type BuilderFacts =
  | {
      readonly state: "ready";
      readonly name: string;
      readonly driver: string;
      readonly platforms: readonly string[];
      /** The own platform of each node; what else a node offers is emulated. */
      readonly own: readonly string[];
    }
  /** No builder of that name on this machine. */
  | { readonly state: "missing"; readonly name: string }
  /** It is there, and doesn't answer. */
  | { readonly state: "unreachable"; readonly endpoint: string; readonly detail: string }
  /** Neither the Docker client nor buildx can be started here, so nothing can be told. */
  | { readonly state: "unknown"; readonly detail: string };

/** How long a builder may take to answer, in milliseconds. Starting the client takes its part of two seconds. */
const patience = 1500;

/** Asks a builder what it can do; the selected one where no name is given. Takes two seconds at most. */
export function inspectBuilder(name?: string): Promise<BuilderFacts> {
  const args = [
    "buildx",
    "inspect",
    ...(name === undefined ? [] : [name]),
    "--timeout",
    `${patience}ms`,
  ];
  return new Promise((resolve) => {
    execFile("docker", args, { timeout: patience + 500 }, (error, stdout, stderr) => {
      if (error === null) return resolve(parseInspect(stdout));
      const absent = /no builder "(.*)" found/.exec(stderr)?.[1];
      if (absent !== undefined) return resolve({ state: "missing", name: absent });
      // buildx tells of a silent builder by itself, within its own time: here the client is what is slow, on a busy machine.
      if (error.killed) {
        return resolve({ state: "unknown", detail: "docker took more than 2 seconds to answer" });
      }
      const detail = error.code === "ENOENT" ? "there is no docker command" : lastLine(stderr);
      return resolve({ state: "unknown", detail });
    });
  });
}

/** Reads what `docker buildx inspect` prints. It exits with 0 for a dead builder, so the status is what counts. */
export function parseInspect(text: string): BuilderFacts {
  const [head = "", ...nodes] = text
    .split(/^Nodes:$|^(?=Name: )/m)
    .filter((part) => part.trim() !== "");
  const field = (part: string, key: string) =>
    new RegExp(`^${key}:[ \\t]*(.*)$`, "m").exec(part)?.[1]?.trim() ?? "";
  const name = field(head, "Name");
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
      name,
      driver: field(head, "Driver"),
      platforms: [...new Set(offered.flat())],
      // BuildKit lists a node's own platform first; the emulated ones look just like it.
      own: offered.flatMap((platforms) => platforms.slice(0, 1)),
    };
  }
  const node = nodes[0] ?? "";
  return {
    state: "unreachable",
    endpoint: field(node, "Endpoint"),
    detail:
      field(node, "Error") ||
      field(head, "Error") ||
      `its status is ${field(node, "Status") || "unknown"}`,
  };
}

/** The 32-bit architectures that a 64-bit one runs without emulation. */
const ancestors: Readonly<Record<string, readonly string[]>> = {
  amd64: ["386"],
  arm64: ["arm"],
};

/** Whether one of the builder's nodes runs this platform's steps natively, by the nodes' own platforms. */
export function isNative(platform: string, own: readonly string[]): boolean {
  const architecture = (text: string) => text.split("/")[1] ?? "";
  const wanted = architecture(platform);
  return own
    .map(architecture)
    .some((node) => node === wanted || (ancestors[node]?.includes(wanted) ?? false));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
