import { parseObject } from "./attempt";
import { credentialsFor, dockerLogins, keyOf, runHelper } from "./credentials";
import { credentialsKey } from "./reference";

/** A login that the docker-build provider can't use although Docker's client can, or the lack of one. */
export interface LoginProblem {
  readonly what: string;
  /** Whether a push fails for certain. Otherwise it works if the registry needs no login, or accepts the other one. */
  readonly certain: boolean;
}

/**
 * Why the docker-build provider can't start. It lists the logins of Docker's default helper first, even if it needs none of them.
 * Docker's client never does. With DOCKER_AUTH_CONFIG, the provider ignores a failure.
 */
export async function helperProblem(): Promise<string | undefined> {
  const { credsStore } = dockerLogins();
  if (!credsStore || process.env.DOCKER_AUTH_CONFIG) return undefined;
  const { ok, failure } = await runHelper(credsStore, "list");
  return ok
    ? undefined
    : `the docker-build provider can't list the logins of Docker's credsStore "${credsStore}": ${failure}`;
}

/**
 * Why the docker-build provider would push without the login that it should use.
 *
 * @param given whether that is one from the arguments, not one that Docker stored
 */
export async function loginProblem(
  registry: string,
  given: boolean,
): Promise<LoginProblem | undefined> {
  const key = credentialsKey(registry);
  const { environment, credHelpers, credsStore } = dockerLogins();
  if (given && environment.has(key))
    return {
      what: `the docker-build provider uses the login for ${registry} in DOCKER_AUTH_CONFIG, not the credentials given`,
      certain: false,
    };
  if (given) return undefined;
  const { source, password, identityToken, registryToken } = await credentialsFor(registry, {});
  const login = `Docker's stored login for ${registry}`;
  const cannot = "which the docker-build provider can't use";
  const problem = (what: string) => ({ what, certain: true });
  if (identityToken) return problem(`${login} is an identity token, ${cannot}`);
  if (registryToken) return problem(`${login} is a registry token, ${cannot}`);
  if (!password)
    return source === "no credentials"
      ? undefined
      : { what: `${registry}: ${source}`, certain: false };
  if (!credsStore || environment.has(key) || key in credHelpers) return undefined;
  const { ok, stdout } = await runHelper(credsStore, "list");
  const listed = Object.keys(parseObject(stdout) ?? {}).map(keyOf);
  return ok && listed.includes(key)
    ? undefined
    : problem(`docker-credential-${credsStore} does not list its login for ${registry}, ${cannot}`);
}
