import fs from "node:fs";
import path from "node:path";
import { utils } from "ssh2";
import { environment, createProject, type Project, type RunResult } from "./harness";
import { startRegistryFront } from "./appProject";

// What triggers a build: one row for each kind of change, all images in one program. docs/changes.md has the same rows.

interface Row {
  readonly title: string;
  /** Arguments of the Image, as JSON. */
  readonly args?: Record<string, unknown>;
  /** Files of the row's folder. A text that starts with "-> " is a link. */
  readonly files?: Record<string, string>;
  readonly edit: (folder: (file: string) => string) => void;
  /** Whether the change is detected. Otherwise docs/changes.md says that it is not. */
  readonly detected?: false;
  /** Whether it builds the same digest again. */
  readonly sameImage?: true;
}

const copies = "FROM scratch\nCOPY . /\n";
const write = (file: string, text: string) => fs.writeFileSync(file, text);
const newKey = () => utils.generateKeyPairSync("ed25519").private;
function retarget(link: string, target: string): void {
  fs.rmSync(link);
  fs.symlinkSync(target, link);
}

const rows: Row[] = [
  {
    title: "a file's content",
    edit: (file) => write(file("app/file"), "two"),
  },
  {
    title: "a file's mode",
    edit: (file) => fs.chmodSync(file("app/file"), 0o755),
  },
  {
    title: "a folder's mode",
    files: { "app/folder/file": "one" },
    edit: (file) => fs.chmodSync(file("app/folder"), 0o700),
  },
  {
    title: "an empty folder",
    edit: (file) => fs.mkdirSync(file("app/empty")),
  },
  {
    title: "the target of a link to a folder",
    files: { "app/v1/file": "one", "app/v2/file": "two", "app/current": "-> v1" },
    edit: (file) => retarget(file("app/current"), "v2"),
  },
  {
    title: "the target of a link that leads nowhere",
    files: { "app/later": "-> /run/one" },
    edit: (file) => retarget(file("app/later"), "/run/two"),
  },
  {
    title: "the target of a link to a file of the same content",
    files: { "app/v1": "same", "app/v2": "same", "app/current": "-> v1" },
    edit: (file) => retarget(file("app/current"), "v2"),
  },
  {
    title: "a file after a link that leads nowhere",
    files: { "app/a-link": "-> /run/nowhere", "app/b-file": "one", "app/c/file": "one" },
    edit: (file) => write(file("app/c/file"), "two"),
  },
  {
    title: "a file of a named context that the main context's ignore file excludes",
    args: { namedContexts: { shared: "./ROW/shared" } },
    files: {
      "app/.dockerignore": "*",
      "app/Dockerfile": "FROM scratch\nCOPY --from=shared /config.txt /\n",
      "shared/config.txt": "one",
    },
    edit: (file) => write(file("shared/config.txt"), "two"),
  },
  {
    title: "a file moved from one context to another",
    args: { namedContexts: { shared: "./ROW/shared" } },
    files: {
      "app/Dockerfile": "FROM scratch\nCOPY . /app/\nCOPY --from=shared . /shared/\n",
      "app/z": "one",
      "shared/zz": "one",
    },
    edit: (file) => fs.renameSync(file("app/z"), file("shared/z")),
  },
  {
    title: "the Dockerfile outside of the context",
    args: { dockerfile: "./ROW/other.Dockerfile" },
    files: { "other.Dockerfile": copies },
    edit: (file) => write(file("other.Dockerfile"), `${copies}ENV A=1\n`),
  },
  {
    title: "the ignore file",
    files: { "app/.dockerignore": "file\n" },
    edit: (file) => write(file("app/.dockerignore"), "nothing\n"),
  },
  {
    title: "the ignore file of a Dockerfile",
    args: { dockerfile: "./ROW/other.Dockerfile" },
    files: { "other.Dockerfile": copies, "other.Dockerfile.dockerignore": "file\n" },
    edit: (file) => write(file("other.Dockerfile.dockerignore"), "nothing\n"),
  },
  {
    title: "a file with an inline Dockerfile, where the program's folder has an ignore file",
    args: { dockerfileInline: copies },
    edit: (file) => write(file("app/file"), "two"),
  },
  {
    title: "a folder that the Dockerfile doesn't copy, which gives the same image",
    args: { reproducible: { epoch: 0 }, dockerfileInline: "FROM scratch\nCOPY file /\n" },
    edit: (file) => fs.mkdirSync(file("app/empty")),
    sameImage: true,
  },
  {
    title: "an ignored file",
    files: { "app/.dockerignore": "file\n" },
    edit: (file) => write(file("app/file"), "two"),
    detected: false,
  },
  {
    title: "a file's owner",
    edit: (file) => fs.chownSync(file("app/file"), process.getuid!() + 1, process.getgid!() + 1),
    detected: false,
  },
  {
    title: "the content of an SSH key",
    args: { ssh: [{ id: "default", paths: ["./ROW/key"] }] },
    files: { key: newKey() },
    edit: (file) => write(file("key"), newKey()),
    detected: false,
  },
  {
    title: "a file's time",
    edit: (file) => fs.utimesSync(file("app/file"), 1, 1),
    detected: false,
  },
];

const folderOf = (row: Row) => `row${rows.indexOf(row)}`;
let project: Project;
let closeFront: () => Promise<void>;
let first: RunResult;
let unchanged: RunResult;
let preview: RunResult;
let second: RunResult;

beforeAll(async () => {
  const front = await startRegistryFront();
  closeFront = () => front.close();
  const images = rows.map((row) => {
    const name = folderOf(row);
    const common = {
      context: `./${name}/app`,
      platforms: ["linux/amd64"],
      index: false,
      verify: { depth: "manifest" },
      cache: { enabled: false },
      builder: { name: environment().builder },
      registry: { address: front.address, repository: `test/changes-${process.pid}` },
    };
    const text = JSON.stringify({ ...common, ...row.args }).replaceAll("./ROW/", `./${name}/`);
    return `new multiarch.Image("${name}", ${text});`;
  });
  project = await createProject({
    name: "changes",
    program: `const multiarch = require("multiarch");\n${images.join("\n")}`,
    files: { ".dockerignore": "*\n" },
  });
  for (const row of rows) {
    const files = { "app/Dockerfile": copies, "app/file": "one", ...row.files };
    for (const [file, content] of Object.entries(files)) {
      const full = path.join(project.directory, folderOf(row), file);
      fs.mkdirSync(path.dirname(full), { recursive: true });
      if (content.startsWith("-> ")) fs.symlinkSync(content.slice(3), full);
      else fs.writeFileSync(full, content);
    }
  }
  first = await project.up();
  unchanged = await project.preview();
  for (const row of rows) row.edit((file) => path.join(project.directory, folderOf(row), file));
  preview = await project.preview();
  second = await project.up();
});
afterAll(async () => {
  await project.dispose();
  await closeFront();
});

const imageStep = ({ events }: RunResult, row: Row) =>
  events.find(
    ({ type, name }) =>
      type === "docker-build:index:Image" && name === `${folderOf(row)}-linux-amd64`,
  )!;

it.each(rows.filter(({ detected }) => detected !== false).map((row) => [row.title, row] as const))(
  "detects a change of %s",
  (_, row) => {
    expect(imageStep(unchanged, row).op).toBe("same");
    expect(imageStep(preview, row).op).toBe("update");
    expect(imageStep(second, row).op).toBe("update");
    const [before, after] = [first, second].map((run) => imageStep(run, row).outputs!);
    expect(after!.digest === before!.digest).toBe(row.sameImage === true);
  },
);

it.each(rows.filter(({ detected }) => detected === false).map((row) => [row.title, row] as const))(
  "doesn't build for a change of %s",
  (_, row) => expect(imageStep(preview, row).op).toBe("same"),
);

it("adds an input only to contexts that need it", () => {
  const [plain] = rows;
  expect(imageStep(first, plain!).outputs!.buildArgs ?? {}).toEqual({});
});
