import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readable } from "node:stream";
import { Registry } from "../../components/registry/client";
import { BrokenOff } from "../../components/registry/blob";
import { answer, basicOf, FakeRegistry, types } from "./fakeRegistry";

const body = randomBytes(20 << 20);
const access = { username: "ann", password: "secret" };
let registry: FakeRegistry;
let digest: string;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  ({ digest } = registry.blob(types.layer, body));
});
afterEach(() => registry.stop());

const open = (options = {}) =>
  new Registry(registry.reference("1"), access, { total: 2000, request: 500, ...options });

async function digestOf(stream: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

test("a blob of any size comes whole, several of one registry too", async () => {
  const from = open();
  expect(await digestOf(await from.stream(digest))).toBe(digest);
  expect(await digestOf(await from.stream(digest))).toBe(digest);
});

test("it may take longer than requests may, and the reader may pause for longer than the registry", async () => {
  registry.intercept = (request, response) => {
    if (request.url?.includes("blobs") !== true) return false;
    response.writeHead(200, { "content-length": body.length });
    let at = 0;
    const timer = setInterval(() => {
      response.write(body.subarray(at, (at += 5 << 20)));
      if (at < body.length) return;
      clearInterval(timer);
      response.end();
    }, 200);
    return true;
  };
  const stream = await open({ total: 300, request: 300, idle: 400 }).stream(digest);
  stream.read(0);
  await sleep(700);
  expect(await digestOf(stream)).toBe(digest);
});

test("a redirect is followed, with the credentials to the registry alone", async () => {
  const elsewhere = await FakeRegistry.start();
  elsewhere.blob(types.layer, body);
  registry.intercept = (request, response) => {
    if (request.headers.authorization !== basicOf("ann", "secret"))
      return answer(response, 401, {}, { "www-authenticate": "Basic" });
    return answer(response, 307, {}, { location: `http://${elsewhere.host}${request.url}` });
  };
  expect(await digestOf(await open().stream(digest))).toBe(digest);
  expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  await elsewhere.stop();
});

test("a stream that is destroyed ends the transfer", async () => {
  const stream = await open().stream(digest);
  await stream[Symbol.asyncIterator]().next();
  stream.destroy();
  expect(stream.destroyed).toBe(true);
  await sleep(100);
  const served = registry.served.get(`/v2/app/blobs/${digest}`);
  await sleep(100);
  expect(registry.served.get(`/v2/app/blobs/${digest}`)).toBe(served);
  expect(served).toBeLessThan(body.length);
});

test("a registry that goes silent fails the stream, and says so", async () => {
  registry.intercept = (_, response) => {
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 1000));
    return true;
  };
  const error: unknown = await digestOf(await open({ idle: 200 }).stream(digest)).catch((e) => e);
  expect(error).toBeInstanceOf(BrokenOff);
  expect((error as Error).message).toBe(
    `${registry.host}: ${registry.host}/app@${digest} broke off after 1000 bytes (fewer than 64 KiB in 0.2 s): try again`,
  );
});

test("a registry that sends a byte now and then fails the stream; a slow one that sends 64 KiB in time doesn't", async () => {
  const timers: NodeJS.Timeout[] = [];
  const every = (bytes: number) => {
    registry.intercept = (_, response) => {
      response.writeHead(200);
      let at = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(at, (at += bytes)));
        if (at >= 1 << 20) response.end();
      }, 50);
      timers.push(timer.unref());
      response.on("close", () => clearInterval(timer));
      return true;
    };
  };
  every(1);
  const from = open({ idle: 500 });
  await expect(digestOf(await from.stream(digest))).rejects.toThrow("fewer than 64 KiB in 0.5 s");
  every(50_000);
  await digestOf(await from.stream(digest));
});

test.each([
  [404, "isn't in the registry (404)"],
  [403, "doesn't let"],
])("%d is told as for manifests", async (status, expected) => {
  registry.intercept = (_, response) => answer(response, status);
  await expect(open().stream(digest)).rejects.toThrow(expected);
});
