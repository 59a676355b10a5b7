import { appFiles, createApp, docker, finishedImage, type AppProject } from "../engine/appProject";
import { buildChanges, elsewhere, tellChanges, upgrade } from "./changes";
import { environment } from "../engine/harness";
import { pushScanner } from "../engine/scanner";

// Kinds of change on an App that runs on this machine, one after another on one stack: what `up` does was announced by the preview
// before it, exactly so where every digest was known.

let app: AppProject;
const amd = ["linux/amd64"];
const both = ["linux/amd64", "linux/arm64"];
const otherBuilder = "previewhost-other";

interface Parts {
  image?: Record<string, unknown>;
  host?: Record<string, unknown> | null;
  /** For secrets, which JSON doesn't know. */
  hostCode?: string;
}

/** The image that was built last, as one that was built elsewhere. */
async function fromReference(): Promise<void> {
  const { imageUri } = await app.project.outputs();
  app.set({ host: {}, imageCode: finishedImage(imageUri as string) });
}

/** What is set so far. A field that is undefined is taken away again. */
let parts: Parts = { image: { platforms: amd }, host: {} };

function set({ image, host, hostCode }: Parts): void {
  parts = {
    image: { ...parts.image, ...image },
    host: host === null ? null : { ...parts.host, ...host },
    hostCode: hostCode ?? parts.hostCode,
  };
  app.set(parts);
}

beforeAll(async () => {
  app = await createApp("previewhost", parts);
  await app.project.up();
});
afterAll(async () => {
  await app.dispose();
  const builders = docker(environment().env, "buildx", "ls", "--format", "{{.Name}}");
  // Some rows alone don't make it.
  if (builders.split("\n").includes(otherBuilder))
    docker(environment().env, "buildx", "rm", otherBuilder);
});

const login = (password: string) => () => {
  const place = { address: app.front.address, repository: app.repository };
  set({ image: { registry: { ...place, username: "preview", password } } });
};
const sbom = async () => {
  const tools = `${app.front.address}/${app.repository}-tools`;
  const sbomGenerator = await pushScanner(app.project, tools);
  set({ image: { attestations: { sbom: true, sbomGenerator } } });
};
const endpoint = () =>
  /Endpoint:\s*(\S+)/.exec(
    docker(environment().env, "buildx", "inspect", environment().builder),
  )![1];

const swapped = /^host: released in place: the service is interrupted for less than a second$/;
const stopped =
  /^host: released in place: the service is interrupted while the new release starts$/;
const rebuilt = /^builds linux\/amd64 natively; host: released in place: /;
const staged = `${appFiles["app/Dockerfile"].replace("FROM ${BASE}", "FROM ${BASE} AS app")}\nFROM app AS debug\nRUN echo debug > /debug\n`;

tellChanges(() => app.project, set, [
  { change: "the same again", to: {}, nothing: true },
  {
    change: "a platform spelled in another way",
    to: { image: { platforms: ["linux/x86_64"] } },
    nothing: true,
  },
  { change: "another checkout path", args: () => elsewhere(app.project), nothing: true },
  { change: "an upgrade of this package", prepare: () => upgrade(app.project), nothing: true },
  {
    change: "a platform added",
    to: { image: { platforms: both } },
    line: /^linux\/arm64 comes \(image\.platforms\); builds linux\/arm64 \(may need emulation\); host isn't touched$/,
  },
  {
    change: "platforms in another order",
    to: { image: { platforms: ["linux/aarch64", "linux/amd64"] } },
    nothing: true,
  },
  {
    change: "a variable added",
    to: { host: { environment: { LEVEL: "info", AREA: "eu" } } },
    line: swapped,
  },
  {
    change: "variables in another order",
    to: { host: { environment: { AREA: "eu", LEVEL: "info" } } },
    nothing: true,
  },
  {
    change: "a secret variable",
    to: { hostCode: `{ environment: { TOKEN: pulumi.secret("one") } }` },
    line: swapped,
  },
  {
    change: "a secret variable rotated",
    to: { hostCode: `{ environment: { TOKEN: pulumi.secret("two") } }` },
    line: swapped,
  },
  {
    change: "a source file edited",
    files: { "app/RELEASE": "release two" },
    line: /^builds linux\/amd64 natively, linux\/arm64 \(may need emulation\); host: released in place: /,
  },
  {
    change: "a platform removed",
    to: { image: { platforms: amd } },
    line: /^linux\/arm64 goes \(was for image\.platforms\); nothing is built; host isn't touched$/,
  },
  {
    change: "a health check's timeout",
    to: { host: { health: { path: "/", timeout: 25 } } },
    line: swapped,
  },
  { change: "memory", to: { host: { memory: 128 } }, line: swapped },
  {
    change: "what the container may do",
    to: { host: { noNewPrivileges: true, pidsLimit: 500 } },
    line: swapped,
  },
  { change: "processors", to: { host: { cpus: 0.5 } }, line: swapped },
  { change: "the command", to: { host: { command: ["/serve.sh", "loud"] } }, line: swapped },
  {
    change: "a further host name",
    to: { host: { extraHosts: { "db.test": "127.0.0.1" } } },
    line: swapped,
  },
  { change: "a release command", to: { host: { release: { command: ["true"] } } }, line: swapped },
  { change: "restart", to: { host: { restart: "always" } }, line: swapped },
  { change: "stop-first", to: { host: { strategy: "stop-first" } }, line: stopped },
  {
    change: "the port on the host",
    prepare: () => set({ host: { ports: [{ container: 8080, host: app.port + 1 }] } }),
    line: stopped,
  },
  { change: "a default written out", to: { host: { architecture: "x86_64" } } },
  { change: "a label", to: { image: { labels: { team: "web" } } }, line: rebuilt },
  {
    change: "a build argument",
    prepare: () => set({ image: { buildArgs: { BASE: environment().baseImage, LEVEL: "9" } } }),
    line: rebuilt,
  },
  { change: "the Dockerfile edited", files: { "app/Dockerfile": staged }, line: rebuilt },
  { change: "a stage", to: { image: { target: "app" } }, line: rebuilt },
  { change: "the cache's mode", to: { image: { cache: { mode: "min" } } }, line: rebuilt },
  { change: "credentials given", prepare: login("one"), line: rebuilt },
  { change: "a registry's password rotated", prepare: login("two"), nothing: true },
  {
    change: "another builder",
    prepare: () =>
      set({ image: { builder: { name: otherBuilder, driver: "remote", endpoint: endpoint() } } }),
    line: /^builds linux\/amd64; host: released in place: /,
  },
  { change: "compression", to: { image: { compression: "zstd" } }, line: rebuilt },
  { change: "the depth of verification", to: { image: { verify: { depth: "manifest" } } } },
  { change: "a further tag", to: { image: { tags: ["stable"] } } },
  { change: "a tarball", to: { image: { tarball: { path: "out/app.tar" } } } },
  { change: "the image loaded", to: { image: { load: {} } } },
  ...buildChanges(sbom, rebuilt, /^host: released in place: /),
  {
    change: "the target taken away",
    to: { host: null },
    line: /^linux\/amd64 stays \(image\.platforms; was for host\.architecture, image\.platforms\); nothing is built; host goes: the service there ends$/,
  },
  {
    change: "the target back",
    to: { host: {} },
    line: /^linux\/amd64 stays .*; nothing is built; host comes$/,
  },
  {
    change: "the built image taken by its reference",
    prepare: fromReference,
    later: true,
    line: /; nothing is built; host: released in place: /,
  },
]);
