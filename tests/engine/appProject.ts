import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { startFront, type Front } from "../../local/registryFront";
import { createProject, environment, type Project } from "./harness";

/** What a test may set of its App; everything is JSON, and becomes part of the program. */
export interface Settings {
  image?: Record<string, unknown>;
  host?: Record<string, unknown> | null;
  /** JavaScript in place of JSON, for outputs: the text of an object that is merged into the arguments' `image`. */
  imageCode?: string;
  /** The same for `host`. */
  hostCode?: string;
}

/** A project with one App, a registry front of its own that counts requests, and a free port for the container. */
export interface AppProject {
  readonly project: Project;
  readonly front: Front;
  readonly repository: string;
  readonly port: number;
  /** Rewrites the program. */
  set(settings: Settings): void;
  /** The program as it is, for tests that add to it. */
  program(): string;
  /** The page that the container serves; rejects where nothing answers. */
  page(): Promise<string>;
  /** Containers of this app, running or not, with their state. */
  containers(): string[];
  dispose(): Promise<void>;
}

const dockerfile = `ARG BASE
FROM \${BASE}
RUN mkdir -p /www && uname -m > /built-on
COPY --chmod=755 serve.sh /serve.sh
COPY RELEASE /RELEASE
CMD ["/serve.sh"]
`;

const serve = `#!/bin/sh
echo "starting $(cat /RELEASE)"
echo "$(cat /RELEASE) on $(uname -m)" > /www/index.html
httpd -f -p 8080 -h /www & server=$!
trap 'kill $server' TERM INT
wait $server
`;

/** One whose step comes after the release's file, so that each release runs it. */
export const dockerfileWith = (command: string): string => `ARG BASE
FROM \${BASE}
COPY --chmod=755 serve.sh /serve.sh
COPY RELEASE /RELEASE
RUN ${command}
CMD ["/serve.sh"]
`;

/** The files of the app that the tests build and run. */
export const appFiles = {
  "app/Dockerfile": dockerfile,
  "app/serve.sh": serve,
  "app/RELEASE": "release one",
};

let counter = 0;

export async function createApp(name: string, settings: Settings = {}): Promise<AppProject> {
  const { env } = environment();
  const front = await startRegistryFront();
  const repository = `test/${name}-${process.pid}-${++counter}`;
  const port = await freePort();
  const text = (given: Settings) => programText(front.address, repository, port, given);
  const project = await createProject({
    name,
    program: text(settings),
    files: appFiles,
  });
  return {
    project,
    front,
    repository,
    port,
    set: (given) => project.write("index.js", text(given)),
    program: () => readFileSync(`${project.directory}/index.js`, "utf8"),
    page: () => get(port),
    containers: () =>
      docker(
        env,
        "ps",
        "-a",
        "--filter",
        `name=^${name}-test-`,
        "--format",
        "{{.Names}} {{.State}}",
      )
        .split("\n")
        .filter(Boolean)
        .sort(),
    async dispose() {
      await project.dispose();
      await front.close();
    },
  };
}

function programText(address: string, repository: string, port: number, given: Settings): string {
  const { builder, baseImage } = environment();
  const image = {
    context: "./app",
    registry: { address, repository },
    builder: { name: builder },
    buildArgs: { BASE: baseImage },
    ...given.image,
  };
  const host =
    given.host === null
      ? undefined
      : {
          ports: [{ container: 8080, host: port }],
          health: { path: "/", timeout: 20 },
          ...given.host,
        };
  return `const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
const app = new multiarch.App("web", {
  image: { ...${JSON.stringify(image)}, ...(${given.imageCode ?? "{}"}) },
  ${host === undefined ? "" : `host: { ...${JSON.stringify(host)}, ...(${given.hostCode ?? "{}"}) },`}
});
exports.imageUri = app.imageUri;
exports.platforms = app.platforms;
exports.images = app.image.images;
exports.url = app.url;
`;
}

/** A front of the embedded registry at a port of its own, which counts requests. */
export function startRegistryFront(): Promise<Front> {
  const { upstream, key, certificate } = environment().registry;
  const [text, cert] = [readFileSync(key, "utf8"), readFileSync(certificate, "utf8")];
  return startFront({ port: 0, upstream, key: text, cert });
}

/** The settings' `imageCode` for a finished image in place of one that is built. */
export function finishedImage(ref: string): string {
  const none = ["context", "builder", "buildArgs", "registry"].map(
    (field) => `${field}: undefined`,
  );
  return `{ ref: ${JSON.stringify(ref)}, ${none.join(", ")} }`;
}

/** Runs the docker client against the engine of the embedded environment. */
export function docker(env: Record<string, string>, ...args: string[]): string {
  return execFileSync(environment().docker, args, {
    env: { ...process.env, ...env },
    encoding: "utf8",
  }).trim();
}

/** A request to the registry, past the front of a test. */
export async function registry(method: string, path: string, accept = manifestTypes) {
  const response = await fetch(`http://${environment().registry.address}/v2/${path}`, {
    method,
    headers: { accept },
  });
  return { status: response.status, body: await response.text() };
}

/** What may lie under a reference, for `accept`. */
export const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

export function get(port: number, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path, agent: false, timeout: 5000 }, (response) => {
        let body = "";
        response.on("data", (data: Buffer) => (body += data.toString()));
        response.on("end", () => resolve(body.trim()));
      })
      .on("error", reject);
  });
}

/** A free port below those that Linux gives to outgoing connections, one of which might have it by the time it is used. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
