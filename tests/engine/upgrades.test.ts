import { docker } from "./appProject";
import { changes } from "./awsProject";
import { environment, type Project, type RunResult } from "./harness";
import * as states from "./recordedStates";

// Stacks that an earlier release, or this one, has deployed: what the current code makes of them. CONTRIBUTING, Releases.

/** What runs on no machine but the one that recorded it: a host is looked at in every run. */
const expected = /runs as \S+ on this machine \(a run that was killed, or work by hand\)/;

/** What a run says that nobody expects who changed nothing: warnings, errors, and the line of a change. */
const surprises = ({ output }: RunResult) =>
  output
    .split("\n")
    .filter((line) => /^\s*(warning|error|change):/.test(line) && !expected.test(line));

const named = states.recorded.map((one) => ({ ...one, title: `${one.release}: ${one.program}` }));

if (process.env.MULTIARCH_RECORD === undefined) {
  afterAll(states.removeRepositories);

  describe.each(named)("what $title deployed", (one: states.Recorded) => {
    let project: Project;
    beforeAll(async () => {
      project = await states.projectOf(one);
      await states.restore(one, project);
    });
    afterAll(() => states.forget(project));

    it("is no change to the current code", async () => {
      const preview = await project.preview();
      expect(changes(preview)).toEqual([]);
      expect(surprises(preview)).toEqual([]);
      expect(preview.summary.same).toBeGreaterThan(5);
    });

    if (one.program === "host")
      it("stays as it is in an `up`", async () => {
        const run = await project.up();
        expect(changes(run)).toEqual([]);
        expect(surprises(run)).toEqual([]);
      });
  });
} else {
  it.each(named.filter((one) => !states.isRecorded(one)))("records $title", async (one) => {
    const project = await states.projectOf(one);
    await project.up();
    expect(changes(await project.preview())).toEqual([]);
    await states.record(one, project);
    await project.dispose();
    docker(environment().env, "image", "rm", "--force", "multiarch-upgrades:dev");
  });
}
