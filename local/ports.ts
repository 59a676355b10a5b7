import { existsSync, readFileSync } from "node:fs";
import net from "node:net";
import { stateDir, writeAtomically } from "./paths";

/** Whether no process listens on a port of an address, by default of both addresses of `localhost`. */
export async function isFree(port: number, host?: string): Promise<boolean> {
  if (host === undefined) return (await isFree(port, "127.0.0.1")) && isFree(port, "::1");
  return new Promise((resolve) => {
    const server = net.createServer();
    const missing = ["EADDRNOTAVAIL", "EAFNOSUPPORT"]; // for example ::1 on a host without IPv6
    server.once("error", ({ code = "" }: NodeJS.ErrnoException) => resolve(missing.includes(code)));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Whether `fetch` and browsers refuse to connect to a free port (https://fetch.spec.whatwg.org/#port-blocking), according to this version of Node. */
export async function isBlocked(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}`)).body?.cancel();
    return false;
  } catch (error) {
    return ((error as Error).cause as Error | undefined)?.message === "bad port";
  }
}

/** The first free port from a given one on, which programs and browsers can connect to. */
export async function freePort(from: number, host?: string): Promise<number> {
  for (let port = from; port < from + 500; port++)
    if ((await isFree(port, host)) && !(await isBlocked(port))) return port;
  throw new Error(`no free port between ${from} and ${from + 500}`);
}

/**
 * A port that is chosen once and then kept: references in Pulumi's state contain the registry's.
 *
 * @param name What it is for.
 * @param from Where the search begins.
 */
export async function keptPort(name: string, from: number): Promise<number> {
  const file = stateDir("ports.json");
  const ports = (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}) as Record<
    string,
    number
  >;
  const kept = ports[name];
  if (kept !== undefined) return kept;
  let port = await freePort(from);
  while (Object.values(ports).includes(port)) port = await freePort(port + 1);
  writeAtomically(file, JSON.stringify({ ...ports, [name]: port }));
  return port;
}
