import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { startFront } from "../../local/registryFront";
import { asOtherUser, asThisUser, canChangeUser } from "./otherUser";
import { environment } from "./harness";

// What another user of this host can do with the embedded environment: its services can start containers as root.

const state = () => dirname(environment().env.DOCKER_CONFIG ?? "");

/** The sockets of the processes that serve this environment, by inode. */
function ownSockets(): Set<string> {
  const sockets = new Set<string>();
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const engine = /(^|\/)(dockerd|containerd)\0/.test(command);
      if (!engine && !command.includes(`${state()}/`)) continue;
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode) sockets.add(inode);
      }
    } catch {
      // It ended in the meantime.
    }
  }
  return sockets;
}

const tableOf = (name: string) =>
  readFileSync(`/proc/net/${name}`, "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));

/** HOST PORT of each TCP socket on which the environment listens. */
function ports(): string[] {
  const own = ownSockets();
  return ["tcp", "tcp6"].flatMap((table) =>
    tableOf(table)
      .filter(([, , , state, , , , , , inode = ""]) => state === "0A" && own.has(inode))
      .map(([, address = ""]) => {
        const host = table === "tcp" ? "127.0.0.1" : "::1";
        return `${host} ${parseInt(address.split(":")[1] ?? "", 16)}`;
      }),
  );
}

/** The path of each Unix socket on which it listens. */
function unixSockets(): string[] {
  const own = ownSockets();
  return tableOf("unix")
    .filter(([, , , flags, , , inode = ""]) => flags === "00010000" && own.has(inode))
    .map(([, , , , , , , path = ""]) => path);
}

/** Prints "answered" or "refused" for an HTTP request. */
const request = `
const [host, port] = process.argv.slice(-1)[0].split(" ");
const socket = require("node:net").connect({ host, port });
const say = (text) => { console.log(text); process.exit(); };
socket.on("data", () => say("answered")).on("close", () => say("refused")).on("error", () => say("refused"));
socket.write("GET /v2/ HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n");
`;

/** Prints the error of a connection to a Unix socket, or "connected". */
const connect = `
const socket = require("node:net").connect(process.argv.slice(-1)[0]);
const say = (text) => { console.log(text); process.exit(); };
socket.on("connect", () => say("connected")).on("error", (error) => say(error.code));
`;

const rooted = canChangeUser ? it : it.skip;

rooted("every port of the environment answers its own user and refuses another one", async () => {
  // The emulators' fronts are there because this file uses environment().aws.
  const { registry, aws } = environment();
  const open = ports();
  const known = [registry.address, aws.registry, ...Object.values(aws.endpoints)];
  const numbers = new Set(known.map((address) => address.split(":").at(-1) ?? ""));
  expect(new Set(open.map((port) => port.split(" ")[1]))).toEqual(numbers);
  for (const port of open) {
    expect(`${port} ${await asThisUser(request, port)}`).toBe(`${port} answered\n`);
    expect(`${port} ${await asOtherUser(request, port)}`).toBe(`${port} refused\n`);
  }
});

rooted("every Unix socket of the environment is closed to another user", async () => {
  const sockets = unixSockets();
  for (const name of ["registry/socket", "buildkit/buildkitd.sock", "aws/ministack.sock"])
    expect(sockets).toContain(`${state()}/${name}`);
  expect(sockets.some((path) => path.endsWith("docker.sock"))).toBe(true);
  for (const path of sockets) {
    expect(`${path} ${await asThisUser(connect, path)}`).toBe(`${path} connected\n`);
    expect(`${path} ${await asOtherUser(connect, path)}`).toBe(`${path} EACCES\n`);
  }
});

rooted("no file of the environment can be read or replaced by another user", async () => {
  const { PULUMI_HOME = "" } = environment().env;
  expect(statSync(state()).mode & 0o777).toBe(0o700);
  const script = `
    for (const path of process.argv.slice(-2))
      try { require("node:fs").readdirSync(path); console.log("listed"); } catch (error) { console.log(error.code); }
  `;
  expect(await asOtherUser(script, state(), PULUMI_HOME)).toBe("EACCES\nEACCES\n");
});

rooted(
  "a connection that another user closes at once, which the kernel then shows as root's, gets nowhere",
  async () => {
    const { upstream, key, certificate } = environment().registry;
    const [pem, cert] = [readFileSync(key, "utf8"), readFileSync(certificate, "utf8")];
    const front = await startFront({ port: 0, upstream, key: pem, cert });
    const script = `
    const net = require("node:net");
    const port = Number(process.argv.slice(-1)[0]);
    let left = 100;
    const next = () => {
      if (left-- <= 0) return;
      const socket = net.connect({ host: "127.0.0.1", port }, () => {
        socket.write("POST /v2/attack/blobs/uploads/ HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n");
        if (left % 2) socket.destroy(); else socket.resetAndDestroy();
      });
      socket.on("error", () => {}).on("close", next);
    };
    next(); next(); next();
  `;
    try {
      await asOtherUser(script, String(front.port));
      expect(front.records).toEqual([]);
      await asThisUser(request, `127.0.0.1 ${front.port}`);
      expect(front.records).toHaveLength(1);
    } finally {
      await front.close();
    }
  },
);
