import type { AddressInfo } from "node:net";
import ssh2 from "ssh2";
import { lookOverSsh } from "../../components/targets/host/sshLook";

// The look at a host has an SSH client of its own, so it checks host keys by itself. A real server counts who authenticates.

const [own, other] = [0, 1].map(() => ssh2.utils.generateKeyPairSync("ed25519"));
const user = ssh2.utils.generateKeyPairSync("ed25519");
let attempts = 0;
const server = new ssh2.Server({ hostKeys: [own!.private] }, (client) => {
  client.on("authentication", (context) => {
    attempts++;
    context.reject();
  });
  client.on("error", () => {});
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => server.close());
beforeEach(() => (attempts = 0));

const look = (hostKey: string | undefined) => {
  const { port } = server.address() as AddressInfo;
  const connection = { host: "127.0.0.1", port, user: "root", dialErrorLimit: 0 };
  return lookOverSsh({ ...connection, hostKey, privateKey: user.private }, "web");
};

it.each([
  ["another", other!.public],
  ["an empty", ""],
  ["a missing", "missing"],
  ["a broken", "ssh-ed25519"],
])("with %s host key ends before it authenticates", async (_, hostKey) => {
  expect((await look(hostKey)).failure).toBeDefined();
  expect(attempts).toBe(0);
});

it.each([
  ["with the server's host key", own!.public],
  ["where any host key is accepted", undefined],
])("authenticates %s", async (_, hostKey) => {
  await look(hostKey);
  expect(attempts).toBeGreaterThan(0);
});
