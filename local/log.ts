/** Where the embedded environment says what it does. Everything goes to stderr: stdout is Pulumi's. */
export interface Log {
  /** A line that stays. */
  info(line: string): void;
  /** Runs a step that takes a while: its title, what it is at now, and how long it took. */
  step<T>(title: string, work: (progress: (now: string) => void) => Promise<T>): Promise<T>;
}

const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** A log for a person: a line that rewrites itself on a terminal, plain lines elsewhere. */
export function consoleLog(stream: NodeJS.WriteStream = process.stderr): Log {
  return {
    info: (line) => void stream.write(`${line}\n`),
    async step(title, work) {
      const started = Date.now();
      let now = "";
      const live = stream.isTTY === true;
      const draw = () => {
        const line = `  … ${title} ${now} ${seconds(started)}`;
        stream.write(`\r\x1b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`);
      };
      const timer = live ? setInterval(draw, 250) : undefined;
      if (!live) stream.write(`  … ${title}\n`);
      try {
        const result = await work((text) => (now = text));
        stream.write(`${live ? "\r\x1b[2K" : ""}  ✓ ${title} (${seconds(started)})\n`);
        return result;
      } catch (error) {
        stream.write(`${live ? "\r\x1b[2K" : ""}  ✗ ${title} (${seconds(started)})\n`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** A log that says nothing. */
export const silentLog: Log = {
  info: () => {},
  step: (_title, work) => work(() => {}),
};
