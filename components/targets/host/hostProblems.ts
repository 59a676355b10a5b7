import { isIP } from "node:net";
import { Checker, type Fields, isFields, isLater, under } from "../../check";
import { type Problem, show } from "../../errors";
import { architectures, parseArchitecture } from "../../platform";
import { hardeningFields, hardeningProblems } from "../hardening";
import { imageProblem } from "../targetImage";
import { HostRestart, HostStrategy, type HostTargetArgs } from "./hostArgs";
import { sshProblems } from "./sshProblems";

/** The fields, so that a misspelt one is told. A missing member fails to compile. */
const hostFields: Readonly<Record<keyof HostTargetArgs, true>> = {
  architecture: true,
  command: true,
  cpus: true,
  environment: true,
  extraHosts: true,
  health: true,
  memory: true,
  name: true,
  network: true,
  ports: true,
  image: true,
  ref: true,
  registry: true,
  release: true,
  restart: true,
  ssh: true,
  stopTimeout: true,
  strategy: true,
  user: true,
  volumes: true,
  ...hardeningFields,
};

/** What a value must be: the test, the words for it, and what to write instead. */
interface Rule {
  readonly allowed: string;
  readonly fix: string;
  readonly test: (value: unknown) => boolean;
}

// Control characters have no place in any of these, and would reach the host's shell and logs.
const text = (allowed: string, fix: string, pattern: RegExp): Rule => ({
  allowed,
  fix,
  test: (value) => typeof value === "string" && pattern.test(value),
});
const whole = (allowed: string, fix: string, least: number, most: number): Rule => ({
  allowed,
  fix,
  test: (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
});
const member = (values: readonly string[]): Rule => ({
  allowed: `one of ${values.map(show).join(", ")}`,
  fix: "choose one of these, or leave it out",
  test: (value) => values.includes(value as string),
});
const seconds = (least: number): Rule =>
  whole(`whole seconds from ${least} to 86400`, "give seconds such as 60", least, 86_400);

const rules = {
  architecture: {
    ...member(architectures),
    test: (value) => parseArchitecture(value) !== undefined,
  },
  port: whole("a whole number from 1 to 65535", "give a port such as 8080", 1, 65_535),
  address: {
    allowed: "an IP address",
    fix: 'write "127.0.0.1" for the host alone, or "0.0.0.0" for everybody',
    test: (value) => typeof value === "string" && isIP(value) !== 0,
  },
  source: text(
    "the name of a volume or an absolute path",
    'write "data" or "/srv/data"',
    /^(\/[^\0\r\n]*|[A-Za-z0-9][A-Za-z0-9_.-]+)$/,
  ),
  target: text("an absolute path in the container", 'write "/data"', /^\/[^\0\r\n]+$/),
  flag: {
    allowed: "true or false",
    fix: "write one of them",
    test: (value) => typeof value === "boolean",
  },
  restart: member(Object.values(HostRestart)),
  strategy: member(Object.values(HostStrategy)),
  httpPath: text('a path that starts with "/"', 'write "/health"', /^\/[\x21\x22\x24-\x7e]*$/),
  memory: whole(
    "a whole number of MiB, at least 6",
    "give MiB such as 256, or leave it out for no limit",
    6,
    2 ** 40,
  ),
  cpus: {
    allowed: "a number above 0",
    fix: "give processors such as 0.5, or leave it out for no limit",
    test: (value) => typeof value === "number" && value >= 0.01 && value <= 4096,
  },
  user: text(
    "a user such as 1000, node or 1000:1000",
    "name a user of the image",
    /^[A-Za-z0-9_][\w.-]*(:[\w.-]+)?$/,
  ),
  network: text(
    "the name of a network of the engine, other than host and none",
    "make one with `docker network create`, or leave it out",
    /^(?!(host|none)$)[A-Za-z0-9][\w.-]*$/,
  ),
  hostAddress: text(
    "an IP address or host-gateway",
    'write "host-gateway" for the host itself',
    /^(host-gateway|[0-9A-Fa-f.:]+)$/,
  ),
  words: {
    allowed: "a list of words, the first of them a program",
    fix: 'write ["node", "migrate.js"]',
    test: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      [...value].every(
        (word) => isLater(word) || (typeof word === "string" && !word.includes("\0")),
      ),
  },
} satisfies Record<string, Rule>;

/** Names that Docker takes and programs can read. */
const variableName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/**
 * Whether `--env-file` can't carry a value: it ends at a line break, and at 64 KiB. Such a value is exported to the client
 * that makes the container.
 */
export const isLong = (value: string): boolean => /[\r\n]/.test(value) || value.length > 16_000;

/** Names that can be exported by a shell, and that neither it nor the engine's client has a use for. */
const exportable = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const clientNames =
  /^(PATH|HOME|PWD|OLDPWD|IFS|ENV|TMPDIR|LANG|PPID|E?UID|OPT(IND|ARG|ERR)|SHELLOPTS|RANDOM|LINENO|PS[1-4]|(BASH|DOCKER|CONTAINERS?|REGISTRY|LC|LD|XDG|SSL|GO|OTEL)_?.*|.*_PROXY)$/i;

/**
 * Everything wrong with a host's arguments that can be told without asking anybody, with the paths of the user's own fields.
 * Values that are known later pass; they are checked again when they are known.
 * @param path how the user reaches them: `host` in an App, empty in a HostTarget alone
 */
export function hostProblems(args: unknown, path = ""): Problem[] {
  const checker = new Checker();
  if (!isFields(args)) {
    checker.add(path || "args", `must be an object, got ${show(args)}`, "write { } for defaults");
    return checker.problems;
  }
  // Within an App these are the App's.
  const alone = (field: string) => path === "" || !["image", "ref", "registry"].includes(field);
  checker.fields(args, path, Object.keys(hostFields).filter(alone));
  if (path === "") imageProblem(checker, args);
  const at = under(path);
  sshProblems(checker, args.ssh, at("ssh"));
  environmentProblems(checker, args.environment, at("environment"));
  containerProblems(checker, args, path);
  hardeningProblems(checker, args, at);
  if (path === "") registryProblems(checker, args.registry);
  return checker.problems;
}

/** Whoever pulls to the host; in an App that is the image's business. */
function registryProblems(checker: Checker, registry: unknown): void {
  if (!checker.fields(registry, "registry", ["address", "username", "password"])) return;
  checker.text(registry.address, "registry.address", `"ghcr.io"`);
  checker.text(registry.username, "registry.username", `"robot"`);
  checker.text(registry.password, "registry.password", "a token");
  if ((registry.username === undefined) !== (registry.password === undefined))
    checker.add(
      "registry",
      "has one of username and password",
      "give both, or neither to use the credentials stored on the host",
    );
}

/** Checks how a container runs on a machine, whoever brings it there. */
export function containerProblems(checker: Checker, args: Fields, path: string): void {
  const at = under(path);
  const check = (field: string, rule: Rule, value: unknown, needed = false) => {
    if (value === undefined || value === null) {
      if (needed) checker.add(at(field), `is missing: ${rule.allowed}`, rule.fix);
    } else if (!isLater(value) && !rule.test(value))
      checker.add(at(field), `must be ${rule.allowed}, got ${show(value)}`, rule.fix);
  };

  if (checker.plain(args.architecture ?? undefined, at("architecture")))
    check("architecture", rules.architecture, args.architecture);
  if (checker.plain(args.name ?? undefined, at("name")))
    checker.text(args.name, at("name"), `"web"`);
  check("restart", rules.restart, args.restart);
  check("memory", rules.memory, args.memory);
  check("cpus", rules.cpus, args.cpus);
  check("strategy", rules.strategy, args.strategy);
  check("command", rules.words, args.command);
  check("user", rules.user, args.user);
  check("network", rules.network, args.network);
  check("stopTimeout", seconds(0), args.stopTimeout);
  const release = args.release ?? undefined;
  if (checker.fields(release, at("release"), ["command", "timeout"])) {
    check("release.command", rules.words, release.command, true);
    check("release.timeout", seconds(1), release.timeout);
  }

  const ports = entries(checker, args.ports, at("ports"), ["container", "host", "address"]);
  ports.forEach((port, index) => {
    if (port === broken) return;
    check(`ports[${index}].container`, rules.port, port.container, true);
    check(`ports[${index}].host`, rules.port, port.host);
    check(`ports[${index}].address`, rules.address, port.address);
    const same = ports.findIndex((other) => clash(other, port));
    if (same < index)
      checker.add(
        at(`ports[${index}]`),
        `listens on port ${show(port.host ?? port.container)} of the host, as ports[${same}] does`,
        "give each a host port of its own",
      );
  });

  const volumes = entries(checker, args.volumes, at("volumes"), ["source", "target", "readOnly"]);
  volumes.forEach((volume, index) => {
    if (volume === broken) return;
    check(`volumes[${index}].source`, rules.source, volume.source, true);
    check(`volumes[${index}].target`, rules.target, volume.target, true);
    check(`volumes[${index}].readOnly`, rules.flag, volume.readOnly);
    const same = volumes.findIndex(
      ({ target }) => typeof target === "string" && target === volume.target,
    );
    if (same >= 0 && same < index)
      checker.add(
        at(`volumes[${index}].target`),
        `is ${show(volume.target)}, as that of volumes[${same}]`,
        "give each a target of its own",
      );
  });

  if (checker.textMap(args.extraHosts ?? undefined, at("extraHosts"), `{ db: "192.0.2.7" }`))
    for (const [hostname, address] of Object.entries(args.extraHosts as object))
      if (typeof address === "string")
        check(`extraHosts.${hostname}`, rules.hostAddress, address, true);

  const health = args.health ?? undefined;
  const healthFields = ["path", "port", "command", "seconds", "timeout"];
  if (!checker.fields(health, at("health"), healthFields)) return;
  check("health.path", rules.httpPath, health.path);
  check("health.port", rules.port, health.port);
  check("health.command", rules.words, health.command);
  check("health.seconds", seconds(0), health.seconds);
  check("health.timeout", seconds(1), health.timeout);
  const has = (field: string) => health[field] !== undefined && health[field] !== null;
  const kinds = ["path", "command", "seconds"].filter(has);
  if (kinds.length > 1)
    checker.add(
      at("health"),
      `has ${kinds.join(" and ")}, which are different checks`,
      `keep one of ${kinds.join(", ")}`,
    );
  if (has("path") && ports.length === 0)
    checker.add(
      at("health.path"),
      "needs a port to ask on, and there is none",
      `give ${at("ports")} the port that the program listens on`,
    );
  if (has("port") && !has("path"))
    checker.add(
      at("health.port"),
      "is used by a check by HTTP alone",
      `give ${at("health.path")} as well`,
    );
  else if (has("port") && typeof health.port === "number" && ports.length > 0)
    if (!ports.some(({ container }) => isLater(container) || container === health.port))
      checker.add(
        at("health.port"),
        `is ${show(health.port)}, which no entry of ${at("ports")} has as its container port`,
        `add it to ${at("ports")}`,
      );
}

/** Stands for an entry of a list that is no object, which was reported as such. */
const broken: Fields = {};

function entries(checker: Checker, value: unknown, path: string, known: string[]): Fields[] {
  if (!checker.list(value ?? undefined, path, `[{ ${known[0]}: … }]`)) return [];
  return (value as unknown[]).map((entry, index) =>
    checker.fields(entry ?? null, `${path}[${index}]`, known) ? (entry as Fields) : broken,
  );
}

/** The values are never shown: they may be secrets. */
function environmentProblems(checker: Checker, environment: unknown, path: string): void {
  // Its names must be known, or its secrets could not be masked.
  if (!checker.plain(environment ?? undefined, path)) return;
  if (!isFields(environment)) {
    checker.add(path, "must map names to texts", `write { LOG_LEVEL: "info" }`);
    return;
  }
  for (const [name, value] of Object.entries(environment)) {
    const field = `${path}.${name}`;
    if (!variableName.test(name))
      checker.add(
        field,
        "is no name of an environment variable",
        "use letters, digits and underscores, and no digit first",
      );
    else if (isLater(value)) continue;
    else if (typeof value !== "string" || value.includes("\0"))
      checker.add(field, `must be a text without NUL, got ${typeof value}`, "write it as a text");
    else if (isLong(value) && (!exportable.test(name) || clientNames.test(name)))
      checker.add(
        field,
        "has line breaks or is very long, which a variable of this name can't be",
        "use another name, of letters, digits and underscores",
      );
  }
}

/** Whether two ports of one host are the same, as far as that is known. */
export function clash(one: Fields, two: Fields): boolean {
  if (one === two) return true;
  const [first, second] = [one.host ?? one.container, two.host ?? two.container];
  if (typeof first !== "number" || first !== second) return false;
  const addresses = [one.address ?? "127.0.0.1", two.address ?? "127.0.0.1"];
  return addresses[0] === addresses[1] || addresses.some((at) => at === "0.0.0.0" || at === "::");
}
