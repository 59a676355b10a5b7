import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { median, spread } from "../../bench/stats";
import { waitFor, which } from "../../local/exec";
import { silentLog } from "../../local/log";
import { installPackages } from "../../local/packages";
import { goCommand } from "../../local/tools";
import { createApp, freePort, type AppProject } from "../engine/appProject";
import { environment } from "../engine/harness";
import { type Outage, type Watch, watch } from "./service";

// Releases one after another under a steady load: 100 requests per second to the container itself, and as many through the
// Caddy of examples/caddy, at the same time. Each request has a connection of its own.

const releases = Number(process.env.MULTIARCH_RELEASES ?? 5);
const every = 10;
/** Half a minute's requests for each release. */
const most = releases * 3000;
const folder = mkdtempSync(join(tmpdir(), "multiarch-faults-swap-"));
const run = promisify(execFile);
let app: AppProject;
let caddy: { port: number; process: ChildProcess };

beforeAll(async () => {
  app = await createApp("faults-swap", { host: { health: { path: "/" } } });
  const server = join(app.project.directory, "app/server");
  await run(goCommand()!, ["build", "-o", server, join(__dirname, "server.go")], {
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  app.project.write("app/Dockerfile", dockerfile);
  app.project.write("app/serve.sh", serve);
  await app.project.up();
  caddy = await startCaddy(app.port);
});
afterAll(async () => {
  caddy?.process.kill();
  await app?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const dockerfile = `ARG BASE
FROM \${BASE}
COPY --chmod=755 server serve.sh /
COPY RELEASE /www/RELEASE
CMD ["/serve.sh"]
`;

const serve = `#!/bin/sh
echo "$(cat /www/RELEASE) on $(uname -m)" > /www/index.html
exec /server
`;

it(
  "releases under load: the gap is what the engine takes to stop one container and start another, and behind Caddy no request is lost",
  async () => {
    const direct = watch(app.port, every, 2000, most);
    const proxied = watch(caddy.port, every, 10_000, most);
    try {
      for (let nth = 1; nth <= releases; nth++) {
        app.project.write("app/RELEASE", `release ${nth}`);
        await app.project.up();
        expect(await app.page()).toBe(`release ${nth} on x86_64`);
      }
    } finally {
      direct.stop();
      proxied.stop();
    }
    const byHand = await restarts();
    console.info(
      `${releases} releases: directly, ${direct.failures} of ${direct.polls} requests failed in ${direct.outages.length} gaps of ` +
        `${tell(direct.outages)} ${JSON.stringify(direct.reasons)}; behind Caddy, ${proxied.failures} of ${proxied.polls} ` +
        `${JSON.stringify(proxied.reasons)}, and the slowest took ${proxied.slowest} ms; ` +
        `docker stop and start, ${byHand.outages.length} times: ${tell(byHand.outages)}`,
    );
    expect(proxied.polls).toBeGreaterThan(100 * releases);
    expect(proxied.failures).toBe(0);
    // The load saw each release, and nothing besides.
    expect(direct.outages).toHaveLength(releases);
    expect(byHand.outages).toHaveLength(releases);
    // Both in one run, for a machine that is busy makes both longer.
    expect(median(lengths(direct.outages))).toBeLessThan(2 * median(lengths(byHand.outages)));
  },
  30_000 * releases,
);

/** `docker stop` and `docker start` of the container, as often as there were releases, under the same load. */
async function restarts(): Promise<Watch> {
  const { docker, env } = environment();
  const command = '"$0" stop -t 10 "$1" && "$0" start "$1"';
  const [container] = app.containers().map((line) => line.split(" ")[0]!);
  const byHand = watch(app.port, every);
  for (let nth = 0; nth < releases; nth++) {
    await run("sh", ["-c", command, docker, container!], { env: { ...process.env, ...env } });
    await waitFor(() => app.page().catch(() => undefined), 10_000);
    await new Promise((passed) => setTimeout(passed, 500));
  }
  byHand.stop();
  return byHand;
}

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
