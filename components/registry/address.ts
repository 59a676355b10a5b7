/** Which addresses a registry may refer to. Pure, but for the lookup of names. */
import { lookup } from "node:dns";
import { BlockList, isIP, isIPv6, type LookupFunction } from "node:net";

/** `local`: this machine, its link, and what no server has. */
export type Reach = "public" | "private" | "local";

/** https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry */
const lists = {
  local: listOf(
    ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/3"],
    ["::/127", "fe80::/10", "fec0::/10", "ff00::/8"],
  ),
  // With 198.18.0.0/15, from which local proxies give addresses to names.
  private: listOf(
    ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15"],
    ["fc00::/7"],
  ),
};

function listOf(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  const add = (network: string, family: "ipv4" | "ipv6", prefix = "", more = 0) => {
    const [address = "", bits] = network.split("/");
    list.addSubnet(prefix + address, Number(bits) + more, family);
  };
  for (const network of ipv4) {
    add(network, "ipv4");
    // Mapped into IPv6, and translated by NAT64.
    for (const prefix of ["::ffff:", "64:ff9b::"]) add(network, "ipv6", prefix, 96);
  }
  for (const network of ipv6) add(network, "ipv6");
  return list;
}

/** Where an IP address is. */
export function reachOf(address: string): Reach {
  const bare = address.replace(/^\[|\]$|%.*$/g, "");
  const family = isIPv6(bare) ? "ipv6" : "ipv4";
  if (lists.local.check(bare, family)) return "local";
  return lists.private.check(bare, family) ? "private" : "public";
}

/** Whether two host names of URLs are one host: the same name, or both this machine's. */
export function isSameHost(one: string, other: string): boolean {
  const own = ["localhost", "127.0.0.1", "[::1]"];
  return one === other || (own.includes(one) && own.includes(other));
}

/**
 * Whether a registry at an address of kind `from` may refer to another host at `address`. Public addresses are allowed. A private one
 * is allowed only if all of the registry's own addresses are private: a public registry must not reach into a network.
 */
export function mayReferTo(address: string, from: Reach | undefined): boolean {
  const reach = reachOf(address);
  return reach === "public" || (reach === "private" && from === "private");
}

/** A lookup for a connection: it is used for that connection, so an answer that changes afterwards has no effect. */
export function checkedLookup(check: (addresses: readonly string[]) => void): LookupFunction {
  return (host, options, done) =>
    lookup(host, { ...options, all: true }, (error, found) => {
      try {
        if (error) throw error;
        check(found.map(({ address }) => address));
        if (options.all) done(null, found);
        else done(null, found[0]!.address, found[0]!.family);
      } catch (refused) {
        done(refused as Error, [], 0);
      }
    });
}

/** Whether a URL's host name is an IP address. */
export const isAddress = (hostname: string): boolean => isIP(hostname.replace(/^\[|\]$/g, "")) > 0;
