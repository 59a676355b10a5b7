import { once } from "node:events";
import { readdirSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { BlockList, isIPv6, type LookupFunction, type Socket } from "node:net";
import { join } from "node:path";
import { unescape as decode } from "node:querystring";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { checkedLookup, isAddress, isSameHost, mayReferTo, type Reach, reachOf } from "./address";
import { attempt, slurp } from "./attempt";
import { basic } from "./credentials";
import { Refusal } from "../errors";

/** What is asked of a server. */
export interface Ask {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
}

/** The way to a registry and to the servers that it leads to: TLS, proxy, patience. One for each run. */
export class Connection {
  #agent: https.Agent | undefined;
  /** Where the registry itself is; unknown where a proxy leads to it. */
  #own: Reach | undefined;

  /**
   * @param host of the registry, for messages
   * @param folder with further certificates of authorities: Docker's for this registry
   */
  constructor(
    readonly host: string,
    readonly folder: string,
  ) {}

  /**
   * One request, which must be answered in time, and answered to its end, unless `lift` is called before.
   *
   * @throws Refusal where it would leave this machine unencrypted, or where the registry refers to a host that it may not refer to
   */
  async open(
    url: URL,
    { body, ...ask }: Ask,
    milliseconds: number,
  ): Promise<{ answer: http.IncomingMessage; signal: AbortSignal; lift: () => void }> {
    const secure = url.protocol === "https:";
    if (!secure && !(isLoopback(url) && url.protocol === "http:"))
      throw new Refusal(
        `${this.host} refers to ${url.protocol}//${url.host}: refused, plain http is for loopback addresses only. Use a registry that refers to https addresses`,
      );
    const lookup = this.lookupFor(url);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), Math.max(1, milliseconds)).unref();
    const { signal } = limit;
    let agent: https.Agent | undefined;
    if (secure) {
      agent = this.#agent ??= new https.Agent({
        keepAlive: true,
        secureContext: trust(this.folder),
      });
      const proxy = proxyFor(url);
      const socket = proxy && (await tunnel(proxy, url, signal, agent));
      if (socket) agent = new https.Agent({ ...agent.options, keepAlive: false, socket } as object);
    }
    const request = (secure ? https : http).request(url, { ...ask, signal, agent, lookup });
    request.on("error", () => {}).end(body); // one after the answer began is met by whoever reads it
    const [answer] = (await once(request, "response")) as [http.IncomingMessage];
    return { answer, signal, lift: () => clearTimeout(timer) };
  }

  /**
   * The lookup for a connection, which checks the addresses that are connected to. A proxy looks names up by itself.
   *
   * @throws Refusal where the host is an address that the registry may not refer to
   */
  lookupFor({ hostname }: URL): LookupFunction {
    const own = isSameHost(hostname, new URL(`https://${this.host}`).hostname);
    const check = (addresses: readonly string[]) => {
      if (own) {
        // Public once is public for good, or an answer that changes could make it private.
        const reach = addresses.map(reachOf).find((each) => each !== "private") ?? "private";
        if (this.#own === undefined || this.#own === "private") this.#own = reach;
        return;
      }
      const bad = addresses.find((address) => !mayReferTo(address, this.#own));
      if (bad !== undefined)
        throw new Refusal(
          `${this.host} refers to ${hostname} (${bad.replace(/^\[|\]$/g, "")}), which is a loopback, link-local or private address of another host. Use a registry whose token server and storage have public addresses or its own host name`,
        );
    };
    if (isAddress(hostname)) check([hostname]);
    return checkedLookup(check);
  }
}

/** Whether an address is this machine's own. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** Node's roots and the system's, and those that Go, Node and Docker are told of. */
function trust(folder: string): SecureContext {
  const own = (attempt(() => readdirSync(folder)) ?? []).filter((name) => name.endsWith(".crt"));
  const files = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    process.env.SSL_CERT_FILE ?? "",
    process.env.NODE_EXTRA_CA_CERTS ?? "",
    ...own.map((name) => join(folder, name)),
  ];
  const ca = [...rootCertificates, ...files.map(slurp).filter((text) => text !== "")];
  return createSecureContext({ ca });
}

/**
 * The proxy on the way, as Go and so Docker choose it (https://pkg.go.dev/golang.org/x/net/http/httpproxy).
 * HTTP_PROXY is for plain http, which is spoken to loopback addresses only, and those are never proxied.
 *
 * @throws Refusal where HTTPS_PROXY is no address
 */
export function proxyFor(url: URL): URL | undefined {
  const { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy } = process.env;
  const given = HTTPS_PROXY || https_proxy;
  if (!given || url.protocol !== "https:" || isLoopback(url)) return undefined;
  const direct = (NO_PROXY || no_proxy || "").toLowerCase().split(/[\s,]+/);
  if (direct.some((entry) => isMeant(entry, url))) return undefined;
  const proxy = attempt(() => new URL(given.includes("://") ? given : `http://${given}`));
  if (proxy && /^https?:$/.test(proxy.protocol)) return proxy;
  throw new Refusal("HTTPS_PROXY is no proxy's address: write http://[user:password@]host:port");
}

/** By NO_PROXY's `*`, domain, `.domain`, address, either with `:port`, or network. */
function isMeant(entry: string, { hostname, port }: URL): boolean {
  const host = hostname.replace(/[[\]]/g, "");
  const family = isIPv6(host) ? "ipv6" : "ipv4";
  const [, name = "", bits, only] = /^\*?(.*?)(?:\/(\d+))?(?::(\d+))?$/.exec(entry) ?? [];
  const network = new BlockList();
  if (bits) attempt(() => network.addSubnet(name, Number(bits), family));
  if (bits || entry === host) return entry === host || network.check(host, family);
  if (only && only !== (port || "443")) return false;
  return entry === "*" || host === name || host.endsWith(`.${name.replace(/^\./, "")}`);
}

/** A way through the proxy. The agent is for a proxy with TLS. */
async function tunnel(
  proxy: URL,
  url: URL,
  signal: AbortSignal,
  agent: https.Agent,
): Promise<Socket> {
  const secure = proxy.protocol === "https:";
  const host = `${url.hostname}:${url.port || 443}`;
  const login = basic({ username: decode(proxy.username), password: decode(proxy.password) });
  const headers = { host, ...(proxy.username && { "proxy-authorization": login }) };
  const settings = { method: "CONNECT", path: host, headers, signal, agent: secure && agent };
  const request = (secure ? https : http).request(proxy.origin, settings);
  request.on("error", () => {}).end();
  const [{ statusCode: status = 0 }, socket] = (await once(request, "connect")) as [
    http.IncomingMessage,
    Socket,
  ];
  if (status === 200) return socket;
  socket.destroy();
  if (status >= 500) throw new Error(`${status} for CONNECT`); // may pass
  const fix = status === 407 ? "check user and password in HTTPS_PROXY" : "have it allowed there";
  const refused = `the proxy ${proxy.host} doesn't let ${host} be reached (${status})`;
  throw new Refusal(`${refused}: ${fix}, or name it in NO_PROXY`);
}

/** The code or the name of whatever was thrown. */
export function codeOf(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  return String(code ?? name);
}

/** Whether asking again can't help. */
export function isFinal(error: unknown): boolean {
  return error instanceof Refusal || /CERT|SIGNED|ISSUER|VERIFY/.test(codeOf(error));
}

/** What kept an answer from coming, in a few words. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (/ABORT|TIMEOUT|^23$/i.test(code)) return "no answer in time";
  return (error as Error).message || code;
}

/** What a registry that couldn't be asked comes to. */
export function unreachable(host: string, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = codeOf(error);
  const message = reasonOf(error);
  if (/SIGNED|ISSUER|VERIFY|UNTRUSTED/.test(code))
    return new Refusal(
      `the certificate of ${host} is from an authority that isn't known here (${code}): set SSL_CERT_FILE to that authority's certificate, or put it into /etc/docker/certs.d/${host}/ca.crt`,
    );
  if (isFinal(error)) return new Refusal(`the certificate of ${host} isn't valid (${message})`);
  const fix = /EPROTO|ERR_SSL/.test(code)
    ? "it speaks no https, and plain http is for loopback addresses only"
    : "is it running, and is the address right?";
  const proxy = proxyFor(new URL(`https://${host}`));
  const way = proxy ? ` through the proxy ${proxy.host}` : "";
  return new Refusal(`can't reach the registry ${host}${way} (${message}): ${fix}`);
}
