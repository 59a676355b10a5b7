import { printable } from "../../errors";

/** What ECS says of a service, as far as it is looked at. */
export interface ServiceFacts {
  /** The revision that the service is set to run. */
  readonly taskDefinition: string;
  readonly deployments: readonly {
    readonly status: string;
    readonly taskDefinition: string;
    readonly runningCount: number;
    readonly desiredCount: number;
  }[];
  /** Newest first. */
  readonly events: readonly { readonly createdAt: string; readonly message: string }[];
}

const shownEvents = 5;
/** A plain `pulumi up` takes the new revision, which the state holds, for running. */
const retry = "once it is mended, or to try the same again: pulumi up --refresh";

/** What to say where the provider itself tells that the service didn't get steady. */
export function failedService(logs: string): string {
  return `the new release didn't get healthy; where one was before, ECS rolls back to it. What the app said: ${logs}; ${retry}`;
}

/**
 * Why what runs isn't what was asked for, or undefined where it is. The provider may report success after ECS rolled back: it does where
 * it waits for a steady service and not for the deployment (this machine's clock ahead of AWS's, older releases), and in the run after
 * a failed one, for the state then holds the new revision.
 */
export function rolloutProblem(
  asked: string,
  found: ServiceFacts,
  commands: { readonly logs: string },
): string | undefined {
  if (found.taskDefinition === asked) return undefined;
  const reasons = found.events
    .filter(({ message }) =>
      /unable|fail|unhealthy|stopped|rolling back|rolled back|error/i.test(message),
    )
    .slice(0, shownEvents)
    .map(({ message }) => `  ${printable(message)}`);
  return [
    `ECS runs ${revision(found.taskDefinition)}, not ${revision(asked)}, which was asked for: the new release didn't get healthy, and the one before serves`,
    ...(reasons.length === 0 ? [] : ["what ECS says, the newest first:", ...reasons]),
    `what the app said: ${commands.logs}`,
    `${retry} (a plain \`pulumi up\` takes the new revision for running)`,
  ].join("\n");
}

/** `web:3` of the ARN of a task definition. */
function revision(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}
