import { appFiles, freePort } from "../tests/engine/appProject";
import { environment, NOTHING, type Project } from "../tests/engine/harness";
import { tsProject } from "./place";
import { apps, type Common } from "./programs";

/** A project of so many apps that is deployed, on free ports and in a repository of its own. */
export async function deployed(
  program: (common: Common) => string,
  count = 1,
  common: Partial<Common> = {},
): Promise<Project> {
  const { registry } = environment();
  const ports: number[] = [];
  for (let nth = 0; nth < count; nth++) ports.push(await freePort());
  const name = `bench${count}${program === apps ? "apps" : "hand"}`;
  const repository = `bench/${name}-${process.pid}`;
  const text = program({ address: registry.address, repository, ports, ...common });
  const project = await tsProject(name, text, appFiles);
  await project.up({ timeout: 180 + 10 * count });
  return project;
}

/** An `up` that finds nothing to do; seconds. */
export const unchanged =
  (project: Project, env: Record<string, string> = {}) =>
  async (): Promise<number> => {
    const { summary, seconds } = await project.up({ env });
    if (JSON.stringify(summary) !== JSON.stringify({ ...NOTHING, same: summary.same }))
      throw new Error(`something changed: ${JSON.stringify(summary)}`);
    return seconds;
  };
