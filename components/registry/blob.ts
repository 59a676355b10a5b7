import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { reasonOf } from "./connection";
import { Refusal } from "../errors";

/** A blob that stopped coming: asking again may help. */
export class BrokenOff extends Refusal {}

/**
 * The bytes of a blob as they come, at the reader's pace. The time without a byte is counted only while the reader waits
 * for one: it may pause for as long as it likes. Destroying the stream ends the transfer.
 */
export class BlobStream extends Readable {
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;

  /**
   * @param answer whose body it is
   * @param what registry and digest, for messages
   * @param idle milliseconds that the reader waits for a byte
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
      this.#disarm();
      if (this.push(chunk)) this.#arm();
      else answer.pause();
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
    this.#disarm();
    this.#arm();
    this.answer.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#disarm();
    this.answer.destroy();
    done(error);
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#breakOff(`no byte in ${this.idle / 1000} s`), this.idle);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
  }

  #breakOff(reason: string): void {
    const got = `after ${this.#bytes} bytes`;
    this.destroy(new BrokenOff(`${this.what} broke off ${got} (${reason}): try again`));
  }
}
