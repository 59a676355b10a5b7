import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { appFiles, registry } from "./appProject";
import { createProject, environment, NOTHING } from "./harness";

// The programs of docs/migration.md and docs/migration-ecs.md, one after the other, as they stand there.

/** The programs that a page shows. */
function programsOf(page: string): string[] {
  const text = fs.readFileSync(path.resolve(__dirname, "../../docs", page), "utf8");
  return [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, program]) => program!);
}
const [byHand = "", adopting = "", letGo = "", taken = ""] = programsOf("migration.md");
const [service = "", adoptingService = ""] = programsOf("migration-ecs.md");

let counter = 0;

/** A project with a program of the page, and the repository that it pushes to. */
async function start(program: string, more: { config?: object; plugins?: string } = {}) {
  const { registry: at, builder, baseImage } = environment();
  const repository = `docs/migration-${process.pid}-${++counter}`;
  const name = "docs-migration";
  const project = await createProject({
    name,
    program: "",
    files: {
      ...appFiles,
      "app/Dockerfile": appFiles["app/Dockerfile"].replace("ARG BASE", `ARG BASE=${baseImage}`),
      "index.ts": program,
      "package.json": JSON.stringify({ name, main: "index.ts" }),
      "Pulumi.yaml": `name: ${name}\nruntime: nodejs\nmain: index.ts\n${more.plugins ?? ""}`,
    },
    config: { registry: at.address, repository, builder, ...more.config },
  });
  return { project, repository };
}

const digestOf = (output: unknown) => String(output).split("@")[1];

it("an App adopts images that were written by hand, and their index stays in the registry: nothing is built again, and nothing is replaced", async () => {
  const { project, repository } = await start(byHand.replace("retainOnDelete: true", ""));
  expect((await project.up()).summary).toEqual({ ...NOTHING, create: 3 });
  project.write("index.ts", byHand);
  expect((await project.up()).summary).toEqual({ ...NOTHING, same: 3 });
  const before = await project.outputs();

  project.write("index.ts", adopting);
  const preview = await project.preview();
  // App, Image and the command: what was there is neither of these.
  expect(preview.summary).toEqual({ ...NOTHING, create: 3, same: 2, delete: 1 });
  const made = preview.events.filter(({ op }) => op === "create").map(({ type }) => type);
  expect(made.sort()).toEqual([
    "command:local:Command",
    "multiarch:index:App",
    "multiarch:index:Image",
  ]);
  expect(preview.output).toContain("+ 3 to create\n    - 1 to delete\n    4 changes. 3 unchanged");
  const adopted = await project.up();
  expect(adopted.summary).toEqual(preview.summary);
  expect(adopted.output).not.toContain("building linux/");
  expect(digestOf((await project.outputs()).imageUri)).toBe(digestOf(before.imageUri));

  // A source that changes in this state is in the index, too.
  project.write("app/RELEASE", "release two");
  const early = await project.preview();
  expect(early.summary).toEqual({ ...NOTHING, update: 2, replace: 1, same: 2 });
  project.write("app/RELEASE", "release one");

  project.write("index.ts", adopting.replace("{ transforms: [adopt] }", "{}"));
  const went = await project.up();
  expect(went.summary).toMatchObject({ create: 0, update: 2, delete: 0 });
  expect(digestOf((await project.outputs()).imageUri)).toBe(digestOf(before.imageUri));
  expect((await project.up()).summary).toEqual({ ...NOTHING, same: 5 });
  expect((await registry("GET", `${repository}/manifests/latest`)).status).toBe(200);

  project.write("app/RELEASE", "release two");
  await project.up();
  expect(digestOf((await project.outputs()).imageUri)).not.toBe(digestOf(before.imageUri));
  await project.dispose();
});

it("one image for several platforms gives way to its own digest, and stays in the registry", async () => {
  const { project, repository } = await start(letGo.replace("retainOnDelete: true", ""));
  expect((await project.up()).summary).toEqual({ ...NOTHING, create: 1 });
  project.write("index.ts", letGo);
  expect((await project.up()).summary).toEqual({ ...NOTHING, same: 1 });

  const { imageUri } = await project.outputs();
  const finished = String(imageUri).replace(/:latest@/, "@");
  project.write("index.ts", taken);
  await project.pulumi(["config", "set", "imageUri", finished]);
  const up = await project.up();
  expect(up.summary).toMatchObject({ update: 0, replace: 0 });
  expect(up.output).not.toContain("building linux/");
  expect((await project.outputs()).imageUri).toBe(finished);
  expect((await registry("GET", `${repository}/manifests/latest`)).status).toBe(200);
  await project.dispose();
});

describe("an EcsTarget", () => {
  let plugin: string;
  beforeAll(() => {
    plugin = fs.mkdtempSync(path.join(os.tmpdir(), "multiarch-echo-"));
    const program = `#!/bin/sh\nexec node ${path.join(__dirname, "echoPlugin.js")} "$@"\n`;
    fs.writeFileSync(path.join(plugin, "pulumi-resource-aws"), program, { mode: 0o755 });
  });
  afterAll(() => fs.rmSync(plugin, { recursive: true, force: true }));

  // What the engine decides, and no rule of AWS: its plugin is one that does nothing.
  it("adopts what was written by hand and imports what no program made: no service, cluster or revision is made or replaced", async () => {
    const { project } = await start(service, {
      plugins: `plugins:\n  providers:\n    - name: aws\n      path: ${plugin}\n`,
      config: {
        image: await baseImageByDigest(),
        vpcId: "vpc-1",
        subnetIds: ["subnet-1", "subnet-2"],
      },
    });
    expect((await project.up()).summary).toEqual({ ...NOTHING, create: 5 });

    project.write("index.ts", adoptingService);
    const preview = await project.preview();
    const named = (op: string) =>
      preview.events
        .filter((event) => event.op === op)
        .map(({ type, name }) => `${type.split(":").at(-1)} ${name}`)
        .sort();
    expect(named("same")).toEqual([
      "Cluster web",
      "Role web-execution",
      "SecurityGroup web-tasks",
      "Service web",
      "TaskDefinition web",
    ]);
    expect(named("import")).toEqual([
      "LogGroup web",
      "SecurityGroupEgressRule web-tasks-out",
      "SecurityGroupIngressRule web-tasks-8080-203.0.113.0/24",
    ]);
    // Components, gate, and what the target adds.
    expect(named("create")).toEqual([
      "Command web-verified",
      "EcsTarget web",
      "Image web",
      "Role web-task",
      "RolePolicy web-execution",
    ]);
    expect(preview.summary).toEqual({ ...NOTHING, create: 5, same: 5 });
    expect((await project.up()).summary).toEqual(preview.summary);
    expect((await project.outputs()).serviceName).toBe("Service-site");
    expect((await project.up()).summary).toEqual({ ...NOTHING, same: 13 });
    await project.dispose();
  });
});

/** The base image that every test builds on, as a finished image that the registry holds. */
async function baseImageByDigest(): Promise<string> {
  const { baseImage } = environment();
  const [, repository, tag] = /^[^/]+\/(.*):([^:]+)$/.exec(baseImage)!;
  const { body } = await registry("GET", `${repository}/manifests/${tag}`);
  const digest = createHash("sha256").update(body).digest("hex");
  return `${baseImage.slice(0, -tag!.length - 1)}@sha256:${digest}`;
}
