import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Front, FrontReply } from "../../local/registryFront";
import { encodeLogin, type Login } from "./basicAuth";
import { environment } from "./harness";

/** What the token server was asked, and what it said. */
export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly status: number;
}

/** A token server, as Docker Hub, GHCR, GitLab, Quay and Harbor have one. */
export interface TokenServer {
  /** `https://localhost:PORT/token` */
  readonly realm: string;
  /** Everything since the last call. */
  takeRequests(): TokenRequest[];
  /** From here on new tokens are for this login alone. */
  require(login: Login): void;
  close(): Promise<void>;
}

const service = "registry of the tests";

/**
 * Starts a token server (https://distribution.github.io/distribution/spec/auth/token/), and has the front take nothing but its tokens, each
 * for what its scopes say.
 */
export async function startTokenServer(front: Front, first: Login): Promise<TokenServer> {
  let login = first;
  let requests: TokenRequest[] = [];
  const tokens = new Map<string, Set<string>>();

  const { key, certificate } = environment().registry;
  // By https: the provider's reading of the index refuses to be sent from a registry with TLS to plain http.
  const tls = { key: readFileSync(key), cert: readFileSync(certificate) };
  const server = https.createServer(tls, (request, response) => {
    const { method = "" } = request;
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => {
      const query = new URL(request.url ?? "/", "http://localhost").searchParams;
      const asked = method === "POST" ? new URLSearchParams(body) : query;
      const scopes = asked.getAll("scope").flatMap((text) => text.split(" "));
      const basic = request.headers.authorization === `Basic ${encodeLogin(login)}`;
      const form =
        asked.get("username") === login.username && asked.get("password") === login.password;
      const good = asked.get("service") === service && (method === "POST" ? form : basic);
      requests.push({ method, scopes, status: good ? 200 : 401 });
      const token = randomUUID();
      // `repository:team/web:pull,push` is two rights.
      if (good) tokens.set(token, new Set(scopes.flatMap((scope) => rightsOf(scope))));
      response.writeHead(good ? 200 : 401, { "content-type": "application/json" });
      const answer = { token, access_token: token, expires_in: 300 };
      response.end(JSON.stringify(good ? answer : { details: "incorrect username or password" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const realm = `https://localhost:${(server.address() as AddressInfo).port}/token`;

  front.intercept(({ method, path, headers }) => {
    const [, repository] = /^\/v2\/(.+)\/(?:blobs|manifests|tags|referrers)\//.exec(path) ?? [];
    const pulls = method === "GET" || method === "HEAD";
    const needed = repository && `repository:${repository}:${pulls ? "pull" : "push"}`;
    const [, token = ""] = /^Bearer (.+)$/.exec(headers.authorization ?? "") ?? [];
    const rights = tokens.get(token);
    if (rights && (!needed || rights.has(needed))) return undefined;
    const scope = repository && `repository:${repository}:${pulls ? "pull" : "pull,push"}`;
    return challenge(realm, scope);
  });

  return {
    realm,
    takeRequests: () => {
      const taken = requests;
      requests = [];
      return taken;
    },
    require: (next) => void (login = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function rightsOf(scope: string): string[] {
  const [, name, actions = ""] = /^(repository:.+):([a-z,*]+)$/.exec(scope) ?? [];
  return actions.split(",").map((action) => `${name}:${action}`);
}

function challenge(realm: string, scope: string | undefined): FrontReply {
  const wanted = scope === undefined ? "" : `,scope="${scope}"`;
  return {
    status: 401,
    headers: {
      "www-authenticate": `Bearer realm="${realm}",service="${service}"${wanted}`,
      "content-type": "application/json",
      "docker-distribution-api-version": "registry/2.0",
    },
    body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
  };
}
