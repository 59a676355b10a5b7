import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Front } from "../../local/registryFront";
import { createApp, docker, get, type AppProject, startRegistryFront } from "./appProject";
import { requireLogin } from "./basicAuth";
import { secretForms } from "./secretForms";
import { environment } from "./harness";
import { runDocker } from "./dockerClient";

// A string that stands nowhere else for each kind of secret, and a look into every place where one could have been left.

const canary = (kind: string) =>
  `canary${kind}${createHash("sha256").update(`${kind} ${process.pid} ${Date.now()}`).digest("hex").slice(0, 24)}`;
const secrets = {
  build: canary("Build"),
  push: canary("Push"),
  pull: canary("Pull"),
  environment: canary("Environment"),
};
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const forms = Object.entries(secrets).flatMap(([kind, text]) =>
  secretForms(text).map(({ how, needle }) => ({ kind: kind + how, needle })),
);

/** Which secrets a text holds. */
function found(content: string | Buffer): string[] {
  const bytes = Buffer.from(content);
  return forms.filter(({ needle }) => bytes.includes(needle)).map(({ kind }) => kind);
}

// A secret is no part of the cache's key, so the step has a text of its own in each run of this test.
const dockerfile = `ARG BASE
FROM \${BASE}
RUN --mount=type=secret,id=TOKEN mkdir -p /www && printf %s "$(cat /run/secrets/TOKEN)" | sha256sum > /www/build && : ${Date.now()}
COPY --chmod=755 serve.sh /serve.sh
CMD ["/serve.sh"]
`;
const serve = `#!/bin/sh
printf %s "$APP_SECRET" | sha256sum > /www/environment
echo serving > /www/index.html
httpd -f -p 8080 -h /www & server=$!
trap 'kill $server' TERM INT
wait $server
`;
const crashing = `#!/bin/sh
echo "can't log in at db with $APP_SECRET, giving up"
exit 3
`;

const temporary = mkdtempSync(join(tmpdir(), "multiarch-secrets-"));
let app: AppProject;
let baseFront: Front;
const started = Date.now();
/** Everything that the commands printed. */
let printed = "";
/** Command lines that were seen while they ran. */
const commandLines = new Set<string>();
let sampler: NodeJS.Timeout;

beforeAll(async () => {
  baseFront = await startRegistryFront();
  app = await createApp("secrets");
  const base = `${baseFront.address}/${app.repository}-base:1`;
  await runDocker(["buildx", "imagetools", "create", "--tag", base, environment().baseImage]);
  requireLogin(baseFront, { username: "reader", password: secrets.pull });
  requireLogin(app.front, { username: "writer", password: secrets.push });
  app.project.write("app/Dockerfile", dockerfile);
  app.project.write("app/serve.sh", serve);
  app.set({
    imageCode: `{
      registry: { address: "${app.front.address}", repository: "${app.repository}", username: "writer", password: process.env.TEST_PUSH },
      pullCredentials: [{ address: "${baseFront.address}", username: "reader", password: process.env.TEST_PULL }],
      buildArgs: { BASE: "${base}" },
      secrets: { TOKEN: process.env.TEST_BUILD },
      attestations: { provenance: true },
    }`,
    hostCode: `{ environment: { APP_SECRET: pulumi.secret(process.env.TEST_ENVIRONMENT), PLAIN: "plain text" } }`,
  });
  sampler = setInterval(sampleCommandLines, 15);

  const options = {
    env: {
      TMPDIR: temporary,
      ...Object.fromEntries(
        Object.entries(secrets).map(([kind, text]) => [`TEST_${kind.toUpperCase()}`, text]),
      ),
    },
  };
  printed += (await app.project.preview({ ...options, diff: true })).output;
  printed += (await app.project.up({ ...options, args: ["--diff"] })).output;
  app.project.write("app/serve.sh", crashing);
  printed += (await app.project.preview({ ...options, diff: true })).output;
  printed += (await app.project.up({ ...options, expectFailure: true })).output;
});
afterAll(async () => {
  clearInterval(sampler);
  await app.dispose();
  await baseFront.close();
  rmSync(temporary, { recursive: true });
});

function sampleCommandLines(): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      commandLines.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      // It ended in the meantime.
    }
  }
}

it("every secret arrives where it is meant to be", async () => {
  expect(await get(app.port, "/build")).toContain(sha256(secrets.build));
  expect(await get(app.port, "/environment")).toContain(sha256(secrets.environment));
  // The registries ask for the passwords, so without them nothing would run.
  const served = (front: Front) => front.records.filter(({ status }) => status === 200).length;
  expect(served(baseFront)).toBeGreaterThan(0);
  expect(served(app.front)).toBeGreaterThan(0);
});

it("none is in what preview, up and a failing up print, and what a crashing container prints is masked", () => {
  expect(printed).toContain("can't log in at db with ***, giving up");
  expect(printed).toContain("APP_SECRET");
  expect(found(printed)).toEqual([]);
});

it("none is in the state", async () => {
  const { text } = await app.project.state();
  expect(text).toContain('"ciphertext"');
  expect(found(text)).toEqual([]);
});

it("none is in the command line of any process", () => {
  const seen = [...commandLines];
  expect(seen.some((line) => line.includes("sh -s -- release"))).toBe(true);
  expect(seen.some((line) => /docker (pull|create) /.test(line))).toBe(true);
  expect(seen.filter((line) => found(line).length > 0)).toEqual([]);
});

it("none is in what the engine tells of the container, but for its environment", () => {
  const names = docker(environment().env, "ps", "-aq", "--filter", "name=^secrets-test-").split(
    "\n",
  );
  expect(names.length).toBeGreaterThan(0);
  const all = JSON.parse(docker(environment().env, "inspect", ...names)) as {
    Config: { Env: string[] };
  }[];
  expect(all.some(({ Config }) => Config.Env.includes(`APP_SECRET=${secrets.environment}`))).toBe(
    true,
  );
  for (const one of all) {
    expect(found(JSON.stringify({ ...one, Config: { ...one.Config, Env: [] } }))).toEqual([]);
  }
});

it("none is in any manifest, configuration, layer or cache in the registry", async () => {
  const objects = await everythingIn(app.repository);
  const texts = [...objects.values()];
  // The search reaches into compressed layers, histories and the cache.
  const holding = (text: string) => texts.filter((bytes) => bytes.includes(text)).length;
  expect(holding(sha256(secrets.build))).toBeGreaterThan(0);
  expect(holding("/run/secrets/TOKEN")).toBeGreaterThan(0);
  expect(holding("application/vnd.buildkit.cacheconfig.v0")).toBeGreaterThan(0);
  for (const [name, bytes] of objects) expect({ [name]: found(bytes) }).toEqual({ [name]: [] });
});

it("none is in a file of the project, of Pulumi, of Docker's settings, of the builder or of the logs", () => {
  const { PULUMI_HOME = "", DOCKER_CONFIG = "" } = environment().env;
  const state = dirname(DOCKER_CONFIG);
  const backend = join(dirname(app.project.directory), "state");
  // Docker's own data rightly hold the container's environment. The event log that the harness asks Pulumi for is a debug log,
  // in which Pulumi's SDK writes down every message; no run has one unless it is asked for.
  const files = [app.project.directory, backend, PULUMI_HOME, state].flatMap((folder) =>
    recentFiles(folder, [join(state, "docker")]),
  );
  expect(files.some((file) => file.startsWith(backend))).toBe(true);
  expect(files.some((file) => file.startsWith(join(state, "buildkit")))).toBe(true);
  const leaks = files
    .map((file) => ({ file, kinds: found(content(file)) }))
    .filter(({ kinds }) => kinds.length > 0);
  expect(leaks).toEqual([]);
});

it("no temporary file is left", () => {
  expect(readdirSync(temporary)).toEqual([]);
});

/** Every object that the tags of a repository lead to, decompressed, by its digest or tag. */
async function everythingIn(repository: string): Promise<Map<string, Buffer>> {
  const accept = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
  ].join(", ");
  const ask = async (path: string) => {
    const url = `http://${environment().registry.address}/v2/${repository}/${path}`;
    const response = await fetch(url, { headers: { accept } });
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };
  const all = new Map<string, Buffer>();
  const walk = async (reference: string) => {
    if (all.has(reference)) return;
    const manifest = await ask(`manifests/${reference}`);
    all.set(reference, manifest);
    const {
      manifests = [],
      config,
      layers = [],
    } = JSON.parse(manifest.toString()) as {
      manifests?: { digest: string }[];
      config?: { digest: string };
      layers?: { digest: string }[];
    };
    for (const { digest } of manifests) await walk(digest);
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      if (all.has(digest)) continue;
      const blob = await ask(`blobs/${digest}`);
      all.set(digest, blob[0] === 0x1f && blob[1] === 0x8b ? gunzipSync(blob) : blob);
    }
  };
  const { tags } = JSON.parse((await ask("tags/list")).toString()) as { tags: string[] };
  expect(tags.some((tag) => tag.startsWith("cache-"))).toBe(true);
  // One for the release that serves, one for the one that crashed.
  expect(tags.filter((tag) => tag.startsWith("sha-"))).toHaveLength(2);
  for (const tag of tags) await walk(tag);
  return all;
}

/** Files below a folder that changed since the test began; links are not followed. */
function recentFiles(folder: string, without: string[]): string[] {
  if (!existsSync(folder) || without.includes(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${sep}${entry.name}`;
    try {
      if (entry.isDirectory()) return recentFiles(path, without);
      return entry.isFile() && statSync(path).ctimeMs >= started ? [path] : [];
    } catch {
      return []; // Another test's, gone in the meantime.
    }
  });
}

function content(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0); // Another test's, gone in the meantime.
  }
}
