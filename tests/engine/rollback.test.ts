import fs from "node:fs";
import path from "node:path";
import { appFiles, freePort, get, registry } from "./appProject";
import {
  changes,
  createAwsApp,
  digestOf,
  expectHonest,
  type AwsApp,
  deployedService,
  type EcsService,
  liveVersion,
} from "./awsProject";
import { built, createProject, environment, type Project, type RunResult } from "./harness";
import { lineOf } from "../changes/changes";

// Going back to an earlier release by its digest, on every target: no build, and the same verification as for a release that
// was built. Over SSH it is the same script with the same settings.

const verified = (run: RunResult) =>
  changes(run).filter((change) =>
    /^(create|update|create-replacement) Command web-verified$/.test(change),
  );

/** Whether the registry still has it. */
const held = async (ref: string) => {
  const [, repository, digest] = /^[^/]+\/(.+)@(sha256:.+)$/.exec(ref)!;
  return (await registry("HEAD", `${repository}/manifests/${digest}`)).status === 200;
};

describe("the example, on a host", () => {
  const repository = `test/rollback-${process.pid}`;
  const releases: string[] = [];
  let project: Project;
  let port: number;
  const page = () => get(port);

  beforeAll(async () => {
    const { baseImage, builder, registry: embedded } = environment();
    const example = (file: string) =>
      fs.readFileSync(path.resolve(__dirname, "../../examples/rollback", file), "utf8");
    port = await freePort();
    project = await createProject({
      name: "multiarch-rollback",
      program: "",
      files: {
        "Pulumi.yaml": example("Pulumi.yaml"),
        "package.json": example("package.json"),
        "index.ts": example("index.ts").replace(
          "{ container: 8080 }",
          `{ container: 8080, host: ${port} }`,
        ),
        "app/Dockerfile": appFiles["app/Dockerfile"].replace("BASE\n", `BASE=${baseImage}\n`),
        "app/serve.sh": appFiles["app/serve.sh"],
        "app/RELEASE": "release one",
      },
      config: {
        registryAddress: embedded.address,
        repository,
        builder: JSON.stringify({ name: builder }),
      },
    });
    for (const release of ["release one", "release two"]) {
      project.write("app/RELEASE", release);
      await project.up();
      releases.push((await project.outputs()).imageUri as string);
    }
  });
  afterAll(() => project?.dispose());

  it("goes back with one setting: announced, without a build, verified, and the later release stays in the registry", async () => {
    await project.pulumi(["config", "set", "release", releases[0]!]);
    const preview = await project.preview();
    expect(lineOf(preview)).toContain("nothing is built");
    const run = await project.up();
    expectHonest(preview, run);
    expect(built(run)).toEqual([]);
    expect(run.output).not.toContain("building linux/amd64");
    expect(verified(run)).toHaveLength(1);
    expect((await project.outputs()).imageUri).toBe(releases[0]);
    expect(await page()).toContain("release one");
    expect(await Promise.all(releases.map(held))).toEqual([true, true]);
    expect((await project.up()).summary).toMatchObject({ create: 0, update: 0, delete: 0 });
  });

  it("goes forward again to the very image that was built, without it", async () => {
    await project.pulumi(["config", "rm", "release"]);
    await project.up();
    expect(await page()).toContain("release two");
    expect((await project.outputs()).imageUri).toBe(releases[1]);
  });
});

describe("on AWS", () => {
  const targets =
    'ec2: { instanceType: "t3.small" }, ecs: { architecture: "x86_64", steadyStateTimeout: 3 }, lambda: { architecture: "x86_64" }';
  let app: AwsApp;
  let first: { ref: string; digest: string };

  beforeAll(async () => {
    app = await createAwsApp("rollback", targets);
    await app.project.up();
    first = {
      ref: (await app.project.outputs()).imageUri as string,
      digest: await digestOf(app, "linux/amd64"),
    };
    app.project.write("app/RELEASE", "release two");
    await app.project.up();
    expect(await digestOf(app, "linux/amd64")).not.toBe(first.digest);
  });

  /** What ECS's service and Lambda's alias run, by their APIs, and what EC2's instances were told to. */
  async function running() {
    const outputs = (await app.project.outputs()) as {
      ecs: EcsService;
      lambda: { functionName: string };
    };
    const { task } = await deployedService(outputs.ecs);
    const association = (await app.project.state()).resources.find(({ type }) =>
      type.endsWith(":Association"),
    );
    return {
      ecs: task?.containerDefinitions?.[0]?.image,
      lambda: (await liveVersion(outputs.lambda.functionName)).image,
      ec2: /# multiarch: (\S+)/.exec(JSON.stringify(association?.inputs?.parameters))?.[1],
    };
  }

  it("an earlier digest is announced and verified, is what EC2, ECS and Lambda get, and nothing is built", async () => {
    app.set(targets, {
      ref: first.ref,
      context: undefined,
      builder: undefined,
      buildArgs: undefined,
      platforms: undefined,
    });
    const preview = await app.project.preview();
    const line = lineOf(preview);
    expect(line).toContain("nothing is built");
    for (const target of ["ec2", "ecs", "lambda"]) expect(line).toContain(`${target}: `);
    const run = await app.project.up();
    expectHonest(preview, run);
    expect(built(run)).toEqual([]);
    expect(verified(run)).toHaveLength(1);
    const own = expect.stringMatching(new RegExp(`@${first.digest}\\b`)) as string;
    expect(await running()).toEqual({ ec2: own, ecs: own, lambda: own });
  });
});
