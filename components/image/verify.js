"use strict";
/**
 * The gate between a push and a deployment: reads an image or index from its registry and compares it with the plan.
 *
 * Two lives: sent on stdin to `node -` (settings in MULTIARCH_VERIFY, MULTIARCH_REGISTRY_USERNAME and _PASSWORD; one
 * line of JSON on stdout, or one message on stderr and exit 1), and required as a module. So it is one file of
 * CommonJS that needs Node's built-ins and nothing else. Order: reading, comparing, registry, credentials, errors.
 */
/* global AbortSignal, URLSearchParams */
const { execFile } = require("node:child_process");
const { createHash } = require("node:crypto");
const { once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const os = require("node:os");
const path = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");
const tls = require("node:tls");

/** @typedef {{ username?: string, password?: string }} Access Without a password: Docker's stored credentials, else none. */
/** @typedef {{ source: string, username?: string, password?: string, identityToken?: string }} Credentials */
/** @typedef {{ os?: string, architecture?: string, variant?: string }} Platform */
/** @typedef {{ digest: string, mediaType?: string, size?: number, platform?: Platform, annotations?: Record<string, string> }} Descriptor */
/** @typedef {{ digest: string, mediaType: string, manifests?: Descriptor[], config?: Descriptor, layers?: Descriptor[] }} Manifest */
/** @typedef {{ platform: string, digest: string, size: number }} PlatformImage `size`: compressed bytes of config and layers. */
/** @typedef {{ reference: string, mediaType: string, platforms: string[], images: PlatformImage[] }} Inspection */
/** @typedef {{ reference: string, platforms: string[], images?: Record<string, string>, exact?: boolean, name?: string, requiredBy?: Record<string, string> }} Plan */
/** @typedef {{ platforms?: string[], digests?: string[], wait?: number, total?: number, request?: number, certificates?: string }} Options
 * What to read (default all), milliseconds: for a manifest to show up, for all, for one request; Docker's folder of CAs. */
/** @typedef {{ status: number, url: URL, headers: http.IncomingHttpHeaders, body: Buffer }} Answer */
/** @typedef {{ method?: string, headers?: Record<string, string>, body?: string }} Ask */

/** A failure in the user's own terms. */
class Refusal extends Error {}

const digestPattern = /^sha256:[a-f0-9]{64}$/;
const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** What a registry holds under a reference. @param {string} reference @param {Access} [access] @param {Options} [options] @returns {Promise<Inspection>} */
async function inspect(reference, access = {}, options = {}) {
  const { host, repository, target } = splitReference(reference);
  const registry = new Registry(host, repository, access, options);
  const root = await registry.manifest(target);
  const children = root.manifests ? await flatten(registry, root) : [{ digest: root.digest }];
  const platforms = children.flatMap(({ platform }) => (platform ? spell(platform) : []));
  const wanted = children.filter(({ digest, platform }) => {
    if (!platform || !options.platforms) return true;
    return options.platforms.includes(spell(platform)) || options.digests?.includes(digest);
  });
  /** @type {Map<string, PlatformImage>} */
  const images = new Map();
  await Promise.all(
    wanted.map(async ({ digest, platform }) => {
      const child = digest === root.digest ? root : await registry.manifest(digest);
      const image = await readImage(registry, child, platform);
      if (image) images.set(`${image.platform} ${digest}`, image);
      else if (child === root)
        throw new Refusal(`${reference} is no image (${root.config?.mediaType ?? root.mediaType})`);
    }),
  );
  const sorted = [...images.keys()].sort().flatMap((key) => images.get(key) ?? []);
  return {
    reference: `${host}/${repository}@${root.digest}`,
    mediaType: root.mediaType,
    platforms: [...new Set([...platforms, ...sorted.map((image) => image.platform)])].sort(),
    images: sorted,
  };
}

/** Images of an index: no attestations; one nested level. @param {Registry} registry @param {Manifest} index @returns {Promise<Descriptor[]>} */
async function flatten(registry, index, nested = false) {
  const lists = (index.manifests ?? []).map(async (child) => {
    const { annotations, platform, mediaType = "" } = child;
    if (annotations?.["vnd.docker.reference.type"] || platform?.architecture === "unknown")
      return [];
    if (!/index|manifest\.list/.test(mediaType)) return [child];
    if (nested) throw new Refusal(`${index.digest} nests indexes deeper than engines follow`);
    return flatten(registry, await registry.manifest(child.digest), true);
  });
  return (await Promise.all(lists)).flat();
}

/** Undefined: no image. @param {Registry} registry @param {Manifest} manifest @param {Platform} [listed] @returns {Promise<PlatformImage | undefined>} */
async function readImage(registry, { config, digest, layers }, listed) {
  if (!config || !Array.isArray(layers) || !/image/.test(config.mediaType ?? "image"))
    return undefined;
  const found = /** @type {Platform} */ (await registry.read("blobs", config.digest));
  if (!found.os || !found.architecture) return undefined;
  // Old builders wrote the variant into the list only: a config without one doesn't contradict it.
  const platform = spell({ ...found, variant: found.variant || listed?.variant });
  if (listed && spell(listed) !== platform)
    throw new Refusal(
      `${registry.name}@${digest} is listed as ${spell(listed)}, but its config says ${platform}: ${rebuild}`,
    );
  const size = [config, ...layers].reduce((sum, blob) => sum + (Number(blob?.size) || 0), 0);
  return { platform, digest, size };
}

const rebuild =
  "build it again, without a fixed --platform in FROM and from a base image that has the platform";

/** One spelling of a platform, as platform.ts, which can't be imported here, has it. @param {Platform} platform */
function spell({ os: system = "", architecture = "", variant = "" }) {
  const given = `${architecture}/${variant}`.toLowerCase();
  const name = given
    .replace(/^x86[_-]64\//, "amd64/")
    .replace(/^aarch64\//, "arm64/")
    .replace(/^i386\/.*/, "386/")
    .replace(/^armhf\/.*/, "arm/v7")
    .replace(/^armel\/.*/, "arm/v6")
    .replace(/^arm\/$/, "arm/v7")
    .replace(/^arm\/(?=[5-8]$)/, "arm/v")
    .replace(/^amd64\/v1$|^arm64\/v?8$/, (whole) => whole.slice(0, 6));
  return `${system.toLowerCase()}/${name}`.replace(/\/$/, "");
}

/** Compares a registry with the plan; throws a Refusal with every difference. @param {Plan} plan @param {Access} [access] @param {Options} [options] @returns {Promise<Inspection>} */
async function verify(plan, access = {}, options = {}) {
  const { reference, platforms, images = {}, requiredBy = {}, exact = false } = plan;
  const built = Object.keys(images).length > 0;
  const held = await inspect(reference, access, {
    wait: built ? 6000 : 2000, // a registry may take a moment to show what was just pushed
    ...(exact ? {} : { platforms, digests: Object.values(images) }),
    ...options,
  });
  const again = "something else pushed it; build and push again";
  const problems = platforms.flatMap((platform) => {
    const image = images[platform];
    const own = held.images.find(({ digest }) => digest === image);
    const found = held.images.filter((other) => other.platform === platform);
    const who = requiredBy[platform] ?? plan.name;
    const fix = built
      ? "the registry dropped it, or something else pushed this index; push it again, to a registry that keeps indexes whole"
      : "build the image for it too, or deploy it on a machine of a platform it has";
    if (own && own.platform !== platform)
      return `${image} was built for ${platform}, but its config says ${own.platform}: ${rebuild}`;
    if (found.length > 1)
      return `${reference} lists ${platform} ${found.length} times, and which one runs is chance: push an index with one image for each platform`;
    if (found.length === 0)
      return `${platform} is needed${who ? ` by ${who}` : ""}; ${reference} holds ${held.platforms.join(", ") || "no image"}: ${fix}`;
    if (image && found[0]?.digest !== image)
      return `${reference} holds ${found[0]?.digest} for ${platform}, but ${image} was built: ${again}`;
    return [];
  });
  const extra = held.platforms.filter((platform) => exact && !platforms.includes(platform));
  if (extra.length > 0 && problems.length === 0)
    problems.push(`${reference} holds ${extra.join(", ")}, which isn't in the plan: ${again}`);
  if (problems.length > 0) throw new Refusal(problems.join("\n"));
  return held;
}

/** Whether a manifest is still there: one quick question. Never throws. @param {string} reference @param {Access} [access] @param {Options} [options] @returns {Promise<"present" | "missing" | "unknown">} */
async function exists(reference, access = {}, options = {}) {
  const total = options.total ?? 3000;
  /** @returns {Promise<"present" | "missing" | "unknown">} */
  const ask = async () => {
    const { host, repository, target } = splitReference(reference);
    const registry = new Registry(host, repository, access, { ...options, total });
    registry.authorization = basic(await registry.credentials());
    const { status } = await registry.reach(`manifests/${target}`, "HEAD");
    return status === 200 ? "present" : status === 404 ? "missing" : "unknown";
  };
  // A credential helper may take its time, too.
  const late = sleep(total, /** @type {const} */ ("unknown"), { ref: false });
  return Promise.race([ask().catch(() => /** @type {const} */ ("unknown")), late]);
}

/** What of reference.ts is needed here. @param {string} reference */
function splitReference(reference) {
  const [, first = "", rest = "", tag, digest] =
    /^([^/@]+\/)?([^@:]+)(?::(\w[\w.-]{0,127}))?(?:@(.+))?$/.exec(reference) ?? [];
  const isHost = /[.:A-Z]|^localhost\/$/.test(first);
  const host = isHost
    ? first.replace(/^(index|registry-1)\.docker\.io/, "docker.io").slice(0, -1)
    : "docker.io";
  const name = isHost ? rest : first + rest;
  const repository = host === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  const good =
    name.split("/").every((part) => /^[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*$/.test(part)) &&
    /^[\w.:[\]-]+$/.test(host) &&
    URL.canParse(`https://${host}`) &&
    (digest === undefined || digestPattern.test(digest));
  if (good) return { host, repository, target: digest ?? tag ?? "latest" };
  throw new Refusal(
    `${reference} is no reference: write host/repository@sha256:… or host/repository:tag`,
  );
}

/** One repository of one registry, for one run: its scheme, its token and the time left are kept here. */
class Registry {
  /** @param {string} host @param {string} repository @param {Access} access @param {Options} options */
  constructor(host, repository, access, options) {
    this.host = host === "docker.io" ? "registry-1.docker.io" : host;
    this.name = `${host}/${repository}`;
    this.repository = repository;
    this.options = options;
    this.deadline = Date.now() + (options.total ?? 20_000);
    // As BuildKit: plain http for loopback only; https is tried there when what answers isn't http.
    this.scheme = isLoopback(new URL(`https://${this.host}`)) ? "http:" : "https:";
    /** @type {string | undefined} */
    this.authorization = undefined;
    this.folder = path.join(options.certificates ?? "/etc/docker/certs.d", this.host);
    /** @type {https.Agent | undefined} */
    this.agent = undefined;
    /** @type {Promise<Credentials> | undefined} */
    this.known = undefined;
    this.credentials = () => (this.known ??= credentialsFor(host, access));
  }

  /** @param {string} target digest or tag @returns {Promise<Manifest>} */
  async manifest(target) {
    const manifest = /** @type {Manifest} */ (await this.read("manifests", target));
    const { manifests, config } = manifest;
    const named = manifests ?? [config];
    if (
      !(manifests && config) &&
      Array.isArray(named) &&
      named.every((blob) => digestPattern.test(blob?.digest ?? ""))
    )
      return manifest;
    throw new Refusal(
      `${this.name}: ${target} is no image or index of OCI or Docker schema 2: build and push it again`,
    );
  }

  /** A manifest or blob, with its digest checked. @param {"manifests" | "blobs"} kind @param {string} target @returns {Promise<object>} */
  async read(kind, target) {
    const answer = await this.get(
      `${kind}/${target}`,
      kind === "manifests" ? this.options.wait : 0,
    );
    const { status, headers, body, url } = answer;
    const full = `${this.name}${digestPattern.test(target) ? "@" : ":"}${target}`;
    if (status === 401 || status === 403) throw denied(this, answer, await this.credentials());
    if (status === 404)
      throw new Refusal(
        `${full} isn't in the registry${told(answer)}: it was never pushed there, or was deleted; check the reference, or build and push it again`,
      );
    if (status !== 200)
      throw new Refusal(
        `${url.host} didn't give ${full}${told(answer)}: ${status === 429 ? "log in, or " : ""}try again later`,
      );
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    if (digest !== target && digestPattern.test(target))
      throw new Refusal(
        `what ${url.host} gave for ${full} is ${digest}: its storage, or a proxy before it, is broken`,
      );
    const value = parse(body);
    if (!value)
      throw new Refusal(`what ${url.host} gave for ${full} isn't JSON: is this a registry?`);
    return kind === "blobs" ? value : { mediaType: headers["content-type"], ...value, digest };
  }

  /** Patient: asks again where that may help, until the deadline. @param {string} what @param {number} [wait] for what isn't there yet */
  async get(what, wait = 0) {
    const started = Date.now();
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      const result = await this.reach(what, "GET").catch(failed);
      let until = this.deadline;
      let delay = pause;
      if ("error" in result) {
        const { error } = result;
        if (error instanceof Refusal || isUntrusted(error)) until = 0;
        else if (/REFUSED|NOTFOUND/.test(error.code ?? "")) until = started + 2000;
      } else if (result.status === 404) until = started + wait;
      else if (result.status === 429 || result.status >= 500)
        delay = Math.max(pause, Number(result.headers["retry-after"]) * 1000 || 0);
      else return result;
      if (Date.now() + delay < Math.min(until, this.deadline)) await sleep(delay);
      else if ("error" in result) throw unreachable(this.host, result.error);
      else return result;
    }
  }

  /** One question, in the scheme that the registry speaks. @param {string} what @param {string} method @returns {Promise<Answer>} */
  async reach(what, method) {
    const ask = {
      method,
      headers: { accept: what.startsWith("manifests") ? manifestTypes : "*/*" },
    };
    const url = new URL(`${this.scheme}//${this.host}/v2/${this.repository}/${what}`);
    const first = await this.authorised(url, ask).catch(failed);
    // To plain http, servers of TLS say 400 (Go, nginx) or hang up (Node).
    const heard =
      "error" in first
        ? !/^(HPE_|ECONNRESET|EPIPE)/.test(first.error.code ?? "")
        : first.status !== 400;
    if (heard || this.scheme === "https:") return settle(first);
    url.protocol = "https:";
    const second = await this.authorised(url, ask).catch(failed);
    const blind =
      "error" in second && !(second.error instanceof Refusal) && !isUntrusted(second.error);
    if (!("error" in second)) this.scheme = "https:";
    return settle(blind ? first : second);
  }

  /** @param {URL} url @param {Ask} ask @returns {Promise<Answer>} */
  async authorised(url, ask) {
    const used = this.authorization;
    const answer = await this.send(url, ask, used);
    if (answer.status !== 401 || answer.url.origin !== url.origin) return answer;
    const challenges = parseChallenges(answer.headers["www-authenticate"] ?? "");
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) {
      const given = await this.token(bearer, await this.credentials());
      const { token, access_token = token } = parse(given.body) ?? {};
      // A token service that is down is worth another try; whatever else it says is a no.
      if (!access_token)
        return given.status === 429 || given.status >= 500 ? given : { ...given, status: 401 };
      this.authorization = `Bearer ${access_token}`;
    } else if (challenges.some(({ scheme }) => scheme === "basic"))
      this.authorization = basic(await this.credentials());
    return this.authorization === used ? answer : this.send(url, ask, this.authorization);
  }

  /** https://distribution.github.io/distribution/spec/auth/token/ @param {Record<string, string>} challenge @param {Credentials} credentials */
  async token({ realm = "", service = "" }, credentials) {
    if (!URL.canParse(realm))
      throw new Refusal(`${this.host} wants a token, but doesn't say from where`);
    const url = new URL(realm);
    const form = new URLSearchParams({ service, scope: `repository:${this.repository}:pull` });
    if (!credentials.identityToken) {
      for (const [key, value] of form) url.searchParams.set(key, value);
      return this.send(url, {}, basic(credentials));
    }
    for (const [key, value] of Object.entries({
      grant_type: "refresh_token",
      client_id: "multiarch",
      refresh_token: credentials.identityToken,
    }))
      form.set(key, value);
    return this.send(url, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `${form}`,
    });
  }

  /** Follows redirects (blobs often lie elsewhere), never with the credentials to another origin. @param {URL} start @param {Ask} ask @param {string} [authorization] @returns {Promise<Answer>} */
  async send(start, { method, headers, body }, authorization) {
    let url = start;
    for (let hops = 0; hops < 6; hops++) {
      const secure = url.protocol === "https:";
      if (!secure && !isLoopback(url))
        throw new Refusal(
          `${this.host} leads to ${url.origin}: refused, plain http is for loopback addresses only`,
        );
      const signal = AbortSignal.timeout(
        Math.max(1, Math.min(this.options.request ?? 10_000, this.deadline - Date.now())),
      );
      const own = authorization && url.origin === start.origin ? { authorization } : undefined;
      const settings = { method, headers: { ...headers, ...own }, signal };
      if (secure)
        this.agent ??= new https.Agent({ keepAlive: true, secureContext: trust(this.folder) });
      const request = (secure ? https : http).request(url, {
        ...settings,
        agent: secure && this.agent,
      });
      request.on("error", () => {}); // one after the answer began is met below, too
      request.end(body);
      const [answer] = /** @type {[http.IncomingMessage]} */ (await once(request, "response"));
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
}

/** @param {Credentials} credentials */
function basic({ username = "", password }) {
  return password === undefined
    ? undefined
    : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** `Bearer realm="…",service="…", Basic realm="…"` @param {string} header */
function parseChallenges(header) {
  /** @type {Record<string, string>[]} */
  const challenges = [];
  for (const [, word = "", quoted, plain] of header.matchAll(
    /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]+)))?/g,
  )) {
    const value = quoted ?? plain;
    if (value === undefined) challenges.push({ scheme: word.toLowerCase() });
    else Object.assign(challenges.at(-1) ?? {}, { [word.toLowerCase()]: value });
  }
  return challenges;
}

/** Those given, else what `docker login` stored. @param {string} host @param {Access} access @returns {Promise<Credentials>} */
async function credentialsFor(host, { username, password }) {
  if (password) return { source: "given", username, password };
  const file = path.join(
    process.env.DOCKER_CONFIG || path.join(os.homedir(), ".docker"),
    "config.json",
  );
  const key = host === "docker.io" ? "https://index.docker.io/v1/" : host;
  const { credHelpers, credsStore, auths = {} } = parse(slurp(file)) ?? {};
  const helper = credHelpers?.[key] ?? credsStore;
  if (helper) {
    const stored = await askHelper(path.basename(helper), key);
    if (stored) return { source: `those of docker-credential-${helper}`, ...stored };
  }
  const named = Object.keys(auths).find((name) => name.replace(/^https?:\/\/|\/.*$/g, "") === host);
  const { auth, identitytoken: identityToken, ...plain } = auths[key] ?? auths[named ?? ""] ?? {};
  const [user, ...secret] = Buffer.from(String(auth ?? ""), "base64")
    .toString()
    .replace(/\0+$/, "")
    .split(":");
  const login = auth ? { username: user, password: secret.join(":") } : plain;
  const source = `those stored in ${file}`;
  if (identityToken) return { source, identityToken };
  return login.password
    ? { source, username: login.username, password: login.password }
    : { source: "none" };
}

/** https://github.com/docker/docker-credential-helpers @param {string} helper @param {string} server @returns {Promise<Omit<Credentials, "source"> | undefined>} */
function askHelper(helper, server) {
  return new Promise((resolve) => {
    const child = execFile(
      `docker-credential-${helper}`,
      ["get"],
      { timeout: 5000, env: process.env },
      (error, stdout) => {
        const { Username: username, Secret: secret } = (!error && parse(stdout)) || {};
        if (!secret) resolve(undefined);
        else
          resolve(
            username === "<token>" ? { identityToken: secret } : { username, password: secret },
          );
      },
    );
    child.stdin?.on("error", () => {}).end(server);
  });
}

/** Node's roots and the system's, and those that Go, Node and Docker are told of. @param {string} folder */
function trust(folder) {
  const { SSL_CERT_FILE = "", NODE_EXTRA_CA_CERTS = "" } = process.env;
  const system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
  const own = fs.existsSync(folder)
    ? fs.readdirSync(folder).filter((name) => name.endsWith(".crt"))
    : [];
  const files = [
    ...system,
    SSL_CERT_FILE,
    NODE_EXTRA_CA_CERTS,
    ...own.map((name) => path.join(folder, name)),
  ];
  const read = files.map(slurp).filter((text) => text !== "");
  return tls.createSecureContext({ ca: [...tls.rootCertificates, ...read] });
}

/** @param {string} file */
function slurp(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The object that a text holds, or undefined. @param {string | Buffer} text */
function parse(text) {
  try {
    const value = JSON.parse(text.toString());
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {URL} url */
function isLoopback({ hostname }) {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** @param {NodeJS.ErrnoException} error */
const failed = (error) => ({ error });

/** @param {Answer | { error: Error }} result */
function settle(result) {
  if ("error" in result) throw result.error;
  return result;
}

/** @param {NodeJS.ErrnoException} error */
function isUntrusted({ code = "" }) {
  return /CERT|SIGNED|ISSUER|VERIFY/.test(code);
}

/** @param {string} host @param {NodeJS.ErrnoException} error */
function unreachable(host, error) {
  if (error instanceof Refusal) return error;
  const { HTTPS_PROXY, https_proxy } = process.env;
  const code = String(error.code ?? error.name);
  const message = /ABORT|TIMEOUT|^23$/i.test(code) ? "no answer in time" : error.message || code;
  if (/SIGNED|ISSUER|VERIFY|UNTRUSTED/.test(code))
    return new Refusal(
      `the certificate of ${host} is from an authority that isn't known here (${code}): set SSL_CERT_FILE to that authority's certificate, or put it into /etc/docker/certs.d/${host}/ca.crt`,
    );
  if (isUntrusted(error)) return new Refusal(`the certificate of ${host} isn't valid (${message})`);
  const fix = /EPROTO|ERR_SSL/.test(code)
    ? "it speaks no https, and plain http is for loopback addresses only"
    : "is it running, and is the address right?";
  const proxy = HTTPS_PROXY || https_proxy ? " (this check goes through no proxy)" : "";
  return new Refusal(`can't reach the registry ${host} (${message}): ${fix}${proxy}`);
}

/** @param {Registry} registry @param {Answer} answer @param {Credentials} credentials */
function denied({ host, name }, answer, { source }) {
  const ecr =
    host.includes(".dkr.ecr.") &&
    `aws ecr get-login-password | docker login --username AWS --password-stdin ${host}`;
  const login = `run ${ecr || `docker login ${host}`.replace(" registry-1.docker.io", "")}`;
  const given = ecr
    ? "an ECR token lasts 12 hours; run pulumi up again, which takes a fresh one"
    : "check the registry's username and password; a token may have expired";
  const [used, fix] =
    source === "given"
      ? ["the credentials given", given]
      : source === "none"
        ? ["no credentials", `set the registry's username and password, or ${login}`]
        : [source, `they may have expired; ${login}`];
  return new Refusal(
    `${answer.url.host} doesn't let ${name} be read, with ${used}${told(answer)}: ${fix}`,
  );
}

/** What a registry itself says of an error, in short. @param {Answer} answer */
function told({ status, body }) {
  const [, message] = /"message"\s*:\s*"([^"\\]{1,120})/.exec(body.toString("utf8", 0, 2000)) ?? [];
  return ` (${status}${message ? `, ${message}` : ""})`;
}

async function main() {
  const {
    MULTIARCH_VERIFY = "",
    MULTIARCH_REGISTRY_USERNAME: username,
    MULTIARCH_REGISTRY_PASSWORD: password,
  } = process.env;
  const plan = parse(MULTIARCH_VERIFY) ?? {};
  try {
    if (typeof plan.reference !== "string" || !Array.isArray(plan.platforms))
      throw new Refusal("MULTIARCH_VERIFY must hold reference and platforms, as JSON");
    const { reference, mediaType, images } = await verify(plan, { username, password });
    process.stdout.write(`${JSON.stringify({ reference, mediaType, images })}\n`);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    let safe = message;
    for (const secret of [password, basic({ source: "", username, password })?.slice(6)])
      if (secret) safe = safe.replaceAll(secret, "***");
    process.stderr.write(safe.replace(/^/gm, plan.name ? `${plan.name}: ` : "") + "\n");
    process.exitCode = 1;
  }
}

module.exports = { inspect, verify, exists, credentialsFor, splitReference, spell, Refusal };
if (
  /** @type {{ id?: string }} */ (/** @type {unknown} */ (module)).id === "[stdin]" ||
  require.main === module
)
  void main();
