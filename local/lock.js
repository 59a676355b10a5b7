const { createHash } = require("node:crypto");
const net = require("node:net");

/**
 * A lock that the kernel lets go when its holder dies, however it dies: the name of an abstract Unix
 * socket, which lives in no file, so nothing stale can be left behind. Plain JavaScript, because
 * `run.mjs` needs it before anything is installed.
 *
 * @param {string} name what is locked: equal names exclude each other, per user
 * @param {(pid: string) => void} [onWait] called once when somebody else holds it
 * @returns {Promise<() => Promise<void>>} lets it go
 */
async function acquireLock(name, onWait) {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  const address = `\0multiarch-${process.getuid?.() ?? 0}-${hash}`;
  let told = false;
  for (;;) {
    const release = await listen(address);
    if (release) return release;
    await waitForHolder(address, (pid) => {
      if (!told) onWait?.(pid);
      told = true;
    });
  }
}

/**
 * @param {string} address
 * @returns {Promise<undefined | (() => Promise<void>)>} undefined when it is held
 */
function listen(address) {
  return new Promise((resolve, reject) => {
    /** @type {Set<net.Socket>} */
    const waiting = new Set();
    const server = net.createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => waiting.delete(socket));
      socket.unref();
      socket.write(`${process.pid}\n`);
    });
    server.once("error", (error) => {
      if ("code" in error && error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => {
      server.unref();
      resolve(
        () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of waiting) socket.destroy();
          }),
      );
    });
  });
}

/**
 * Resolves when the holder lets go or dies: its end of the connection then closes.
 *
 * @param {string} address
 * @param {(pid: string) => void} onHolder
 * @returns {Promise<void>}
 */
function waitForHolder(address, onHolder) {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    socket.once("data", (data) => onHolder(data.toString().trim()));
    socket.on("error", () => {});
    socket.on("close", () => setTimeout(resolve, 20));
  });
}

module.exports = { acquireLock };
