import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createApp, registry, type AppProject } from "../engine/appProject";
import { requireLogin } from "../engine/basicAuth";
import type { RunResult } from "../engine/harness";
import { startProxy, type Proxy } from "../engine/proxy";

// Faults between BuildKit and the registry, with a layer of 4 MB that can't be compressed. The tests follow one App.

const layer = 4 * 1024 * 1024;
let app: AppProject;
let proxy: Proxy;

beforeAll(async () => {
  app = await createApp("faults-registry");
  proxy = await startProxy(app.front.port);
  app.project.write(
    "app/Dockerfile",
    `ARG BASE
FROM \${BASE}
COPY --chmod=755 serve.sh /serve.sh
COPY layer RELEASE /
RUN echo "built now" && mkdir -p /www
CMD ["/serve.sh"]
`,
  );
  release("release one");
  const login = "username: process.env.TEST_USERNAME, password: process.env.TEST_PASSWORD";
  app.set({
    imageCode: `{ registry: { address: "${proxy.address}", repository: "${app.repository}", ...(process.env.TEST_USERNAME ? { ${login} } : {}) } }`,
  });
  await app.project.up();
});
afterAll(async () => {
  await app.dispose();
  await proxy.close();
});

function release(text: string): void {
  app.project.write("app/RELEASE", text);
  writeFileSync(`${app.project.directory}/app/layer`, randomBytes(layer));
}

/** Bytes that were sent to the registry since the last call. */
const sent = () => app.front.takeRecords().reduce((sum, { requestBytes }) => sum + requestBytes, 0);
/** How often the step ran. */
const ran = ({ output }: RunResult) => output.match(/#\d+ \d+\.\d+ built now/g)?.length ?? 0;
/** The tags that releases have, each with what it names. */
async function tags(): Promise<string[]> {
  const { body } = await registry("GET", `${app.repository}/tags/list`);
  const names = (JSON.parse(body) as { tags: string[] }).tags;
  const all = names.map(
    async (tag) => `${tag} ${(await registry("GET", `${app.repository}/manifests/${tag}`)).body}`,
  );
  return (await Promise.all(all)).sort();
}
const tell = (what: string, { seconds }: RunResult) => console.info(`${what}: ${seconds} s`);

it("a connection that is cut once in the middle of a layer heals by itself", async () => {
  release("release two");
  proxy.set({ cutAfter: layer / 2, times: 1 });
  const run = await app.project.up();
  tell("cut once", run);
  expect(proxy.cuts).toBe(1);
  proxy.set(undefined);
  expect(await app.page()).toBe("release two on x86_64");
});

it("a connection that is cut in every layer: no tag moves, what ran serves on, and the next up sends the layer", async () => {
  const before = await tags();
  release("release three");
  proxy.set({ cutAfter: layer / 2 });
  const failed = await app.project.up({ expectFailure: true });
  tell(`cut always, ${proxy.cuts} times`, failed);
  expect(proxy.cuts).toBeGreaterThan(1);
  expect(failed.output).toContain(`to ${proxy.address} broke in the middle of a push`);
  expect(await tags()).toEqual(before);
  expect(await app.page()).toBe("release two on x86_64");
  proxy.set(undefined);
  const healed = await app.project.up();
  expect(ran(healed)).toBe(0);
  expect(await app.page()).toBe("release three on x86_64");
});

it("a registry that answers 503 to manifests only: the next up sends no layer again", async () => {
  const before = await tags();
  release("release four");
  app.front.intercept(({ method, path }) =>
    method === "PUT" && path.includes("/manifests/") ? { status: 503 } : undefined,
  );
  sent();
  const failed = await app.project.up({ expectFailure: true });
  const first = sent();
  expect(failed.output).toContain(`${proxy.address} isn't well at the moment`);
  expect(first).toBeGreaterThan(layer);
  expect(await tags()).toEqual(before);
  expect(await app.page()).toBe("release three on x86_64");
  app.front.intercept(undefined);
  const healed = await app.project.up();
  const second = sent();
  console.info(
    `503: fails in ${failed.seconds} s after ${first} bytes, the next up sends ${second}`,
  );
  expect(second).toBeLessThan(100_000);
  expect(ran(healed)).toBe(0);
  expect(await app.page()).toBe("release four on x86_64");
});

it("credentials that expired: the up with new ones builds nothing again, and only pushes", async () => {
  release("release five");
  requireLogin(app.front, { username: "robot", password: "today" });
  const given = (password: string) => ({
    env: { TEST_USERNAME: "robot", TEST_PASSWORD: password },
  });
  const failed = await app.project.up({ ...given("yesterday"), expectFailure: true });
  expect(failed.output).toContain(
    `${proxy.address} didn't accept the credentials of image.registry: renew image.registry.password`,
  );
  expect(await app.page()).toBe("release four on x86_64");
  sent();
  const healed = await app.project.up(given("today"));
  tell(`credentials renewed, ${sent()} bytes sent`, healed);
  expect([ran(failed), ran(healed)]).toEqual([1, 0]);
  expect(await app.page()).toBe("release five on x86_64");
});
