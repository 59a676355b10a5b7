import type { FrontDecision, FrontRequest } from "./registryFront";

/**
 * ECR answers nothing without credentials of `getAuthorizationToken`, and the emulator's registry answers
 * everything: this makes a forgotten login fail as it would there. The API (`POST /`) passes.
 *
 * One client may read without: ministack's ECS, where the execution role would log in on AWS.
 */
export function likeEcr({ method, path, headers }: FrontRequest): FrontDecision {
  if (!/^\/v2(\/|$)/.test(path)) return undefined;
  const [scheme, encoded = ""] = (headers.authorization ?? "").split(" ");
  const login = Buffer.from(encoded, "base64").toString();
  if (scheme?.toLowerCase() === "basic" && /^AWS:./.test(login)) return undefined;
  const reads = method === "GET" || method === "HEAD";
  if (reads && /docker-sdk-python/.test(headers["user-agent"] ?? "")) return undefined;
  return {
    status: 401,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "docker-distribution-api-version": "registry/2.0",
      "www-authenticate": `Basic realm="https://${headers.host ?? "localhost"}/",service="ecr.amazonaws.com"`,
    },
    body: "Not Authorized\n",
  };
}
