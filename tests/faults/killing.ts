import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp, type AppProject } from "../engine/appProject";
import { requireLogin } from "../engine/basicAuth";
import { processesOf, sweep } from "../engine/harness";
import { watch, type Outage, type Watch } from "./service";

/** Who is killed: the command alone, whose plugins and scripts then go on; all of Pulumi, but not the script on the host; everything. */
export type Victim = "command" | "pulumi" | "everything";

/** What came of one kill. */
export interface Kill {
  readonly victim: Victim;
  /** How far the run had come. */
  readonly phase: "starting" | "building" | "verifying" | "releasing";
  readonly locks: number;
  readonly pending: number;
  /** Files beside the stack's that Pulumi's file backend left empty, over which every command then stumbles. */
  readonly empty: number;
  /** The page that was served once the next `up` had ended, and the one that was to be. */
  readonly page: string;
  readonly wanted: string;
  /** Gaps in the service from the start of the killed run to the end of the next. */
  readonly outages: readonly Outage[];
}

/** An App whose `up` builds with a secret, pushes with a password, verifies, and swaps a container with a secret in its environment. */
export interface Lane {
  readonly app: AppProject;
  /** PROJECT-STACK-APP */
  readonly container: string;
  readonly temporary: string;
  readonly service: Watch;
  /** Starts an `up` of a new release, kills it after a part of its usual time, recovers; undefined where it had ended before. */
  kill(part: number, victim: Victim): Promise<Kill | undefined>;
  /** One that nothing happens to: its steps. */
  up(): Promise<Record<string, number>>;
  /** Seconds that one takes. */
  readonly whole: number;
  dispose(): Promise<void>;
}

// The RUN step takes a moment, for a kill to meet it.
const dockerfile = `ARG BASE
FROM \${BASE}
COPY RELEASE /RELEASE
RUN --mount=type=secret,id=TOKEN test -s /run/secrets/TOKEN && mkdir -p /www && sleep 0.3
COPY --chmod=755 serve.sh /serve.sh
CMD ["/serve.sh"]
`;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Makes one; the canary is every secret of it. */
export async function createLane(name: string, canary: string): Promise<Lane> {
  const temporary = mkdtempSync(join(tmpdir(), "multiarch-kill-"));
  const options = { env: { TMPDIR: temporary, TEST_SECRET: canary } };
  const app = await createApp(name);
  const { directory } = app.project;
  requireLogin(app.front, { username: "robot", password: canary });
  app.project.write("app/Dockerfile", dockerfile);
  app.set({
    imageCode: `{
      registry: { address: "${app.front.address}", repository: "${app.repository}", username: "robot", password: process.env.TEST_SECRET },
      secrets: { TOKEN: process.env.TEST_SECRET },
    }`,
    hostCode: `{ environment: { APP_SECRET: pulumi.secret(process.env.TEST_SECRET) } }`,
  });
  await app.project.up(options);
  let nth = 0;
  const release = () => app.project.write("app/RELEASE", `${name} ${++nth}`);
  release();
  const whole = (await app.project.up(options)).seconds;
  const service = watch(app.port);

  async function kill(part: number, victim: Victim): Promise<Kill | undefined> {
    release();
    const outages = service.outages.length;
    const run = app.project.start("up", options);
    const killed = run.done.then(({ code }) => code === null);
    await Promise.race([pause(part * whole * 1000), killed]);
    const phase = phaseOf(run.output());
    try {
      run.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    if (victim === "everything") sweep(directory);
    if (victim === "pulumi")
      for (const { pid, command } of processesOf(directory))
        if (/^\S*(pulumi|node)/.test(command)) tryToKill(pid);
    if (!(await killed)) return undefined;
    const { locks, pending, empty } = leftInState(directory, name);
    // The commands of docs/troubleshooting.md, each where what Pulumi says asks for it.
    if (empty.length > 0) {
      await expect(app.project.pulumi(["stack", "ls"], options)).rejects.toThrow("EOF");
      empty.forEach((file) => rmSync(file));
    }
    if (locks > 0) await app.project.pulumi(["cancel", "test", "--yes"], options);
    if (pending > 0) await app.project.refresh({ ...options, args: ["--clear-pending-creates"] });
    await app.project.up(options);
    const page = await app.page();
    await pause(100); // for an answer that ends an outage
    const wanted = `${name} ${nth} on x86_64`;
    return {
      ...{ victim, phase, locks, pending, page, wanted },
      empty: empty.length,
      outages: service.outages.slice(outages),
    };
  }

  return {
    app,
    container: `${name}-test-web`,
    temporary,
    service,
    whole,
    kill,
    up: async () => ({ ...(await app.project.up(options)).summary }),
    dispose: async () => {
      service.stop();
      await app.dispose();
      rmSync(temporary, { recursive: true, force: true });
    },
  };
}

function phaseOf(output: string): Kill["phase"] {
  if (/starting the new release|switching|pulling /.test(output)) return "releasing";
  if (/web-verified/.test(output)) return "verifying";
  return /building linux|docker-build:index:Image/.test(output) ? "building" : "starting";
}

function tryToKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone meanwhile.
  }
}

/** What the file backend holds of a run that was killed. */
function leftInState(
  directory: string,
  project: string,
): { locks: number; pending: number; empty: string[] } {
  const state = join(directory, "../state/.pulumi");
  const { checkpoint } = JSON.parse(
    readFileSync(join(state, `stacks/${project}/test.json`), "utf8"),
  ) as { checkpoint: { latest?: { pending_operations?: unknown[] } } };
  const locks = join(state, "locks");
  const files = existsSync(locks)
    ? readdirSync(locks, { recursive: true, encoding: "utf8" }).filter((file) =>
        file.endsWith(".json"),
      )
    : [];
  const empty = readdirSync(state, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".attrs"))
    .map((file) => join(state, file))
    .filter((file) => statSync(file).size === 0);
  const pending = checkpoint.latest?.pending_operations?.length ?? 0;
  return { locks: files.length, pending, empty };
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
