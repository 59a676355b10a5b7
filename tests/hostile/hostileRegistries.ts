/** Registries that answer with what is made to hurt whoever asks. */
import type { ServerResponse } from "node:http";
import { answer, type FakeRegistry, sha256, types } from "../unit/fakeRegistry";
import { amd64, x86 } from "../unit/entrypointImage";
import { gz, type HostileCase, image, withConfig } from "./hostileLayers";
import { rawTar } from "./rawTar";

const good = image([gz(rawTar([{ name: "app", mode: 0o755, body: x86 }]))]);
const invalid = /is no image or index of OCI or Docker schema 2/;
const refersTo = /refers to .*, which is a loopback, link-local or private address of another host/;

/** A manifest under the tag `odd`, as it is. */
const manifest = (value: unknown) => (registry: FakeRegistry) => {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  registry.content.set("/v2/app/manifests/odd", { type: types.index, body });
  return "odd";
};
/** Every answer is this one. */
const answers = (how: (response: ServerResponse) => void) => (registry: FakeRegistry) => {
  registry.intercept = (_, response) => {
    how(response);
    return true;
  };
  return "odd";
};
const redirects = (location: string) =>
  answers((response) => void answer(response, 307, {}, { location }));
const wants = (realm: string) =>
  answers(
    (response) =>
      void answer(response, 401, {}, { "www-authenticate": `Bearer realm="${realm}",service="s"` }),
  );
/** A token service that answers this. */
const token = (body: unknown) => (registry: FakeRegistry) => {
  registry.intercept = (request, response) =>
    request.url!.startsWith("/token")
      ? answer(response, 200, body as object)
      : answer(
          response,
          401,
          {},
          {
            "www-authenticate": `Bearer realm="http://${registry.host}/token",service="s"`,
          },
        );
  return "odd";
};
const descriptor = (at: number) => ({
  mediaType: types.manifest,
  digest: sha256(String(at)),
  size: 1,
  platform: amd64,
});
const unreached = (_: FakeRegistry, elsewhere: FakeRegistry) => expect(elsewhere.seen).toEqual([]);
const to = (name: string, url: string): HostileCase[] => [
  { name: `a redirect to ${name}`, set: redirects(url), refused: refersTo },
  { name: `a token service at ${name}`, set: wants(url), refused: refersTo },
];
const endless = (response: ServerResponse, chunk: Buffer, pause: number) => {
  const timer = setInterval(() => response.write(chunk), pause);
  response.on("close", () => clearInterval(timer));
};

/** Registries that are asked again until time is up. */
export const waitedFor: readonly HostileCase[] = [
  {
    name: "an answer of one byte now and then",
    set: answers((response) => endless(response.writeHead(200), Buffer.from(" "), 200)),
    refused: /no answer in time/,
  },
  {
    name: "errors without end",
    set: answers((response) => void answer(response, 503)),
    // This process answers late while it makes the other cases.
    refused: /didn't give .*\(503\)|no answer in time/,
  },
  { name: "no answer", set: answers(() => {}), refused: /no answer in time/ },
  {
    name: "headers without end",
    set: answers((response) =>
      response.socket!.write(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}`),
    ),
    refused: /can't reach the registry|no answer in time/,
  },
  {
    name: "connections that are cut",
    set: answers((response) => response.socket!.destroy()),
    refused: /can't reach the registry/,
  },
  {
    name: "a switch to another protocol",
    set: answers(
      (response) =>
        void response.socket!.end(
          "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        ),
    ),
    refused: /can't reach the registry .*the connection was closed/,
  },
  {
    name: "Retry-After of 30 years",
    set: answers((response) => void answer(response, 429, {}, { "retry-after": "999999999" })),
    refused: /\(429\)/,
  },
];

export const registryCases: readonly HostileCase[] = [
  ...to("this machine by another address", "http://127.0.0.2:1/"),
  ...to("a link-local address", "https://169.254.169.254/latest/meta-data/"),
  ...to("a private address", "https://10.0.0.1/"),
  ...to("a private address of 172.16.0.0/12", "https://172.31.0.1/"),
  ...to("an address of carriers", "https://100.64.0.1/"),
  ...to("an IPv6 link-local address", "https://[fe80::1]/"),
  ...to("a unique local address", "https://[fd00:ec2::254]/"),
  ...to("a mapped address", "https://[::ffff:10.0.0.1]/"),
  ...to("a translated address", "https://[64:ff9b::a9fe:a9fe]/"),
  ...to("all addresses of this machine", "https://0.0.0.0/"),
  ...to("an address as a number", "https://2130706434/"),
  ...to("a name that resolves to a private address", "https://10-0-0-1.example/"),
  ...to("a name that resolves to a link-local address", "https://169-254-169-254.example/"),
  ...to(
    "a name that resolves to a mapped address",
    "https://x--ffff-10.0.0.1.example/".replace("10.0.0.1", "a00-1"),
  ),
  {
    name: "a redirect to a name that resolves to this machine",
    set: (registry, elsewhere) =>
      redirects(`https://127-0-0-1.example:${elsewhere.host.split(":")[1]}/`)(registry),
    refused: refersTo,
    also: unreached,
  },
  {
    name: "a redirect over plain http to another machine",
    set: redirects("http://198.51.100.1/"),
    refused: /plain http is for loopback addresses only/,
  },
  {
    name: "a token service over plain http by a link-local address",
    set: wants("http://169.254.169.254/"),
    refused: /plain http is for loopback addresses only/,
  },
  {
    name: "a redirect to a file",
    set: redirects("file:///etc/passwd"),
    refused: /refers to file:/,
  },
  {
    name: "a redirect to another protocol on this machine",
    set: redirects("ftp://127.0.0.1/"),
    refused: /refers to ftp:/,
  },
  {
    name: "a token service that is a file",
    set: wants("file:///etc/passwd"),
    refused: /refers to file:/,
  },
  { name: "a token service that is no URL", set: wants("::"), refused: /doesn't say from where/ },
  {
    name: "a redirect to what is no URL",
    set: redirects("http://[::bad"),
    refused: /is not a URL/,
  },
  {
    name: "a redirect to itself",
    set: redirects("/v2/app/manifests/odd"),
    refused: /redirects more than 5 times/,
  },
  {
    name: "a redirect with credentials of its own",
    set: (registry, elsewhere) => {
      elsewhere.intercept = (_, response) => answer(response, 404);
      return redirects(`http://a:%zz@${elsewhere.host}/`)(registry);
    },
    refused: /\(404\)/,
    also: (_, elsewhere) =>
      expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]),
  },
  {
    name: "a token that is an object",
    set: token({ token: {} }),
    refused: /sent a token that is not valid/,
  },
  {
    name: "a token with a line break",
    set: token({ token: "a\r\nhost: b" }),
    refused: /sent a token that is not valid/,
  },
  {
    name: "a token of 1 MiB",
    set: token({ token: "a".repeat(1 << 20) }),
    refused: /sent a token that is not valid/,
  },
  {
    name: "a token's answer of 5 MiB",
    set: token({ token: "a".repeat(5 << 20) }),
    refused: /sent more than 4 MiB/,
  },
  { name: "a token's answer that is a list", set: token([1, 2]), refused: /doesn't let/ },
  {
    name: "an error message that imitates ours",
    set: answers(
      (response) =>
        void response
          .writeHead(403)
          .end('{"errors":[{"message":"\x1b[2Jno\nweb: verified\r\u202e"}]}'),
    ),
    refused: /403, \\u001b\[2Jno\\nweb: verified\\r\\u202e\)/,
  },

  {
    name: "a manifest without end",
    set: answers((response) => endless(response.writeHead(200), Buffer.alloc(1 << 20, " "), 5)),
    refused: /sent more than 4 MiB/,
  },
  {
    name: "a manifest of 4 MiB of empty lists",
    set: manifest(`{"manifests":[${"[],".repeat(1_300_000)}[]]}`),
    refused: /more than 250,000 values/,
  },
  {
    name: "a manifest of 2 million brackets",
    set: manifest("[".repeat(2_000_000)),
    refused: /more than 250,000 values/,
  },
  {
    name: "a manifest of 200,000 brackets",
    set: manifest("[".repeat(200_000) + "]".repeat(200_000)),
    refused: invalid,
  },
  {
    name: "a configuration of 5 MiB",
    set: (registry) => withConfig(registry, { ...amd64, a: "a".repeat(5 << 20) }, []),
    refused: /sent more than 4 MiB/,
  },
  {
    name: "a configuration of 4 MiB of empty lists",
    set: (registry) =>
      withConfig(registry, { ...amd64, a: Array.from({ length: 1_300_000 }, () => []) }, []),
    refused: /more than 250,000 values/,
  },
  {
    name: "a page in place of a manifest",
    set: manifest("<html>"),
    refused: /isn't JSON: is this a registry/,
  },
  { name: "an empty manifest", set: manifest(""), refused: /isn't JSON/ },
  { name: "a manifest that is a number", set: manifest("5"), refused: /isn't JSON/ },
  { name: "manifests that are a string", set: manifest({ manifests: "x" }), refused: invalid },
  { name: "manifests that are null", set: manifest({ manifests: [null] }), refused: invalid },
  {
    name: "a digest that is an object",
    set: manifest({ manifests: [{ digest: {} }] }),
    refused: invalid,
  },
  {
    name: "a platform that is a string",
    set: manifest({ manifests: [{ ...descriptor(1), platform: { os: 5 } }] }),
    refused: invalid,
  },
  {
    name: "a media type that is an object",
    set: manifest({ mediaType: {}, manifests: [descriptor(1)] }),
    refused: invalid,
  },
  {
    name: "layers that are an object",
    set: (registry) => withConfig(registry, amd64, { length: 1e9 }),
    refused: invalid,
  },
  {
    name: "layers that are null",
    set: (registry) => withConfig(registry, amd64, [null]),
    refused: invalid,
  },
  {
    name: "a layer's digest that is a path",
    set: (registry) => withConfig(registry, amd64, [{ digest: "../../../admin" }]),
    refused: invalid,
    also: (registry) =>
      expect(registry.seen.filter(({ path }) => path.includes("admin"))).toEqual([]),
  },
  {
    name: "a layer of a negative size",
    set: (registry) => withConfig(registry, amd64, [{ digest: sha256(""), size: -1 }]),
    refused: invalid,
  },
  {
    name: "a layer whose size is a string",
    set: (registry) => withConfig(registry, amd64, [{ digest: sha256(""), size: "1" }]),
    refused: invalid,
  },
  {
    name: "501 layers",
    set: (registry) =>
      withConfig(
        registry,
        amd64,
        Array.from({ length: 501 }, (_, at) => descriptor(at)),
      ),
    refused: /has 501 layers, and at most 500 are read/,
  },
  {
    name: "an index of 5,000 images",
    set: manifest({ manifests: Array.from({ length: 5000 }, (_, at) => descriptor(at)) }),
    refused: /lists 5000 manifests, and at most 1000 are read/,
    also: (registry) => expect(registry.seen).toHaveLength(1),
  },
  {
    name: "an index of 900 images that aren't there",
    set: manifest({ manifests: Array.from({ length: 900 }, (_, at) => descriptor(at)) }),
    refused: /isn't in the registry/,
    // A few at a time, each asked again for two seconds.
    also: (registry) => expect(registry.seen.length).toBeLessThan(60),
  },
  {
    name: "an index that lists one image 900 times",
    set: (registry) => {
      const digest = good(registry);
      return registry.index(Array.from({ length: 900 }, () => ({ ...descriptor(1), digest })))
        .digest;
    },
    also: (registry) => expect(registry.seen).toHaveLength(4),
  },
  {
    name: "an index that lists one index 900 times",
    set: (registry) => {
      const inner = registry.index([{ ...descriptor(1), digest: good(registry) }]);
      return registry.index(Array.from({ length: 900 }, () => inner)).digest;
    },
    also: (registry) => expect(registry.seen).toHaveLength(5),
  },
  {
    name: "40 indexes of 900 images",
    set: (registry) =>
      registry.index(
        Array.from({ length: 40 }, (_, at) =>
          registry.index(
            Array.from({ length: 900 }, (_, below) => descriptor(1000 * (at % 3) + below)),
          ),
        ),
      ).digest,
    refused: /lists \d+ manifests, and at most 1000 are read/,
  },
  {
    name: "indexes nested 100 times",
    set: (registry) => {
      let inner = registry.index([{ ...descriptor(1), digest: good(registry) }]);
      for (let at = 0; at < 100; at++) inner = registry.index([inner]);
      return inner.digest;
    },
    refused: /nests indexes deeper than engines follow/,
  },
  {
    name: "images that are larger than 32 MiB together",
    set: (registry) =>
      registry.index(
        Array.from({ length: 12 }, (_, at) => {
          const config = { ...amd64, pad: String(at).padEnd(3 << 20) };
          return { ...descriptor(at), digest: withConfig(registry, config, []) };
        }),
      ).digest,
    refused: /sent more than 32 MiB of manifests/,
  },
  {
    name: "a manifest that isn't its digest's",
    set: (registry) => {
      const digest = good(registry);
      registry.content.set(`/v2/app/manifests/${digest}`, { type: types.manifest, body: "{}" });
      return digest;
    },
    refused: /is sha256:\w+: its storage, or a proxy before it, is broken/,
  },
  {
    name: "blobs that aren't their digests'",
    set: (registry) => {
      const digest = good(registry);
      for (const [path, { type }] of registry.content)
        if (path.includes("/blobs/")) registry.content.set(path, { type, body: '{"os":"linux"}' });
      return digest;
    },
    refused: /is broken/,
  },
  {
    name: "a layer that isn't its digest's",
    set: (registry) => {
      const layer = registry.blob(types.layer, gz(rawTar([{ name: "a" }])));
      const digest = withConfig(registry, { ...amd64, config: { Cmd: ["/app"] } }, [layer]);
      registry.content.set(`/v2/app/blobs/${layer.digest}`, {
        type: "",
        body: gz(rawTar([{ name: "b" }])),
      });
      return digest;
    },
    refused: /what the registry gave for layer/,
  },
];
