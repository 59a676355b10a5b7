/** The tests' projects are used outside of jest here: what they ask of it at their start, and what they leave for its end. */
const ends: (() => Promise<void>)[] = [];
Object.assign(globalThis, {
  jest: { setTimeout: () => undefined },
  afterAll: (end: () => Promise<void>) => ends.push(end),
});

/** What jest would do after the last test: removes what a measure that failed has left. */
export async function cleanUp(): Promise<void> {
  for (const end of ends) await end();
}
