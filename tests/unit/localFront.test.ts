import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { generate } from "selfsigned";
import { isOwnConnection } from "../../local/peer";
import { startFront, type Front, type FrontHook } from "../../local/registryFront";

let upstream: http.Server;
let front: Front;
let ca: string;
let seen: { method?: string; url?: string; host?: string; bytes: number }[];

beforeEach(async () => {
  seen = [];
  upstream = http.createServer((req, res) => {
    const entry = { method: req.method, url: req.url, host: req.headers.host, bytes: 0 };
    seen.push(entry);
    req.on("data", (data: Buffer) => (entry.bytes += data.length));
    req.on("end", () => {
      res.writeHead(201, { "docker-content-digest": "sha256:abc", "set-cookie": ["a=1", "b=2"] });
      res.end("created");
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const altNames = [{ type: 2 as const, value: "localhost" }];
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames }],
  });
  ca = pair.cert;
  front = await startFront({
    port: 0,
    upstream: `127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    key: pair.private,
    cert: pair.cert,
  });
});

afterEach(async () => {
  await front.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

interface Answer {
  status?: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

function request(scheme: "http" | "https", method = "GET", body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `${scheme}://${front.address}/v2/`;
    const options = { method, agent: false as const, timeout: 5_000 };
    const done = (res: http.IncomingMessage) => {
      let text = "";
      res.on("data", (data: Buffer) => (text += data.toString()));
      res.on("error", reject);
      res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: text }));
    };
    const req =
      scheme === "http"
        ? http.request(url, options, done)
        : https.request(url, { ...options, ca }, done);
    req.on("timeout", () => req.destroy(new Error("timeout")));
    req.on("error", reject);
    req.end(body);
  });
}

test.each(["http", "https"] as const)("one port answers %s", async (scheme) => {
  const answer = await request(scheme, "PUT", Buffer.alloc(300_000));
  expect(answer).toMatchObject({ status: 201, body: "created" });
  expect(answer.headers["docker-content-digest"]).toBe("sha256:abc");
  expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  expect(seen).toEqual([{ method: "PUT", url: "/v2/", host: front.address, bytes: 300_000 }]);
  expect(front.takeRecords()).toEqual([
    {
      method: "PUT",
      path: "/v2/",
      tls: scheme === "https",
      requestBytes: 300_000,
      responseBytes: 7,
      status: 201,
    },
  ]);
  expect(front.records).toEqual([]);
});

test.each<Record<string, string>>([
  { origin: "https://site.test" },
  { "sec-fetch-site": "cross-site" },
])("what a web page has a browser send (%j) is refused", async (headers) => {
  const answer = await fetch(`http://${front.address}/v2/`, { method: "POST", headers });
  expect(answer.status).toBe(403);
  expect(seen).toEqual([]);
});

test("a client that uses an IPv6 socket for an IPv4 address is recognized as this user", async () => {
  const socket = net.connect({ host: "::ffff:127.0.0.1", port: front.port });
  socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toContain("created");
});

test("a connection that nobody has open belongs to nobody", () => {
  const loopback = { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" };
  expect(isOwnConnection({ ...loopback, remotePort: 1, localPort: front.port })).toBe(false);
});

test("a port that another process has on one address of localhost is not shared with it", async () => {
  const other = net.createServer();
  await new Promise<void>((listening) => other.listen(0, "::1", listening));
  const { port } = other.address() as AddressInfo;
  const started = startFront({ port, upstream: "127.0.0.1:9", key: "", cert: "" });
  await expect(started).rejects.toThrow("EADDRINUSE");
  await new Promise((closed) => other.close(closed));
});

test("a hook answers instead of the registry, and can be taken off", async () => {
  front.intercept(() => ({ status: 503, headers: { "retry-after": "1" }, body: "later" }));
  const answer = await request("http", "PUT", Buffer.alloc(100_000));
  expect(answer).toMatchObject({ status: 503, body: "later" });
  expect(answer.headers["retry-after"]).toBe("1");
  expect(seen).toEqual([]);
  front.intercept(undefined);
  await expect(request("https")).resolves.toMatchObject({ status: 201 });
});

test.each(["http", "https"] as const)("a hook cuts a connection over %s", async (scheme) => {
  const hook: FrontHook = ({ method }) => (method === "PUT" ? "cut" : undefined);
  front.intercept(hook);
  await expect(request(scheme, "PUT", Buffer.alloc(2_000_000))).rejects.toThrow();
  await expect(request(scheme)).resolves.toMatchObject({ status: 201 });
  expect(front.records.map((record) => record.status)).toEqual([0, 201]);
});

test("a hook that fails is a 500, not a request that hangs", async () => {
  front.intercept(() => {
    throw new Error("a mistake in the test");
  });
  await expect(request("http")).resolves.toMatchObject({ status: 500 });
});

test("a registry that is down is a 502 with a registry's error", async () => {
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  const answer = await request("http");
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: "UNAVAILABLE" }] });
});

test("connections that say nothing, or nonsense, hurt nobody", async () => {
  const silent = net.connect(front.port, "127.0.0.1");
  const nonsense = net.connect(front.port, "127.0.0.1");
  nonsense.write("\x16nonsense");
  nonsense.on("error", () => {});
  await new Promise((resolve) => nonsense.on("close", resolve));
  await expect(request("https")).resolves.toMatchObject({ status: 201 });
  silent.destroy();
});
