import { resolve } from "node:path";
import { BuilderDriver, type BuilderArgs } from "./builderArgs";
import { patience, type BuilderFacts } from "./facts";

/** The arguments of `docker buildx` that make a builder. It isn't selected (no `--use`): that is the user's own choice. */
export function createArguments(builder: BuilderArgs): string[] {
  const { tls } = builder;
  const options = {
    ...builder.driverOptions,
    // buildx takes absolute paths only, and reads them anew in every build.
    ...(tls && { cacert: resolve(tls.ca) }),
    ...(tls?.certificate !== undefined && { cert: resolve(tls.certificate) }),
    ...(tls?.key !== undefined && { key: resolve(tls.key) }),
    ...(tls?.serverName !== undefined && { servername: tls.serverName }),
  };
  return [
    "create",
    ...["--name", builder.name],
    ...["--driver", builder.driver!],
    ...Object.entries(options).flatMap(([key, value]) => ["--driver-opt", field(key, value)]),
    ...(builder.config === undefined ? [] : ["--buildkitd-config", resolve(builder.config)]),
    // A remote one is asked at once; the one that doesn't answer is told of by the next look at it.
    ...(builder.driver === BuilderDriver.Remote ? ["--timeout", `${patience}ms`] : []),
    ...(builder.endpoint === undefined ? [] : [builder.endpoint]),
  ];
}

/** One field of the comma-separated values that `--driver-opt` takes. */
function field(key: string, value: string): string {
  const text = `${key}=${value}`;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Driver and endpoint in words: `remote at tcp://10.0.0.5:1234`. */
export function inWords(
  driver: string | undefined,
  endpoints: readonly (string | undefined)[],
): string {
  const at = endpoints.filter(Boolean).join(", ");
  return `${driver || "docker"}${at && ` at ${at}`}`;
}

/** In which way a builder that is there isn't the one that is stated; undefined where it is, or nothing is stated. */
export function difference(facts: BuilderFacts, builder: BuilderArgs): string | undefined {
  if (!("driver" in facts) || builder.driver === undefined) return undefined;
  // "default" is a context that buildx replaces by the engine's address.
  const wanted = builder.endpoint === "default" ? undefined : builder.endpoint;
  const same = wanted === undefined || facts.endpoints.includes(wanted);
  if (facts.driver === builder.driver && same) return undefined;
  const stated = inWords(builder.driver, [wanted]);
  return `is there already as ${inWords(facts.driver, facts.endpoints)}, and stated as ${stated}`;
}
