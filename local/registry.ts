import http from "node:http";
import https from "node:https";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certificates";
import type { FrontSettings } from "./frontMain";
import type { Log } from "./log";
import { checkout, ensureDir, stateDir, writeAtomically } from "./paths";
import { keptPort } from "./ports";
import { ensureService, stopService, type Service } from "./service";

/** The local registry. */
export interface Registry {
  /** `localhost:PORT`, what people and tools use: HTTP and TLS on one port. */
  readonly address: string;
  /** The Unix socket of the bare registry. */
  readonly upstream: string;
}

const configFile = () => stateDir("registry", "config.yml");
const frontFile = () => stateDir("registry", "front.json");

/** Whether a registry answers at a URL, or at its path on a Unix socket; one that wants credentials answers too. */
export function speaks(url: string, ca?: string, socketPath?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { timeout: 3_000, agent: false as const, socketPath };
    const done = (response: http.IncomingMessage) => {
      response.resume();
      const version = response.headers["docker-distribution-api-version"];
      const answered = response.statusCode === 200 || response.statusCode === 401;
      resolve(answered && version === "registry/2.0");
    };
    const request = ca
      ? https.get(url, { ...options, ca: readFileSync(ca) }, done)
      : http.get(url, options, done);
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/** Starts the registry and its front, if they don't run. */
export async function ensureRegistry(
  program: string,
  certificates: Certificates,
  log: Log,
): Promise<Registry> {
  const port = await keptPort("registry", 5055);
  const upstream = stateDir("registry", "socket");
  ensureDir(stateDir("registry", "data"));
  writeIfChanged(configFile(), registryConfig(upstream));
  const { key, certificate, ca } = certificates;
  const address = `localhost:${port}`;
  await ensureService(
    {
      ...registryService(program),
      healthy: () => speaks("http://localhost/v2/", undefined, upstream),
    },
    log,
  );
  const front = frontService("the registry's front", frontFile());
  await ensureFront(front, { fronts: [{ port, upstream }], key, certificate }, ca, log);
  return { address, upstream };
}

const never = () => Promise.resolve(false);

const registryService = (program: string): Service => ({
  name: "the registry",
  command: program,
  args: ["serve", configFile()],
  marker: configFile(),
  env: { OTEL_TRACES_EXPORTER: "none" },
  healthy: never,
});

/** A front as a service of its own; its settings lie in a file. */
export const frontService = (name: string, settings: string): Service => ({
  name,
  command: process.execPath,
  args: [
    "--require",
    require.resolve("tsx/cjs"),
    join(checkout, "local", "frontMain.ts"),
    settings,
  ],
  marker: settings,
  healthy: never,
});

/** Starts a front, if it doesn't run. The first of its ports is a registry's. */
export async function ensureFront(
  service: Service,
  settings: FrontSettings,
  ca: string,
  log: Log,
): Promise<void> {
  writeIfChanged(service.marker, JSON.stringify(settings));
  const address = `localhost:${settings.fronts[0]?.port}`;
  const healthy = async () =>
    (await speaks(`http://${address}/v2/`)) && (await speaks(`https://${address}/v2/`, ca));
  await ensureService({ ...service, healthy }, log);
}

/** Stops the registry and its front. */
export async function stopRegistry(): Promise<boolean> {
  const front = await stopService(frontService("the registry's front", frontFile()));
  return (await stopService(registryService("registry"))) || front;
}

function registryConfig(upstream: string): string {
  return `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: ${stateDir("registry", "data")}
  delete:
    enabled: true
http:
  net: unix
  addr: ${upstream}
  # The front answers for it on another port.
  relativeurls: true
`;
}

export function writeIfChanged(file: string, content: string): void {
  if (!existsSync(file) || readFileSync(file, "utf8") !== content) writeAtomically(file, content);
}
