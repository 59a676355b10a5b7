import net from "node:net";

/** What a proxy does to the connections that pass through it. */
export interface Toxic {
  /** Breaks a connection once so many bytes of the client's have passed: a reset, as when a link goes down. */
  readonly cutAfter?: number;
  /** To how many connections that is done. @default all */
  readonly times?: number;
  /** Takes what the client sends and answers nothing. */
  readonly silent?: true;
  /** Turns away everybody new. */
  readonly refuse?: true;
}

/** A TCP proxy on loopback that injects faults. */
export interface Proxy {
  readonly port: number;
  /** `localhost:PORT` */
  readonly address: string;
  /** Connections that were let in so far. */
  readonly count: number;
  /** When the first was since `set`, in milliseconds as `Date.now()` has them. */
  readonly first: number | undefined;
  /** Connections that were cut since `set`. */
  readonly cuts: number;
  /** From now on, for connections that are open, too. */
  set(toxic: Toxic | undefined): void;
  /** Breaks every connection that there is. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts one in front of a port of loopback, or of a Unix socket. */
export async function startProxy(upstream: number | string): Promise<Proxy> {
  let toxic: Toxic = {};
  let count = 0;
  let cuts = 0;
  let first: number | undefined;
  const open = new Set<net.Socket>();

  const accept = (client: net.Socket) => {
    first ??= Date.now();
    if (toxic.refuse) return void client.resetAndDestroy();
    count += 1;
    const server =
      typeof upstream === "number"
        ? net.connect(upstream, "127.0.0.1")
        : net.connect({ path: upstream });
    let sent = 0;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.on("end", () => other.end());
    }
    client.on("data", (data: Buffer) => {
      sent += data.length;
      const { cutAfter = Infinity, times = Infinity, silent } = toxic;
      if (silent) return;
      if (sent > cutAfter && cuts < times) {
        cuts += 1;
        client.resetAndDestroy();
        return;
      }
      server.write(data);
    });
    server.on("data", (data: Buffer) => void (toxic.silent || client.write(data)));
  };

  const listen = (host: string, port: number) =>
    new Promise<net.Server>((resolve, reject) => {
      const one = net.createServer({ allowHalfOpen: true }, accept);
      one.once("error", reject);
      one.listen(port, host, () => resolve(one));
    });
  const servers = [await listen("127.0.0.1", 0)];
  const { port } = servers[0]!.address() as net.AddressInfo;
  // `localhost` is ::1, too, where there is IPv6.
  servers.push(
    ...(await listen("::1", port).then(
      (one) => [one],
      () => [],
    )),
  );
  return {
    port,
    address: `localhost:${port}`,
    get count() {
      return count;
    },
    get first() {
      return first;
    },
    get cuts() {
      return cuts;
    },
    set(next) {
      toxic = next ?? {};
      cuts = 0;
      first = undefined;
    },
    cut() {
      open.forEach((socket) => socket.resetAndDestroy());
    },
    async close() {
      open.forEach((socket) => socket.destroy());
      await Promise.all(servers.map((one) => new Promise((done) => one.close(done))));
    },
  };
}
