import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { must, run } from "../local/exec";
import { goCommand } from "../local/tools";
import { runDocker, withBuilder } from "../tests/engine/dockerClient";
import { environment } from "../tests/engine/harness";
import { startBuildkit } from "../tests/engine/ownBuildkit";
import { freshRepository, layersOf } from "./builds";
import { deployed } from "./deploy";
import { seconds, tsProject } from "./place";
import { apps, imageOnly } from "./programs";
import { alternate, ratioRow, type Row } from "./stats";

/** Seconds of the step that is marked, by BuildKit's own clock: arm64's image, built on amd64. */
async function stepSeconds(context: string, target: string): Promise<number> {
  const { docker: client, env, builder, baseImage } = environment();
  const nonce = randomBytes(8).toString("hex");
  const { code, stderr } = await run(
    client,
    [
      ...["buildx", "build", "--builder", builder, "--platform", "linux/arm64"],
      ...["--build-arg", `BASE=${baseImage}`, "--build-arg", `NONCE=${nonce}`],
      ...["--target", target, "--progress", "plain", "--output", "type=cacheonly", context],
    ],
    { env },
  );
  const step = /#(\d+) \[.*RUN : measured/.exec(stderr)?.[1];
  const took = new RegExp(`#${step} DONE ([\\d.]+)s`).exec(stderr)?.[1];
  if (code !== 0 || took === undefined) throw new Error(`no step was measured:\n${stderr}`);
  return Number(took);
}

/** A step that only moves bytes, and a compiler: on the builder's own architecture, and emulated. */
export async function emulated(): Promise<Row[]> {
  const go = goCommand();
  if (!go) throw new Error("the compiler is Go's, and there is no go command");
  const steps = (lines: string, command: string) =>
    `ARG BASE=scratch
FROM --platform=$BUILDPLATFORM \${BASE} AS cross
${lines.replaceAll("-ARCH", "-${BUILDARCH}")}
ARG NONCE
RUN : measured && ${command}
FROM \${BASE} AS emulated
${lines.replaceAll("-ARCH", "-${TARGETARCH}")}
ARG NONCE
RUN : measured && ${command}
`;
  const functions = Array.from(
    { length: 1500 },
    (_, nth) =>
      `func f${nth}(a, b []int) int {\n\ts := ${nth}\n\tfor i := range a {\n\t\tif a[i] > b[i%len(b)] {\n\t\t\ts += a[i] * ${nth}\n\t\t} else {\n\t\t\ts ^= b[i%len(b)]\n\t\t}\n\t}\n\treturn s\n}\n`,
  );
  const compiler = "ARG BUILDARCH\nARG TARGETARCH\nCOPY compile-ARCH /compile\nCOPY big.go /big.go";
  const project = await tsProject("benchqemu", "export {};\n", {
    "bytes/Dockerfile": steps("", "dd if=/dev/zero bs=1M count=150 | gzip | sha256sum"),
    "compiler/Dockerfile": steps(
      compiler,
      "GOARCH=arm64 /compile -p big -complete -o /big.o /big.go",
    ),
    "compiler/big.go": `package big\n\n${functions.join("\n")}`,
  });
  const at = (folder: string) => join(project.directory, folder);
  for (const GOARCH of ["amd64", "arm64"])
    await must(go, ["build", "-o", at(`compiler/compile-${GOARCH}`), "cmd/compile"], {
      env: { GOOS: "linux", GOARCH, CGO_ENABLED: "0" },
    });
  const rows: Row[] = [];
  for (const [folder, goal] of [
    ["bytes", 0.3],
    ["compiler", 0.15],
  ] as const) {
    const side = (target: string) => () => stepSeconds(at(folder), target);
    const compared = await alternate(side("cross"), side("emulated"), { noise: false });
    rows.push(ratioRow(`cross-compiled / emulated: ${folder}`, compared, goal));
  }
  await project.dispose();
  return rows;
}

/** Two programs of a hundred megabytes and more: built, pushed, verified, and pulled by a machine that lacks them. */
export async function zstd(): Promise<Row[]> {
  const { registry, pulumi } = environment();
  const buildkit = await startBuildkit({ emulated: true });
  const pullContext = await tsProject("benchpull", "export {};\n", {
    "app/Dockerfile": "ARG IMAGE=scratch\nFROM ${IMAGE}\nRUN true\n",
  });
  const rows = await withBuilder(buildkit.endpoint, async (puller) => {
    const make = async (compression: string) => {
      const repository = freshRepository(compression);
      const program = imageOnly({
        ...{ address: registry.address, repository },
        image: { compression, cache: { enabled: false } },
      });
      const project = await tsProject(`bench${compression}`, program, {
        "app/Dockerfile": 'ARG BASE=scratch\nFROM ${BASE}\nCOPY code /code\nCMD ["/bin/sh"]\n',
      });
      mkdirSync(join(project.directory, "app/code"));
      copyFileSync(pulumi, join(project.directory, "app/code/program"));
      return { project, repository };
    };
    const sides = [await make("zstd"), await make("gzip")] as const;
    const sizes: number[][] = [[], []];
    const endToEnd = (nth: 0 | 1) => async () => {
      const { project, repository } = sides[nth];
      project.write("app/code/line", randomBytes(20).toString("hex"));
      const { seconds: up } = await project.up();
      const digest = String((await project.outputs()).digest);
      sizes[nth]!.push((await layersOf(repository, digest)).at(-1)!.size / 1e6);
      await buildkit.renew();
      const image = `IMAGE=${registry.address}/${repository}@${digest}`;
      const pull = await seconds(() =>
        runDocker([
          ...["buildx", "build", "--builder", puller, "--build-arg", image],
          ...["--output", "type=cacheonly", join(pullContext.directory, "app")],
        ]),
      );
      return up + pull;
    };
    const compared = await alternate(endToEnd(0), endToEnd(1), { noise: false });
    const bytes = { ours: sizes[0]!, other: sizes[1]!, again: [] };
    for (const { project } of sides) await project.dispose();
    return [
      ratioRow("zstd / gzip: `up` and a cold pull, 115 MB program", compared, 0.5),
      ratioRow("… bytes of the layer", bytes, 0.95, "MB", 1),
    ];
  });
  await pullContext.dispose();
  await buildkit.stop();
  return rows;
}

/** The first run after an edit, types checked, as Pulumi does it without further settings. */
export async function rootImport(): Promise<Row[]> {
  let text = "";
  const project = await deployed((common) => (text = apps(common)));
  const root = 'import * as aws from "@pulumi/aws";\nexport const region = aws.Region.USEast1;\n';
  let edits = 0;
  const edited = (more: string) => async () => {
    project.write("index.ts", `${more}${text}// edit ${++edits}\n`);
    return (await project.up({ env: { PULUMI_NODEJS_TRANSPILE_ONLY: "false" } })).seconds;
  };
  const compared = await alternate(edited(""), edited(root), { noise: false });
  await project.dispose();
  return [ratioRow("first run after an edit / importing the root of @pulumi/aws", compared, 0.65)];
}
