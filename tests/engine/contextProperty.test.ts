import { randomInt } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { hashUnwatched } from "../../components/image/sources";
import { startRegistryFront } from "./appProject";
import { argumentsOf, randomStates, type State, writeState } from "./contextStates";
import { runDocker } from "./dockerClient";
import { createProject, environment, type Project } from "./harness";

// Random edits of build contexts. Whenever `docker buildx build` makes another image, the change must be detected.
// MULTIARCH_EDITS sets the number of edits, MULTIARCH_EDITS_SEED repeats a run.

const edits = Number(process.env.MULTIARCH_EDITS ?? 200);
const perChain = 20;
const perBatch = 40;
const seed = Number(process.env.MULTIARCH_EDITS_SEED ?? randomInt(2 ** 31));
const chains = Array.from({ length: Math.ceil(edits / perChain) }, (_, nth) =>
  randomStates(seed + nth, perChain + 1),
);

jest.setTimeout(120_000 + edits * 3000);

let project: Project;
let closeFront: () => Promise<void>;
beforeAll(async () => {
  process.stderr.write(`random contexts: MULTIARCH_EDITS_SEED=${seed}\n`);
  const front = await startRegistryFront();
  closeFront = () => front.close();
  project = await createProject({ name: "contexts", program: "" });
  registry = { address: front.address, repository: `test/contexts-${process.pid}` };
});
afterAll(async () => {
  await project.dispose();
  await closeFront();
});
let registry: object;

/** Writes a state and returns its folder, relative to the project. */
function place(state: State, name: string): string {
  const folder = path.join(project.directory, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  writeState(state, folder);
  return `./${name}`;
}

/** The digests that `docker buildx` gives for the folders. */
async function digests(states: readonly State[], folders: readonly string[]): Promise<string[]> {
  const targets = folders.map((folder, nth) => {
    const args = argumentsOf(states[nth]!, path.join(project.directory, folder));
    const target = {
      context: args.context,
      contexts: args.namedContexts,
      ...(args.dockerfile && { dockerfile: args.dockerfile }),
      ...(args.dockerfileInline && { "dockerfile-inline": args.dockerfileInline }),
      platforms: ["linux/amd64"],
      args: { SOURCE_DATE_EPOCH: "0" },
      output: ["type=image,push=false,store=false,rewrite-timestamp=true"],
    };
    return [path.basename(folder), target] as const;
  });
  const group = { default: { targets: targets.map(([name]) => name) } };
  project.write("bake.json", JSON.stringify({ group, target: Object.fromEntries(targets) }));
  const [file, metadata] = ["bake.json", "built.json"].map((one) =>
    path.join(project.directory, one),
  );
  await runDocker(
    [
      "buildx",
      "bake",
      "--builder",
      environment().builder,
      "--allow",
      "fs.read=*",
      "--file",
      file!,
      "--metadata-file",
      metadata!,
      "--progress",
      "quiet",
    ],
    { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
  );
  const built = JSON.parse(fs.readFileSync(metadata!, "utf8")) as Record<
    string,
    Record<string, string>
  >;
  return targets.map(([name]) => built[name]!["containerimage.digest"]!);
}

/** The hashes that the provider gives for the folders, in a preview. */
async function providerHashes(states: readonly State[], folders: readonly string[]) {
  const images = folders.map((folder, nth) => {
    const { context, namedContexts, dockerfile, dockerfileInline } = argumentsOf(
      states[nth]!,
      folder,
    );
    return [
      path.basename(folder),
      {
        context: { location: context, named: { shared: { location: namedContexts.shared } } },
        ...(dockerfile && { dockerfile: { location: dockerfile } }),
        ...(dockerfileInline && { dockerfile: { inline: dockerfileInline } }),
        exports: [{ cacheonly: {} }],
        buildOnPreview: false,
        push: false,
      },
    ] as const;
  });
  project.write(
    "index.js",
    `const { Image } = require("@pulumi/docker-build");
for (const [name, args] of ${JSON.stringify(images)}) new Image(name, args);`,
  );
  const { events } = await project.preview();
  return folders.map(
    (folder) =>
      events.find(({ name }) => name === path.basename(folder))!.outputs!.contextHash as string,
  );
}

it(`each of ${edits} random edits that changes the image changes the inputs`, async () => {
  const missed: string[] = [];
  let changed = 0;
  for (let from = 0; from < chains.length; from += Math.ceil(perBatch / perChain)) {
    const batch = chains.slice(from, from + Math.ceil(perBatch / perChain));
    const states = batch.flat();
    const folders = states.map((state, nth) => place(state, `state${nth}`));
    const built = await digests(states, folders);
    const theirs = await providerHashes(states, folders);
    const ours = await Promise.all(
      states.map((state, nth) => {
        const { context, namedContexts, dockerfile, dockerfileInline } = argumentsOf(
          state,
          path.join(project.directory, folders[nth]!),
        );
        return hashUnwatched({
          context,
          named: namedContexts,
          dockerfile,
          inline: dockerfileInline !== undefined,
        });
      }),
    );
    expect(theirs.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
    states.forEach((state, nth) => {
      if (state.edit === "" || built[nth] === built[nth - 1]) return;
      changed++;
      if (theirs[nth] === theirs[nth - 1] && ours[nth] === ours[nth - 1])
        missed.push(
          `${state.layout}: ${state.edit}\n${[...states[nth - 1]!.tree].map((one) => JSON.stringify(one)).join("\n")}`,
        );
    });
  }
  expect(missed).toEqual([]);
  // Edits that change nothing would prove nothing.
  expect(changed).toBeGreaterThan(edits / 4);
});

it("15 random edits, each with an up: where the image differs, it was built again", async () => {
  const pairs = Array.from({ length: 15 }, (_, nth) =>
    randomStates(seed + 1000 + nth, 12).slice(-2),
  );
  const folders = pairs.map(([before], nth) => place(before!, `app${nth}`));
  const images = pairs.map(([before], nth) => {
    const common = {
      platforms: ["linux/amd64"],
      index: false,
      verify: { depth: "manifest" },
      cache: { enabled: false },
    };
    const args = {
      ...common,
      ...argumentsOf(before!, folders[nth]!),
      reproducible: { epoch: 0 },
      registry,
      builder: { name: environment().builder },
    };
    return `new multiarch.Image("app${nth}", ${JSON.stringify(args)});`;
  });
  project.write("index.js", `const multiarch = require("multiarch");\n${images.join("\n")}`);
  const up = async () => {
    const { events } = await project.up();
    const steps = events.filter(({ type }) => type === "docker-build:index:Image");
    return folders.map((_, nth) => steps.find(({ name }) => name === `app${nth}-linux-amd64`)!);
  };
  const before = await digests(
    pairs.map(([state]) => state!),
    folders,
  );
  const first = await up();
  pairs.forEach(([, after], nth) => place(after!, `app${nth}`));
  const after = await digests(
    pairs.map(([, state]) => state!),
    folders,
  );
  const second = await up();
  folders.forEach((_, nth) => {
    expect(first[nth]!.op).toBe("create");
    if (before[nth] === after[nth]) return;
    expect([pairs[nth]![1]!.edit, second[nth]!.op]).toEqual([pairs[nth]![1]!.edit, "update"]);
    expect(second[nth]!.outputs!.digest).not.toBe(first[nth]!.outputs!.digest);
  });
});
