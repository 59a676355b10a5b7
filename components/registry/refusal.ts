/** A failure in the user's own terms: what is wrong and what to do, in one sentence. */
export class Refusal extends Error {}
