/** What a preview can say of a host: two targets that take the same container or port, and a machine of another architecture. */
import { machine } from "node:os";
import * as pulumi from "@pulumi/pulumi";
import { under } from "../../check";
import { type Problem, show } from "../../errors";
import { beforeChange } from "../../hooks";
import { program } from "../../hosting";
import { log } from "../../log";
import { type CanonicalArchitecture, parseArchitecture } from "../../platform";
import type { HostArgs, HostPortArgs } from "./hostArgs";
import { clash } from "./hostProblems";
import type { HostIdentity } from "./hostSettings";
import type { SshHostArgs } from "./sshArgs";
import { placeOf } from "./sshProblems";

/** What a host target of a program has on a machine: a container, and a port. */
interface Claim {
  readonly machine: string;
  /** The container, of the program's own stack. */
  readonly owner: string;
  readonly ports: readonly HostPortArgs[];
  /** The component, and the path of its ports. */
  readonly by: string;
}
const claims = new WeakMap<object, Claim[]>();

/** Two targets of one program with the same container or port on one machine would replace each other in every run, or fail. */
export function claim(
  { owner }: HostIdentity,
  { ssh, ports = [] }: HostArgs,
  name: string,
  path: string,
): Problem[] {
  const running = program();
  if (running === undefined) return [];
  const at = under(path);
  const made = claims.get(running) ?? [];
  const machines = ssh ? machinesOf(ssh) : ["this machine"];
  const others = made.filter(({ machine }) => machines.includes(machine));
  const by = `${at("ports")} of ${show(name)}`;
  claims.set(running, [...made, ...machines.map((machine) => ({ machine, owner, ports, by }))]);
  if (others.some((other) => other.owner === owner))
    return [
      {
        path: at("name"),
        what: "is already used by another host target of this program",
        fix: "give one of the two another name",
      },
    ];
  return ports.flatMap((port, index) => {
    const other = others.find((one) => one.ports.some((used) => clash({ ...used }, { ...port })));
    if (!other) return [];
    const what = `port ${show(port.host ?? port.container)} on ${other.machine} is already used by ${other.by}`;
    return [{ path: at(`ports[${index}]`), what, fix: "use another host port (`host`)" }];
  });
}

/** The hosts whose addresses are known. Behind different bastions, an address names different hosts. */
function machinesOf({ hosts, bastion }: SshHostArgs): string[] {
  const via = bastion && placeOf(bastion);
  if (bastion && via === undefined) return [];
  return Object.values(hosts).flatMap((host) => {
    const place = placeOf(host);
    return place === undefined ? [] : [via === undefined ? place : `${place} behind ${via}`];
  });
}

/**
 * A hook of the pull, with which a preview on a machine of another architecture warns that the pull fails there. It is a warning, because
 * `up` may run on another machine.
 */
export function warnOfArchitecture(
  id: string,
  architecture: CanonicalArchitecture,
  path: string,
): pulumi.ResourceHookBinding {
  if (!pulumi.runtime.isDryRun()) return {};
  const field = under(path)("architecture");
  return beforeChange(`architecture of the host of ${id}`, async () => {
    const here = machine();
    if (parseArchitecture(here) === architecture) return;
    const what = `${architecture} is not the architecture of this machine (${here}), so \`pulumi up\` fails here`;
    await log.warn(
      `${id}: ${field}: ${what}. Run it on a machine that is ${architecture}, or change ${field}`,
    );
  });
}
