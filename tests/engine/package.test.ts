/** The npm package as published: packed, installed in empty projects, imported, and run by the real engine; and two stacks. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import ts from "typescript";
import { checkout } from "../../local/paths";
import { type AppProject, createApp, freePort, get } from "./appProject";
import { createProject, environment, type Project, type RunResult } from "./harness";
import {
  install,
  installManagers,
  type Manager,
  pack,
  pulumiVersion,
  run,
} from "./packageManagers";

const managers: Manager[] = ["npm", "pnpm", "yarn", "yarn berry"];
const base = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "multiarch-package-"));
const folderOf = (manager: Manager) => path.join(base, manager.replace(" ", "-"));
let packed: { tarball: string; files: string[] };

beforeAll(async () => {
  [packed] = await Promise.all([pack(fs.mkdtempSync(path.join(base, "pack-"))), installManagers()]);
  for (const two of [managers.slice(0, 2), managers.slice(2)])
    await Promise.all(two.map((manager) => install(manager, folderOf(manager), packed.tarball)));
}, 600_000);
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

it("holds the compiled library, each file of it from a source that is there, and nothing else", () => {
  const library = packed.files.filter((file) => file.startsWith("dist/components/"));
  const others = packed.files.filter((file) => !library.includes(file));
  expect(others.sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "PulumiPlugin.yaml",
    "README.md",
    "package.json",
  ]);
  const sources = fs
    .readdirSync(path.join(checkout, "components"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|sh|json|yaml)$/.test(file))
    .flatMap((file) =>
      !file.endsWith(".ts") ? [file] : [".js", ".d.ts"].map((end) => file.replace(/\.ts$/, end)),
    );
  expect(library.sort()).toEqual(sources.map((file) => `dist/components/${file}`).sort());
});

it("promises no source map, and names no path of the machine that packed it", () => {
  for (const [file, text] of installedFiles()) {
    const found = ["sourceMappingURL", checkout, os.homedir() + "/"].filter((one) =>
      text.includes(one),
    );
    expect([file, found]).toEqual([file, []]);
  }
});

/** The package's own files as npm and pnpm laid them out. */
function installedFiles(manager: Manager = "npm"): [string, string][] {
  const folder = fs.realpathSync(path.join(folderOf(manager), "node_modules/multiarch"));
  return packed.files.map((file) => {
    const full = path.join(folder, file);
    return [full, fs.readFileSync(full, "utf8")];
  });
}

it("declares everything that its code and its declarations import, and finds it in both ways that TypeScript looks", () => {
  const { Node16, Bundler } = ts.ModuleResolutionKind;
  const kinds = [
    { module: ts.ModuleKind.Node16, moduleResolution: Node16 },
    { module: ts.ModuleKind.ESNext, moduleResolution: Bundler },
  ];
  const wrong: string[] = [];
  // pnpm gives a package nothing that it doesn't declare.
  for (const [file, text] of installedFiles("pnpm").filter(([name]) =>
    /\.(js|d\.ts)$/.test(name),
  )) {
    for (const { fileName: name } of ts.preProcessFile(text, true, true).importedFiles) {
      // What only those install who run the policy pack.
      if (name === "@pulumi/policy" && file.includes("/dist/components/policy/")) continue;
      if (name === "@pulumi/aws") wrong.push(`${file} imports all of @pulumi/aws`);
      for (const options of name.startsWith("node:") ? [] : kinds) {
        const { resolvedModule } = ts.resolveModuleName(name, file, options, ts.sys);
        const found = file.endsWith(".js")
          ? // Some dependencies have no types, which is the compiler's matter alone.
            resolvedModule !== undefined || tryResolve(name, file)
          : /\.d\.[cm]?ts$/.test(resolvedModule?.resolvedFileName ?? "");
        if (!found) wrong.push(`${file} imports ${name}, which isn't found`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

function tryResolve(name: string, from: string): boolean {
  try {
    return require.resolve(name, { paths: [path.dirname(from)] }) !== "";
  } catch {
    return false;
  }
}

const typed = `import * as pulumi from "@pulumi/pulumi";
import { App, type AppArgs, appOutputs, type AppOutputs, Architecture, HostRestart } from "multiarch";

const args: AppArgs = {
  image: { context: "./app", registry: { address: "ghcr.io", repository: "team/web" } },
  host: { architecture: Architecture.Arm64, restart: HostRestart.UnlessStopped },
};
export const web = new App("web", args);
export const uri: pulumi.Output<string> = web.imageUri;
const other = appOutputs(new pulumi.StackReference("acme/web/staging"), "web");
export const ref: pulumi.Output<string> = other.image.images.apply(([one]) => one!.ref);
export const arn = (read: AppOutputs): string | undefined => read.repository?.arn;
// @ts-expect-error a field that isn't there
export const wrongField = new App("wrong", { image: { contxt: "./app" } });
// @ts-expect-error a text is no number
export const wrongType: pulumi.Output<number> = other.url;
// @ts-expect-error the token is for the run that made it
export const token = (read: AppOutputs) => read.repository?.password;
`;

const names = ["App", "Image", "HostTarget", "HostRestart", "Ec2Target", "appOutputs"];
const esm = `import multiarch, { ${names.join(", ")} } from "multiarch";
import * as pulumi from "@pulumi/pulumi";
const all = { ${names.join(", ")} };
for (const [name, value] of Object.entries(all)) if (multiarch[name] !== value) throw new Error(name);
if (!(App.prototype instanceof pulumi.ComponentResource)) throw new Error("another copy of Pulumi");
console.log(Object.keys(all).join());
`;
const cjs = `const pulumi = require("@pulumi/pulumi");
const { createRequire } = require("node:module");
const { ${names.join(", ")} } = require("multiarch");
if (!(App.prototype instanceof pulumi.ComponentResource)) throw new Error("another copy of Pulumi");
const aws = Object.keys(require.cache).filter((file) => /@pulumi.aws/.test(file));
const inside = createRequire(require.resolve("multiarch"));
const copies = ["@pulumi/aws/package.json", "@pulumi/command/package.json", "@pulumi/docker-build/package.json"]
  .map((name) => createRequire(inside.resolve(name)))
  .concat(inside, require)
  .map((from) => (from.resolve ?? from)("@pulumi/pulumi"));
console.log(JSON.stringify({ names: Object.keys({ ${names.join(", ")} }), aws, copies: new Set(copies).size }));
`;

it.each(managers)(
  "installed by %s it has one copy of Pulumi, and is imported by TypeScript and by JavaScript, as ESM and as CommonJS",
  async (manager) => {
    const folder = folderOf(manager);
    const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
    write("consumer.mjs", esm);
    write("consumer.cjs", cjs);
    expect(await run(process.execPath, ["consumer.mjs"], folder)).toBe(`${names.join()}\n`);
    expect(JSON.parse(await run(process.execPath, ["consumer.cjs"], folder))).toEqual({
      names,
      aws: [],
      copies: 1,
    });
    const bin = await run(path.join(folder, "node_modules/.bin/multiarch"), ["--help"], folder);
    expect(bin).toContain("usage: npx multiarch COMMAND");

    write("consumer.ts", typed);
    const modes = [
      ["--module", "node16", "--moduleResolution", "node16"],
      ["--module", "esnext", "--moduleResolution", "bundler", "--skipLibCheck"],
    ];
    // Declarations are checked once, and where a package finds least: a dependency's missing types would be an `any` else.
    if (manager !== "pnpm") modes[0]!.push("--skipLibCheck");
    const tsc = path.join(folder, "node_modules/typescript/bin/tsc");
    const flags = ["--noEmit", "--strict", "--target", "es2022"];
    const said = await Promise.all(
      modes.map((mode) => run(process.execPath, [tsc, ...flags, ...mode, "consumer.ts"], folder)),
    );
    expect(said).toEqual(["", ""]);
    // The types of @pulumi/aws are many, and a program's compiler would read them at each first run.
    const read = [tsc, ...flags, ...modes[1]!, "--listFilesOnly", "consumer.ts"];
    const files = await run(process.execPath, read, folder);
    expect(files).toContain("multiarch/dist/components/index.d.ts");
    expect(files).not.toMatch(/@pulumi.aws/);
  },
);

it("a program with an older Pulumi is stopped by npm, which names what is needed, and gets no second copy", async () => {
  const folder = path.join(base, "older");
  fs.mkdirSync(folder);
  const dependencies = { "@pulumi/pulumi": "3.200.0", multiarch: `file:${packed.tarball}` };
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ dependencies }));
  const dry = run("npm", ["install", "--dry-run", "--prefer-offline", "--no-audit"], folder);
  await expect(dry).rejects.toThrow(
    /ERESOLVE[\s\S]*peer @pulumi\/pulumi@"\^3\.\d+\.\d+" from multiarch/,
  );
});

describe("each example, copied out of the checkout", () => {
  const names = fs
    .readdirSync(path.join(checkout, "examples"), { recursive: true, encoding: "utf8" })
    .filter((file) => path.basename(file) === "package.json" && !file.includes("node_modules"))
    .map((file) => path.dirname(file));
  let project: Project;

  it("is installed with the line of docs/import.md", async () => {
    expect(names).toHaveLength(11);
    const { registry, builder } = environment();
    project = await createProject({
      name: "multiarch-host",
      program: "",
      config: {
        registryAddress: registry.address,
        repository: "examples/copied",
        builder: JSON.stringify({ name: builder }),
      },
    });
    fs.cpSync(path.join(checkout, "examples/host"), project.directory, { recursive: true });
    const [, line] = /^npm (install .*)$/m.exec(
      fs.readFileSync(path.join(checkout, "docs/import.md"), "utf8"),
    )!;
    fs.copyFileSync(packed.tarball, path.join(project.directory, path.basename(packed.tarball)));
    // The newest Pulumi may need a newer Node than this one.
    const words = line!.replace("@pulumi/pulumi", `@pulumi/pulumi@${pulumiVersion}`).split(" ");
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    await run("npm", [...words, ...quiet], project.directory);
  });

  it.each(names)("%s type-checks and finds its files", async (name) => {
    const folder = path.join(base, "examples", name.replace("/", "-"));
    fs.cpSync(path.join(checkout, "examples", name), folder, { recursive: true });
    const installed = path.join(project.directory, "node_modules");
    fs.symlinkSync(installed, path.join(folder, "node_modules"));
    const tsc = path.join(installed, "typescript/bin/tsc");
    const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "node16"];
    const program = path.join(folder, "index.ts");
    await run(process.execPath, [tsc, ...flags, "--skipLibCheck", program], folder);
    const text = fs.readFileSync(program, "utf8");
    for (const [, context] of text.matchAll(/context: "([^"]*)"/g))
      expect(fs.existsSync(path.join(folder, context!, "Dockerfile"))).toBe(true);
    expect(text).not.toContain('"../');
  });

  it("is previewed", async () => {
    const preview = await project.preview({ env: { NODE_PATH: "" } });
    expect(preview.output).toContain("platforms: linux/amd64 (host.architecture)");
    expect(preview.summary).toMatchObject({ create: 8 });
    await project.dispose();
  });
});

/** What isn't as it was; a StackReference is read in each run. */
const changes = ({ events }: RunResult) =>
  events.flatMap(({ op, name }) => (op === "same" || op === "read" ? [] : [`${op} ${name}`]));

/** Gives a project what a package manager installed, and nothing else to find modules in. */
function moveInto(project: Project, manager: Manager): Record<string, string> {
  const moved = path.join(project.directory, "node_modules");
  fs.renameSync(path.join(folderOf(manager), "node_modules"), moved);
  return { NODE_PATH: "" };
}

describe("two stacks, each in a folder of its own with the installed package", () => {
  let first: AppProject;
  let second: Project;
  let port: number;
  let env: Record<string, string>;
  let alone: Record<string, string>;

  /** The program of the second stack: plain JavaScript, an ES module. */
  const reader = (
    architecture: string,
    output = "web",
  ) => `import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";
const staging = new pulumi.StackReference("organization/pkgfirst/test");
const web = multiarch.appOutputs(staging, "${output}");
export const shop = new multiarch.App("shop", {
  image: { ref: web.imageUri },
  host: { architecture: "${architecture}", ports: [{ container: 8080, host: ${port} }], health: { path: "/", timeout: 20 } },
});
export const from = web.url;
export const loaded = import.meta.resolve("multiarch");
`;

  beforeAll(async () => {
    first = await createApp("pkgfirst");
    const { project } = first;
    const program = first
      .program()
      .replace(/const (\w+) = require\((.*)\);/g, "import * as $1 from $2;")
      .replace("const app =", "export const web =")
      .replace(/^exports\..*\n/gm, "");
    project.write(
      "index.ts",
      `${program}export const loaded = require.resolve("multiarch");
export const parts = { imageUri: web.imageUri, url: web.url };
export const secretText = pulumi.secret("canary");
`,
    );
    fs.rmSync(path.join(project.directory, "index.js"));
    project.write("package.json", `{ "name": "pkgfirst", "main": "index.ts" }`);
    project.write("Pulumi.yaml", "name: pkgfirst\nruntime: nodejs\n");
    alone = moveInto(project, "npm");

    port = await freePort();
    second = await createProject({ name: "pkgsecond", program: "" });
    second.write("index.js", reader("x86_64"));
    second.write("package.json", `{ "name": "pkgsecond", "type": "module", "main": "index.js" }`);
    second.write("Pulumi.yaml", "name: pkgsecond\nruntime: nodejs\n");
    const state = path.join(path.dirname(project.directory), "state");
    env = { ...moveInto(second, "pnpm"), PULUMI_BACKEND_URL: `file://${state}` };
    await second.pulumi(["stack", "init", "test"], { env });
  });
  afterAll(async () => {
    await second.destroy({ env }).catch(() => undefined);
    await second.dispose();
    await first.dispose();
  });

  /** What reading an output as an App fails with; it is told once, and nothing beside it. */
  async function refused(output: string): Promise<string> {
    second.write("index.js", reader("x86_64", output));
    const preview = await second.preview({ env, expectFailure: true });
    const said = preview.output.slice(preview.output.indexOf("Diagnostics:"));
    const [error, ...more] = [...said.matchAll(/error: (.*)\n/g)].map(([, text]) => text!);
    expect(more).toEqual([]);
    expect(said).not.toMatch(/canary| {4}at /);
    return error!;
  }

  it("a stack that has no such output is told as such, with what to write there", async () => {
    expect(await refused("web")).toBe(
      "organization/pkgfirst/test: web: is no output of the stack, which has none; " +
        "write there `export const web = new multiarch.App(…)` and run `pulumi up`",
    );
  });

  it("a TypeScript program builds and runs an app, and exports it whole", async () => {
    const preview = await first.project.preview({ env: alone });
    expect(preview.output).toMatch(/web +: {[\s\S]*imageUri +: \[unknown\]/);
    await first.project.up({ env: alone });
    expect(await first.page()).toBe("release one on x86_64");
    const { web, loaded } = await first.project.outputs();
    expect(loaded).toContain(path.join(first.project.directory, "node_modules/multiarch/dist"));
    expect(web).toMatchObject({
      imageUri: expect.stringMatching(/@sha256:\w{64}$/) as string,
      platforms: ["linux/amd64"],
      url: `http://127.0.0.1:${first.port}`,
      image: { images: [{ platform: "linux/amd64" }] },
    });
    const again = await first.project.up({ env: alone });
    expect(changes(again)).toEqual([]);
    expect(again.output).not.toContain("Outputs:\n  ~");
  });

  it("an output that is no App is told with its kind, and not with its value", async () => {
    expect(await refused("secretText")).toMatch(/: secretText: is no App: it holds a string; /);
    expect(await refused("parts")).toMatch(
      /: parts: is no App: it holds an object with imageUri, url; /,
    );
  });

  it("a JavaScript module deploys the first one's image by reference, verified again, on another host app", async () => {
    second.write("index.js", reader("x86_64"));
    const preview = await second.preview({ env });
    const { web } = (await first.project.outputs()) as { web: Exported };
    expect(preview.output).toContain(`from  : "${web.url}"`);
    const { events } = await second.up({ env });
    const made = events.map(({ op, type, name }) => `${op} ${type} ${name}`);
    expect(made).toContain("create command:local:Command shop-verified");
    expect(made.join()).not.toContain("docker-build");
    expect(await get(port)).toBe("release one on x86_64");
    const { shop, loaded } = await read();
    expect(loaded).toContain("/node_modules/.pnpm/multiarch@file");
    expect(shop.imageUri).toBe(web.imageUri);
    expect(shop.image.images).toEqual(web.image.images);
    expect(shop.url).not.toBe(web.url);
  });

  it("a release of the first one is a change of the second one, which a preview shows", async () => {
    expect(changes(await second.up({ env }))).toEqual([]);
    first.project.write("app/RELEASE", "release two");
    await first.project.up({ env: alone });
    const preview = await second.preview({ env });
    const planned = changes(preview);
    expect(planned).toContain("replace shop-verified");
    expect(planned).toContain("update shop");
    expect(await get(port)).toBe("release one on x86_64");
    await second.up({ env });
    expect(await get(port)).toBe("release two on x86_64");
  });

  it("an image that lacks the second one's platform is stopped by its own verification, and the old release serves on", async () => {
    second.write("index.js", reader("arm64"));
    const { output } = await second.up({ env, expectFailure: true });
    expect(output).toContain("linux/arm64");
    expect(output).toContain("image.ref");
    expect(await get(port)).toBe("release two on x86_64");
  });

  interface Exported {
    imageUri: string;
    url: string;
    image: { images: object[] };
  }
  async function read() {
    const { stdout } = await second.pulumi(["stack", "output", "--json"], { env });
    return JSON.parse(stdout) as { shop: Exported; loaded: string };
  }
});
