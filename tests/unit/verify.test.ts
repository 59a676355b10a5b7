import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { generate } from "selfsigned";
import { exists } from "../../components/registry/client";
import { proxyFor } from "../../components/registry/connection";
import { credentialsFor } from "../../components/registry/credentials";
import { loader } from "../../components/nodeProgram";
import { inspect, spell } from "../../components/verification/inspect";
import { verify } from "../../components/verification/verify";
import { normalisePlatform } from "../../components/platform";
import { arm, storeImage } from "./entrypointImage";
import { FakeProxy, FakeRegistry, answer, basicOf, sha256, types } from "./fakeRegistry";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const both = ["linux/amd64", "linux/arm64"];
const quick = { total: 3000, request: 1000, wait: 0 };

let registry: FakeRegistry;
let docker: string;
const stored = process.env;

beforeEach(async () => {
  docker = mkdtempSync(join(tmpdir(), "multiarch-verify-"));
  process.env = { PATH: stored.PATH, HOME: docker, DOCKER_CONFIG: docker };
  registry = await FakeRegistry.start();
});

afterEach(async () => {
  await registry.stop();
  rmSync(docker, { recursive: true });
  process.env = stored;
});

function dockerConfig(value: object): void {
  writeFileSync(join(docker, "config.json"), JSON.stringify(value));
}

/** Seen from the folder in which the program runs here. */
const verifier = () => relative(docker, join(__dirname, "../../components/verification/main.ts"));

/** The program as the gate runs it: loaded by a text on stdin, in a folder that knows nothing of this package. */
function run(
  settings: object,
  environment: Record<string, string> = {},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      MULTIARCH_PROGRAM: verifier(),
      MULTIARCH_VERIFY: JSON.stringify(settings),
      ...environment,
    };
    const child = spawn(process.execPath, ["-"], { cwd: docker, env });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("close", (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(loader);
  });
}

function twoPlatforms(tag?: string) {
  const images = [registry.image(amd64), registry.image(arm64)] as const;
  return { images, index: registry.index(images, { tag }) };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error("nothing was refused");
  return (error as Error).message;
}

describe("the program", () => {
  test("prints index, platforms, digests and sizes on one line", async () => {
    const { images, index } = twoPlatforms();
    const { status, stdout, stderr } = await run({
      reference: registry.reference(index.digest),
      platforms: both,
      images: { "linux/amd64": images[0].digest, "linux/arm64": images[1].digest },
      exact: true,
      name: "web",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trimEnd()).not.toContain("\n");
    expect(JSON.parse(stdout)).toEqual({
      reference: registry.reference(index.digest),
      mediaType: types.index,
      images: images.map(({ digest, total, platform }) => ({
        platform: `linux/${platform.architecture}`,
        digest,
        size: total,
      })),
    });
  });

  test("says who needs a missing platform, what was found, and the fix, without a stack", async () => {
    const index = registry.index([registry.image(amd64)]);
    const { status, stdout, stderr } = await run({
      reference: registry.reference(index.digest),
      platforms: ["linux/arm64"],
      requiredBy: { "linux/arm64": "host.architecture" },
      name: "web",
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe(
      `web: linux/arm64 is needed by host.architecture; ${registry.reference(index.digest)} holds linux/amd64: ` +
        "build the image for it too, or deploy it on a machine of a platform it has\n",
    );
  });

  test("takes credentials from its environment and prints none of them", async () => {
    const { index } = twoPlatforms();
    registry.intercept = (request, response) =>
      request.headers.authorization !== basicOf("ann", "s3cret-canary") &&
      answer(
        response,
        401,
        { errors: [{ message: `no ${request.headers.authorization}` }] },
        { "www-authenticate": 'Basic realm="registry"' },
      );
    const settings = { reference: registry.reference(index.digest), platforms: both };
    const good = await run(settings, {
      MULTIARCH_REGISTRY_USERNAME: "ann",
      MULTIARCH_REGISTRY_PASSWORD: "s3cret-canary",
    });
    expect(good).toMatchObject({ status: 0, stderr: "" });
    expect(good.stdout).not.toMatch(/canary|ann/);
    const bad = await run(settings, {
      MULTIARCH_REGISTRY_USERNAME: "ann",
      MULTIARCH_REGISTRY_PASSWORD: "wrong-canary",
    });
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain(`${registry.host} doesn't let ${registry.host}/app be read`);
    expect(bad.stderr).toContain("with the credentials given");
    expect(bad.stderr).not.toContain("canary");
    expect(bad.stderr).not.toContain(basicOf("ann", "wrong-canary"));
  });

  test("is found from the folder that it is run in, and looks for nothing there", async () => {
    expect(isAbsolute(verifier())).toBe(false);
    for (const name of ["verify", "inspect", "client"])
      writeFileSync(join(docker, `${name}.js`), 'throw new Error("the folder\'s own")');
    const settings = {
      reference: registry.reference(twoPlatforms().index.digest),
      platforms: both,
    };
    expect(await run(settings)).toMatchObject({ status: 0, stderr: "" });
    // What the gate's command reads is the same for everybody, so no path of a machine is in the state.
    expect(loader).not.toContain(process.cwd());
    const elsewhere = await run(settings, { MULTIARCH_PROGRAM: "no/such/main.js" });
    expect(elsewhere.status).toBe(1);
    expect(elsewhere.stderr).toMatch(/no\/such\/main\.js isn't there: .*process\.cwd\(\).*\n$/);
  });

  test("reads layers and starts images where that is asked for", async () => {
    const image = await storeImage(registry, arm64, { Cmd: ["/app"] }, [{ app: arm }]);
    const settings = { reference: registry.reference(image.digest), platforms: ["linux/arm64"] };
    const { stdout, stderr } = await run({ ...settings, depth: "entrypoint" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      images: [{ platform: "linux/arm64", code: { file: "/app", architecture: "arm64" } }],
      downloaded: image.layers[0]!.size,
      warnings: [],
    });
    const within = { ...settings, verifyPath: "image.verify" };
    const started = await run({ ...within, depth: "run" }, { PATH: docker });
    expect(started).toMatchObject({ status: 1, stdout: "" });
    expect(started.stderr).toMatch(
      /^image\.verify\.depth "run" .*there is no docker command.* set image\.verify\.depth to/,
    );
  });

  test("as the Pulumi program loads it, reads no libraries but Node's own", () => {
    // `exists` is asked in every run: what unpacks layers is loaded where layers are unpacked.
    const script = `require(${JSON.stringify(join(__dirname, "../../components/registry/client.ts"))});
      console.log(Object.keys(require.cache).filter((file) => file.includes("node_modules")).join("\\n"));`;
    const tsx = require.resolve("tsx/cjs");
    const loaded = execFileSync(process.execPath, ["--require", tsx, "-e", script], {
      encoding: "utf8",
    });
    expect(loaded).not.toMatch(/node_modules\/(?!tsx|esbuild|get-tsconfig|resolve-pkg-maps)/);
  });

  test("refuses settings that it can't read", async () => {
    const { status, stderr } = await run({ reference: 1 });
    expect(status).toBe(1);
    expect(stderr).toBe("MULTIARCH_VERIFY must hold reference and platforms, as JSON\n");
  });
});

describe("what an index may look like", () => {
  test("attestations, as BuildKit pushes them, are no platform", async () => {
    const images = [registry.image(amd64), registry.image(arm64)];
    const children = images.flatMap((image) => [image, registry.attestation(image.digest)]);
    const held = await verify(
      {
        reference: registry.reference(registry.index(children).digest),
        platforms: both,
        exact: true,
      },
      {},
      quick,
    );
    expect(held.platforms).toEqual(both);
  });

  test("Docker's manifest list and schema 2 count as well", async () => {
    const images = [
      registry.image({ ...arm64, variant: "v8" }, { docker: true }),
      registry.image(amd64, { docker: true }),
    ];
    const index = registry.index(images, { docker: true, tag: "1.0" });
    const held = await inspect(registry.reference("1.0"), {}, quick);
    expect(held.reference).toBe(registry.reference(index.digest));
    expect(held.mediaType).toBe(types.list);
    expect(held.images.map(({ platform }) => platform)).toEqual(both);
  });

  test("a descriptor without a platform: the config says it", async () => {
    const bare = { ...registry.image(arm64), platform: undefined };
    const held = await inspect(registry.reference(registry.index([bare]).digest), {}, quick);
    expect(held.images[0]?.platform).toBe("linux/arm64");
  });

  test("a config without the variant that the list has is no contradiction", async () => {
    const image = { ...registry.image({ os: "linux", architecture: "arm" }) };
    const index = registry.index([{ ...image, platform: { ...image.platform, variant: "v6" } }]);
    const held = await inspect(registry.reference(index.digest), {}, quick);
    expect(held.images[0]?.platform).toBe("linux/arm/v6");
  });

  test("an index within an index is read, one level deep", async () => {
    const inner = registry.index([registry.image(arm64)]);
    const outer = registry.index([registry.image(amd64), inner]);
    const held = await inspect(registry.reference(outer.digest), {}, quick);
    expect(held.platforms).toEqual(both);
    const third = registry.reference(registry.index([outer]).digest);
    expect(await refusal(inspect(third, {}, quick))).toContain("deeper than engines follow");
  });

  test("a reference to one image counts as its config's platform", async () => {
    const image = registry.image(arm64);
    const reference = registry.reference(image.digest);
    const held = await verify({ reference, platforms: ["linux/arm64"] }, {}, quick);
    expect(held).toMatchObject({
      reference,
      mediaType: types.manifest,
      platforms: ["linux/arm64"],
    });
    expect(await refusal(verify({ reference, platforms: ["linux/amd64"] }, {}, quick))).toContain(
      "linux/amd64 is needed",
    );
  });

  test("only what is needed is read of a wide index", async () => {
    const s390x = registry.image({ os: "linux", architecture: "s390x" });
    const index = registry.index([registry.image(amd64), s390x]);
    const reference = registry.reference(index.digest);
    const held = await verify({ reference, platforms: ["linux/amd64"] }, {}, quick);
    expect(held.platforms).toEqual(["linux/amd64", "linux/s390x"]);
    expect(held.images).toHaveLength(1);
    expect(registry.seen).toHaveLength(3);
  });

  test("an artifact that is no image is passed over in an index, and refused alone", async () => {
    const chart = registry.manifest(types.manifest, {
      schemaVersion: 2,
      config: registry.blob("application/vnd.cncf.helm.config.v1+json", "{}"),
      layers: [],
    });
    const index = registry.index([registry.image(amd64), chart]);
    const held = await inspect(registry.reference(index.digest), {}, quick);
    expect(held.platforms).toEqual(["linux/amd64"]);
    expect(await refusal(inspect(registry.reference(chart.digest), {}, quick))).toContain(
      "is no image (application/vnd.cncf.helm.config.v1+json)",
    );
  });
});

describe("what stops a deployment", () => {
  test("a config that disagrees with its descriptor", async () => {
    const index = registry.index([{ ...registry.image(amd64), platform: arm64 }]);
    const reference = registry.reference(index.digest);
    expect(await refusal(verify({ reference, platforms: ["linux/arm64"] }, {}, quick))).toMatch(
      /is listed as linux\/arm64, but its config says linux\/amd64: build it again/,
    );
  });

  test("an image built for one platform whose config says another", async () => {
    const [first, second] = [registry.image(amd64), registry.image(amd64, { salt: "2" })];
    const plan = {
      reference: registry.reference(registry.index([first, second]).digest),
      platforms: both,
      images: { "linux/amd64": first.digest, "linux/arm64": second.digest },
      exact: true,
    };
    expect(await refusal(verify(plan, {}, quick))).toContain(
      `${second.digest} was built for linux/arm64, but its config says linux/amd64`,
    );
  });

  test("the same platform twice", async () => {
    const images = [registry.image(amd64), registry.image(amd64, { salt: "2" })];
    const reference = registry.reference(registry.index(images).digest);
    expect(await refusal(verify({ reference, platforms: ["linux/amd64"] }, {}, quick))).toContain(
      "lists linux/amd64 2 times",
    );
  });

  test("a platform that isn't planned, where exactly the plan is asked for", async () => {
    const reference = registry.reference(twoPlatforms().index.digest);
    const plan = { reference, platforms: ["linux/amd64"], exact: true };
    expect(await refusal(verify(plan, {}, quick))).toContain(
      "holds linux/arm64, which isn't in the plan",
    );
    await verify({ ...plan, exact: false }, {}, quick);
  });

  test("another image than the one built", async () => {
    const { images, index } = twoPlatforms();
    const plan = {
      reference: registry.reference(index.digest),
      platforms: both,
      images: { "linux/amd64": images[0].digest, "linux/arm64": sha256("another") },
    };
    expect(await refusal(verify(plan, {}, quick))).toContain(
      `holds ${images[1].digest} for linux/arm64, but ${sha256("another")} was built`,
    );
  });

  test("an image that was joined from an index in another registry, with the credentials for that registry", async () => {
    const other = await FakeRegistry.start();
    const login = { username: "ci", password: "canary" };
    other.intercept = (request, response) => {
      if (request.headers.authorization === basicOf(login.username, login.password)) return false;
      answer(response, 401, {}, { "www-authenticate": "Basic" });
      return true;
    };
    const sources = [amd64, arm64].map((platform) => {
      const image = other.image(platform);
      return other.reference(other.index([image, other.attestation(image.digest)]).digest);
    }) as [string, string];
    const [first, second] = sources.map((source) => source.slice(source.indexOf("@") + 1));
    const plan = {
      reference: registry.reference(twoPlatforms().index.digest),
      platforms: both,
      images: { "linux/amd64": first!, "linux/arm64": second! },
      push: { sources },
      exact: true,
    };
    const logins = [{ address: other.host, ...login }];
    expect((await verify(plan, {}, { ...quick, logins })).platforms).toEqual(both);
    expect(await refusal(verify(plan, {}, quick))).toContain("doesn't let");
    await other.stop();
  });

  test("bytes that don't have the digest asked for", async () => {
    const { index } = twoPlatforms();
    registry.content.set(`/v2/app/manifests/${index.digest}`, { type: types.index, body: "{}" });
    const reference = registry.reference(index.digest);
    expect(await refusal(inspect(reference, {}, quick))).toContain(`is ${sha256("{}")}`);
  });

  test("a child that the registry dropped", async () => {
    const { images, index } = twoPlatforms();
    registry.content.delete(`/v2/app/manifests/${images[1].digest}`);
    expect(await refusal(inspect(registry.reference(index.digest), {}, quick))).toContain(
      `app@${images[1].digest} isn't in the registry (404, unknown)`,
    );
  });

  test.each([
    ["<html>", "isn't JSON: is this a registry?"],
    ["[]", "no image or index"],
    [`{"schemaVersion":1,"fsLayers":[]}`, "no image or index"],
    [`{"manifests":[{"digest":"../../secret"}]}`, "no image or index"],
    [`{"manifests":[null]}`, "no image or index"],
    [`{"manifests":{}}`, "no image or index"],
    [`{"config":{},"layers":[]}`, "no image or index"],
    [`{"manifests":[],"config":{"digest":"${sha256("")}"}}`, "no image or index"],
    [`{"manifests":[]}`, "holds no image"],
  ])("%s for a manifest", async (body, expected) => {
    registry.content.set("/v2/app/manifests/odd", { type: types.index, body });
    const plan = { reference: registry.reference("odd"), platforms: ["linux/amd64"] };
    expect(await refusal(verify(plan, {}, quick))).toContain(expected);
  });

  test.each(["", "UPPER/Case", "a b", "localhost:5000/web@sha256:12", "localhost:99999/x"])(
    "%j for a reference",
    async (reference) => {
      expect(await refusal(inspect(reference, {}, quick))).toContain("is no reference");
    },
  );
});

describe("patience", () => {
  const after = (count: number, status: number, headers = {}) => {
    let times = 0;
    registry.intercept = (_, response) => times++ < count && answer(response, status, {}, headers);
  };

  test.each([404, 500, 503])("%d at first, then there", async (status) => {
    const { index } = twoPlatforms();
    after(1, status);
    const held = await inspect(registry.reference(index.digest), {}, { ...quick, wait: 1000 });
    expect(held.platforms).toEqual(both);
  });

  test("429 is asked again when the registry says", async () => {
    const { index } = twoPlatforms();
    after(1, 429, { "retry-after": "1" });
    const started = Date.now();
    await inspect(registry.reference(index.digest), {}, quick);
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
  });

  test("a wait beyond the time left isn't begun", async () => {
    after(100, 429, { "retry-after": "3600" });
    // A wait would end with the test's own time.
    const options = { ...quick, total: 3_000_000 };
    expect(await refusal(inspect(registry.reference("x"), {}, options))).toContain(
      "(429): log in, or try again later",
    );
    expect(registry.seen).toHaveLength(1);
  });

  test("everything ends at the deadline", async () => {
    after(100, 503);
    // The time of one request ends long after the test's own.
    const options = { total: 1500, request: 3_000_000, wait: 0 };
    expect(await refusal(inspect(registry.reference("x"), {}, options))).toContain("(503): try");
    registry.intercept = () => true; // never answers
    expect(await refusal(inspect(registry.reference("x"), {}, options))).toContain(
      "no answer in time",
    );
  });

  test("a registry that isn't running is given up soon", async () => {
    await registry.stop();
    const reference = registry.reference("x");
    expect(await refusal(inspect(reference, {}, { ...quick, total: 600 }))).toMatch(
      /can't reach the registry 127\.0\.0\.1:\d+ \(connect ECONNREFUSED.*\): is it running/,
    );
    registry = await FakeRegistry.start();
  });
});

describe("credentials", () => {
  const basicOnly = (username: string, password: string) => {
    registry.intercept = (request, response) =>
      request.headers.authorization !== basicOf(username, password) &&
      answer(response, 401, {}, { "www-authenticate": 'Basic realm="a, b"' });
  };

  /** A token service beside the registry, which hands out the token `good`. */
  const bearer = async (
    grant: (url: URL, authorization: string, body: string) => object | false,
  ) => {
    const service = await FakeRegistry.start();
    service.intercept = (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        const url = new URL(request.url ?? "", "http://localhost");
        const given = grant(url, request.headers.authorization ?? "", body);
        answer(response, given ? 200 : 401, given || {});
      });
      return true;
    };
    const challenge = `Bearer realm="http://${service.host}/token",service="the registry",scope="x", Basic realm="y"`;
    registry.intercept = (request, response) =>
      request.headers.authorization !== "Bearer good" &&
      answer(response, 401, {}, { "www-authenticate": challenge });
    return service;
  };

  test("a token is fetched once, with the scope and the password", async () => {
    const { index } = twoPlatforms();
    const service = await bearer(
      (url, authorization) =>
        url.searchParams.get("scope") === "repository:app:pull" &&
        url.searchParams.get("service") === "the registry" &&
        authorization === basicOf("ann", "right") && { token: "good" },
    );
    const reference = registry.reference(index.digest);
    await inspect(reference, { username: "ann", password: "right" }, quick);
    expect(service.seen).toHaveLength(1);
    const given = registry.seen.map(({ authorization }) => authorization);
    expect(new Set(given)).toEqual(new Set([undefined, "Bearer good"]));

    const message = await refusal(inspect(reference, { username: "ann", password: "no" }, quick));
    expect(message).toContain(`${service.host} doesn't let`);
    expect(message).toContain("with the credentials given (401): check the registry's username");
    expect(await refusal(inspect(reference, {}, quick))).toContain("with no credentials");
    await service.stop();
  });

  test("a realm may have a query, which isn't mistaken for the challenge's own parameters", async () => {
    const { index } = twoPlatforms();
    const realm = `http://${registry.host}/token?account=a&service=no`;
    registry.intercept = (request, response) => {
      const url = new URL(request.url ?? "", "http://localhost");
      if (url.pathname === "/token")
        return answer(response, 200, { token: url.search.includes("&service=yes&") && "good" });
      if (request.headers.authorization === "Bearer good") return false;
      const challenge = `Basic realm="x", Bearer realm="${realm}",service=yes`;
      return answer(response, 401, {}, { "www-authenticate": challenge });
    };
    await inspect(registry.reference(index.digest), {}, quick);
  });

  test("without credentials the token is asked for anonymously", async () => {
    const { index } = twoPlatforms();
    const service = await bearer(
      (_, authorization) => authorization === "" && { access_token: "good" },
    );
    await inspect(registry.reference(index.digest), {}, quick);
    await service.stop();
  });

  test("an identity token of `docker login` is exchanged", async () => {
    const { index } = twoPlatforms();
    dockerConfig({ auths: { [registry.host]: { auth: "", identitytoken: "refresh-me" } } });
    const service = await bearer((_, authorization, body) => {
      const form = new URLSearchParams(body);
      return (
        authorization === "" &&
        form.get("grant_type") === "refresh_token" &&
        form.get("refresh_token") === "refresh-me" && { access_token: "good" }
      );
    });
    await inspect(registry.reference(index.digest), {}, quick);
    expect(service.seen[0]?.path).toBe("/token");
    await service.stop();
  });

  test("a token service that is down is asked again", async () => {
    const { index } = twoPlatforms();
    const service = await bearer(() => ({ token: "good" }));
    const { intercept } = service;
    let times = 0;
    service.intercept = (request, response) =>
      times++ === 0 ? answer(response, 503) : intercept(request, response);
    await inspect(registry.reference(index.digest), {}, quick);
    await service.stop();
  });

  test("a password isn't sent to a token service over plain http", async () => {
    registry.intercept = (_, response) =>
      answer(response, 401, {}, { "www-authenticate": 'Bearer realm="http://auth.example/token"' });
    expect(
      await refusal(inspect(registry.reference("x"), { username: "a", password: "b" }, quick)),
    ).toContain("http://auth.example: refused, plain http is for loopback addresses only");
  });

  test("Docker's stored ones are used, and named when they are refused", async () => {
    const { index } = twoPlatforms();
    basicOnly("ann", "se:cret");
    const auth = Buffer.from("ann:se:cret").toString("base64");
    dockerConfig({ auths: { [`https://${registry.host}/v1/`]: { auth } } });
    await inspect(registry.reference(index.digest), {}, quick);
    basicOnly("ann", "rotated");
    const message = await refusal(inspect(registry.reference(index.digest), {}, quick));
    expect(message).toContain(`with those stored in ${join(docker, "config.json")} (401)`);
    expect(message).toContain(`run docker login ${registry.host}`);
  });

  test("a credential helper is asked for them", async () => {
    const { index } = twoPlatforms();
    basicOnly("helped", "from-helper");
    const helper = `#!/bin/sh\n[ "$(cat)" = "${registry.host}" ] && [ "$1" = get ] || exit 1
echo '{"ServerURL":"x","Username":"helped","Secret":"from-helper"}'\n`;
    const bin = join(docker, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "docker-credential-test"), helper, { mode: 0o755 });
    process.env.PATH = `${bin}:${stored.PATH}`;
    dockerConfig({ credsStore: "test", auths: { [registry.host]: {} } });
    await inspect(registry.reference(index.digest), {}, quick);
    dockerConfig({ credsStore: "absent", credHelpers: { [registry.host]: "test" } });
    expect(
      await run({ reference: registry.reference(index.digest), platforms: both }),
    ).toMatchObject({ status: 0, stderr: "" });
    dockerConfig({ credsStore: "absent" });
    expect(await credentialsFor(registry.host, {})).toEqual({
      source: "no credentials, because docker-credential-absent is not installed",
    });
  });

  test("Docker Hub's lie under its old address", async () => {
    const auth = Buffer.from("ann:hub").toString("base64");
    dockerConfig({ auths: { "https://index.docker.io/v1/": { auth } } });
    expect(await credentialsFor("docker.io", {})).toMatchObject({ password: "hub" });
  });

  test("a redirect takes them to no other host", async () => {
    const { index } = twoPlatforms();
    const elsewhere = await FakeRegistry.start();
    for (const [path, value] of registry.content) elsewhere.content.set(path, value);
    registry.intercept = (request, response) => {
      if (request.headers.authorization !== basicOf("ann", "secret"))
        return answer(response, 401, {}, { "www-authenticate": "Basic" });
      if (!request.url?.includes("/blobs/")) return false;
      return answer(response, 307, {}, { location: `http://${elsewhere.host}${request.url}` });
    };
    const access = { username: "ann", password: "secret" };
    await inspect(registry.reference(index.digest), access, quick);
    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
    await elsewhere.stop();
    registry.intercept = (_, response) =>
      answer(response, 307, {}, { location: "http://cdn.example/blob" });
    expect(await refusal(inspect(registry.reference(index.digest), {}, quick))).toContain(
      "refers to http://cdn.example: refused",
    );
    registry.intercept = (request, response) =>
      answer(response, 302, {}, { location: request.url });
    expect(await refusal(inspect(registry.reference(index.digest), {}, quick))).toContain(
      "redirects more than 5 times",
    );
  });
});

describe("a registry with TLS", () => {
  let authority: string;
  let pair: { key: string; cert: string };
  let secure: FakeRegistry;

  beforeAll(async () => {
    const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
      keySize: 2048,
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    pair = { key: made.private, cert: made.cert };
  });

  beforeEach(async () => {
    secure = await FakeRegistry.start(pair);
    secure.index([secure.image(amd64), secure.image(arm64)], { tag: "1" });
    authority = join(docker, "ca.pem");
    writeFileSync(authority, pair.cert);
  });

  afterEach(() => secure.stop());

  test("of an unknown authority is refused, with what to set", async () => {
    expect(await refusal(inspect(secure.reference("1"), {}, quick))).toMatch(
      /the certificate of 127\.0\.0\.1:\d+ is from an authority that isn't known here .*: set SSL_CERT_FILE/,
    );
  });

  test.each(["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"])("is trusted by %s", async (name) => {
    const settings = { reference: secure.reference("1"), platforms: both };
    expect(await run(settings, { [name]: authority })).toMatchObject({ status: 0, stderr: "" });
  });

  test("on loopback is found where plain http is answered with 400, as Go and nginx do", async () => {
    // One port for both, as a server of TLS in Go looks from outside.
    const front = createServer((socket) => {
      socket.once("data", (first) => {
        if (first[0] !== 0x16) return socket.end("HTTP/1.0 400 Bad Request\r\n\r\nHTTPS server\n");
        const back = connect(Number(secure.host.split(":")[1]), "127.0.0.1");
        back.write(first);
        socket.pipe(back).pipe(socket);
        socket.on("error", () => back.destroy());
        return back.on("error", () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const { port } = front.address() as AddressInfo;
    const reference = secure.reference("1").replace(secure.host, `127.0.0.1:${port}`);
    process.env.SSL_CERT_FILE = authority;
    expect((await inspect(reference, {}, quick)).platforms).toEqual(both);
    expect(await exists(reference)).toBe("present");
    front.close();
  });

  test("is trusted by Docker's folder of certificates", async () => {
    const certificates = join(docker, "certs.d");
    mkdirSync(join(certificates, secure.host), { recursive: true });
    writeFileSync(join(certificates, secure.host, "ca.crt"), pair.cert);
    const held = await inspect(secure.reference("1"), {}, { ...quick, certificates });
    expect(held.platforms).toEqual(both);
    expect(await exists(secure.reference("1"), {}, { certificates })).toBe("present");
  });
});

describe("a proxy", () => {
  let pair: { key: string; cert: string };
  let secure: FakeRegistry;
  let proxy: FakeProxy;
  const reference = "registry.test/app:1";
  const to = (login = "") => `http://${login}${proxy.host}`;

  beforeAll(async () => {
    const altNames = [
      { type: 2 as const, value: "registry.test" },
      { type: 7 as const, ip: "127.0.0.1" },
    ];
    const made = await generate([{ name: "commonName", value: "registry.test" }], {
      keySize: 2048,
      extensions: [{ name: "subjectAltName", altNames }],
    });
    pair = { key: made.private, cert: made.cert };
  });

  beforeEach(async () => {
    secure = await FakeRegistry.start(pair);
    secure.index([secure.image(amd64), secure.image(arm64)], { tag: "1" });
    proxy = await FakeProxy.start(secure.host);
    process.env.SSL_CERT_FILE = join(docker, "ca.pem");
    writeFileSync(process.env.SSL_CERT_FILE, pair.cert);
  });

  afterEach(async () => {
    await proxy.stop();
    await secure.stop();
  });

  test.each(["HTTPS_PROXY", "https_proxy"])("is asked for a tunnel, by %s", async (name) => {
    const settings = { reference, platforms: both };
    const started = Date.now();
    expect(await run(settings, { [name]: to("ann:p%40ss@") })).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(Date.now() - started).toBeLessThan(5000); // no tunnel holds the program
    expect(secure.seen).toHaveLength(5);
    const expected = { target: "registry.test:443", authorization: basicOf("ann", "p@ss") };
    expect(proxy.seen).toEqual(secure.seen.map(() => expected));
    expect(secure.seen.map(({ authorization }) => authorization)).not.toContain(
      expected.authorization,
    );
  });

  test("is asked without a scheme, without a login, and by a quick look", async () => {
    process.env.HTTPS_PROXY = proxy.host;
    expect(await exists("registry.test:5443/app:1")).toBe("present");
    expect(proxy.seen).toEqual([{ target: "registry.test:5443", authorization: undefined }]);
  });

  test("may itself speak TLS", async () => {
    const outer = await FakeProxy.start(secure.host, pair);
    const environment = { HTTPS_PROXY: `https://ann:secret@${outer.host}` };
    expect(await run({ reference, platforms: both }, environment)).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(outer.seen[0]?.authorization).toBe(basicOf("ann", "secret"));
    await outer.stop();
  });

  test("isn't asked for loopback addresses, with or without TLS", async () => {
    process.env.HTTPS_PROXY = process.env.HTTP_PROXY = to();
    await inspect(secure.reference("1"), {}, quick);
    await inspect(registry.reference(twoPlatforms().index.digest), {}, quick);
    expect(proxy.seen).toEqual([]);
  });

  test("that refuses is named, without its password", async () => {
    process.env.HTTPS_PROXY = to("ann:canary@");
    proxy.status = 407;
    expect(await refusal(inspect(reference, {}, quick))).toBe(
      `the proxy ${proxy.host} doesn't let registry.test:443 be reached (407): ` +
        "check user and password in HTTPS_PROXY, or name it in NO_PROXY",
    );
    proxy.status = 403;
    expect(await refusal(inspect(reference, {}, quick))).toContain("(403): have it allowed there");
    // Each was asked once.
    expect(proxy.seen).toHaveLength(2);
  });

  test("that can't reach the registry is asked again, then named", async () => {
    process.env.HTTPS_PROXY = to("ann:canary@");
    proxy.status = 502;
    expect(await refusal(inspect(reference, {}, { ...quick, total: 900 }))).toBe(
      `can't reach the registry registry.test through the proxy ${proxy.host} (502 for CONNECT): is it running, and is the address right?`,
    );
    expect(proxy.seen.length).toBeGreaterThan(1);
    expect(await exists(reference)).toBe("unknown");
    await proxy.stop();
    expect(await refusal(inspect(reference, {}, { ...quick, total: 3_000 }))).toContain(
      `through the proxy ${proxy.host} (connect ECONNREFUSED`,
    );
    proxy = await FakeProxy.start(secure.host);
  });

  test.each(["socks5://proxy.test", "http://", "://"])("%s is none", async (address) => {
    process.env.HTTPS_PROXY = address;
    expect(await refusal(inspect(reference, {}, quick))).toContain("HTTPS_PROXY is no proxy's");
  });

  test.each([
    ["*", true],
    ["registry.test", true],
    ["other.test, REGISTRY.test", true],
    ["test", true],
    [".test", true],
    ["*.test", true],
    [".registry.test", false],
    ["istry.test", false],
    ["registry.test:443", true],
    ["registry.test:5000", false],
    ["", false],
    [",", false],
    ["10.0.0.0/8", false],
  ])("NO_PROXY=%j leaves registry.test to itself: %p", (list, direct) => {
    for (const name of ["NO_PROXY", "no_proxy"]) {
      process.env = { HTTPS_PROXY: to(), [name]: list };
      expect(proxyFor(new URL("https://registry.test")) === undefined).toBe(direct);
    }
  });

  test.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3:5000", "10.1.2.3:5000", true],
    ["10.1.2.3", "192.168.0.0/16,10.1.2.4,10.0.0.0/99,x/8", false],
    ["[2001:db8::1]:5000", "2001:db8::/32", true],
    ["[2001:db8::1]", "2001:db8::1", true],
    ["[2001:db8::1]", "10.0.0.0/8,2001:db8::2", false],
  ])("https://%s, NO_PROXY=%j: %p", (host, list, direct) => {
    process.env = { HTTPS_PROXY: to(), NO_PROXY: list };
    expect(proxyFor(new URL(`https://${host}`)) === undefined).toBe(direct);
  });

  test("HTTP_PROXY is for plain http, and so never used; the spelling in capitals comes first", () => {
    const url = new URL("https://registry.test");
    process.env = { HTTP_PROXY: to(), http_proxy: to() };
    expect(proxyFor(url)).toBeUndefined();
    process.env = { HTTPS_PROXY: "http://one:1", https_proxy: "http://two:2" };
    expect(proxyFor(url)?.host).toBe("one:1");
    expect(proxyFor(new URL("http://registry.test"))).toBeUndefined();
  });
});

describe("a quick look", () => {
  test("is one request, with the credentials at once", async () => {
    const { index } = twoPlatforms();
    const access = { username: "ann", password: "secret" };
    expect(await exists(registry.reference(index.digest), access)).toBe("present");
    expect(registry.seen).toEqual([
      {
        method: "HEAD",
        path: `/v2/app/manifests/${index.digest}`,
        authorization: basicOf("ann", "secret"),
      },
    ]);
    expect(await exists(registry.reference(sha256("gone")))).toBe("missing");
  });

  test("gets a token where the registry asks for one", async () => {
    const { index } = twoPlatforms();
    const challenge = `Bearer realm="http://${registry.host}/token",service="s"`;
    registry.intercept = (request, response) => {
      if (request.url?.startsWith("/token?")) return answer(response, 200, { token: "good" });
      if (request.headers.authorization === "Bearer good") return false;
      return answer(response, 401, {}, { "www-authenticate": challenge });
    };
    expect(await exists(registry.reference(index.digest))).toBe("present");
    expect(registry.seen).toHaveLength(3);
  });

  test("doesn't wait for a slow credential helper", async () => {
    const bin = join(docker, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "docker-credential-slow"), "#!/bin/sh\nexec sleep 1\n", {
      mode: 0o755,
    });
    process.env.PATH = `${bin}:${stored.PATH}`;
    dockerConfig({ credsStore: "slow" });
    expect(await exists(registry.reference("x"), {}, { total: 200 })).toBe("unknown");
    expect(registry.seen).toEqual([]);
  });

  test("doesn't know, and doesn't throw, where the registry doesn't say", async () => {
    expect(await exists("not a reference")).toBe("unknown");
    registry.intercept = (_, response) => answer(response, 401);
    expect(await exists(registry.reference("x"))).toBe("unknown");
    registry.intercept = () => true;
    expect(await exists(registry.reference("x"), {}, { total: 300 })).toBe("unknown");
    await registry.stop();
    expect(await exists(registry.reference("x"))).toBe("unknown");
    registry = await FakeRegistry.start();
  });
});

test("platforms are spelled as platform.ts spells them", () => {
  const architectures =
    "386 amd64 arm arm64 i386 x86_64 x86-64 aarch64 armhf armel ppc64le s390x riscv64";
  for (const architecture of [...architectures.split(" "), "AMD64", "AArch64"]) {
    for (const variant of [
      "",
      "v1",
      "v2",
      "v3",
      "5",
      "6",
      "7",
      "v5",
      "v6",
      "v7",
      "8",
      "v8",
      "v9",
    ]) {
      const text = `linux/${architecture}${variant && `/${variant}`}`;
      const expected = normalisePlatform(text);
      if (expected === undefined) continue;
      expect([text, spell({ os: "linux", architecture, variant })]).toEqual([text, expected]);
    }
  }
  expect(spell({ os: "windows", architecture: "amd64" })).toBe("windows/amd64");
});
