import type * as pulumi from "@pulumi/pulumi";

/** An application load balancer in front of a target. Costs by the hour, used or not. */
export interface LoadBalancerArgs {
  /** Blocks of addresses that may reach it: `["0.0.0.0/0"]` is everybody. */
  ingressCidrs: pulumi.Input<string>[];
  /**
   * ARN of a certificate in ACM, in the same region. With it, HTTPS on port 443, and port 80 redirects there.
   * @default HTTP on port 80
   */
  certificateArn?: pulumi.Input<string>;
  /**
   * The HTTP path that answers with 200 to 399 where the app is healthy.
   * @default "/"
   */
  healthPath?: pulumi.Input<string>;
  /**
   * Whether it has private addresses only.
   * @default false
   */
  internal?: boolean;
  /**
   * Subnets of at least two availability zones.
   * @default the target's
   */
  subnetIds?: pulumi.Input<string>[];
}
