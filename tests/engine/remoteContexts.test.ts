import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { pack } from "tar-stream";
import { registry, startRegistryFront } from "./appProject";
import { type GitServer, startGitServer } from "./gitServer";
import { built, createProject, environment, type Project } from "./harness";

// Contexts that BuildKit fetches, on a real Git server and a real archive; and what else decides an image.

let git: GitServer;
let project: Project;
let images: (args: Record<string, object>) => void;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  git = await startGitServer();
  const front = await startRegistryFront();
  closing.push(
    () => front.close(),
    () => git.dispose(),
  );
  project = await createProject({ name: "remote", program: "" });
  closing.push(() => project.dispose());
  const common = {
    platforms: ["linux/amd64"],
    index: false,
    verify: { depth: "manifest" },
    cache: { enabled: false },
    builder: { name: environment().builder },
    registry: { address: front.address, repository: `test/remote-${process.pid}` },
  };
  images = (all) => {
    const lines = Object.entries(all).map(
      ([name, args]) =>
        `new multiarch.Image("${name}", ${JSON.stringify({ ...common, ...args })});`,
    );
    project.write("index.js", `const multiarch = require("multiarch");\n${lines.join("\n")}`);
  };
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** An archive of a context behind a URL. */
async function serveArchive(files: Record<string, string>): Promise<string> {
  const server = http.createServer((_, response) => {
    const archive = pack();
    Object.entries(files).forEach(([name, text]) => archive.entry({ name }, text));
    archive.finalize();
    archive.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://user:canary@127.0.0.1:${(server.address() as AddressInfo).port}/context.tar`;
}

const image = (name: string, events: { name: string; type: string; outputs?: object }[]) =>
  events.find((one) => one.name === `${name}-linux-amd64` && one.type.startsWith("docker-build:"))!;
const label = (text: string) => `FROM scratch\nCOPY . /\nLABEL built-from=${text}\n`;

it("a new commit of a Git context is a change, also of a named one; a server that is down changes nothing", async () => {
  const first = git.commit({ "sub/Dockerfile": "FROM scratch\nCOPY . /\n", "sub/file": "one" });
  project.write("app/Dockerfile", "FROM scratch\nCOPY --from=source /sub/file /\n");
  images({
    main: { context: `${git.url}#main:sub` },
    named: { context: "./app", namedContexts: { source: `${git.url}#main` } },
    fixed: { context: `${git.url}#${first}:sub` },
  });
  const { events } = await project.up();
  expect(image("main", events).outputs).toMatchObject({
    buildArgs: { MULTIARCH_COMMITS: `context ${first}` },
  });
  expect(built(await project.preview())).toEqual([]);

  await git.stop();
  const offline = await project.preview();
  expect(built(offline)).toEqual([]);
  expect(offline.output).toContain(
    `context: changes to ${git.url}#main:sub are not detected in this run, because its commit could not be resolved`,
  );
  expect(built(await project.up())).toEqual([]);
  await git.start();
  expect(built(await project.preview())).toEqual([]);

  git.commit({ "sub/file": "two" });
  const changes = ["update main-linux-amd64", "update named-linux-amd64"];
  const preview = await project.preview({ diff: true });
  expect(built(preview).sort()).toEqual(changes);
  expect(preview.output).toContain("MULTIARCH_COMMITS");
  const second = await project.up();
  expect(built(second).sort()).toEqual(changes);
  for (const name of ["main", "named"])
    expect(image(name, second.events).outputs).not.toMatchObject({
      digest: (image(name, events).outputs as { digest: string }).digest,
    });
});

it("every run says that a context behind a URL is not watched, without its password", async () => {
  const url = await serveArchive({ Dockerfile: label("archive") });
  images({ archive: { context: url } });
  const up = await project.up();
  for (const { output } of [up, await project.preview(), await project.up()]) {
    expect(output).toContain("context: changes to http://127.0.0.1:");
    expect(output).toContain("are not detected, because it is not a Git repository");
    expect(output).not.toContain("canary");
  }
});

it("what ADD downloads is not watched", async () => {
  const files = { file: "one" };
  const url = (await serveArchive(files)).replace("user:canary@", "");
  project.write("added/Dockerfile", `FROM scratch\nADD ${url} /\n`);
  images({ added: { context: "./added" } });
  await project.up();
  files.file = "two";
  expect(built(await project.preview())).toEqual([]);
});

it("a Dockerfile's path is one inside a remote context, although a local file has that name", async () => {
  const other = "docker/other.Dockerfile";
  const url = await serveArchive({ Dockerfile: label("wrong"), [other]: label("archive") });
  git.commit({ [other]: label("git") });
  project.write(other, label("local"));
  project.write("absolute.Dockerfile", label("absolute"));
  images({
    archive: { context: url, dockerfile: other },
    git: { context: `${git.url}#main`, dockerfile: `./${other}` },
    local: { context: ".", dockerfile: other },
    absolute: { context: url, dockerfile: path.join(project.directory, "absolute.Dockerfile") },
  });
  const { events } = await project.up();
  const outputs = (name: string) => image(name, events).outputs as { digest: string };
  for (const [name, from] of [
    ["archive", "archive"],
    ["git", "git"],
    ["local", "local"],
    ["absolute", "absolute"],
  ])
    expect(await labelOf(outputs(name!).digest)).toBe(from);
  expect(built(await project.preview())).toEqual([]);
});

it("the environment of an up is not watched", async () => {
  images({ plain: { context: "./app", namedContexts: { source: `${git.url}#main` } } });
  await project.up();
  const env = { SOURCE_DATE_EPOCH: "1", BUILDX_GIT_LABELS: "full", BUILDKIT_SYNTAX: "x" };
  expect(built(await project.preview({ env }))).toEqual([]);
});

it("a tarball in the context is refused, and one that the ignore file excludes changes nothing", async () => {
  fs.rmSync(path.join(project.directory, "app"), { recursive: true });
  project.write("app/Dockerfile", "FROM scratch\nCOPY . /\n");
  images({ tar: { context: "./app", tarball: { path: "./app/out/web.tar" } } });
  const refused = await project.preview({ expectFailure: true });
  expect(refused.output).toContain(
    `tar: tarball.path: "./app/out/web.tar" is inside the build context "./app"`,
  );
  project.write("app/.dockerignore", "out\n");
  await project.up();
  expect(built(await project.up())).toEqual([]);
});

it("a folder whose name is not ASCII is refused in the preview; the link that the error names builds", async () => {
  project.write("bücher/Dockerfile", "FROM scratch\nCOPY . /\n");
  images({ books: { context: "./bücher" } });
  const refused = await project.preview({ expectFailure: true });
  expect(refused.output).toContain(
    `books: context: the folder name "bücher" contains characters that are not ASCII, which the buildx in the docker-build provider can't send to BuildKit`,
  );
  const [, command = ""] = /run `(ln -s .+ app)`/.exec(refused.output)!;
  fs.rmSync(path.join(project.directory, "app"), { recursive: true, force: true });
  execFileSync("sh", ["-c", command], { cwd: project.directory });
  images({ books: { context: "./app" } });
  expect(built(await project.up())).toContain("create books-linux-amd64");
});

/** The label of an image in the registry. */
async function labelOf(digest: string): Promise<string | undefined> {
  const repository = `test/remote-${process.pid}`;
  const read = async (file: string) =>
    JSON.parse((await registry("GET", `${repository}/${file}`)).body) as Record<string, object>;
  const { config } = (await read(`manifests/${digest}`)) as { config: { digest: string } };
  const { config: settings } = await read(`blobs/${config.digest}`);
  return (settings as { Labels?: Record<string, string> }).Labels?.["built-from"];
}
