/**
 * How to talk to a registry: scheme, credentials, redirects and patience, as Docker has them. Loaded by the Pulumi program
 * itself (presence.ts), so it imports nothing but Node's built-ins and files that don't either.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { attempt, parseObject } from "./attempt";
import { BlobStream } from "./blob";
import { type Ask, Connection, codeOf, isFinal, isLoopback, unreachable } from "./connection";
import {
  type Access,
  authorizationOf,
  basic,
  type Credentials,
  credentialsFor,
  denial,
} from "./credentials";
import { digestPattern, parseReference, registryHost } from "./reference";
import { Refusal } from "../errors";

export type { Access } from "./credentials";

/** Patience, in milliseconds, and where Docker keeps certificates. */
export interface Options {
  /** For a manifest to show up. @default 0 */
  readonly wait?: number;
  /** For everything that is asked, or, for a stream, until it begins. @default 20 s */
  readonly total?: number;
  /** For one request. @default 10 s */
  readonly request?: number;
  /** Without a byte of a stream. @default 30 s */
  readonly idle?: number;
  /** Docker's folder of certificates of authorities. @default "/etc/docker/certs.d" */
  readonly certificates?: string;
}

/** What a registry said. */
export interface Answer {
  readonly status: number;
  /** Who said it, after all redirects. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** In place of the body, where that was asked for and there is one. */
  readonly stream?: Readable;
}

/** One question, and until when it may take. */
interface Question extends Ask {
  readonly until: number;
  readonly streamed?: boolean;
}

/** As other clients (https://github.com/containers/image/blob/main/internal/iolimits/iolimits.go). */
const mostBytes = 4 << 20;
/** Of all answers but streams. */
const mostBytesInAll = 32 << 20;

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/**
 * One repository of one registry, for one run: its scheme, its token and the time left are kept here.
 *
 * @example
 * const registry = new Registry("ghcr.io/team/web@sha256:…", { username, password });
 * const { status, body } = await registry.get(`manifests/${registry.target}`);
 * const layer = await registry.stream("sha256:…");
 */
export class Registry {
  /** The host that answers. */
  readonly host: string;
  /** Registry and repository, as people write them. */
  readonly name: string;
  readonly repository: string;
  /** Digest or tag of the reference. */
  readonly target: string;
  /** What is sent as `Authorization`, once that is known. */
  authorization: string | undefined;
  readonly #connection: Connection;
  readonly #credentials: () => Promise<Credentials>;
  readonly #total: number;
  #received = 0;
  readonly #until: number;
  #scheme: "http:" | "https:";

  /** @throws Refusal where the reference is none */
  constructor(
    reference: string,
    access: Access = {},
    readonly options: Options = {},
  ) {
    const parsed = parseReference(reference);
    if (!parsed.ok)
      throw new Refusal(
        `${reference} is no reference: write host/repository@sha256:… or host/repository:tag`,
      );
    const { registry, repository, tag, digest } = parsed.reference;
    this.host = registryHost(registry);
    this.name = `${registry}/${repository}`;
    this.repository = repository;
    this.target = digest ?? tag ?? "latest";
    this.#total = options.total ?? 20_000;
    this.#until = Date.now() + this.#total;
    // As BuildKit: plain http for loopback only; https is tried there when what answers isn't http.
    this.#scheme = isLoopback(new URL(`https://${this.host}`)) ? "http:" : "https:";
    const folder = join(options.certificates ?? "/etc/docker/certs.d", this.host);
    this.#connection = new Connection(this.host, folder);
    let known: Promise<Credentials> | undefined;
    this.#credentials = () => (known ??= credentialsFor(registry, access));
  }

  /**
   * The answer to `manifests/…` or `blobs/…`, up to 4 MiB. Patient: asks again where that may help, and for `wait`
   * milliseconds where it isn't there yet.
   *
   * @throws Refusal where the registry can't be reached; what it answers is for the caller to judge
   */
  get(what: string, wait = 0): Promise<Answer> {
    return this.#patiently(what, { until: this.#until }, wait);
  }

  /**
   * A blob's bytes as they come, of any size. Its digest is for the caller to check.
   *
   * @throws Refusal where the registry can't be reached or doesn't give it; the stream itself fails with BrokenOff
   */
  async stream(digest: string): Promise<Readable> {
    const until = Date.now() + this.#total;
    const answer = await this.#patiently(`blobs/${digest}`, { until, streamed: true }, 0);
    if (!answer.stream) throw await this.refusal(digest, answer);
    return answer.stream;
  }

  /** Whether what the reference names is there: one question, with the credentials at once. */
  async ask(): Promise<"present" | "missing" | "unknown"> {
    this.authorization = authorizationOf(await this.#credentials());
    const question = { method: "HEAD", until: this.#until };
    const { status } = await this.#reach(`manifests/${this.target}`, question);
    return status === 200 ? "present" : status === 404 ? "missing" : "unknown";
  }

  /** What an answer that isn't 200 comes to: who was refused what, and what to do. */
  async refusal(target: string, { status, url, body }: Answer): Promise<Refusal> {
    const full = `${this.name}${digestPattern.test(target) ? "@" : ":"}${target}`;
    const said = body.toString("utf8", 0, 2000);
    const [, message] = /"message"\s*:\s*"([^"\\]{1,120})/.exec(said) ?? [];
    const told = ` (${status}${message ? `, ${message}` : ""})`;
    if (status === 401 || status === 403) {
      const [used, fix] = denial(this.host, (await this.#credentials()).source);
      return new Refusal(
        `${url.host} doesn't let ${this.name} be read, with ${used}${told}: ${fix}`,
      );
    }
    if (status === 404)
      return new Refusal(
        `${full} isn't in the registry${told}: it was never pushed there, or was deleted; check the reference, or build and push it again`,
      );
    const fix = status === 429 ? "log in, or try again later" : "try again later";
    return new Refusal(`${url.host} didn't give ${full}${told}: ${fix}`);
  }

  async #patiently(what: string, question: Question, wait: number): Promise<Answer> {
    const started = Date.now();
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      const asked = this.#reach(what, question);
      let until = question.until;
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
      if (Date.now() + delay < Math.min(until, question.until)) await sleep(delay);
      else return asked.catch((error) => Promise.reject(unreachable(this.host, error)));
    }
  }

  /** One question, in the scheme that the registry speaks. */
  async #reach(what: string, question: Question): Promise<Answer> {
    const headers = { accept: what.startsWith("manifests") ? manifestTypes : "*/*" };
    const place = `${this.host}/v2/${this.repository}/${what}`;
    const ask = (scheme: string) =>
      this.#authorised(new URL(`${scheme}//${place}`), { ...question, headers });
    const first = ask(this.#scheme);
    // To plain http, servers of TLS say 400 (Go, nginx) or hang up (Node).
    const misheard = await first.then(
      ({ status }) => status === 400,
      (error) => /^(HPE_|ECONNRESET|EPIPE)/.test(codeOf(error)),
    );
    if (!misheard || this.#scheme === "https:") return first;
    try {
      const second = await ask("https:");
      this.#scheme = "https:";
      return second;
    } catch (error) {
      if (isFinal(error)) throw error;
      return first;
    }
  }

  async #authorised(url: URL, question: Question): Promise<Answer> {
    const used = this.authorization;
    const answer = await this.#send(url, question, used);
    if (answer.status !== 401 || answer.url.origin !== url.origin) return answer;
    const challenge = answer.headers["www-authenticate"] ?? "";
    const [, bearer] = /(?:^|,)\s*bearer\s+(.*)/i.exec(challenge) ?? [];
    const credentials = await this.#credentials();
    if (bearer && !credentials.registryToken) {
      const given = await this.#token(bearer, credentials, question.until);
      const { token, access_token = token } = parseObject(given.body) ?? {};
      // A token service that is down is worth another try; whatever else it says is a no.
      if (!access_token)
        return given.status === 429 || given.status >= 500 ? given : { ...given, status: 401 };
      if (typeof access_token !== "string" || !/^[\x21-\x7e]{1,32768}$/.test(access_token))
        throw new Refusal(
          `${given.url.host} sent a token that is not valid: it must be a string of at most 32 KiB without spaces. Try again later`,
        );
      this.authorization = `Bearer ${access_token}`;
    } else if (bearer || /(?:^|,)\s*basic\b/i.test(challenge))
      this.authorization = authorizationOf(credentials);
    return this.authorization === used ? answer : this.#send(url, question, this.authorization);
  }

  /** https://distribution.github.io/distribution/spec/auth/token/ */
  async #token(challenge: string, credentials: Credentials, until: number): Promise<Answer> {
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
      return this.#send(url, { method: "POST", headers, body, until });
    }
    for (const [key, value] of Object.entries(wanted)) url.searchParams.set(key, value);
    return this.#send(url, { until }, basic(credentials));
  }

  /** Follows redirects, never with the credentials to another origin. */
  async #send(start: URL, question: Question, authorization?: string): Promise<Answer> {
    const { until, streamed, ...ask } = question;
    let url = start;
    for (let hops = 0; hops < 6; hops++) {
      const own = authorization && url.origin === start.origin ? { authorization } : undefined;
      const left = Math.min(this.options.request ?? 10_000, until - Date.now());
      const headers = { ...ask.headers, ...own };
      const { answer, signal, lift } = await this.#connection.open(url, { ...ask, headers }, left);
      const { statusCode: status = 0, headers: got } = answer;
      if (streamed && status === 200) {
        lift();
        const blob = start.pathname.slice(start.pathname.lastIndexOf("/") + 1);
        const idle = this.options.idle ?? 30_000;
        const stream = new BlobStream(answer, `${url.host}: ${this.name}@${blob}`, idle);
        return { status, url, headers: got, body: Buffer.alloc(0), stream };
      }
      const body = await this.#bodyOf(answer, url, signal);
      lift();
      if (ask.body || ![301, 302, 303, 307, 308].includes(status) || !got.location)
        return { status, url, headers: got, body };
      const next = attempt(() => new URL(got.location!, url));
      if (!next) throw new Refusal(`${url.host} redirects to ${got.location}, which is not a URL`);
      next.username = next.password = ""; // Node would send them as credentials.
      url = next;
    }
    throw new Refusal(`${this.host} redirects more than 5 times. Try again later`);
  }

  /** All of an answer, if it isn't too much. */
  async #bodyOf(answer: IncomingMessage, { host }: URL, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    const most = (limit: string) =>
      new Refusal(`${host} sent more than ${limit} or tokens. Build and push a smaller image`);
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        size += chunk.length;
        this.#received += chunk.length;
        if (size > mostBytes) throw most("4 MiB in one answer for manifests, configurations");
        if (this.#received > mostBytesInAll) throw most("32 MiB of manifests, configurations");
      }
    } catch (error) {
      throw signal.aborted ? Object.assign(new Error(), { code: "ABORT_ERR" }) : error;
    }
    return Buffer.concat(chunks);
  }
}

/** Whether a manifest is still there: one quick question, 3 s at most. Never throws. */
export async function exists(
  reference: string,
  access: Access = {},
  options: Options = {},
): Promise<"present" | "missing" | "unknown"> {
  const total = options.total ?? 3000;
  const ask = async () => new Registry(reference, access, { ...options, total }).ask();
  // A credential helper may take its time, too.
  return Promise.race([
    ask().catch(() => "unknown" as const),
    sleep(total, "unknown" as const, { ref: false }),
  ]);
}
