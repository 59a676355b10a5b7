import net, { type AddressInfo } from "node:net";
import { freePort, isBlocked, isFree } from "../../local/ports";

it.each([5060, 5061, 6000, 6566, 6665, 6669, 6679, 6697, 10080])(
  "port %i, which fetch and browsers refuse, is not chosen",
  async (port) => {
    expect(await isBlocked(port)).toBe(true);
    expect(await freePort(port)).toBeGreaterThan(port);
  },
);

it("a port that fetch allows is chosen", async () => {
  expect(await isBlocked(5062)).toBe(false);
  expect(await freePort(5060)).toBeGreaterThanOrEqual(5062);
});

it("a port that another process has on one address of localhost is not free", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const server = net.createServer();
    await new Promise<void>((listening) => server.listen(0, host, listening));
    const { port } = server.address() as AddressInfo;
    expect(await isFree(port)).toBe(false);
    await new Promise((closed) => server.close(closed));
    expect(await isFree(port)).toBe(true);
  }
});
