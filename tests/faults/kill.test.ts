import { createLane, random, type Kill, type Lane, type Victim } from "./killing";
import { builders, leftovers, nothing } from "./leaks";

// SIGKILL at random times of an `up` that builds, pushes, verifies and releases. The seed is printed: the same one draws the same times.

const kills = Number(process.env.MULTIARCH_KILLS ?? 5);
const seed = Number(process.env.MULTIARCH_SEED ?? 1);
const victims: readonly Victim[] = ["command", "pulumi", "everything"];
const canary = `canary-kill-${process.pid}-Xq7`;

const lanes: Lane[] = [];
let before: string[];
beforeAll(async () => {
  before = await builders();
  // Three stacks at once where there are many: they wait more than they compute.
  const names = kills > 10 ? ["faults-kill-a", "faults-kill-b", "faults-kill-c"] : ["faults-kill"];
  lanes.push(...(await Promise.all(names.map((name) => createLane(name, canary)))));
});
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.dispose()));
});

it(
  "a Pulumi killed at random times: two commands clear what it left, the next up converges, and nothing is left",
  async () => {
    const next = random(seed);
    const done: Kill[] = [];
    let ended = 0;
    let begun = 0;
    const began = Date.now();
    await Promise.all(
      lanes.map(async (lane) => {
        while (begun < kills) {
          const victim = victims[begun++ % victims.length]!;
          const at = next();
          const one = await lane.kill(at, victim);
          if (process.env.MULTIARCH_KILL_LOG)
            process.stderr.write(`${at.toFixed(2)} ${JSON.stringify(one)}\n`);
          if (one) done.push(one);
          else {
            ended += 1;
            begun -= 1;
          }
        }
      }),
    );
    lanes.forEach(({ service }) => service.stop());
    console.info(`seed ${seed}: ${tell(done)}; ${ended} had ended before, in ${seconds(began)} s`);

    expect(done).toHaveLength(kills);
    expect(done.filter(({ page, wanted }) => page !== wanted)).toEqual([]);
    // A swap has a gap of its own. Who kills the script on the host in it has the next `up` to wait for.
    const hurt = done.filter(
      ({ victim, outages }) =>
        victim !== "everything" && outages.some(({ milliseconds }) => milliseconds > 2500),
    );
    expect(hurt).toEqual([]);
    for (const { app, container, temporary, up } of lanes) {
      expect(await up()).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 });
      const { directory } = app.project;
      const secrets = [canary];
      expect(
        await leftovers({ directory, container, builders: before, temporary, secrets }),
      ).toEqual(nothing);
    }
  },
  30_000 * kills + 60_000,
);

const seconds = (since: number) => Math.round((Date.now() - since) / 1000);

/** The figures. */
function tell(done: readonly Kill[]): string {
  const count = <T>(of: readonly T[]) =>
    JSON.stringify(
      Object.fromEntries(
        [...new Set(of)].map((one) => [one, of.filter((other) => other === one).length]),
      ),
    );
  const longest = (victim: Victim) =>
    Math.max(
      0,
      ...done
        .filter((one) => one.victim === victim)
        .flatMap(({ outages }) => outages.map(({ milliseconds }) => milliseconds)),
    );
  const polls = lanes.reduce((sum, { service }) => sum + service.polls, 0);
  const failures = lanes.reduce((sum, { service }) => sum + service.failures, 0);
  return (
    `${done.length} kills, of ${count(done.map(({ victim }) => victim))}, while ${count(done.map(({ phase }) => phase))}; ` +
    `${done.filter(({ locks }) => locks > 0).length} left a lock, ${done.filter(({ pending }) => pending > 0).length} pending operations, ` +
    `${done.filter(({ empty }) => empty > 0).length} an empty file of the backend; ` +
    `an up takes ${lanes[0]!.whole} s; asked ${polls} times, ${failures} without an answer, the longest gap ` +
    victims.map((victim) => `${longest(victim)} ms (${victim})`).join(", ")
  );
}
