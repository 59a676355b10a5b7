import { parseObject } from "./attempt";
import { credentialsFor, dockerLogins, keyOf, runHelper } from "./credentials";
import { credentialsKey } from "./reference";

/** A login that the docker-build provider can't use although Docker's client can, or the lack of one. */
export interface LoginProblem {
  readonly what: string;
  /** Docker's client can't log in either, so the build only works if the registry requires no login. */
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

/** Why the docker-build provider, which only uses names with passwords, pushes without the login that Docker stored for a registry. */
export async function loginProblem(registry: string): Promise<LoginProblem | undefined> {
  const key = credentialsKey(registry);
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
  const { environment, credHelpers, credsStore } = dockerLogins();
  if (!credsStore || environment.has(key) || key in credHelpers) return undefined;
  const { ok, stdout } = await runHelper(credsStore, "list");
  const listed = Object.keys(parseObject(stdout) ?? {}).map(keyOf);
  return ok && listed.includes(key)
    ? undefined
    : problem(`docker-credential-${credsStore} does not list its login for ${registry}, ${cannot}`);
}
