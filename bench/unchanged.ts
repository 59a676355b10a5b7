import { readFileSync } from "node:fs";
import { startRegistryFront } from "../tests/engine/appProject";
import { withBuilder } from "../tests/engine/dockerClient";
import { environment, type Project, processesOf } from "../tests/engine/harness";
import { startProxy } from "../tests/engine/proxy";
import { deployed, unchanged } from "./deploy";
import { phasesOf, phaseTable } from "./phases";
import { tsProject } from "./place";
import { apps, byHand, type Common, empty } from "./programs";
import { alternate, factRow, ratioRow, ratios, type Row, turns } from "./stats";

/** One App against an empty program, and what it asks of builder and registry. */
export async function emptyProgram(): Promise<Row[]> {
  const front = await startRegistryFront();
  const proxy = await startProxy(environment().buildkit.replace("unix://", ""));
  return withBuilder(`tcp://127.0.0.1:${proxy.port}`, async (builder) => {
    const app = await deployed(apps, 1, { address: front.address, builder });
    const nothing = await tsProject("benchempty", empty);
    await nothing.up();
    const calls = proxy.count;
    // What didn't pass here when it was deployed wouldn't be seen later either.
    if (front.takeRecords().length * calls === 0) throw new Error("nothing passed the proxies");
    const compared = await alternate(unchanged(app), unchanged(nothing));
    const requests = front.takeRecords().length / compared.ours.length;
    const built = proxy.count - calls;
    await app.dispose();
    await nothing.dispose();
    await front.close();
    await proxy.close();
    return [
      ratioRow("no-change `up` of one App / an empty program", compared, 1.25),
      factRow("… calls of BuildKit", String(built), "0", built === 0),
      factRow("… requests to the registry an image", String(requests), "≤ 1", requests <= 1),
    ];
  });
}

/** One App against the same resources by hand: time, then memory in runs of their own, for looking at it takes time. */
export async function sameByHand(): Promise<Row[]> {
  const [app, hand] = [await deployed(apps), await deployed(byHand)];
  const time = await alternate(unchanged(app), unchanged(hand));
  const memory = await alternate(peak(app), peak(hand));
  await app.dispose();
  await hand.dispose();
  return [
    ratioRow("no-change `up` of one App / by hand", time, 1.05),
    ratioRow("… peak memory of the largest process", memory, 1.1, "MB", 0),
  ];
}

/** Peak memory (VmHWM) of the largest process of an `up`, as GNU time's "maximum resident set size" has it; MB. */
const peak = (project: Project) => async (): Promise<number> => {
  let most = 0;
  const look = setInterval(() => {
    for (const { pid } of processesOf(project.directory)) most = Math.max(most, highWater(pid));
  }, 100);
  await unchanged(project)();
  clearInterval(look);
  return most / 1024;
};

function highWater(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0; // Gone meanwhile.
  }
}

/** Sixteen Apps against one, and the same by hand; then what of the difference are components, and what the host's script. */
export async function sixteen(): Promise<Row[]> {
  const [many, one, hand, handOne, parts, scripts] = await inTurns([
    [apps, 16],
    [apps, 1],
    [byHand, 16],
    [byHand, 1],
    [inComponents, 16],
    [withScript, 16],
  ]);
  return [
    row("no-change `up` of 16 Apps / one", many!, one!, 1.5),
    row("… 16 / one by hand", hand!, handOne!),
    row("… 16 Apps / 16 by hand", many!, hand!),
    row("… 16 Apps / 16 by hand, each in three components", many!, parts!),
    row("… and with the host's script in two commands", many!, scripts!),
  ];
}

const inComponents = (common: Common) => byHand(common, { components: true });
const withScript = (common: Common) => byHand(common, { components: true, script: true });

/** How time grows from 10 to 100, against how it grows by hand. */
export async function hundred(): Promise<Row[]> {
  const [many, few, hand, handFew, parts, partsFew] = await inTurns([
    [apps, 100],
    [apps, 10],
    [byHand, 100],
    [byHand, 10],
    [withScript, 100],
    [withScript, 10],
  ]);
  const growth = ratios(many!, few!);
  const handGrowth = ratios(hand!, handFew!);
  const partsGrowth = ratios(parts!, partsFew!);
  return [
    row("no-change `up` of 100 Apps / 10, over the same by hand", growth, handGrowth, 1, ""),
    row("… by hand in three components each, with the script", growth, partsGrowth, undefined, ""),
    row("… 100 Apps / 10", many!, few!),
    row("… 100 / 10 by hand", hand!, handFew!),
    row("… 100 Apps / 100 by hand", many!, hand!),
    row("… 100 Apps / 100 by hand in three components each, with the script", many!, parts!),
  ];
}

const row = (measure: string, ours: number[], other: number[], goal?: number, unit?: string): Row =>
  ratioRow(measure, { ours, other, again: [] }, goal, unit);

/** Unchanged `up`s of so many apps each, in turns; seconds. */
async function inTurns(
  all: [program: (common: Common) => string, count: number][],
): Promise<number[][]> {
  const projects: Project[] = [];
  for (const [program, count] of all) projects.push(await deployed(program, count));
  const taken = await turns(projects.map((one) => unchanged(one)));
  for (const project of projects) await project.dispose();
  return taken;
}

/** Where the time goes: no figure with a goal, but the table that explains those that have one. */
export async function phases(): Promise<Row[]> {
  const nothing = await tsProject("benchempty", empty);
  await nothing.up();
  const [hand, app] = [await deployed(byHand), await deployed(apps)];
  const all = {
    "an empty program": await phasesOf(nothing),
    "by hand": await phasesOf(hand),
    "one App": await phasesOf(app),
  };
  for (const project of [nothing, hand, app]) await project.dispose();
  process.stdout.write(`${phaseTable(all)}\n\n`);
  return [];
}
