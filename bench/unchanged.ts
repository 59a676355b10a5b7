import { readFileSync } from "node:fs";
import { startRegistryFront } from "../tests/engine/appProject";
import { withBuilder } from "../tests/engine/dockerClient";
import { environment, type Project, processesOf } from "../tests/engine/harness";
import { startProxy } from "../tests/engine/proxy";
import { deployed, unchanged } from "./deploy";
import { phasesOf, phaseTable } from "./phases";
import { tsProject } from "./place";
import { apps, byHand, empty } from "./programs";
import { alternate, type Compared, factRow, ratioRow, ratios, type Row, turns } from "./stats";

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

/** Sixteen Apps against one, and the same by hand. */
export async function sixteen(): Promise<Row[]> {
  const { ours, hand } = await growth(16, 1);
  return [
    ratioRow("no-change `up` of 16 Apps / one", ours, 1.5),
    ratioRow("… 16 / one by hand", hand, undefined),
    ratioRow("… 16 Apps / 16 by hand", { ...ours, other: hand.ours }, undefined),
  ];
}

/** How time grows from 10 to 100, against how it grows by hand. */
export async function hundred(): Promise<Row[]> {
  const { ours, hand } = await growth(100, 10);
  const both = { ours: ratios(ours.ours, ours.other), other: ratios(hand.ours, hand.other) };
  return [
    ratioRow(
      "no-change `up` of 100 Apps / 10, over the same by hand",
      { ...both, again: [] },
      1,
      "",
    ),
    ratioRow("… 100 Apps / 10", ours, undefined),
    ratioRow("… 100 / 10 by hand", hand, undefined),
    ratioRow("… 100 Apps / 100 by hand", { ...ours, other: hand.ours }, undefined),
  ];
}

/** So many apps against fewer, as Apps and by hand. */
async function growth(more: number, less: number): Promise<{ ours: Compared; hand: Compared }> {
  const projects: Project[] = [];
  for (const program of [apps, byHand])
    for (const count of [more, less]) projects.push(await deployed(program, count));
  const [many, few, handMany, handFew] = await turns(projects.map((one) => unchanged(one)));
  for (const project of projects) await project.dispose();
  return {
    ours: { ours: many!, other: few!, again: [] },
    hand: { ours: handMany!, other: handFew!, again: [] },
  };
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
