import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Front } from "../local/registryFront";
import { appFiles, registry, startRegistryFront } from "../tests/engine/appProject";
import { runDocker, withBuilder } from "../tests/engine/dockerClient";
import { environment, type Project } from "../tests/engine/harness";
import { startProxy } from "../tests/engine/proxy";
import { deployed, unchanged } from "./deploy";
import { seconds, tsProject } from "./place";
import { apps, type Common, empty, imageOnly } from "./programs";
import { alternate, type Compared, factRow, median, ratioRow, type Row, spread } from "./stats";

let counter = 0;

/** A repository that nothing else pushes to. */
export const freshRepository = (name: string): string =>
  `bench/${name}-${process.pid}-${++counter}`;

/** What Docker's client builds from a project's context, with a cache in the registry as the component has it, or without. */
export const buildx = (
  project: Project,
  address: string,
  repository: string,
  cached = true,
  output = ["--push"],
) => {
  const { builder, baseImage } = environment();
  const cache = `type=registry,ref=${address}/${repository}:cache`;
  const both = ["--cache-from", cache, "--cache-to", `${cache},mode=max,image-manifest=true`];
  const args = [
    ...["buildx", "build", "--builder", builder, "--platform", "linux/amd64", ...output],
    ...["--build-arg", `BASE=${baseImage}`, "--provenance=false", ...(cached ? both : [])],
    ...["--tag", `${address}/${repository}:latest`, join(project.directory, "app")],
  ];
  return () => runDocker(args);
};

/** The layers of an image in the registry. */
export async function layersOf(
  repository: string,
  reference: unknown,
): Promise<{ size: number }[]> {
  const { body } = await registry("GET", `${repository}/manifests/${String(reference)}`);
  return (JSON.parse(body) as { layers: { size: number }[] }).layers;
}

/** What a release of one changed line pushes, over the size of the layer that the line lies in: with a cache, and without. */
export async function oneLine(): Promise<Row[]> {
  const front = await startRegistryFront();
  const rows: Row[] = [];
  for (const enabled of [true, false]) {
    const { ours, other } = await pushes(front, enabled);
    const result = median(ours);
    rows.push({
      measure: enabled
        ? "one-line change: bytes pushed / the changed layer, compressed (2 MB)"
        : "… with `cache: { enabled: false }`",
      ours: spread(ours, "", 4),
      other: `\`docker buildx build\`: ${spread(other, "", 4)}`,
      result: result.toFixed(4),
      goal: "≤ 1.02",
      met: result <= 1.02,
      noise: "–",
    });
  }
  await front.close();
  return rows;
}

async function pushes(front: Front, enabled: boolean): Promise<Compared> {
  const [own, theirs] = [freshRepository("line"), freshRepository("line")];
  const project = await tsProject(
    "benchline",
    imageOnly({ address: front.address, repository: own, image: { cache: { enabled } } }),
    {
      "app/Dockerfile": `ARG BASE=scratch\nFROM \${BASE}\nCOPY dependencies /dependencies\nCOPY code /code\nCMD ["/bin/sh"]\n`,
      "app/dependencies": randomBytes(8_000_000).toString("hex"),
      "app/code/page": randomBytes(2_000_000).toString("hex"),
    },
  );
  const pushed = (repository: string, release: () => Promise<unknown>) => async () => {
    project.write("app/code/line", randomBytes(20).toString("hex"));
    front.takeRecords();
    const reference = await release();
    const bytes = front.takeRecords().reduce((sum, { requestBytes }) => sum + requestBytes, 0);
    const { size } = (await layersOf(repository, reference)).at(-1)!;
    if (bytes < size) throw new Error(`the changed layer of ${size} bytes didn't pass: ${bytes}`);
    return bytes / size;
  };
  const build = buildx(project, front.address, theirs, enabled);
  const byUp = pushed(own, async () => {
    await project.up();
    return (await project.outputs()).digest;
  });
  const byClient = pushed(theirs, async () => (await build(), "latest"));
  await byUp();
  await byClient();
  const compared = await alternate(byUp, byClient, { noise: false });
  await project.dispose();
  return compared;
}

/** How long it takes to hear that the builder can't be reached: beyond what an empty program takes, and from the first connection. */
export async function unreachable(): Promise<Row[]> {
  const proxy = await startProxy(environment().buildkit.replace("unix://", ""));
  const nothing = await tsProject("benchempty", empty);
  await nothing.up();
  const rows: Row[] = [];
  for (const [what, toxic] of [
    ["refuses", { refuse: true }],
    ["is silent", { silent: true }],
  ] as const) {
    proxy.set(undefined); // Who makes a builder known looks at it, and waits 20 s for a silent one.
    await withBuilder(`tcp://127.0.0.1:${proxy.port}`, async (builder) => {
      const { address } = environment().registry;
      const program = imageOnly({ address, repository: freshRepository("dead"), builder });
      const project = await tsProject("benchdead", program, appFiles);
      const waited: number[] = [];
      const failing = async () => {
        proxy.set(toxic);
        const result = await project.up({ expectFailure: true });
        if (!result.output.includes(`builder "${builder}" doesn't answer`))
          throw new Error(`no named error:\n${result.output}`);
        waited.push((Date.now() - proxy.first!) / 1000);
        return result.seconds;
      };
      const compared = await alternate(failing, unchanged(nothing));
      const more = compared.ours.map((value, nth) => value - compared.other[nth]!);
      await project.dispose();
      rows.push({
        measure: `builder ${what} → named error, beyond an empty \`up\``,
        ours: spread(compared.ours, "s"),
        other: spread(compared.other, "s"),
        result: spread(more, "s"),
        goal: "≤ 2 s",
        met: median(more) <= 2,
        noise: spread(
          compared.again.map((value, nth) => value - compared.other[nth]!),
          "s",
        ),
      });
      rows.push(
        factRow(
          "… from the first connection to it",
          spread(waited, "s"),
          "≤ 2 s",
          median(waited) <= 2,
        ),
      );
    });
  }
  await nothing.dispose();
  await proxy.close();
  return rows;
}

/** The architecture of the image that runs on a port. */
async function architectureOn(port: number): Promise<string> {
  const id = await runDocker(["ps", "--quiet", "--filter", `publish=${port}`]);
  const image = await runDocker(["container", "inspect", "--format", "{{.Image}}", id.trim()]);
  const inspect = ["image", "inspect", "--format", "{{.Architecture}}", image.trim()];
  return (await runDocker(inspect)).trim();
}

/** The host becomes one of the other architecture, ten times to and fro, while the index holds both platforms. */
export async function archFlip(): Promise<Row[]> {
  const proxy = await startProxy(environment().buildkit.replace("unix://", ""));
  return withBuilder(`tcp://127.0.0.1:${proxy.port}`, async (builder) => {
    const image = { platforms: ["linux/amd64", "linux/arm64"] };
    let text = "";
    let port = 0;
    const program = (common: Common) => {
      port = common.ports[0]!;
      return (text = apps(common));
    };
    const project = await deployed(program, 1, { builder, image });
    // Another machine of the other architecture is this one, with another answer to `uname -m`.
    const bin = join(project.directory, "../bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "uname"), "#!/bin/sh\necho aarch64\n");
    chmodSync(join(bin, "uname"), 0o755);
    const calls = proxy.count;
    if (calls === 0) throw new Error("the builder isn't reached by the proxy");
    const times: number[] = [];
    let built = 0;
    for (let flip = 0; flip < 10; flip++) {
      const arm = flip % 2 === 0;
      project.write("index.ts", arm ? text.replace('"x86_64"', '"arm64"') : text);
      const env = arm ? { PATH: `${bin}:${environment().env.PATH}` } : undefined;
      const { events, seconds: took } = await project.up({ env });
      built += events.filter(
        ({ op, type }) => type.startsWith("docker-build:") && op !== "same",
      ).length;
      const runs = await architectureOn(port);
      if (runs !== (arm ? "arm64" : "amd64")) throw new Error(`what runs is for ${runs}`);
      times.push(took);
    }
    const connections = proxy.count - calls;
    await project.dispose();
    await proxy.close();
    const result = `${built} images or indexes changed, ${connections} calls of BuildKit; ${spread(times, "s")}`;
    const measure = "arch flip with both platforms in the index (10 flips)";
    return [factRow(measure, result, "no build", built + connections === 0)];
  });
}

/** A build that finds every step in the builder's cache, less an empty `up`, against Docker's client. */
export async function cached(): Promise<Row[]> {
  const { address } = environment().registry;
  const nothing = await tsProject("benchempty", empty);
  const project = await tsProject(
    "benchcached",
    imageOnly({ address, repository: freshRepository("cached") }),
    appFiles,
  );
  const build = buildx(project, address, freshRepository("cached"));
  for (const first of [nothing.up, project.up, build]) await first();
  const starts: number[] = [];
  const unbuilt: number[] = [];
  const rebuild = async () => {
    unbuilt.push(await unchanged(project)());
    // In the context, and in no layer.
    project.write("app/NOTES", randomBytes(20).toString("hex"));
    const { seconds: took, summary } = await project.up();
    if (summary.update === 0) throw new Error("nothing was built");
    const start = await unchanged(nothing)();
    starts.push(start);
    return took - start;
  };
  const compared = await alternate(rebuild, () => seconds(build));
  const beyond = compared.ours.map((value, nth) => value + starts[nth]! - unbuilt[nth]!);
  await nothing.dispose();
  await project.dispose();
  return [
    ratioRow("rebuild from cache, less an empty `up` / `docker buildx build`", compared, 1.15),
    ratioRow("… less the same program's no-change `up`", { ...compared, ours: beyond }, undefined),
  ];
}
