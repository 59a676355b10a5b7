import type { Front, FrontHook } from "../../local/registryFront";

/** Who may use a registry. */
export interface Login {
  username: string;
  password: string;
}

/** `user:password` as Basic authentication and Docker's config.json have it. */
export const encodeLogin = ({ username, password }: Login): string =>
  Buffer.from(`${username}:${password}`).toString("base64");

/** From here on the front asks everybody for this login, as registries with a password file do. */
export function requireLogin(front: Front, login: Login): void {
  const refusal: ReturnType<FrontHook> = {
    status: 401,
    headers: {
      "www-authenticate": 'Basic realm="test registry"',
      "content-type": "application/json",
      "docker-distribution-api-version": "registry/2.0",
    },
    body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
  };
  front.intercept(({ headers }) =>
    headers.authorization === `Basic ${encodeLogin(login)}` ? undefined : refusal,
  );
}
