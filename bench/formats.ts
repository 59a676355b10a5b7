import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { must, run } from "../local/exec";
import { goCommand } from "../local/tools";
import { runDocker } from "../tests/engine/dockerClient";
import { environment } from "../tests/engine/harness";
import { buildx, freshRepository, layersOf } from "./builds";
import { ownBuilder } from "./cold";
import { deployed, unchanged } from "./deploy";
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

/** A step on the builder's own architecture, and emulated; `lines` copy in what it needs, with the platform's architecture for ARCH. */
async function compare(
  measure: string,
  goal: number,
  command: string,
  { lines = "", files = {} }: { lines?: string; files?: Record<string, string> } = {},
  prepare?: (context: string) => Promise<unknown>,
): Promise<Row[]> {
  const stage = (from: string, variable: string) =>
    `${from}\nARG ${variable}\n${lines.replaceAll("ARCH", `\${${variable}}`)}\nARG NONCE\nRUN : measured && ${command}\n`;
  const dockerfile = `ARG BASE=scratch
${stage("FROM --platform=$BUILDPLATFORM ${BASE} AS cross", "BUILDARCH")}
${stage("FROM ${BASE} AS emulated", "TARGETARCH")}`;
  const all = { "app/Dockerfile": dockerfile, ...files };
  const project = await tsProject("benchqemu", "export {};\n", all);
  const context = join(project.directory, "app");
  await prepare?.(context);
  const side = (target: string) => () => stepSeconds(context, target);
  const compared = await alternate(side("cross"), side("emulated"), { noise: false });
  await project.dispose();
  return [ratioRow(`cross-compiled / emulated: ${measure}`, compared, goal)];
}

/** A step that only moves bytes. */
export const emulatedBytes = (): Promise<Row[]> =>
  compare("bytes", 0.3, "dd if=/dev/zero bs=1M count=150 | gzip | sha256sum");

/** A compiler. */
export async function emulatedCompiler(): Promise<Row[]> {
  const go = goCommand();
  if (!go) throw new Error("the compiler is Go's, and there is no go command");
  const functions = Array.from(
    { length: 1500 },
    (_, nth) =>
      `func f${nth}(a, b []int) int {\n\ts := ${nth}\n\tfor i := range a {\n\t\tif a[i] > b[i%len(b)] {\n\t\t\ts += a[i] * ${nth}\n\t\t} else {\n\t\t\ts ^= b[i%len(b)]\n\t\t}\n\t}\n\treturn s\n}\n`,
  );
  return compare(
    "compiler",
    0.15,
    "GOARCH=arm64 /compile -p big -complete -o /big.o /big.go",
    {
      lines: "COPY compile-ARCH /compile\nCOPY big.go /big.go",
      files: { "app/big.go": `package big\n\n${functions.join("\n")}` },
    },
    async (context) => {
      for (const GOARCH of ["amd64", "arm64"])
        await must(go, ["build", "-o", join(context, `compile-${GOARCH}`), "cmd/compile"], {
          env: { GOOS: "linux", GOARCH, CGO_ENABLED: "0" },
        });
    },
  );
}

/**
 * A program of a hundred megabytes: built, pushed, verified, and pulled by a machine that lacks it. Then the same with Docker's client
 * in place of Pulumi, which is how far a compression can go.
 */
export async function zstd(): Promise<Row[]> {
  const { registry, pulumi } = environment();
  const pullContext = await tsProject("benchpull", "export {};\n", {
    "app/Dockerfile": "ARG IMAGE=scratch\nFROM ${IMAGE}\nRUN true\n",
  });
  const rows = await ownBuilder(async (puller, buildkit) => {
    const pull = async (reference: string) => {
      await buildkit.renew();
      return seconds(() =>
        runDocker([
          ...["buildx", "build", "--builder", puller],
          ...["--build-arg", `IMAGE=${registry.address}/${reference}`],
          ...["--output", "type=cacheonly", join(pullContext.directory, "app")],
        ]),
      );
    };
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
      await project.up();
      const edit = () => project.write("app/code/line", randomBytes(20).toString("hex"));
      const client = buildx(project, registry.address, `${repository}-client`, false, [
        "--output",
        `type=image,push=true,compression=${compression},force-compression=true`,
      ]);
      const sizes: number[] = [];
      const starts: number[] = [];
      return {
        ...{ project, sizes, starts },
        byUp: async () => {
          starts.push(await unchanged(project)());
          edit();
          const { seconds: up } = await project.up();
          const digest = String((await project.outputs()).digest);
          sizes.push((await layersOf(repository, digest)).at(-1)!.size / 1e6);
          return up + (await pull(`${repository}@${digest}`));
        },
        byClient: async () => {
          edit();
          return (await seconds(client)) + (await pull(`${repository}-client:latest`));
        },
      };
    };
    const [ours, other] = [await make("zstd"), await make("gzip")];
    const whole = await alternate(ours.byUp, other.byUp, { noise: false });
    const client = await alternate(ours.byClient, other.byClient, { noise: false });
    for (const { project } of [ours, other]) await project.dispose();
    const less = (all: number[], starts: number[]) => all.map((one, nth) => one - starts[nth]!);
    const own = {
      ours: less(whole.ours, ours.starts),
      other: less(whole.other, other.starts),
      again: [],
    };
    const bytes = { ours: ours.sizes, other: other.sizes, again: [] };
    return [
      ratioRow("zstd / gzip: `up` and a cold pull, 115 MB program", whole, 0.5),
      ratioRow("… less the no-change `up`", own, undefined),
      ratioRow("… by `docker buildx build`", client, undefined),
      ratioRow("… bytes of the layer", bytes, 0.95, "MB", 1),
    ];
  });
  await pullContext.dispose();
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
