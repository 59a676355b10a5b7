import http from "node:http";

/** A time in which the service answered nobody. */
export interface Outage {
  /** Milliseconds since the watch began. */
  readonly from: number;
  readonly milliseconds: number;
}

/** Asks a service again and again. */
export interface Watch {
  /** How often it was asked. */
  readonly polls: number;
  /** How often it did not answer. */
  readonly failures: number;
  /** Why, and how often for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly outages: readonly Outage[];
  /** The longest that an answer took, in milliseconds. */
  readonly slowest: number;
  stop(): void;
}

/**
 * Asks each `every` milliseconds, also while an answer is awaited: one that is slow hides no gap.
 *
 * @param patience milliseconds after which an answer that hasn't come counts as none
 * @param most how often it is asked at most
 */
export function watch(port: number, every = 50, patience = 2000, most = 50_000): Watch {
  const outages: Outage[] = [];
  const began = Date.now();
  let down: number | undefined;
  /** When the last question was asked that has an answer. */
  let heard = 0;
  let polls = 0;
  const reasons: Record<string, number> = {};
  let slowest = 0;
  const answered = (asked: number) => {
    slowest = Math.max(slowest, Date.now() - asked);
    heard = Math.max(heard, asked);
    // An answer to a question from before the outage says nothing about its end.
    if (down === undefined || asked < down) return;
    outages.push({ from: down - began, milliseconds: Date.now() - down });
    down = undefined;
  };
  const timer = setInterval(() => {
    if (polls >= most) return clearInterval(timer);
    polls += 1;
    const asked = Date.now();
    const failed = (reason: string) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
      // Who asked later and has his answer shows that one question was lost, and that nothing was down.
      if (heard <= asked) down ??= asked;
    };
    const request = http.get(
      { host: "127.0.0.1", port, agent: false, timeout: patience },
      (response) => {
        response.resume();
        response.on("end", () =>
          response.statusCode === 200 ? answered(asked) : failed(`HTTP ${response.statusCode}`),
        );
        response.on("error", () => failed("a broken answer"));
      },
    );
    request.on("timeout", () => request.destroy(new Error("late")));
    request.on("error", (error: NodeJS.ErrnoException) => failed(error.code ?? error.message));
  }, every);
  return {
    get polls() {
      return polls;
    },
    get failures() {
      return Object.values(reasons).reduce((sum, count) => sum + count, 0);
    },
    get slowest() {
      return slowest;
    },
    reasons,
    outages,
    stop: () => clearInterval(timer),
  };
}
