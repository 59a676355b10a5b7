import { existsSync, statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { type Checker, type Fields, isFields } from "../check";
import { show } from "../errors";
import { type BuilderArgs, BuilderDriver } from "./builderArgs";

/** Every field of BuilderArgs, and whether it means something only where a builder is made. A missing one fails to compile. */
const builderFields: Readonly<Record<keyof BuilderArgs, "always" | "making">> = {
  name: "always",
  driver: "always",
  endpoint: "making",
  tls: "making",
  driverOptions: "making",
  config: "making",
  installEmulators: "always",
};

const name = "a name that `docker buildx ls` shows";

/** Everything wrong with one builder's arguments that can be told without asking anybody. */
export function checkBuilder(check: Checker, builder: unknown, path: string): void {
  if (!check.plain(builder, path)) return;
  if (!isFields(builder)) {
    const wanted = grammar.test(String(builder)) ? String(builder) : "mybuilder";
    check.add(path, `must be an object, got ${show(builder)}`, `write { name: "${wanted}" }`);
    return;
  }
  if (!check.fields(builder, path, Object.keys(builderFields))) return;
  checkName(check, builder, `${path}.name`);
  check.flag(builder.installEmulators, `${path}.installEmulators`);
  if (builder.driver === undefined) return checkOnlyNamed(check, builder, path);
  if (!check.oneOf(builder.driver, `${path}.driver`, Object.values(BuilderDriver))) return;
  if (builder.driver === BuilderDriver.Remote) checkRemote(check, builder, path);
  else checkContainer(check, builder, path);
}

/** One name is one builder, so two entries that share it must say the same of it. */
export function checkSameBuilders(check: Checker, builders: Fields, path: string): void {
  const first = new Map<string, [string, unknown]>();
  for (const [platform, builder] of Object.entries(builders)) {
    if (!isFields(builder) || typeof builder.name !== "string") continue;
    // buildx takes "Multi" and "multi" for the same builder.
    const key = builder.name.toLowerCase();
    const other = first.get(key);
    if (other === undefined) first.set(key, [platform, builder]);
    else if (!isDeepStrictEqual(other[1], builder))
      check.add(
        `${path}["${platform}"]`,
        `describes builder ${show(builder.name)} otherwise than ${path}["${other[0]}"]`,
        "write the same in both, or give them two names",
      );
  }
}

/** buildx's own grammar. */
const grammar = /^[a-zA-Z][a-zA-Z0-9._-]*$/;

function checkName(check: Checker, builder: Fields, path: string): void {
  check.present(builder.name, path, `write ${name}`);
  if (!check.plainText(builder.name, path, name)) return;
  if (!grammar.test(builder.name)) {
    check.add(
      path,
      `${show(builder.name)} is no builder's name`,
      "write a letter, then letters, digits, dots, hyphens and underscores",
    );
  } else if (builder.driver !== undefined && builder.name.toLowerCase() === "default") {
    check.add(
      path,
      `"default" is the engine's own builder, which nobody makes`,
      "write another name",
    );
  }
}

/** A builder that must be there has nothing but a name. */
function checkOnlyNamed(check: Checker, builder: Fields, path: string): void {
  for (const [field, when] of Object.entries(builderFields)) {
    if (when === "always" || builder[field] === undefined) continue;
    check.add(
      `${path}.${field}`,
      `means nothing without ${path}.driver: a builder that is there is taken as it is`,
      `remove it, or write driver: "${field === "tls" ? BuilderDriver.Remote : BuilderDriver.DockerContainer}"`,
    );
  }
}

/** BuildKit's own addresses, each with the form of what follows the scheme. */
const addresses: Readonly<Record<string, RegExp>> = {
  tcp: /^([^/:@\s]+|\[[0-9a-fA-F:]+\]):\d+$/,
  ssh: /^([^/:@\s]+@)?[^/:@\s]+(:\d+)?(\/\S*)?$/,
  unix: /^\/\S+$/,
  npipe: /^\/\/\S+$/,
  "docker-container": /^[^/\s]+$/,
  "kube-pod": /^[^/\s]+$/,
};

const remoteExample = "tcp://host:1234, ssh://user@host or unix:///run/buildkit/buildkitd.sock";

function checkRemote(check: Checker, builder: Fields, path: string): void {
  const at = `${path}.endpoint`;
  for (const field of ["driverOptions", "config"]) {
    if (builder[field] === undefined) continue;
    check.add(
      `${path}.${field}`,
      "means nothing with the driver remote: that BuildKit was started by somebody else",
      "remove it",
    );
  }
  if (builder.endpoint === undefined)
    check.add(
      at,
      "is missing: a remote builder is reached by its address",
      `write ${remoteExample}`,
    );
  const scheme = checkEndpoint(check, builder.endpoint, at, Object.keys(addresses), remoteExample);
  checkTls(check, builder, path, scheme);
  if (builder.installEmulators === true && scheme !== undefined && scheme !== "unix") {
    check.add(
      `${path}.installEmulators`,
      "can't be done for a remote builder elsewhere: its machine's kernel is out of reach",
      "remove it, and run `docker run --privileged --rm tonistiigi/binfmt --install all` on that machine",
    );
  }
}

const engineExample = `a context's name, "ssh://user@host" or "tcp://host:2376"`;

function checkContainer(check: Checker, builder: Fields, path: string): void {
  if (builder.tls !== undefined) {
    check.add(
      `${path}.tls`,
      "is for the driver remote; an engine's certificates belong to a Docker context",
      "remove it, and name the context as endpoint (`docker context create`)",
    );
  }
  const at = `${path}.endpoint`;
  if (
    typeof builder.endpoint !== "string" ||
    !/^[a-zA-Z0-9][a-zA-Z0-9_.+-]*$/.test(builder.endpoint)
  )
    checkEndpoint(check, builder.endpoint, at, ["tcp", "ssh", "unix", "npipe"], engineExample);
  checkOptions(check, builder.driverOptions, `${path}.driverOptions`);
  checkFile(check, builder.config, `${path}.config`);
}

/** The address's scheme, where it is a good one. */
function checkEndpoint(
  check: Checker,
  value: unknown,
  path: string,
  schemes: readonly string[],
  example: string,
): string | undefined {
  if (!check.plainText(value, path, example)) return undefined;
  const [scheme, rest] = value.split(/:\/\/(.*)/s) as [string, string?];
  // A password isn't shown.
  const shown = show(value.replace(/:\/\/[^/]*@/, "://…@"));
  if (rest === undefined || !schemes.includes(scheme)) {
    check.add(path, `${shown} is no address of this driver`, `write ${example}`);
  } else if (!addresses[scheme]!.test(rest)) {
    const wanted = scheme === "tcp" ? "a host and a port" : "what the example has, and no password";
    check.add(path, `${shown} must hold ${wanted} after ${scheme}://`, `write ${example}`);
  } else return scheme;
  return undefined;
}

function checkTls(check: Checker, builder: Fields, path: string, scheme: string | undefined): void {
  const at = `${path}.tls`;
  if (!check.fields(builder.tls, at, ["ca", "certificate", "key", "serverName"])) return;
  const tls = builder.tls as Fields;
  if (scheme !== undefined && scheme !== "tcp")
    check.add(
      at,
      `means nothing for ${scheme}://`,
      "remove it, or write an endpoint tcp://host:1234",
    );
  check.present(tls.ca, `${at}.ca`, "name the authority's PEM file");
  for (const field of ["ca", "certificate", "key"]) checkFile(check, tls[field], `${at}.${field}`);
  for (const [one, other] of [
    ["certificate", "key"],
    ["key", "certificate"],
  ] as const) {
    if (tls[one] === undefined && tls[other] !== undefined)
      check.add(`${at}.${one}`, `is missing next to ${at}.${other}`, "name its PEM file");
  }
  check.plainText(tls.serverName, `${at}.serverName`, `"buildkit.example.com"`);
}

/** What `tls` says of a remote builder in words of its own. */
const tlsOptions = ["cacert", "cert", "key", "servername"];

function checkOptions(check: Checker, options: unknown, path: string): void {
  if (!check.textMap(options, path, `{ network: "host" }`)) return;
  for (const [option, value] of Object.entries(options)) {
    check.plain(value, `${path}.${option}`);
    if (!tlsOptions.includes(option)) continue;
    check.add(
      `${path}.${option}`,
      "is of the driver remote, where tls says it",
      'remove it, or write driver: "remote" and tls',
    );
  }
}

function checkFile(check: Checker, value: unknown, path: string): void {
  if (!check.plainText(value, path, "the path of a file")) return;
  if (existsSync(value) && statSync(value).isFile()) return;
  check.add(path, `there is no file ${show(value)}`, "write its path, relative to the program");
}
