/** Something that keeps the embedded environment from working, told to a person: no stack is shown. */
export class LocalError extends Error {
  /**
   * @param what What is missing or went wrong.
   * @param why Why it matters, or what is behind it.
   * @param fix What the user can do.
   */
  constructor(what: string, why: string, fix: string) {
    super(`${what}\n  why:  ${why}\n  do:   ${fix}`);
    this.name = "LocalError";
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
