import * as pulumi from "@pulumi/pulumi";
import { describeProblems, type Problem } from "./errors";

/**
 * Ends the program with the problems, a line each, once and without a stack. Does nothing where there are none.
 *
 * @throws pulumi.RunError
 */
export function refuse(name: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw plainError(describeProblems(name, problems));
}

/** An error that Pulumi prints as its message alone, and once however often it is thrown. */
export function plainError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // Within an apply, the SDK would write into it which property of which resource couldn't be serialised, and report it each time.
  Object.defineProperty(error, "message", { get: () => message, set: () => undefined });
  // Pulumi prints the message alone, but formats the stack first, for which Node 20 takes half a minute where frames
  // are mapped to sources that aren't there.
  error.stack = message;
  return error;
}
