import { readFileSync } from "node:fs";
import { startRegistryFront } from "../tests/engine/appProject";
import { withBuilder } from "../tests/engine/dockerClient";
import { environment, type Project, processesOf } from "../tests/engine/harness";
import { startProxy } from "../tests/engine/proxy";
import { deployed, unchanged } from "./deploy";
import { phasesOf, phaseTable } from "./phases";
import { tsProject } from "./place";
import { apps, byHand, empty } from "./programs";
import {
  alternate,
  type Compared,
  factRow,
  median,
  ratioRow,
  ratios,
  type Row,
  spread,
} from "./stats";

/** One App against an empty program, and what it asks of builder and registry. */
export async function emptyProgram(): Promise<Row[]> {
  const front = await startRegistryFront();
  const proxy = await startProxy(environment().buildkit.replace("unix://", ""));
  return withBuilder(`tcp://127.0.0.1:${proxy.port}`, async (builder) => {
    const app = await deployed(apps, 1, { address: front.address, builder });
    const nothing = await tsProject("benchempty", empty);
    await nothing.up();
    front.takeRecords();
    const calls = proxy.count;
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
  await project.up();
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
  const [ours, hand] = [await growth(apps, 16, 1), await growth(byHand, 16, 1)];
  return [
    ratioRow("no-change `up` of 16 Apps / one", ours, 1.5),
    { ...ratioRow("… 16 / one by hand", hand, 1.5), goal: "(no goal)" },
  ];
}

/** How time grows from 10 to 100, against how it grows by hand. */
export async function hundred(): Promise<Row[]> {
  const [ours, hand] = [await growth(apps, 100, 10), await growth(byHand, 100, 10)];
  const both = { ours: ratios(ours.ours, ours.other), hand: ratios(hand.ours, hand.other) };
  return [
    {
      measure: "no-change `up` of 100 / of 10, Apps against by hand",
      ours: `${spread(both.ours)}: ${spread(ours.ours, "s")} / ${spread(ours.other, "s")}`,
      other: `${spread(both.hand)}: ${spread(hand.ours, "s")} / ${spread(hand.other, "s")}`,
      result: (median(both.ours) / median(both.hand)).toFixed(2),
      goal: "≤ 1",
      met: median(both.ours) <= median(both.hand),
      noise: spread(ratios(ours.again, ours.other)),
    },
  ];
}

/** So many of a program's apps against fewer. */
async function growth(program: typeof apps, more: number, less: number): Promise<Compared> {
  const [many, few] = [await deployed(program, more), await deployed(program, less)];
  const compared = await alternate(unchanged(many), unchanged(few));
  await many.dispose();
  await few.dispose();
  return compared;
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
