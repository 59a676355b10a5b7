import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { median, spread } from "../../bench/stats";
import { waitFor, which } from "../../local/exec";
import { silentLog } from "../../local/log";
import { installPackages } from "../../local/packages";
import { createApp, freePort, type AppProject } from "../engine/appProject";
import { environment } from "../engine/harness";
import { watch, type Outage } from "./service";

// Releases one after another under a steady load: 100 requests per second to the container itself, and as many through the
// Caddy of examples/caddy, at the same time. Each request has a connection of its own.

const releases = Number(process.env.MULTIARCH_RELEASES ?? 5);
const every = 10;
const folder = mkdtempSync(join(tmpdir(), "multiarch-faults-swap-"));
let app: AppProject;
let caddy: { port: number; process: ChildProcess };

beforeAll(async () => {
  app = await createApp("faults-swap", { host: { health: { path: "/" } } });
  await app.project.up();
  caddy = await startCaddy(app.port);
});
afterAll(async () => {
  caddy?.process.kill();
  await app?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

it(
  "releases under load: a gap of less than a second each without a proxy, and behind Caddy no request is lost",
  async () => {
    const direct = watch(app.port, every);
    const proxied = watch(caddy.port, every, 10_000);
    for (let nth = 1; nth <= releases; nth++) {
      app.project.write("app/RELEASE", `release ${nth}`);
      await app.project.up();
      expect(await app.page()).toBe(`release ${nth} on x86_64`);
    }
    direct.stop();
    proxied.stop();
    console.info(
      `${releases} releases: directly, ${direct.failures} of ${direct.polls} requests failed in ${direct.outages.length} gaps of ` +
        `${tell(direct.outages)} ${JSON.stringify(direct.reasons)}; behind Caddy, ${proxied.failures} of ${proxied.polls} ` +
        `${JSON.stringify(proxied.reasons)}, and the slowest took ${proxied.slowest} ms`,
    );
    expect(proxied.polls).toBeGreaterThan(100 * releases);
    expect(proxied.failures).toBe(0);
    // The load saw each release.
    expect(direct.outages.length).toBeGreaterThanOrEqual(releases);
    expect(median(lengths(direct.outages))).toBeLessThan(1000);
  },
  30_000 * releases,
);

it("the gap is what the engine takes to stop one container and start another", async () => {
  const { docker, env } = environment();
  const run = promisify(execFile);
  const command = '"$0" stop -t 10 "$1" && "$0" start "$1"';
  const [container] = app.containers().map((line) => line.split(" ")[0]!);
  const byHand = watch(app.port, every);
  for (let nth = 0; nth < releases; nth++) {
    await run("sh", ["-c", command, docker, container!], { env: { ...process.env, ...env } });
    await waitFor(() => app.page().catch(() => undefined), 10_000);
    await new Promise((passed) => setTimeout(passed, 500));
  }
  byHand.stop();
  console.info(
    `docker stop && docker start, ${byHand.outages.length} times: ${tell(byHand.outages)}`,
  );
  expect(byHand.outages.length).toBeGreaterThanOrEqual(releases);
});

const lengths = (outages: readonly Outage[]) => outages.map(({ milliseconds }) => milliseconds);
const tell = (outages: readonly Outage[]) => spread(lengths(outages), "ms", 0);

/** With the very file of the example; Debian's package where there is none. */
async function startCaddy(upstream: number): Promise<{ port: number; process: ChildProcess }> {
  if (!which("caddy")) await installPackages(["caddy"], "the example's proxy", silentLog);
  const port = await freePort();
  const file = resolve(__dirname, "../../examples/caddy/Caddyfile");
  const process = spawn(which("caddy")!, ["run", "--config", file], {
    stdio: "ignore",
    env: {
      ...globalThis.process.env,
      SITE: `http://127.0.0.1:${port}`,
      UPSTREAM: `127.0.0.1:${upstream}`,
      CADDY_ADMIN: `unix/${join(folder, "admin.sock")}`,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    },
  });
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    );
  if (await waitFor(answers, 15_000)) return { port, process };
  process.kill();
  throw new Error("Caddy didn't start");
}
