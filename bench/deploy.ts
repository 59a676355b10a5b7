import { appFiles, freePort } from "../tests/engine/appProject";
import { environment, NOTHING, type Project } from "../tests/engine/harness";
import { tsProject } from "./place";
import { type Common } from "./programs";

let deployments = 0;
/** How many resources each made. */
const made = new WeakMap<Project, number>();

/** A project of so many apps that is deployed, on free ports and in a repository of its own. */
export async function deployed(
  program: (common: Common) => string,
  count = 1,
  common: Partial<Common> = {},
): Promise<Project> {
  const { registry } = environment();
  const free = new Set<number>();
  while (free.size < count) free.add(await freePort());
  const ports = [...free];
  const name = `bench${process.pid}x${++deployments}`;
  const text = program({
    address: registry.address,
    repository: `bench/${name}`,
    ports,
    ...common,
  });
  const project = await tsProject(name, text, appFiles);
  const { summary } = await project.up({ timeout: 180 + 10 * count });
  made.set(project, summary.create);
  return project;
}

/** An `up` that finds nothing to do; seconds. */
export const unchanged =
  (project: Project, env: Record<string, string> = {}) =>
  async (): Promise<number> => {
    const { summary, seconds } = await project.up({ env });
    if (
      summary.same < (made.get(project) ?? 0) ||
      JSON.stringify(summary) !== JSON.stringify({ ...NOTHING, same: summary.same })
    )
      throw new Error(`something changed: ${JSON.stringify(summary)}`);
    return seconds;
  };
