import net, { type AddressInfo } from "node:net";
import { freePort, isFree } from "../../local/ports";

it("a port that fetch refuses is not chosen", async () => {
  await expect(fetch("http://127.0.0.1:5060/")).rejects.toMatchObject({
    cause: { message: "bad port" },
  });
  expect(await freePort(5060)).toBeGreaterThan(5061);
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
