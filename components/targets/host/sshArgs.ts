import type * as pulumi from "@pulumi/pulumi";

/** One host, and how it is known to be that host. */
export interface SshAddressArgs {
  /** Its host name or IP address, without user and port. Another address is another host: the app moves there. */
  address: pulumi.Input<string>;
  /**
   * The port that its SSH server listens on, 1 to 65535.
   * @default 22
   */
  port?: pulumi.Input<number>;
  /**
   * The host's public key, `ssh-ed25519 AAAA…`: a line of known_hosts without the host. A machine that shows another is given nothing.
   * `ssh-keyscan -t ed25519 ADDRESS` prints it; compare it with what the machine's console shows. Required, unless
   * `acceptAnyHostKey` is true. RSA keys are refused: Pulumi's provider could only check their SHA-1 signatures, which
   * OpenSSH gave up in version 8.8.
   */
  hostKey?: pulumi.Input<string>;
  /**
   * Whether to deploy to whatever answers at the address: for machines that live for a test, on a network of your own.
   * @default false
   */
  acceptAnyHostKey?: boolean;
}

/** A host in between, which reaches the others. It only passes the connection on, and needs no container engine. */
export interface SshBastionArgs extends SshAddressArgs {
  /**
   * The user there.
   * @default the user of the hosts
   */
  user?: pulumi.Input<string>;
  /**
   * The private key for it, kept secret.
   * @default that of the hosts
   */
  privateKey?: pulumi.Input<string>;
  /** The password of that private key, where it is encrypted. */
  privateKeyPassword?: pulumi.Input<string>;
}

/** Hosts that are reached over SSH. Nothing is installed on them; they need Docker or Podman and a POSIX shell. */
export interface SshHostArgs {
  /**
   * The hosts by names of your own, of lower-case letters, digits and hyphens. One after another, in the order written (from other
   * languages than JavaScript, which don't keep one: any): a release that isn't healthy on one stops there, and the rest serve on. A name
   * that is taken away removes the app from that host, and touches no other.
   *
   * @example { one: { address: "203.0.113.7", hostKey: "ssh-ed25519 AAAA…" } }
   */
  hosts: { [name: string]: SshAddressArgs };
  /**
   * The user on the hosts, who may use the container engine there: root, a member of the group `docker`, or one with a rootless engine.
   * @default "root"
   */
  user?: pulumi.Input<string>;
  /**
   * The private key, in OpenSSH's or PEM form; kept secret whether or not it is given as one. A new key is no new release.
   * @default the keys of the SSH agent
   */
  privateKey?: pulumi.Input<string>;
  /** The password of the private key, where it is encrypted. */
  privateKeyPassword?: pulumi.Input<string>;
  /**
   * The path of the SSH agent's socket, on the machine that runs Pulumi. It is kept in the state, so another path is an update.
   * @default that of the environment variable SSH_AUTH_SOCK, which is kept nowhere
   */
  agentSocket?: pulumi.Input<string>;
  /**
   * A host in between.
   * @default none
   */
  bastion?: SshBastionArgs;
  /**
   * How often to try to connect, at least once: a machine made by the same program may take 20 tries, about a minute, until it answers.
   * @default 2, within 3 seconds where the connection is refused; 1 behind a bastion
   */
  attempts?: pulumi.Input<number>;
}
