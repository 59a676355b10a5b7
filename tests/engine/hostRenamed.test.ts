/** The host's script after a rename of the stack, the project or the component: one resource, which has another name. */
import { App, docker, image, inspect, makeRenamed, pause, removeAll, run, shells } from "./hostApp";

jest.setTimeout(90_000);
afterAll(removeAll);

/** Every container of the resource. */
const all = (app: App) =>
  docker("ps", "-aq", "--filter", `label=multiarch.resource=${app.identity.resource}`);
const idOf = (name: string) => inspect(name, "{{.Id}}");
const tags = (app: App) =>
  docker("images", "--format", "{{.Tag}}", `localhost/multiarch/${app.container}`);

test.concurrent(
  "is adopted: the port changes hands in a swap, one container serves, and images move along",
  async () => {
    const [old, app] = makeRenamed("swap-old", "swap-new") as [App, App];
    await old.release({});
    await old.release({ version: "v2" });
    const served = await idOf(old.container);
    const released = await app.release({ version: "v3" });
    expect(released).toMatchObject({ code: 0 });
    expect(released.stderr).toContain(`renaming container ${old.container} to ${app.container}\n`);
    expect(await app.get()).toBe("v3");
    expect(await old.names()).toEqual([]);
    expect(await app.names()).toEqual(["-previous=exited", "=running"]);
    expect(await idOf(`${app.container}-previous`)).toBe(served);
    // The delete of the former pull, whose state names the former app.
    expect(await old.forget()).toMatchObject({ code: 0 });
    expect(await tags(old)).toBe("");
    // Back, with the image of the container that was adopted.
    expect(await tags(app)).toContain((await image("v2")).split(":").at(-1));
    expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
    expect(await app.remove()).toMatchObject({ code: 0 });
    expect(await app.forget()).toMatchObject({ code: 0 });
    expect(await all(app)).toBe("");
    expect(await tags(app)).toBe("");
  },
);

test.concurrent("keeps running if the next release is not healthy, whatever follows", async () => {
  const [old, app, third] = makeRenamed("ill-old", "ill-new", "ill-third") as [App, App, App];
  await old.release({});
  const served = await idOf(old.container);
  const failed = await app.release({ version: "v2", command: ["false"] });
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.stderr).toContain("the release before serves, as it did");
  expect(await idOf(app.container)).toBe(served);
  expect(await app.get()).toBe("v1");
  // The state still names the first app: its removal would find the container, as the next name does, and the first again.
  expect(await third.release({ version: "v2" })).toMatchObject({ code: 0 });
  expect(await third.get()).toBe("v2");
  expect(await third.names()).toEqual(["-previous=exited", "=running"]);
  expect(await old.release({})).toMatchObject({ code: 0 });
  expect(await old.names()).toEqual(["-previous=exited", "=running"]);
  expect(await third.remove()).toMatchObject({ code: 0 });
  expect(await all(old)).toBe("");
});

const points: [string, number][] = [
  ["renaming container", 0],
  ["starting the new release beside", 300],
  ["switching to the new release", 0],
  ["switching to the new release", 300],
  ["switching to the new release", 700],
];
const inShells = points.map(
  (point, nth) => [...point, ...shells.at(-1 - (nth % shells.length))!] as const,
);
test.concurrent.each(inShells)(
  'a release that was killed after "%s" + %i ms is finished under yet another name, by %s',
  async (killAt, killAfter, _, shell) => {
    const label = `killed-${killAt.slice(0, 3)}-${killAfter}`;
    const [old, app, third] = makeRenamed(label, `${label}-b`, `${label}-c`) as [App, App, App];
    await old.release({});
    await old.release({ version: "v2" });
    await app.release({ version: "v3" }, { killAt, killAfter, shell });
    const last = killAfter === 300 ? third : app;
    expect(await last.release({ version: "v3" }, { shell })).toMatchObject({ code: 0 });
    expect(await last.get()).toBe("v3");
    expect(await last.names()).toEqual(["-previous=exited", "=running"]);
    expect((await all(last)).split("\n")).toHaveLength(2);
    // Nothing of the former names is left, a lock included.
    const names = (await docker("ps", "-a", "--format", "{{.Names}}")).split("\n");
    const left = names.filter((name) => name.startsWith(old.container));
    expect(left.sort()).toEqual([last.container, `${last.container}-previous`]);
    // The state names the first app where the run was killed.
    expect(await old.remove()).toMatchObject({ code: 0 });
    expect(await all(old)).toBe("");
  },
);

test.concurrent("a run that continues under the former name is waited for", async () => {
  const [old, app] = makeRenamed("wait-old", "wait-new") as [App, App];
  await old.release({});
  const slow = old.release({ version: "v2", release: { command: ["sleep", "4"] } });
  for (let n = 0; n < 100 && (await idOf(`${old.container}-lock`)) === "none"; n++) await pause(50);
  const next = await app.release({ version: "v3" });
  expect(await slow).toMatchObject({ code: 0 });
  expect(next).toMatchObject({ code: 0 });
  expect(next.stderr).toContain(`waiting for another release of ${old.container}`);
  expect(await app.get()).toBe("v3");
  expect((await all(app)).split("\n")).toHaveLength(2);
});

test.concurrent(
  "is not adopted where the new name is taken by another's container, which is not touched",
  async () => {
    const [old, app] = makeRenamed("taken-old", "taken-new") as [App, App];
    await old.release({});
    const foreign = await image("v1");
    const before = await idOf(old.container);
    for (const labels of [[], ["--label", "multiarch.app=somebody/else/web"]]) {
      await docker("run", "-d", "--name", app.container, ...labels, foreign);
      const id = await idOf(app.container);
      const refused = await app.release({ version: "v2" });
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.stderr).toMatch(
        /is already in use by a container that .* give this component another name/,
      );
      expect(await idOf(app.container)).toBe(id);
      expect(await idOf(old.container)).toBe(before);
      expect(await old.get()).toBe("v1");
      await docker("rm", "-f", app.container);
    }
    // One of this name's that a lost state left: which of the two is to serve is for people to say.
    const lost = new App("taken-new", undefined, `${run}-lost`);
    expect(await lost.release({})).toMatchObject({ code: 0 });
    const refused = await app.release({ version: "v2" });
    expect(refused.stderr).toContain(
      `container ${old.container} could not be renamed to ${app.container}: `,
    );
    expect([await old.get(), await lost.get()]).toEqual(["v1", "v1"]);
    expect(await old.remove()).toMatchObject({ code: 0 });
    expect(await lost.get()).toBe("v1");
    expect(await lost.remove()).toMatchObject({ code: 0 });
  },
);

test.concurrent(
  "containers of other resources, and copies that a person made, are neither adopted nor removed",
  async () => {
    const [old, app] = makeRenamed("foreign-old", "foreign-new") as [App, App];
    await old.release({});
    const foreign = `${run}-bystander`;
    const { owner } = old.identity;
    const resource = `${old.identity.resource}x`;
    const labels = [`multiarch.app=${owner}`, `multiarch.resource=${resource}`];
    await docker(
      ...["run", "-d", "--name", foreign],
      ...labels.flatMap((label) => ["--label", label]),
      await image("v1"),
    );
    // An image of a container has the container's labels.
    const copy = `${run}-copy`;
    await docker("commit", old.container, `localhost/${copy}`);
    await docker("run", "-d", "--name", copy, `localhost/${copy}`);
    const labelOf = '{{index .Config.Labels "multiarch.resource"}}';
    expect(await inspect(copy, labelOf)).toBe(old.identity.resource);
    expect(await app.release({ version: "v2" })).toMatchObject({ code: 0 });
    expect(await app.remove()).toMatchObject({ code: 0 });
    for (const name of [foreign, copy])
      expect(await inspect(name, "{{.State.Status}}")).toBe("running");
  },
);
