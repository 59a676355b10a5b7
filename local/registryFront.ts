import http from "node:http";
import https from "node:https";
import net from "node:net";
import type { Duplex } from "node:stream";
import { isOwnConnection } from "./peer";

/** A request as a hook sees it, before anything of its body is read. */
export interface FrontRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** Whether it came by TLS. */
  readonly tls: boolean;
}

/** An answer given instead of the registry's. */
export interface FrontReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * What is to happen to a request: `undefined` sends it on, a reply is given instead, and `"cut"` breaks
 * the connection after the first piece of the body.
 */
export type FrontDecision = undefined | FrontReply | "cut";

/** Decides about each request. */
export type FrontHook = (request: FrontRequest) => FrontDecision | Promise<FrontDecision>;

/** What went through, one entry a request, in the order of arrival. */
export interface FrontRecord {
  readonly method: string;
  readonly path: string;
  readonly tls: boolean;
  /** Bytes of the request's body that arrived. */
  requestBytes: number;
  /** Bytes of the answer's body that were sent. */
  responseBytes: number;
  /** The answer's status; 0 while there is none, and for a connection that was cut. */
  status: number;
}

/** Settings of a front. */
export interface FrontOptions {
  /** Where to listen on loopback; 0 takes a free port. */
  readonly port: number;
  /** HOST:PORT or the path of the Unix socket of the server behind it, which speaks plain HTTP. */
  readonly upstream: string;
  /** PEM text. */
  readonly key: string;
  /** PEM text. */
  readonly cert: string;
  readonly onRequest?: FrontHook;
  /** Keeps a record of every request. @default true */
  readonly record?: boolean;
}

/** A running front. */
export interface Front {
  readonly port: number;
  /** `localhost:PORT` */
  readonly address: string;
  readonly records: readonly FrontRecord[];
  /** Replaces the hook for the requests to come. */
  intercept(hook: FrontHook | undefined): void;
  /** Empties the records and gives what they were. */
  takeRecords(): FrontRecord[];
  close(): Promise<void>;
}

/** The first byte of a TLS connection: a handshake record. */
const tlsHandshake = 0x16;

/**
 * Starts a proxy in front of a registry that answers plain HTTP and TLS on one port, because of the
 * clients of a registry on localhost some insist on the one and some on the other. Bodies are streamed.
 *
 * Only root and the user of this process can use it: connections of other users are closed, and requests of
 * browsers, which any web page can send, are refused.
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const records: FrontRecord[] = [];
  let hook = options.onRequest;
  const agent = new http.Agent({ keepAlive: true });
  const [host = "127.0.0.1", port = "5000"] = options.upstream.split(":");
  const upstream = options.upstream.startsWith("/")
    ? { socketPath: options.upstream }
    : { host, port };

  const answer = (tls: boolean) => async (req: http.IncomingMessage, res: http.ServerResponse) => {
    const request = {
      method: req.method ?? "GET",
      path: req.url ?? "/",
      headers: req.headers,
      tls,
    };
    const { method, path } = request;
    const entry: FrontRecord = { method, path, tls, requestBytes: 0, responseBytes: 0, status: 0 };
    if (options.record !== false) records.push(entry);
    req.on("error", () => {});
    res.on("error", () => {});
    const decision = await decide(request);
    req.on("data", (data: Buffer) => (entry.requestBytes += data.length));
    if (decision === "cut") {
      const cut = () => req.socket.destroy();
      req.once("data", cut).once("end", cut);
    } else if (decision) {
      // The body is read to its end, as a registry does: a client that still writes would see a reset.
      req.once("end", () => {
        entry.status = decision.status;
        entry.responseBytes = Buffer.byteLength(decision.body ?? "");
        res.writeHead(decision.status, decision.headers).end(decision.body);
      });
    } else {
      forward(req, res, entry);
    }
    req.resume();
  };

  // A mistake in a hook is an answer too: a request without one would hang.
  async function decide(request: FrontRequest): Promise<FrontDecision> {
    const { origin, "sec-fetch-site": site } = request.headers;
    if (origin ?? site) return { status: 403, body: "this port does not serve browsers\n" };
    try {
      return await hook?.(request);
    } catch (error) {
      return { status: 500, body: `the hook failed: ${String(error)}` };
    }
  }

  function forward(req: http.IncomingMessage, res: http.ServerResponse, entry: FrontRecord): void {
    const { method, url: path, rawHeaders } = req;
    const headers = rawHeaders; // As they came, Host included: the registry makes its locations from it.
    const up = http.request({ ...upstream, agent, method, path, headers: pairs(headers) });
    up.on("response", (response) => {
      entry.status = response.statusCode ?? 0;
      res.writeHead(entry.status, response.statusMessage, response.rawHeaders);
      response.on("data", (data: Buffer) => (entry.responseBytes += data.length));
      response.on("error", () => res.destroy());
      response.pipe(res);
    });
    up.on("error", (error) => {
      if (res.headersSent || res.destroyed) return void res.destroy();
      entry.status = 502;
      const code = "UNAVAILABLE";
      const message = `the registry behind this port does not answer: ${error.message}`;
      res.writeHead(502, { "content-type": "application/json" });
      res.end(JSON.stringify({ errors: [{ code, message }] }));
    });
    res.on("close", () => {
      if (!res.writableFinished) up.destroy();
    });
    req.pipe(up);
  }

  const plain = http.createServer((req, res) => void answer(false)(req, res));
  const secure = https.createServer(
    { key: options.key, cert: options.cert },
    (req, res) => void answer(true)(req, res),
  );
  for (const server of [plain, secure]) {
    server.requestTimeout = 0; // A layer may take as long as it takes.
    server.keepAliveTimeout = 60_000;
    server.on("clientError", (_error: Error, socket: Duplex) => socket.destroy());
  }
  secure.on("tlsClientError", () => {});

  const open = new Set<net.Socket>();
  const accept = (socket: net.Socket) => {
    if (!isOwnConnection(socket)) return void socket.destroy();
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    const sniff = () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return void socket.once("readable", sniff);
      socket.unshift(first);
      (first[0] === tlsHandshake ? secure : plain).emit("connection", socket);
    };
    sniff();
  };

  const servers = await listenOnLocalhost(options.port, accept);
  const taken = (servers[0]?.address() as net.AddressInfo).port;

  return {
    port: taken,
    address: `localhost:${taken}`,
    records,
    intercept: (next) => void (hook = next),
    takeRecords: () => records.splice(0),
    close: async () => {
      for (const socket of open) socket.destroy();
      agent.destroy();
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
}

/**
 * Listens on both addresses of `localhost`, for some clients try ::1 first. Without IPv6 there is only one; if another
 * process has the port of the other, it would get the requests of these clients.
 */
async function listenOnLocalhost(
  port: number,
  accept: (socket: net.Socket) => void,
): Promise<net.Server[]> {
  const server = await listen("127.0.0.1", port, accept);
  try {
    return [server, await listen("::1", (server.address() as net.AddressInfo).port, accept)];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") return [server];
    await new Promise((done) => server.close(done));
    if (port !== 0) throw error;
    return listenOnLocalhost(port, accept);
  }
}

function listen(
  host: string,
  port: number,
  accept: (socket: net.Socket) => void,
): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer(accept);
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Raw headers (name, value, name, value, …) as an object in which a repeated name has a list. */
function pairs(raw: readonly string[]): http.OutgoingHttpHeaders {
  const headers: Record<string, string[]> = {};
  for (let i = 0; i + 1 < raw.length; i += 2) {
    (headers[raw[i] as string] ??= []).push(raw[i + 1] as string);
  }
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values.length > 1 ? values : values[0]]),
  );
}
