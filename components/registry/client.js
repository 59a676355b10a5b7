"use strict";
/**
 * How to talk to a registry: scheme, TLS, proxy, credentials, redirects and patience, as Docker has them.
 *
 * CommonJS that needs Node's built-ins and nothing else: the gate sends it, with verify.js, to `node -`.
 * Order: the client, the way to a host, credentials, references, errors.
 */
/* global AbortSignal, URLSearchParams */
const { execFile } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { unescape: decode } = require("node:querystring");
const { setTimeout: sleep } = require("node:timers/promises");
const tls = require("node:tls");
const { promisify } = require("node:util");

/** @typedef {{ username?: string, password?: string }} Access Without a password: Docker's stored credentials, else none. */
/** @typedef {Access & { source: string, identityToken?: string }} Credentials */
/** @typedef {{ wait?: number, total?: number, request?: number, certificates?: string }} Options
 * Milliseconds for a manifest to show up, for all, for one request; Docker's folder of CAs. */
/** @typedef {{ status: number, url: URL, headers: http.IncomingHttpHeaders, body: Buffer }} Answer */
/** @typedef {{ method?: string, headers?: Record<string, string>, body?: string }} Ask */

/** A failure in the user's own terms. */
class Refusal extends Error {}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** One repository of one registry, for one run: its scheme, its token and the time left are kept here. */
class Registry {
  /** @type {string | undefined} */ authorization;
  /** @type {https.Agent | undefined} */ agent;
  /** @type {Promise<Credentials> | undefined} */ known;

  /** @param {string} reference @param {Access} access @param {Options} options */
  constructor(reference, access, options) {
    const { host, repository, target } = splitReference(reference);
    this.host = host === "docker.io" ? "registry-1.docker.io" : host;
    this.name = `${host}/${repository}`;
    this.repository = repository;
    /** Digest or tag. */
    this.target = target;
    this.options = options;
    this.deadline = Date.now() + (options.total ?? 20_000);
    // As BuildKit: plain http for loopback only; https is tried there when what answers isn't http.
    this.scheme = isLoopback(new URL(`https://${this.host}`)) ? "http:" : "https:";
    this.folder = path.join(options.certificates ?? "/etc/docker/certs.d", this.host);
    this.credentials = () => (this.known ??= credentialsFor(host, access));
  }

  /** Patient: asks again where that may help. @param {string} what @param {number} [wait] for what isn't there yet */
  async get(what, wait = 0) {
    const started = Date.now();
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      const asked = this.reach(what, "GET");
      let until = this.deadline;
      let delay = pause;
      try {
        const { status, headers } = await asked;
        if (status === 404) until = started + wait;
        else if (status !== 429 && status < 500) return asked;
        else delay = Math.max(pause, Number(headers["retry-after"]) * 1000 || 0);
      } catch (error) {
        if (isFinal(error)) until = 0;
        else if (/REFUSED|NOTFOUND/.test(codeOf(error))) until = started + 2000;
      }
      if (Date.now() + delay < Math.min(until, this.deadline)) await sleep(delay);
      else return asked.catch((error) => Promise.reject(unreachable(this.host, error)));
    }
  }

  /** One question, in the scheme that the registry speaks. @param {string} what @param {string} method */
  async reach(what, method) {
    const headers = { accept: what.startsWith("manifests") ? manifestTypes : "*/*" };
    const place = `${this.host}/v2/${this.repository}/${what}`;
    /** @param {string} scheme */
    const ask = (scheme) => this.authorised(new URL(`${scheme}//${place}`), { method, headers });
    const first = ask(this.scheme);
    // To plain http, servers of TLS say 400 (Go, nginx) or hang up (Node).
    const misheard = await first.then(
      ({ status }) => status === 400,
      (error) => /^(HPE_|ECONNRESET|EPIPE)/.test(codeOf(error)),
    );
    if (!misheard || this.scheme === "https:") return first;
    try {
      const second = await ask("https:");
      this.scheme = "https:";
      return second;
    } catch (error) {
      if (isFinal(error)) throw error;
      return first;
    }
  }

  /** @param {URL} url @param {Ask} ask @returns {Promise<Answer>} */
  async authorised(url, ask) {
    const used = this.authorization;
    const answer = await this.send(url, ask, used);
    if (answer.status !== 401 || answer.url.origin !== url.origin) return answer;
    const challenge = answer.headers["www-authenticate"] ?? "";
    const [, bearer] = /(?:^|,)\s*bearer\s+(.*)/i.exec(challenge) ?? [];
    if (bearer) {
      const given = await this.token(bearer, await this.credentials());
      const { token, access_token = token } = parse(given.body) ?? {};
      // A token service that is down is worth another try; whatever else it says is a no.
      if (!access_token)
        return given.status === 429 || given.status >= 500 ? given : { ...given, status: 401 };
      this.authorization = `Bearer ${access_token}`;
    } else if (/(?:^|,)\s*basic\b/i.test(challenge))
      this.authorization = basic(await this.credentials());
    return this.authorization === used ? answer : this.send(url, ask, this.authorization);
  }

  /** https://distribution.github.io/distribution/spec/auth/token/ @param {string} challenge @param {Credentials} credentials */
  async token(challenge, credentials) {
    const [realm = "", service = ""] = ["realm", "service"].map((name) => {
      const pattern = `(?:^|[\\s,])${name}\\s*=\\s*(?:"([^"]*)"|([^\\s,"]+))`;
      const [, quoted, plain] = new RegExp(pattern, "i").exec(challenge) ?? [];
      return quoted ?? plain;
    });
    const url = attempt(() => new URL(realm));
    if (!url) throw new Refusal(`${this.host} wants a token, but doesn't say from where`);
    const wanted = { service, scope: `repository:${this.repository}:pull` };
    const { identityToken: refresh_token } = credentials;
    if (refresh_token) {
      const grant = { grant_type: "refresh_token", client_id: "multiarch", refresh_token };
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const body = `${new URLSearchParams({ ...wanted, ...grant })}`;
      return this.send(url, { method: "POST", headers, body });
    }
    for (const [key, value] of Object.entries(wanted)) url.searchParams.set(key, value);
    return this.send(url, {}, basic(credentials));
  }

  /** Follows redirects, never with the credentials to another origin. @param {URL} start @param {Ask} ask @param {string} [authorization] */
  async send(start, { method, headers, body }, authorization) {
    let url = start;
    for (let hops = 0; hops < 6; hops++) {
      const own = authorization && url.origin === start.origin ? { authorization } : undefined;
      const answer = await this.open(url, { method, headers: { ...headers, ...own }, body });
      const chunks = [];
      let left = 8 << 20;
      for await (const chunk of answer) {
        chunks.push(chunk);
        if ((left -= chunk.length) < 0)
          throw new Refusal(`${url.host} sent more than 8 MiB for a manifest`);
      }
      const { statusCode: status = 0, headers: got } = answer;
      if (body || ![301, 302, 303, 307, 308].includes(status) || !got.location)
        return { status, url, headers: got, body: Buffer.concat(chunks) };
      url = new URL(got.location, url);
    }
    throw new Refusal(`${this.host} redirects without end`);
  }

  /** One request, by the way that leads there. @param {URL} url @param {Ask} ask @returns {Promise<http.IncomingMessage>} */
  async open(url, { body, ...ask }) {
    const secure = url.protocol === "https:";
    if (!secure && !isLoopback(url))
      throw new Refusal(
        `${this.host} leads to ${url.origin}: refused, plain http is for loopback addresses only`,
      );
    const left = Math.min(this.options.request ?? 10_000, this.deadline - Date.now());
    const signal = AbortSignal.timeout(Math.max(1, left));
    /** @type {https.Agent | undefined} */
    let agent;
    if (secure) {
      agent = this.agent ??= new https.Agent({
        keepAlive: true,
        secureContext: trust(this.folder),
      });
      const proxy = proxyFor(url);
      const socket = proxy && (await tunnel(proxy, url, signal, agent));
      if (socket) agent = new https.Agent({ ...agent.options, keepAlive: false, socket });
    }
    const request = (secure ? https : http).request(url, { ...ask, signal, agent });
    request.on("error", () => {}).end(body); // one after the answer began is met by whoever reads it
    const [answer] = await once(request, "response");
    return answer;
  }
}

/** Whether a manifest is still there: one quick question. Never throws. @param {string} reference @param {Access} [access] @param {Options} [options] */
async function exists(reference, access = {}, options = {}) {
  const unknown = /** @type {const} */ ("unknown");
  const total = options.total ?? 3000;
  const ask = async () => {
    const registry = new Registry(reference, access, { ...options, total });
    registry.authorization = basic(await registry.credentials());
    const { status } = await registry.reach(`manifests/${registry.target}`, "HEAD");
    return status === 200 ? "present" : status === 404 ? "missing" : unknown;
  };
  // A credential helper may take its time, too.
  return Promise.race([ask().catch(() => unknown), sleep(total, unknown, { ref: false })]);
}

/** @param {URL} url */
const isLoopback = ({ hostname }) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);

/** Node's roots and the system's, and those that Go, Node and Docker are told of. @param {string} folder Docker's */
function trust(folder) {
  const own = (attempt(() => fs.readdirSync(folder)) ?? []).filter((name) => name.endsWith(".crt"));
  const files = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    process.env.SSL_CERT_FILE ?? "",
    process.env.NODE_EXTRA_CA_CERTS ?? "",
    ...own.map((name) => path.join(folder, name)),
  ];
  const ca = [...tls.rootCertificates, ...files.map(slurp).filter((text) => text !== "")];
  return tls.createSecureContext({ ca });
}

/**
 * The proxy on the way, as Go and so Docker choose it (https://pkg.go.dev/golang.org/x/net/http/httpproxy).
 * HTTP_PROXY is for plain http, which is spoken to loopback addresses only, and those are never proxied.
 * @param {URL} url
 */
function proxyFor(url) {
  const { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy } = process.env;
  const given = HTTPS_PROXY || https_proxy;
  if (!given || url.protocol !== "https:" || isLoopback(url)) return undefined;
  const direct = (NO_PROXY || no_proxy || "").toLowerCase().split(/[\s,]+/);
  if (direct.some((entry) => isMeant(entry, url))) return undefined;
  const proxy = attempt(() => new URL(given.includes("://") ? given : `http://${given}`));
  if (proxy && /^https?:$/.test(proxy.protocol)) return proxy;
  throw new Refusal("HTTPS_PROXY is no proxy's address: write http://[user:password@]host:port");
}

/** By NO_PROXY's `*`, domain, `.domain`, address, either with `:port`, or network. @param {string} entry @param {URL} url */
function isMeant(entry, { hostname, port }) {
  const host = hostname.replace(/[[\]]/g, "");
  const family = net.isIPv6(host) ? "ipv6" : "ipv4";
  const [, name = "", bits, only] = /^\*?(.*?)(?:\/(\d+))?(?::(\d+))?$/.exec(entry) ?? [];
  const network = new net.BlockList();
  if (bits) attempt(() => network.addSubnet(name, Number(bits), family));
  if (bits || entry === host) return entry === host || network.check(host, family);
  if (only && only !== (port || "443")) return false;
  return entry === "*" || host === name || host.endsWith(`.${name.replace(/^\./, "")}`);
}

/** A way through the proxy. @param {URL} proxy @param {URL} url @param {AbortSignal} signal @param {https.Agent} agent for a proxy with TLS */
async function tunnel(proxy, url, signal, agent) {
  const secure = proxy.protocol === "https:";
  const host = `${url.hostname}:${url.port || 443}`;
  const login = basic({ username: decode(proxy.username), password: decode(proxy.password) });
  const headers = { host, ...(proxy.username && { "proxy-authorization": login }) };
  const settings = { method: "CONNECT", path: host, headers, signal, agent: secure && agent };
  const request = (secure ? https : http).request(proxy.origin, settings);
  request.on("error", () => {}).end();
  const [{ statusCode: status }, socket] = await once(request, "connect");
  if (status === 200) return socket;
  socket.destroy();
  if (status >= 500) throw new Error(`${status} for CONNECT`); // may pass
  const fix = status === 407 ? "check user and password in HTTPS_PROXY" : "have it allowed there";
  const refused = `the proxy ${proxy.host} doesn't let ${host} be reached (${status})`;
  throw new Refusal(`${refused}: ${fix}, or name it in NO_PROXY`);
}

/** @param {Access} credentials */
const basic = ({ username = "", password }) =>
  password === undefined
    ? password
    : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** Those given, else what `docker login` stored. @param {string} host @param {Access} access @returns {Promise<Credentials>} */
async function credentialsFor(host, access) {
  if (access.password) return { source: "given", ...access };
  const folder = process.env.DOCKER_CONFIG || path.join(os.homedir(), ".docker");
  const file = path.join(folder, "config.json");
  const key = host === "docker.io" ? "https://index.docker.io/v1/" : host;
  const { credHelpers, credsStore, auths = {} } = parse(slurp(file)) ?? {};
  const helper = credHelpers?.[key] ?? credsStore;
  const helped = helper && (await askHelper(path.basename(helper), key));
  if (helped) return { source: `those of docker-credential-${helper}`, ...helped };
  const named = Object.keys(auths).find((name) => name.replace(/^https?:\/\/|\/.*$/g, "") === host);
  const { auth = "", identitytoken, ...plain } = auths[key] ?? auths[named ?? ""] ?? {};
  const decoded = Buffer.from(String(auth), "base64").toString();
  const [, username = plain.username, password = plain.password] =
    /^([^:]*):(.*?)\0*$/s.exec(decoded) ?? [];
  const source = `those stored in ${file}`;
  if (identitytoken) return { source, identityToken: identitytoken };
  return password ? { source, username, password } : { source: "none" };
}

/** https://github.com/docker/docker-credential-helpers @param {string} helper @param {string} server */
async function askHelper(helper, server) {
  const how = { timeout: 5000, env: process.env };
  const asked = promisify(execFile)(`docker-credential-${helper}`, ["get"], how);
  asked.child.stdin?.on("error", () => {}).end(server);
  const { stdout } = await asked.catch(() => ({ stdout: "" }));
  const { Username: username, Secret: secret } = parse(stdout) ?? {};
  if (!secret) return undefined;
  return username === "<token>" ? { identityToken: secret } : { username, password: secret };
}

/** What of reference.ts, which can't be imported here, is needed. @param {string} reference */
function splitReference(reference) {
  const [, first = "", rest = "", tag, digest] =
    /^([^/@]+\/)?([^@:]+)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[a-f0-9]{64}))?$/.exec(reference) ?? [];
  const isHost = /[.:A-Z]|^localhost\/$/.test(first);
  const given = isHost ? first.slice(0, -1) : "docker.io";
  const host = given.replace(/^(index|registry-1)\.docker\.io$/, "docker.io");
  const name = isHost ? rest : first + rest;
  const repository = host === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  const good =
    /^[a-z0-9]+(([._/]|__|-+)[a-z0-9]+)*$/.test(name) &&
    /^[\w.:[\]-]+$/.test(host) &&
    URL.canParse(`https://${host}`);
  if (good) return { host, repository, target: digest ?? tag ?? "latest" };
  throw new Refusal(
    `${reference} is no reference: write host/repository@sha256:… or host/repository:tag`,
  );
}

/** What work gives, or undefined where it fails. @template T @param {() => T} work */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** @param {string} file */
const slurp = (file) => attempt(() => fs.readFileSync(file, "utf8")) ?? "";

/** The object that a text holds, or undefined. @param {string | Buffer} text */
function parse(text) {
  const value = attempt(() => JSON.parse(text.toString()));
  return Object(value) === value ? value : undefined;
}

/** @param {any} error whatever was thrown */
const codeOf = (error) => String(error.code ?? error.name);

/** Whether asking again can't help. @param {unknown} error */
const isFinal = (error) =>
  error instanceof Refusal || /CERT|SIGNED|ISSUER|VERIFY/.test(codeOf(error));

/** @param {string} host @param {Error} error */
function unreachable(host, error) {
  if (error instanceof Refusal) return error;
  const code = codeOf(error);
  const message = /ABORT|TIMEOUT|^23$/i.test(code) ? "no answer in time" : error.message || code;
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

module.exports = { Refusal, Registry, credentialsFor, exists, parse, proxyFor, splitReference };
