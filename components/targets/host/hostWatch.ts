import * as pulumi from "@pulumi/pulumi";
import { docker, run } from "../../command";
import { besides } from "../../hosting";
import { type Look, lookOverSsh } from "./sshLook";
import { explainSsh, type SshPlace } from "./sshText";

/**
 * Looks in every run whether the container of the state is the one that runs: a killed run may have gone on by itself, and a
 * hand may have changed what a later `up` takes for unchanged. Feeds nothing; what it finds is a warning.
 *
 * @param over where to look over SSH; this machine, if absent. A host that can't be reached from here (previews in CI often can't)
 *   is no warning: where something is to be released there, that fails and says why. One that shows another key is.
 */
export function watchContainer(
  component: pulumi.Resource,
  release: { readonly stdout: pulumi.Output<string> },
  pull: pulumi.Resource,
  container: string,
  over?: pulumi.Output<SshPlace>,
): void {
  const looked = pulumi
    .all([release.stdout, pull.urn, over])
    .apply(async ([stdout, urn, place]) => {
      const released = containerOf(stdout);
      if (released === undefined) return;
      const { running, failure }: Look = place
        ? await lookOverSsh(place.connection, container)
        : { running: await runningContainer(container) };
      if (place && failure === "host key mismatch")
        await pulumi.log.warn(explainSsh(failure, place)!, component);
      if (running === undefined || running === released) return;
      const where = place ? place.connection.host : "this machine";
      await pulumi.log.warn(
        `${running === "" ? "nothing" : "something else than the last up released"} runs as ${container} on ${where} (a run that was killed, or work by hand): \`pulumi up --replace '${urn}'\` releases it again`,
        component,
      );
    });
  besides(looked);
}

/** The id in the script's last line; undefined in a preview of a release that is due. */
function containerOf(stdout: string | undefined): string | undefined {
  return /"container":"([0-9a-f]+)"/.exec(stdout ?? "")?.[1];
}

/** The id of the container that runs here, empty where none does, undefined where no engine answers. */
async function runningContainer(name: string): Promise<string | undefined> {
  const inspect = ["container", "inspect", "--format", "{{.State.Running}} {{.Id}}", name];
  const asked = await docker(inspect, 3000);
  // As the host's script does: Podman where there is no Docker, and not where Docker is slow.
  const { ok, stdout, stderr } = asked.missing ? await run("podman", inspect, 3000) : asked;
  if (ok) return /^true ([0-9a-f]+)/.exec(stdout)?.[1] ?? "";
  return /no such container/i.test(stderr) ? "" : undefined;
}
