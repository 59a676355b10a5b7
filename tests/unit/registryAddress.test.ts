import dns from "node:dns";
import { mayReferTo, reachOf } from "../../components/registry/address";
import { Connection } from "../../components/registry/connection";

test.each([
  ["93.184.216.34", "public"],
  ["172.32.0.1", "public"],
  ["2606:2800:220:1::1", "public"],
  ["::ffff:93.184.216.34", "public"],
  ["64:ff9b::5db8:d822", "public"],
  ["10.1.2.3", "private"],
  ["172.16.0.1", "private"],
  ["192.168.255.255", "private"],
  ["100.127.0.1", "private"],
  ["fd12::1", "private"],
  ["::ffff:10.0.0.1", "private"],
  ["64:ff9b::10.0.0.1", "private"],
  ["127.0.0.1", "local"],
  ["127.255.0.1", "local"],
  ["0.0.0.0", "local"],
  ["169.254.169.254", "local"],
  ["255.255.255.255", "local"],
  ["224.0.0.1", "local"],
  ["::", "local"],
  ["::1", "local"],
  ["[::1]", "local"],
  ["fe80::1%eth0", "local"],
  ["::ffff:127.0.0.1", "local"],
  ["::ffff:a9fe:a9fe", "local"],
  ["64:ff9b::169.254.169.254", "local"],
  ["ff02::1", "local"],
])("%s is %s", (address, expected) => {
  expect(reachOf(address)).toBe(expected);
});

test("only a registry in a private network may refer to another private address, and none to a local one", () => {
  for (const from of ["public", "private", "local", undefined] as const) {
    expect(mayReferTo("93.184.216.34", from)).toBe(true);
    expect(mayReferTo("10.0.0.1", from)).toBe(from === "private");
    expect(mayReferTo("127.0.0.1", from)).toBe(false);
    expect(mayReferTo("169.254.169.254", from)).toBe(false);
  }
});

describe("a connection", () => {
  let names: Record<string, string[][]>;
  beforeEach(() => {
    names = {};
    // The names of this test; what is done with their addresses is real.
    jest.spyOn(dns, "lookup").mockImplementation(((host: string, _: unknown, done: unknown) => {
      const answers = names[host]!;
      const found = answers.length > 1 ? answers.shift()! : answers[0]!;
      const list = found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
      (done as (error: null, list: unknown) => void)(null, list);
    }) as never);
  });
  afterEach(() => jest.restoreAllMocks());

  /** What looking a host up for a connection comes to. */
  async function ask(connection: Connection, host: string): Promise<string> {
    try {
      const lookup = connection.lookupFor(new URL(`https://${host}/`));
      return await new Promise((resolve) =>
        lookup(host, { all: true }, (error, found) =>
          resolve(
            error?.message ?? (found as dns.LookupAddress[]).map((one) => one.address).join(),
          ),
        ),
      );
    } catch (error) {
      return (error as Error).message;
    }
  }
  const refused = expect.stringContaining("private address of another host");
  const asked = expect.not.stringContaining("of another host");

  test("from a registry in a private network leads to others there, and not to this machine", async () => {
    names = { "registry.test": [["10.255.255.1"]], "auth.test": [["10.255.255.2"]] };
    names["own.test"] = [["127.0.0.1"]];
    const connection = new Connection("registry.test", "/nowhere");
    expect(await ask(connection, "auth.test")).toEqual(refused);
    expect(await ask(connection, "registry.test")).toEqual(asked);
    expect(await ask(connection, "auth.test")).toEqual(asked);
    expect(await ask(connection, "own.test")).toEqual(refused);
  });

  test("from a registry that is public at times, or by one of its addresses, leads to no private one", async () => {
    for (const answers of [
      [["10.255.255.1"], ["192.0.2.1"], ["10.255.255.1"]],
      [["10.255.255.1", "192.0.2.1"]],
    ]) {
      names = { "registry.test": answers, "auth.test": [["10.255.255.2"]] };
      const connection = new Connection("registry.test", "/nowhere");
      for (let times = 0; times < 3; times++) await ask(connection, "registry.test");
      expect(await ask(connection, "auth.test")).toEqual(refused);
    }
  });

  test("checks the addresses that it connects to: one of several, and one that changes", async () => {
    names = {
      "registry.test": [["192.0.2.1"]],
      "mixed.test": [["192.0.2.2", "127.0.0.1"]],
      "changing.test": [["192.0.2.2"], ["127.0.0.1"]],
    };
    const connection = new Connection("registry.test", "/nowhere");
    expect(await ask(connection, "mixed.test")).toEqual(refused);
    expect(await ask(connection, "changing.test")).toEqual(asked);
    expect(await ask(connection, "changing.test")).toEqual(refused);
  });

  test("leads to the registry's own host on every port, by each name of this machine", async () => {
    names = { localhost: [["127.0.0.1"]] };
    for (const host of ["127.0.0.1:5000", "localhost:5000"]) {
      const connection = new Connection(host, "/nowhere");
      for (const own of ["127.0.0.1", "localhost"])
        expect(await ask(connection, own)).toEqual(asked);
      expect(await ask(connection, "127.0.0.2")).toEqual(refused);
    }
  });
});
