import * as pulumi from "@pulumi/pulumi";
import { docker, run } from "../../command";
import { besides, program } from "../../hosting";
import { quote } from "../../quote";
import { type Look, lookOverSsh } from "./sshLook";
import { explainSsh, type SshPlace } from "./sshText";
import { log } from "../../log";

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
  // While the engine is busy with what comes next; under a test's mocks there is nothing to look at.
  const early = over || !program() ? undefined : runningContainer(container, component.urn);
  const looked = pulumi
    .all([release.stdout, pull.urn, over])
    .apply(async ([stdout, urn, place]) => {
      const released = containerOf(stdout);
      if (released === undefined) return;
      const { running, failure }: Look = place
        ? await lookOverSsh(place.connection, container)
        : { running: await runningHere(container, released, early) };
      if (place && failure === "host key mismatch")
        await log.warn(explainSsh(failure, place)!, component);
      if (running === undefined || running === released) return;
      const where = place ? place.connection.host : "this machine";
      await log.warn(
        `${running === "" ? "nothing" : "something else than the last up released"} runs as ${container} on ${where} (a run that was killed, or work by hand): \`pulumi up --replace ${quote(urn)}\` releases it again`,
        component,
      );
    });
  besides(looked);
}

/** The id in the script's last line; undefined in a preview of a release that is due. */
function containerOf(stdout: string | undefined): string | undefined {
  return /"container":"([0-9a-f]+)"/.exec(stdout ?? "")?.[1];
}

/** How long an early answer counts, in milliseconds: what was asked before a long build is no longer what runs. */
const fresh = 10_000;

/** What runs here. Of an early answer only what was released counts: another may be of before the release. */
async function runningHere(name: string, released: string, early?: Promise<Found>) {
  const found = await early;
  // An engine that didn't answer then isn't waited for again.
  if (found && found.running === undefined) return undefined;
  if (found?.running === released && Date.now() - found.at < fresh) return released;
  return (await runningContainer(name)).running;
}

/** The id of the container that runs, empty where none does, undefined where that can't be told; and when that was so. */
interface Found {
  readonly running: string | undefined;
  readonly at: number;
}

let asking: { readonly names: string[]; ask(): void; readonly answer: Promise<Answer> } | undefined;
type Answer = (name: string) => Found;

/**
 * Which container runs under a name on this machine.
 *
 * @param when from when on it may be asked; what is asked until the first of them has come is one process of Docker's client
 */
export async function runningContainer(
  name: string,
  when: pulumi.Output<unknown> = pulumi.output(undefined),
): Promise<Found> {
  asking ??= newQuestion();
  const { names, ask, answer } = asking;
  names.push(name);
  when.apply(ask);
  return (await answer)(name);
}

function newQuestion(): NonNullable<typeof asking> {
  const names: string[] = [];
  let ask = () => {};
  const answer = new Promise<void>((resolve) => (ask = resolve)).then(() => {
    asking = undefined;
    return runningContainers(names);
  });
  return { names, ask, answer };
}

async function runningContainers(names: readonly string[]): Promise<Answer> {
  const format = "{{.Name}} {{.State.Running}} {{.Id}}";
  const inspect = ["container", "inspect", "--format", format, ...names];
  const at = Date.now();
  const limit = 3000 + 50 * names.length;
  const asked = await docker(inspect, limit);
  // As the host's script does: Podman where there is no Docker, and not where Docker is slow.
  const { stdout, stderr } = asked.missing ? await run("podman", inspect, limit) : asked;
  const found = new Map<string, string>();
  for (const [, line] of stderr.matchAll(/^(.*no such container.*)$/gim))
    for (const word of line!.split(/[\s:"']+/)) found.set(word, "");
  for (const [, name, running, id] of stdout.matchAll(/^\/?(\S+) (true|false) ([0-9a-f]+)$/gm))
    found.set(name!, running === "true" ? id! : "");
  return (name) => ({ running: found.get(name), at });
}
