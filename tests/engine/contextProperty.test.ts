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
/** Chains that are built at once. */
const perBatch = 10;
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
async function digests(
  states: readonly State[],
  folders: readonly string[],
  ...options: string[]
): Promise<string[]> {
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
      ...options,
    ],
    { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
  );
  const built = JSON.parse(fs.readFileSync(metadata!, "utf8")) as Record<
    string,
    Record<string, string>
  >;
  return targets.map(([name]) => built[name]!["containerimage.digest"]!);
}

/**
 * Whether the images differ when both are built again without a cache. BuildKit gave one context two digests once in 800 builds that ran at
 * the same time, which says nothing of changes.
 */
async function differAgain(before: State, after: State): Promise<boolean> {
  const folders = [place(before, "again-before"), place(after, "again-after")];
  const [one, other] = await digests([before, after], folders, "--no-cache");
  return one !== other;
}

/** Whether the provider's own hash detects each of the edits: it builds the first state, and is shown the second one. */
async function providerDetects(pairs: readonly (readonly [State, State])[]): Promise<boolean[]> {
  const folders = pairs.map(([before], nth) => place(before, `pair${nth}`));
  const images = pairs.map(([state], nth) => {
    const args = argumentsOf(state, folders[nth]!);
    const image = {
      context: {
        location: args.context,
        named: { shared: { location: args.namedContexts.shared } },
      },
      ...(args.dockerfile && { dockerfile: { location: args.dockerfile } }),
      ...(args.dockerfileInline && { dockerfile: { inline: args.dockerfileInline } }),
      exports: [{ cacheonly: {} }],
      builder: { name: environment().builder },
      push: false,
      buildOnPreview: false,
    };
    return `new Image("pair${nth}", ${JSON.stringify(image)});`;
  });
  const program = `const { Image } = require("@pulumi/docker-build");`;
  project.write("index.js", [program, ...images].join("\n"));
  await project.up({ timeout: 60 + pairs.length });
  pairs.forEach(([, after], nth) => place(after, `pair${nth}`));
  const { events } = await project.preview({ timeout: 60 + pairs.length });
  return folders.map((_, nth) => events.find(({ name }) => name === `pair${nth}`)!.op === "update");
}

it(`each of ${edits} random edits that changes the image changes the inputs`, async () => {
  const missed: string[] = [];
  let changed = 0;
  for (let from = 0; from < chains.length; from += perBatch) {
    const states = chains.slice(from, from + perBatch).flat();
    const folders = states.map((state, nth) => place(state, `state${nth}`));
    const built = await digests(states, folders);
    const ours = await Promise.all(
      states.map((state, nth) => {
        const folder = path.join(project.directory, folders[nth]!);
        const {
          context,
          namedContexts: named,
          dockerfile,
          dockerfileInline,
        } = argumentsOf(state, folder);
        return hashUnwatched({
          context,
          named,
          dockerfile,
          inline: dockerfileInline !== undefined,
        });
      }),
    );
    const differ = states.flatMap((state, nth) =>
      state.edit !== "" && built[nth] !== built[nth - 1] ? [nth] : [],
    );
    changed += differ.length;
    // What our own hash leaves to the provider's.
    const left = differ.filter((nth) => ours[nth] === ours[nth - 1]);
    const detected = await providerDetects(left.map((nth) => [states[nth - 1]!, states[nth]!]));
    for (const [at, nth] of left.entries()) {
      if (detected[at] || !(await differAgain(states[nth - 1]!, states[nth]!))) continue;
      const before = [...states[nth - 1]!.tree].map((one) => JSON.stringify(one));
      missed.push([`${states[nth]!.layout}: ${states[nth]!.edit}`, ...before].join("\n"));
    }
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
  for (const [nth, [state, edited]] of pairs.entries()) {
    expect(first[nth]!.op).toBe("create");
    if (before[nth] === after[nth]) continue;
    const unseen = second[nth]!.op !== "update" && (await differAgain(state!, edited!));
    expect([edited!.edit, unseen]).toEqual([edited!.edit, false]);
  }
});
