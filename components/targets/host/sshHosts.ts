import * as command from "@pulumi/command/remote/index.js";
import * as pulumi from "@pulumi/pulumi";
import { under } from "../../check";
import { beforeChange, explainFailure, joinHooks, settled } from "../../hooks";
import { orElse } from "../../late";
import { hostFailure } from "./failureText";
import { checkNames } from "./hostNames";
import type { HostIdentity } from "./hostSettings";
import { watchContainer } from "./hostWatch";
import type { SshAddressArgs, SshBastionArgs, SshHostArgs } from "./sshArgs";
import { isSilent } from "./sshLook";
import {
  explainSsh,
  silentSsh,
  type SshConnection,
  type SshEndpoint,
  type SshPlace,
} from "./sshText";

/** What is to be done on each host: texts for the stdin of a shell. A change of image or architecture is another pull. */
export interface HostScripts {
  readonly image: pulumi.Output<string>;
  readonly architecture: string;
  readonly pull: pulumi.Output<string>;
  /** @param resource the label by which the host's containers are known as made by this resource, on this host */
  readonly release: (resource: pulumi.Output<string>) => pulumi.Output<string>;
  readonly remove: (resource: pulumi.Output<string>) => pulumi.Output<string>;
}

/**
 * Pulls and releases on each host, one after another: the next host waits for the release on the one before, so a bad release stops at
 * the first. Three commands a host:
 *
 * - `pull`, replaced with the image and with the host: the new one comes first, so a host that can't be reached stops everything before
 *   anything is touched. The old one's delete comes last, and removes the images that nothing uses.
 * - `release` has neither triggers nor delete. It is updated when the settings, the image, the key or the host change, and finds a release
 *   that serves already.
 * - `removal` does nothing but remove, by its delete: when the app leaves the host. It is replaced with the host, after the release there,
 *   so the old host serves until the new one does, and a failed move leaves it serving. Were the delete on `release`, a replacement would
 *   have to choose: delete first, and a failed move leaves nothing running, or delete last, and a `pulumi up --replace` of the release
 *   ends with the removal of what it released.
 *
 * A delete runs with the connection in the state, which is that of the old host. Containers carry the host's address in a label, and a
 * removal takes its own alone: so one machine under a new address is a new release there, whose old containers are then removed.
 */
export function deployOverSsh(
  component: pulumi.Resource,
  name: string,
  ssh: SshHostArgs,
  path: string,
  identity: HostIdentity,
  id: pulumi.Output<string>,
  scripts: HostScripts,
): pulumi.Resource[] {
  const { container } = identity;
  const common = { addPreviousOutputInEnv: false, logging: command.Logging.Stderr };
  const releases: pulumi.Resource[] = [];
  for (const [host, at] of Object.entries(ssh.hosts)) {
    const { connection, known } = sshConnection(ssh, at);
    const place = pulumi.interpolate`${at.address}:${orElse(at.port, 22)}`;
    const resource = pulumi.interpolate`${id}@${place}`;
    const over = known.apply((to): SshPlace => ({
      path: under(path)("ssh"),
      host,
      connection: to,
    }));
    const idOf = (what: string) => `${what} over SSH (${name}-${host}, ${container})`;
    const explained = (what: "pull" | "release" | "removal") =>
      explainFailure(idOf(what), component, async (raw, failure) => {
        const place = await settled(over);
        if (failure.failedOperation !== "delete")
          return explainSsh(raw, place) ?? hostFailure(`${name} on ${host}`, what, raw);
        // What is deleted may lie on the host before this one.
        const old = pulumi.output(failure.oldInputs?.connection as SshConnection);
        return (
          explainSsh(raw, { ...place, connection: await settled(old), leaving: true }) ??
          hostFailure(`${name} on ${host}`, "removal", raw)
        );
      });
    const greeted = (what: string) =>
      beforeChange(`answer to the ${idOf(what)}`, async () => greeting(await settled(over)), false);
    const options = (what: "pull" | "release", ...more: pulumi.ResourceHookBinding[]) => ({
      parent: component,
      hooks: joinHooks(...more, greeted(what), explained(what)),
    });
    const names = checkNames(component, under(path)("name"), identity, over, `host ${host}`);

    const pull = new command.Command(
      `${name}-${host}-pull`,
      {
        ...common,
        connection,
        create: "sh -s -- pull",
        // A new key pulls nothing, for its stdin holds the token of the last pull. All of it is read, or the provider fails.
        update: "cat >/dev/null",
        delete: "sh -s -- forget",
        stdin: scripts.pull,
        triggers: [scripts.image, scripts.architecture, place, container],
      },
      {
        ...options("pull"),
        dependsOn: releases.slice(-1),
        ignoreChanges: ["stdin"],
        protect: false,
      },
    );
    const release = new command.Command(
      `${name}-${host}`,
      {
        ...common,
        connection,
        create: "sh -s -- release",
        update: "sh -s -- release",
        // As on this machine, `up --replace` of the pull releases again.
        stdin: pulumi.interpolate`# ${pull.id}\n${scripts.release(resource)}`,
      },
      { ...options("release", names), dependsOn: [pull] },
    );
    new command.Command(
      `${name}-${host}-removal`,
      {
        ...common,
        connection,
        delete: "sh -s -- remove",
        stdin: scripts.remove(resource),
        triggers: [place],
      },
      // Of the pull too, by itself: deletes go by what is deleted, and the release isn't. Until then it asks nothing of the host.
      { parent: component, hooks: explained("removal"), dependsOn: [pull, release] },
    );
    watchContainer(component, release, pull, container, over);
    releases.push(release);
  }
  return releases;
}

/** Throws where the first machine on the way takes a connection and says nothing. */
async function greeting(place: SshPlace): Promise<void> {
  const { connection } = place;
  const first = connection.proxy ?? connection;
  if (await isSilent(first)) throw new Error(silentSsh(place));
}

/** The commands that a person runs on the first host, and where that is. */
export function firstHost(
  ssh: SshHostArgs,
): pulumi.Output<{ host: SshEndpoint; bastion?: SshEndpoint }> {
  const [at] = Object.values(ssh.hosts);
  const user = orElse(ssh.user, "root");
  const endpoint = (to: SshAddressArgs, as: pulumi.Input<string>) =>
    pulumi.output({ address: to.address, port: orElse(to.port, 22), user: as });
  return pulumi.output({
    host: endpoint(at!, user),
    ...(ssh.bastion && { bastion: endpoint(ssh.bastion, orElse(ssh.bastion.user, user)) }),
  });
}

/** What a component records of its hosts: who they are. How they are reached is in the resources, as secrets. */
export function recordedSsh({ hosts, user, bastion }: SshHostArgs): SshHostArgs {
  const of = ({ address, port, hostKey, acceptAnyHostKey }: SshAddressArgs) => ({
    ...{ address, port, hostKey, acceptAnyHostKey },
  });
  const known = Object.entries(hosts).map(([name, host]) => [name, of(host)] as const);
  return {
    hosts: Object.fromEntries(known),
    user,
    ...(bastion && { bastion: { ...of(bastion), user: bastion.user } }),
  };
}

/** The connection to a host, as the provider's inputs and as the values that they will have. */
function sshConnection(ssh: SshHostArgs, at: SshAddressArgs) {
  const user = orElse(ssh.user, "root");
  const { bastion } = ssh;
  // Behind a bastion, a second try would use the connection that the first one broke, and hide why it did.
  const usual = bastion ? 0 : 1;
  const limit =
    ssh.attempts === undefined
      ? usual
      : pulumi.output(ssh.attempts).apply((attempts) => (attempts ?? usual + 1) - 1);
  const hop = (
    to: SshAddressArgs,
    key: Pick<SshBastionArgs, "privateKey" | "privateKeyPassword">,
  ) => ({
    host: to.address,
    port: orElse(to.port, 22),
    // Without a host key, the provider and the look check none. So a key that is missing becomes one that they can't parse.
    hostKey: to.acceptAnyHostKey === true ? undefined : orElse(to.hostKey, "missing"),
    privateKey: secret(key.privateKey),
    privateKeyPassword: secret(key.privateKeyPassword),
    agentSocketPath: ssh.agentSocket,
    perDialTimeout: 10,
  });
  const connection = {
    ...hop(at, ssh),
    user,
    dialErrorLimit: limit,
    ...(bastion && {
      proxy: {
        ...hop(bastion, bastion.privateKey === undefined ? ssh : bastion),
        user: orElse(bastion.user, user),
        // One more than the host behind it: explainSsh tells by it whose error it is.
        dialErrorLimit: pulumi.output(limit).apply((most) => most + 1),
      },
    }),
  };
  return { connection, known: pulumi.output(connection) as pulumi.Output<SshConnection> };
}

const secret = (value: pulumi.Input<string> | undefined) =>
  value === undefined
    ? undefined
    : // Providers reject a secret that turns out to be undefined.
      pulumi.output(value).apply((known) => (known ? pulumi.secret(known) : undefined!));
