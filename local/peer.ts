import { readFileSync } from "node:fs";
import type net from "node:net";
import { endianness } from "node:os";

/** What identifies a TCP connection. */
type Connection = Pick<net.Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

/** Whether this user or root opened a connection over loopback: every other user of this host is refused. */
export function isOwnConnection(connection: Connection): boolean {
  const uid = peerUid(connection);
  return uid !== undefined && (uid === 0 || uid === process.getuid?.());
}

/** The user ID at the other end of a connection over loopback, or undefined if the connection is not open. */
export function peerUid(connection: Connection): number | undefined {
  const uid = readUid(connection);
  // The kernel shows a socket that is closed while the table is read as root's, so a second reading must agree.
  return uid !== undefined && uid === readUid(connection) ? uid : undefined;
}

function readUid(connection: Connection): number | undefined {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = connection;
  const clients = kernelForms(remoteAddress, remotePort);
  const servers = kernelForms(localAddress, localPort);
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readTable(table)) {
      const [, client = "", server = "", state, , , , uid, , inode] = line.trim().split(/\s+/);
      const open = state === established && inode !== "0";
      if (open && clients.includes(client) && servers.includes(server)) return Number(uid);
    }
  }
  return undefined;
}

const established = "01";

function readTable(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return []; // No IPv6.
  }
}

/** The ways in which the kernel prints an address and a port: a client may use an IPv6 socket for an IPv4 address. */
export function kernelForms(address: string, port: number): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.replace("::ffff:", "").split(".").map(Number);
  const forms =
    address === "::1"
      ? [[...zeros(15), 1]]
      : [
          [a, b, c, d],
          [...zeros(10), 255, 255, a, b, c, d],
        ];
  return forms.map((bytes) => `${wordsOf(bytes)}:${hex(port >> 8)}${hex(port & 255)}`);
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const hex = (byte: number) => byte.toString(16).padStart(2, "0").toUpperCase();

/** The kernel prints 32-bit words in the byte order of the host. */
function wordsOf(bytes: readonly number[]): string {
  const words = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.slice(4 * i, 4 * i + 4));
  return words
    .map((word) => (endianness() === "LE" ? word.reverse() : word).map(hex).join(""))
    .join("");
}
