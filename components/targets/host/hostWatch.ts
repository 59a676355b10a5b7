import { execFile } from "node:child_process";
import type * as command from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";

/**
 * Looks in every run whether the container of the state is the one that runs: a killed run may have gone on by itself, and a
 * hand may have changed what a later `up` takes for unchanged. Feeds nothing; what it finds is a warning.
 */
export function watchContainer(
  component: pulumi.Resource,
  release: command.Command,
  pull: command.Command,
  container: string,
): void {
  pulumi.all([release.stdout, pull.urn]).apply(async ([stdout, urn]) => {
    const released = containerOf(stdout);
    if (released === undefined) return;
    const running = await runningContainer(container);
    if (running === undefined || running === released) return;
    await pulumi.log.warn(
      `${running === "" ? "nothing runs" : "something else runs"} as ${container} on this machine than the last up released (a run that was killed, or work by hand): \`pulumi up --replace '${urn}'\` releases it again`,
      component,
    );
  });
}

/** The id in the script's last line; undefined in a preview of a release that is due. */
function containerOf(stdout: string | undefined): string | undefined {
  return /"container":"([0-9a-f]+)"/.exec(stdout ?? "")?.[1];
}

/** The id of the container that runs, empty where none does, undefined where no engine answers. */
async function runningContainer(name: string): Promise<string | undefined> {
  const format = "{{.State.Running}} {{.Id}}";
  for (const engine of ["docker", "podman"]) {
    const answer = await ask(engine, ["container", "inspect", "--format", format, name]);
    if (answer === undefined) continue;
    return /^true ([0-9a-f]+)/.exec(answer)?.[1] ?? "";
  }
  return undefined;
}

/** What the engine's client prints, empty where it knows no such container, undefined where it can't be asked. */
function ask(engine: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(engine, args, { timeout: 3000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else resolve(/no such container/i.test(stderr) ? "" : undefined);
    });
  });
}
