import * as pulumi from "@pulumi/pulumi";
import { docker, run } from "../../command";
import { show } from "../../errors";
import { beforeChange, settled } from "../../hooks";
import { promiseOf } from "../../hosting";
import { log } from "../../log";
import { type HostIdentity, recordedLine } from "./hostSettings";
import { inspectOverSsh } from "./sshLook";
import type { SshPlace } from "./sshText";

/** A container, and who created it by its labels. */
interface Found {
  readonly name: string;
  readonly owner: string;
  readonly resource: string;
}

/**
 * A hook of a release for previews. It rejects what the script rejects in `up`: a container name that is taken. On a machine that
 * does not run the container that the state knows, it only warns, because `up` may run on another one. After a rename of the
 * stack, the project or the component, it says which container is adopted.
 *
 * @param field the argument that changes the name
 * @param over the host over SSH; this machine, if absent. A host that can't be reached from here is not checked.
 */
export function checkNames(
  component: pulumi.Resource,
  field: string,
  { container, owner }: HostIdentity,
  over?: pulumi.Output<SshPlace>,
  host = "this machine",
): pulumi.ResourceHookBinding {
  if (!pulumi.runtime.isDryRun()) return {};
  return beforeChange(`name of ${container} on ${host}`, async ({ oldInputs }) => {
    // Inputs that contain a secret are an output.
    const { stdin } = (await settled(pulumi.output(oldInputs ?? {}))) as { stdin?: string };
    const former = recordedLine(stdin, "app") ?? container;
    const resource = recordedLine(stdin, "resource");
    if (former !== container)
      await log.info(
        `container ${former} on ${host} will be renamed to ${container} and replaced by the new release`,
        component,
      );
    const place = over && (await promiseOf(over));
    if (over && place === undefined) return; // Its address is not known yet.
    // Without a rename, a container of the same owner is what a lost state left, and the release replaces it.
    const taken = (await containersAt(place, container)).find(
      (one) => one.resource !== resource && (one.owner !== owner || former !== container),
    );
    if (taken === undefined) return;
    const whose =
      taken.owner === "" ? "multiarch did not create it" : `${show(taken.owner)} created it`;
    const problem = `${field}: the container name ${taken.name} is already in use on ${host} (${whose}). Remove or rename that container, or set ${field} to another name`;
    const isHost =
      over !== undefined ||
      (await containersAt(place, former)).some((one) => one.resource === resource);
    if (isHost) throw new Error(problem);
    await log.warn(problem, component);
  });
}

async function containersAt(place: SshPlace | undefined, container: string): Promise<Found[]> {
  const label = (name: string) => `{{json (index .Config.Labels "multiarch.${name}")}}`;
  const format = `{{.Name}} ${label("app")} ${label("resource")}`;
  const suffixes = ["", "-next", "-previous", "-candidate", "-release"];
  const names = suffixes.map((suffix) => container + suffix);
  if (place) return parse((await inspectOverSsh(place.connection, format, names)).said ?? "");
  const inspect = ["container", "inspect", "--format", format, ...names];
  const asked = await docker(inspect, 5000);
  return parse((asked.missing ? await run("podman", inspect, 5000) : asked).stdout);
}

function parse(said: string): Found[] {
  const json = String.raw`"(?:[^"\\]|\\.)*"`;
  const lines = said.matchAll(new RegExp(`^/?([\\w.-]+) (${json}) (${json})$`, "gm"));
  return [...lines].flatMap(([, name, ...labels]) => {
    try {
      const [owner, resource] = labels.map((label) => JSON.parse(label) as string);
      return [{ name: name!, owner: owner!, resource: resource! }];
    } catch {
      return []; // A host's answer can be anything.
    }
  });
}
