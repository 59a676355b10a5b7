import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { reasonOf } from "./connection";
import { Refusal } from "../errors";

/** What a registry must send in the time that `idle` states. */
const leastBytes = 64 << 10;

/** A blob that stopped coming: asking again may help. */
export class BrokenOff extends Refusal {}

/**
 * The bytes of a blob as they come, at the reader's pace. A registry that sends too slowly is given up. Time is counted only while
 * the reader waits: it may pause for as long as it likes. Destroying the stream ends the transfer.
 */
export class BlobStream extends Readable {
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;
  /** Since the timer was set. */
  #fresh = 0;

  /**
   * @param answer whose body it is
   * @param what registry and digest, for messages
   * @param idle milliseconds that the reader waits for the next 64 KiB, or the end
   */
  constructor(
    private readonly answer: IncomingMessage,
    private readonly what: string,
    private readonly idle: number,
  ) {
    super();
    answer.pause();
    answer.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#fresh += chunk.length;
      const more = this.push(chunk);
      if (!more) answer.pause();
      if (!more || this.#fresh >= leastBytes) this.#disarm();
      if (more) this.#arm();
    });
    answer.on("end", () => {
      this.#disarm();
      this.push(null);
    });
    answer.on("error", (error) => this.#breakOff(reasonOf(error)));
    answer.on("close", () => {
      if (!answer.complete) this.#breakOff("the connection was closed");
    });
  }

  override _read(): void {
    this.#arm();
    this.answer.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#disarm();
    this.answer.destroy();
    done(error);
  }

  #arm(): void {
    const reason = `fewer than 64 KiB in ${this.idle / 1000} s`;
    this.#timer ??= setTimeout(() => this.#breakOff(reason), this.idle);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#fresh = 0;
  }

  #breakOff(reason: string): void {
    const got = `after ${this.#bytes} bytes`;
    this.destroy(new BrokenOff(`${this.what} broke off ${got} (${reason}): try again`));
  }
}
