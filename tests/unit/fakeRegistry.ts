import { createHash } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";

export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  list: "application/vnd.docker.distribution.manifest.list.v2+json",
  schema2: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: Platform;
  annotations?: Record<string, string>;
}

/** Looks at a request first; true when it has answered. */
export type Intercept = (request: http.IncomingMessage, response: http.ServerResponse) => boolean;

export function sha256(body: string | Buffer): string {
  return `sha256:${createHash("sha256").update(body).digest("hex")}`;
}

/** A registry of one repository, `app`, that answers what it is told to and records what it was asked. */
export class FakeRegistry {
  readonly seen: { method: string; path: string; authorization: string | undefined }[] = [];
  readonly content = new Map<string, { type: string; body: string | Buffer }>();
  /** Bytes of bodies that went out, by path. What a client doesn't take isn't sent, but for what the network holds. */
  readonly served = new Map<string, number>();
  intercept: Intercept = () => false;
  host = "";
  readonly #server: http.Server;

  private constructor(tls?: { key: string; cert: string }) {
    const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      const path = request.url ?? "";
      const { authorization } = request.headers;
      this.seen.push({ method: request.method ?? "", path, authorization });
      if (this.intercept(request, response)) return;
      const found = this.content.get(path);
      if (found === undefined) {
        answer(response, 404, { errors: [{ code: "MANIFEST_UNKNOWN", message: "unknown" }] });
      } else {
        response.writeHead(200, { "content-type": found.type });
        if (request.method === "HEAD") response.end();
        else void this.#send(response, path, Buffer.from(found.body));
      }
    };
    this.#server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  }

  async #send(response: http.ServerResponse, path: string, body: Buffer): Promise<void> {
    const piece = 64 << 10;
    for (let at = 0; at < body.length && !response.destroyed; at += piece) {
      const chunk = body.subarray(at, at + piece);
      const wait = !response.write(chunk);
      this.served.set(path, (this.served.get(path) ?? 0) + chunk.length);
      if (wait)
        await new Promise<void>((resolve) => {
          const go = () => resolve(void response.off("drain", go).off("close", go));
          response.on("drain", go).on("close", go);
        });
    }
    response.end();
  }

  static async start(tls?: { key: string; cert: string }): Promise<FakeRegistry> {
    const registry = new FakeRegistry(tls);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    return registry;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  reference(target: string): string {
    return `${this.host}/app${target.startsWith("sha256:") ? "@" : ":"}${target}`;
  }

  /** Stores a manifest under its digest, and under a tag where one is given. */
  manifest(type: string, value: object, tag?: string): Descriptor {
    // Registries keep the very bytes: indented, as buildx writes them.
    const body = JSON.stringify(value, undefined, 2);
    for (const target of [sha256(body), ...(tag === undefined ? [] : [tag])]) {
      this.content.set(`/v2/app/manifests/${target}`, { type, body });
    }
    return { mediaType: type, digest: sha256(body), size: body.length };
  }

  blob(type: string, body: string | Buffer): Descriptor {
    this.content.set(`/v2/app/blobs/${sha256(body)}`, { type: "application/octet-stream", body });
    return { mediaType: type, digest: sha256(body), size: body.length };
  }

  /** An image of two layers (300 bytes together) whose config says the platform; its descriptor says it, too. */
  image(platform: Platform, options: { docker?: boolean; tag?: string; salt?: string } = {}) {
    const { docker = false, tag, salt = "" } = options;
    const config = this.blob(
      docker ? types.dockerConfig : types.config,
      JSON.stringify({ ...platform, config: { Cmd: ["/app", salt] }, rootfs: { type: "layers" } }),
    );
    const layer = docker ? types.dockerLayer : types.layer;
    const layers = [100, 200].map((size) => ({
      mediaType: layer,
      digest: sha256(`${platform.architecture} ${size}`),
      size,
    }));
    const mediaType = docker ? types.schema2 : types.manifest;
    const descriptor = this.manifest(
      mediaType,
      { schemaVersion: 2, mediaType, config, layers },
      tag,
    );
    return { ...descriptor, platform, total: config.size + 300 };
  }

  index(children: readonly Descriptor[], options: { docker?: boolean; tag?: string } = {}) {
    const mediaType = options.docker ? types.list : types.index;
    const manifests = children.map(({ mediaType, digest, size, platform, annotations }) => ({
      mediaType,
      digest,
      size,
      ...(annotations && { annotations }),
      ...(platform && { platform }),
    }));
    return this.manifest(mediaType, { schemaVersion: 2, mediaType, manifests }, options.tag);
  }

  /** What BuildKit pushes beside each image when provenance is on. */
  attestation(of: string): Descriptor {
    const config = this.blob(
      types.config,
      JSON.stringify({ os: "unknown", architecture: "unknown" }),
    );
    const layers = [{ mediaType: "application/vnd.in-toto+json", digest: sha256(of), size: 10 }];
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers };
    return {
      ...this.manifest(types.manifest, manifest),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.digest": of,
        "vnd.docker.reference.type": "attestation-manifest",
      },
    };
  }
}

/** A proxy that knows CONNECT only, leads wherever it is told to, and records what it was asked. */
export class FakeProxy {
  readonly seen: { target: string; authorization: string | undefined }[] = [];
  /** What it says to everybody. */
  status = 200;
  /** `host:port`. */
  host = "";
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behind: string, tls?: { key: string; cert: string }) {
    this.#server = tls ? https.createServer(tls) : http.createServer();
    this.#server.on("connection", (socket: Socket) => this.#sockets.add(socket));
    this.#server.on("connect", (request: http.IncomingMessage, socket: Socket) => {
      const authorization = request.headers["proxy-authorization"];
      this.seen.push({ target: request.url ?? "", authorization });
      if (this.status !== 200) return socket.end(`HTTP/1.1 ${this.status} No\r\n\r\n`);
      const [host, port] = behind.split(":");
      const back = connect(Number(port), host);
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(back).pipe(socket);
      socket.on("error", () => back.destroy()).on("close", () => back.destroy());
      return back.on("error", () => socket.destroy());
    });
  }

  /** @param behind where all tunnels lead, whatever they ask for */
  static async start(behind: string, tls?: { key: string; cert: string }): Promise<FakeProxy> {
    const proxy = new FakeProxy(behind, tls);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.host = `127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function answer(
  response: http.ServerResponse,
  status: number,
  body: object = {},
  headers: http.OutgoingHttpHeaders = {},
): true {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
  return true;
}

export function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
