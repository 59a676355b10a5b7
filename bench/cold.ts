import { utimesSync } from "node:fs";
import { join } from "node:path";
import { appFiles, startRegistryFront } from "../tests/engine/appProject";
import { withBuilder } from "../tests/engine/dockerClient";
import { environment, type Project } from "../tests/engine/harness";
import { type OwnBuildkit, startBuildkit } from "../tests/engine/ownBuildkit";
import { freshRepository } from "./builds";
import { deployed } from "./deploy";
import { tsProject } from "./place";
import { apps, imageOnly } from "./programs";
import { alternate, factRow, ratioRow, type Row } from "./stats";

/** A builder of the bench's own, which can be emptied. */
export async function ownBuilder<T>(
  work: (name: string, buildkit: OwnBuildkit) => Promise<T>,
): Promise<T> {
  const buildkit = await startBuildkit({ emulated: true });
  try {
    return await withBuilder(buildkit.endpoint, (name) => work(name, buildkit));
  } finally {
    await buildkit.stop();
  }
}

/** Dependencies that take a dozen seconds of one processor, and then the app. */
const heavy = `ARG BASE=scratch
FROM \${BASE}
RUN dd if=/dev/zero bs=1M count=2500 | sha256sum > /dependencies && dd if=/dev/urandom of=/library bs=1M count=4
COPY RELEASE /RELEASE
CMD ["/bin/sh"]
`;

/** An empty builder, as a fresh CI machine's is, with what the registry has and without. */
export const registryCache = (): Promise<Row[]> =>
  ownBuilder(async (builder, buildkit) => {
    const { address } = environment().registry;
    const make = (name: string, enabled: boolean) =>
      tsProject(
        name,
        imageOnly({
          address,
          repository: freshRepository(name),
          builder,
          image: { cache: { enabled } },
        }),
        { "app/Dockerfile": heavy, "app/RELEASE": "one" },
      );
    const [withCache, without] = [await make("benchcold", true), await make("benchnone", false)];
    let release = 0;
    const cold = (project: Project) => async () => {
      await buildkit.renew();
      project.write("app/RELEASE", String(++release));
      return (await project.up()).seconds;
    };
    await withCache.up();
    await without.up();
    const compared = await alternate(cold(withCache), cold(without), { noise: false });
    await withCache.dispose();
    await without.dispose();
    return [ratioRow("cold builder with the registry cache / without", compared, 0.4)];
  });

/** Files with other times, an empty builder, no cache: what a fresh clone's first \`up\` does. */
export const freshClone = (): Promise<Row[]> =>
  ownBuilder(async (builder, buildkit) => {
    const front = await startRegistryFront();
    const image = { cache: { enabled: false }, reproducible: { epoch: 1_700_000_000 } };
    const project = await deployed(apps, 1, { address: front.address, builder, image });
    let bytes = 0;
    let changed = 0;
    let builds = 0;
    for (let round = 0; round < 10; round++) {
      await buildkit.renew();
      // Not in the image: without it, nothing would be built at all.
      project.write("app/NOTES", String(round));
      const now = Date.now() / 1000 - 86_400 * round;
      for (const file of Object.keys(appFiles)) utimesSync(join(project.directory, file), now, now);
      front.takeRecords();
      const { events } = await project.up();
      const done = events.filter(({ op }) => op !== "same");
      builds += done.filter(({ type }) => type === "docker-build:index:Image").length;
      changed += done.filter(({ type }) => type.startsWith("command:")).length;
      bytes += front
        .takeRecords()
        .filter(({ path }) => path.includes("/blobs/"))
        .reduce((sum, { requestBytes }) => sum + requestBytes, 0);
    }
    await project.dispose();
    await front.close();
    const result = `${builds} builds: ${bytes} bytes of layers pushed, ${changed} of index and container changed`;
    const measure = "fresh clone, cold builder, no cache, `reproducible` (10 rounds)";
    const goal = "same digest, nothing pushed or deployed";
    return [factRow(measure, result, goal, builds === 10 && bytes + changed === 0)];
  });
