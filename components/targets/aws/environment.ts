import type * as pulumi from "@pulumi/pulumi";
import type { Checker } from "../../check";
import { isFields, isLater } from "../../check";
import { pathsOf, refuseSecrets } from "../../hooks";

/** What a container on AWS is told. */
export interface AwsEnvironmentArgs {
  /**
   * Environment variables. Whoever may describe the target can read them, so a secret value is refused: use `secrets`.
   * @default none
   */
  environment?: Record<string, pulumi.Input<string>>;
  /**
   * Environment variables whose values AWS reads when the app starts: the ARN of a secret in Secrets Manager or of an SSM parameter,
   * by the variable's name. The values are in no state, template or log.
   * @default none
   */
  secrets?: Record<string, pulumi.Input<string>>;
}

// Names as both services allow them: no wildcard of a policy, and no syntax of a shell or of SSM.
export const secretArn =
  /^arn:[a-z-]+:(secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@!-]+(:[^\s:]*){0,3}|ssm:[a-z0-9-]+:\d{12}:parameter\/[\w./-]+(:[\w.-]+)?)$/;
const variable = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Checks `environment` and `secrets`. `at` gives the path of a field. */
export function environmentProblems(
  check: Checker,
  args: { environment?: unknown; secrets?: unknown },
  at: (field: string) => string,
): void {
  check.textMap(args.environment, at("environment"), `{ LOG_LEVEL: "info" }`);
  if (check.textMap(args.secrets, at("secrets"), `{ TOKEN: "arn:aws:secretsmanager:…" }`)) {
    for (const [name, arn] of Object.entries(args.secrets)) {
      if (isLater(arn) || typeof arn !== "string" || secretArn.test(arn)) continue;
      // What was written may be the secret itself, so it isn't shown.
      check.add(
        at(`secrets.${name}`),
        "is no ARN of a secret or parameter",
        "put the value into Secrets Manager or SSM, and write its ARN: arn:aws:secretsmanager:… or arn:aws:ssm:…",
      );
    }
  }
  for (const field of ["environment", "secrets"] as const) {
    const given = args[field];
    if (!isFields(given)) continue;
    for (const name of Object.keys(given)) {
      if (!variable.test(name)) {
        check.add(
          at(`${field}["${name}"]`),
          "is no name of a variable",
          "write letters, digits and underscores, not starting with a digit",
        );
      } else if (field === "secrets" && isFields(args.environment) && name in args.environment) {
        check.add(at(`secrets.${name}`), `is in ${at("environment")} too`, "keep one of them");
      }
    }
  }
}

/**
 * Refuses values that are secret and would be readable, before what holds them is made or changed, in previews too: `fields`, besides
 * the environment. `instead` names the field for secrets.
 */
export function refuseReadableSecrets(
  environment: AwsEnvironmentArgs["environment"],
  fields: Readonly<Record<string, pulumi.Input<unknown> | undefined>>,
  path: (field: string) => string,
  instead: string,
): () => Promise<void> {
  return () =>
    refuseSecrets(
      { ...pathsOf("environment", environment), ...fields },
      (field) =>
        `${path(field)}: is secret, and everybody who may describe the target on AWS could read it; ` +
        `put it into Secrets Manager or SSM, and give its ARN in ${instead}`,
    );
}
