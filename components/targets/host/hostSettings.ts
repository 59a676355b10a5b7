import { createHash } from "node:crypto";
import type * as pulumi from "@pulumi/pulumi";
import { registryIn } from "../../registry/reference";
import type { CanonicalArchitecture } from "../../platform";
import { quote } from "../../quote";
import { spellings } from "../../registry/credentials";
import { HostRestart, HostStrategy, type HostArgs } from "./hostArgs";
import { isLong } from "./hostProblems";

/** What is released once every output is known: the arguments, and the image by its platform's digest. */
export type HostSettings = pulumi.Unwrap<Omit<HostArgs, "ssh">> & { image: string };

/** What an app is called on a host. */
export interface HostIdentity {
  /** The container's name, also that of the app's images: lower-case letters, digits and hyphens, at most 63. */
  readonly container: string;
  /** `project/stack/name`, the label by which the host's containers are known as this app's. */
  readonly owner: string;
  /** The component's name. */
  readonly name: string;
  /**
   * Which resource it is, the same after a rename of the stack, the project or the component: a release adopts the containers of its
   * resource, and of two resources of one name, in one program after another, each removes its own containers only.
   */
  readonly resource?: string;
}

/** The identity of component `name`: two that differ only in characters that no container may have share a name, not a label. */
export function hostIdentity(project: string, stack: string, name: string): HostIdentity {
  const full = `${project}-${stack}-${name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const hash = createHash("sha256").update(full).digest("hex").slice(0, 8);
  const container = full.length > 63 ? `${full.slice(0, 54).replace(/-$/, "")}-${hash}` : full;
  return { container, owner: `${project}/${stack}/${name}`, name };
}

const assign = (name: string, value: string | number): string => `${name}=${quote(String(value))}`;
/** A shell function that calls its arguments with these words after them: POSIX sh's way to have a list. */
const list = (name: string, words: readonly string[]): string =>
  `${name}() { ${['"$@"', ...words.map(quote)].join(" ")}; }`;
const lines = (name: string, words: readonly string[]): string =>
  `${name}() { ${words.length === 0 ? ":" : `printf '%s\\n' ${words.join(" ")}`}; }`;

function header(identity: HostIdentity, image: string): string[] {
  return [
    assign("name", identity.name),
    assign("app", identity.container),
    assign("owner", identity.owner),
    assign("resource", identity.resource ?? identity.owner),
    assign("image", image),
    assign("registry", registryIn(image) ?? "docker.io"),
    assign("pull_timeout", 1800),
    assign("lock_timeout", 900),
  ];
}

/** A setting in the text of an earlier release, if it is one that needs no escapes. */
export function recordedLine(text: string | undefined, name: string): string | undefined {
  return new RegExp(`^${name}='([^']*)'$`, "m").exec(text ?? "")?.[1];
}

/** The whole script if values that became known late are not valid: it prints the problems and fails, and contains no other value. */
export const refusalScript = (problems: string): string =>
  `printf '%s\\n' ${quote(problems)} >&2\nexit 1\n`;

/** Credentials for the pull. */
export interface PullCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * The settings of the `pull` script. The credentials are for the registry that the image's reference names.
 * @param credentials only over SSH, where the server passes no environment on; otherwise the environment contains them
 */
export function pullSettings(
  identity: HostIdentity,
  image: string,
  architecture: CanonicalArchitecture,
  credentials?: PullCredentials,
): string {
  return [
    ...header(identity, image),
    assign("architecture", architecture),
    ...(credentials
      ? [
          `export ${assign("MULTIARCH_REGISTRY_USERNAME", credentials.username)}`,
          `export ${assign("MULTIARCH_REGISTRY_PASSWORD", credentials.password)}`,
        ]
      : []),
    'with_secrets() { "$@" "$password"; }',
    "",
  ].join("\n");
}

/** What only a machine itself knows, or has. */
export interface MachineSettings {
  /** Further options of `docker create`. */
  readonly options?: readonly string[];
  /** Variables whose values stand in the environment of the script, under their name with `resolved_` before it. */
  readonly resolved?: readonly string[];
}

/**
 * The settings of the `release` and `remove` scripts.
 * @param secrets the values to mask in everything that is shown
 */
export function releaseSettings(
  identity: HostIdentity,
  args: HostSettings,
  secrets: readonly string[] = [],
  machine: MachineSettings = {},
): string {
  const ports = (args.ports ?? []).map((port) => ({ ...port, at: placeOf(port) }));
  const health = args.health ?? {};
  const kind = health.path ? "http" : health.command ? "command" : "running";
  const healthPort = health.port ?? ports[0]?.container ?? 0;
  const servesAt = ports.find((port) => port.container === healthPort)?.at ?? "";
  const healthTimeout = health.timeout ?? 60;
  const releaseTimeout = args.release ? (args.release.timeout ?? 600) : 0;
  const stopTimeout = args.stopTimeout ?? 10;
  const restart = args.restart ?? HostRestart.UnlessStopped;
  const variables = Object.entries(args.environment ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const long = variables.filter(([, value]) => isLong(value));
  const resolved = [...(machine.resolved ?? [])].sort();
  const optional = (option: string, value: string | number | undefined | null) =>
    value === undefined || value === null ? [] : [option, String(value)];
  const command = (words: readonly string[]) => ["$image", ...words];
  const withImage = (name: string, words: readonly string[]) =>
    list(name, command(words)).replace("'$image'", '"$image"');

  return [
    ...header(identity, args.image),
    // As long as the longest release that another run may be at.
    assign("lock_timeout", releaseTimeout + 2 * healthTimeout + 3 * stopTimeout + 300),
    assign("strategy", args.strategy ?? HostStrategy.Swap),
    assign("restart", restart),
    assign("ports", ports.map((port) => port.at).join(" ")),
    assign("serves_at", reachable(servesAt)),
    assign("health", kind),
    assign("health_path", health.path ?? ""),
    assign("health_port", healthPort),
    assign("health_seconds", health.seconds ?? 3),
    assign("health_timeout", healthTimeout),
    assign("stop_timeout", stopTimeout),
    assign("release_timeout", releaseTimeout),
    list("with_options", [
      ...[`--init${args.init === false ? "=false" : ""}`],
      ...["--label", `multiarch.app=${identity.owner}`],
      ...["--label", `multiarch.resource=${identity.resource ?? identity.owner}`],
      ...[...long.map(([name]) => name), ...resolved].flatMap((name) => ["--env", name]),
      ...(machine.options ?? []),
      ...(args.volumes ?? []).flatMap((volume) => ["--mount", mount(volume)]),
      ...hardeningOptions(args),
      ...optional("--memory", args.memory ? `${args.memory}m` : undefined),
      ...optional("--cpus", args.cpus),
      ...optional("--user", args.user),
      ...optional("--network", args.network),
      ...Object.entries(args.extraHosts ?? {}).flatMap((host) => ["--add-host", host.join(":")]),
    ]),
    list("with_service", [
      ...["--restart", restart],
      ...ports.flatMap((port) => ["--publish", `${port.at}:${port.container}`]),
    ]),
    list("with_candidate_ports", kind === "http" ? ["--publish", `127.0.0.1::${healthPort}`] : []),
    withImage("with_command", args.command ?? []),
    withImage("with_release_command", args.release?.command ?? []),
    list("with_health_command", health.command ?? []),
    lines(
      "environment_lines",
      variables.filter(([, v]) => !isLong(v)).map(([name, value]) => quote(`${name}=${value}`)),
    ),
    "with_long_environment() (",
    ...long.map(([name, value]) => `  export ${name}=${quote(value)}`),
    ...resolved.map((name) => `  export ${name}="$resolved_${name}"`),
    '  "$@"',
    ")",
    lines(
      "long_values",
      [...long.map(([name]) => name), ...resolved].map((name) => `"${name}=$${name}"`),
    ),
    list("with_secrets", spellings(secrets)).replace(
      /;? }$/,
      resolved.map((name) => ` "$resolved_${name}"`).join("") + "; }",
    ),
    "",
  ].join("\n");
}

/** What the container may do, in the words of `docker create`. */
function hardeningOptions(args: HostSettings): string[] {
  const { add, drop } = args.capabilities ?? {};
  return [
    ...(args.readOnlyRootFilesystem ? ["--read-only"] : []),
    ...(args.tmpfs ?? []).flatMap(({ target, size }) => [
      "--mount",
      csv(["type=tmpfs", `target=${target}`, `tmpfs-size=${size}m`]),
    ]),
    ...(drop ?? []).flatMap((name) => ["--cap-drop", name]),
    ...(add ?? []).flatMap((name) => ["--cap-add", name]),
    ...(args.noNewPrivileges ? ["--security-opt", "no-new-privileges"] : []),
    ...(typeof args.pidsLimit === "number" ? ["--pids-limit", String(args.pidsLimit)] : []),
  ];
}

/** Where a port listens: `127.0.0.1:8080`. An address that turns out to be no text is told by the script. */
function placeOf(port: NonNullable<HostSettings["ports"]>[number]): string {
  const address = String(port.address ?? "127.0.0.1");
  const ip = address.includes(":") ? `[${address}]` : address;
  return `${ip}:${port.host ?? port.container}`;
}

/** Where this machine itself reaches a port that listens on an address. */
function reachable(at: string): string {
  return at.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}

/** A folder that doesn't exist is an error with `--mount`, where `--volume` would create one. */
function mount(volume: NonNullable<HostSettings["volumes"]>[number]): string {
  return csv([
    `type=${volume.source.startsWith("/") ? "bind" : "volume"}`,
    `source=${volume.source}`,
    `target=${volume.target}`,
    ...(volume.readOnly ? ["readonly"] : []),
  ]);
}

/** Docker reads `--mount` as a line of CSV. */
function csv(fields: readonly string[]): string {
  return fields
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

/** The address to open: that of the port asked for health, else the first; empty where there is none. */
export function hostUrl(args: Pick<HostSettings, "ports" | "health">): string {
  const ports = args.ports ?? [];
  const asked = args.health?.port;
  const port = ports.find((candidate) => candidate.container === asked) ?? ports[0];
  return port === undefined ? "" : `http://${reachable(placeOf(port))}`;
}
