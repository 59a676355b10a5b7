import { execFile, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";
import { generate } from "selfsigned";
import { waitFor, which } from "../../local/exec";
import { silentLog } from "../../local/log";
import { ensureTool, tools } from "../../local/tools";
import type { Front } from "../../local/registryFront";
import { environment } from "./harness";

/** A registry that is reached by https alone, at an address that isn't loopback, with a certificate of an authority of its own. */
export interface PrivateRegistry {
  /** `192.0.2.7:PORT` */
  readonly address: string;
  /** PEM file of the authority. */
  readonly ca: string;
  /** PEM file of the authorities that the environment knows, and this one: for SSL_CERT_FILE. */
  readonly bundle: string;
  close(): void;
}

/** Starts one in front of a front, in a folder for its files. */
export async function startPrivateRegistry(front: Front, folder: string): Promise<PrivateRegistry> {
  const host = Object.values(os.networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  if (host === undefined) throw new Error("this machine has no address but loopback");
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const authority = await generate([{ name: "commonName", value: "private CA of a test" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: "commonName", value: "registry of a test" }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: host }] }],
  });
  const [ca, bundle] = ["ca.pem", "bundle.pem"].map((name) => path.join(folder, name)) as [
    string,
    string,
  ];
  fs.writeFileSync(ca, authority.cert);
  const known = fs.readFileSync(environment().env.SSL_CERT_FILE ?? "", "utf8");
  fs.writeFileSync(bundle, `${known.trimEnd()}\n${authority.cert}`);

  const server = tls.createServer({ key: leaf.private, cert: leaf.cert }, (socket) => {
    const up = net.connect(front.port, "127.0.0.1");
    for (const [one, other] of [
      [socket, up],
      [up, socket],
    ] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    address: `${host}:${(server.address() as net.AddressInfo).port}`,
    ca,
    bundle,
    close: () => void server.close(),
  };
}

/** A builder of the test's own, whose BuildKit knows the registry's authority by its buildkitd.toml. */
export async function startBuilder(registry: PrivateRegistry, folder: string) {
  const programs = await ensureTool(tools.buildkit, silentLog);
  const config = path.join(folder, "buildkitd.toml");
  const address = `unix://${path.join(folder, "buildkitd.sock")}`;
  fs.writeFileSync(
    config,
    `[worker.oci]
  enabled = true
  binary = ${JSON.stringify(which("runc") ?? which("crun"))}
[worker.containerd]
  enabled = false
[registry.${JSON.stringify(registry.address)}]
  ca = [${JSON.stringify(registry.ca)}]
`,
  );
  const root = path.join(folder, "root");
  const args = ["--config", config, "--root", root, "--addr", address];
  const daemon = spawn(programs.buildkitd as string, args, { stdio: "ignore" });
  const { docker, env } = environment();
  const run = promisify(execFile);
  const buildx = (...words: string[]) =>
    run(docker, ["buildx", ...words], { env: { ...process.env, ...env } });
  const name = `test-ca-${process.pid}`;
  await waitFor(
    () =>
      run(programs.buildctl as string, ["--addr", address, "debug", "workers"]).then(
        () => true,
        () => undefined,
      ),
    20_000,
  );
  await buildx("create", "--name", name, "--driver", "remote", address);
  return {
    name,
    async stop() {
      await buildx("rm", "--timeout", "1s", name);
      const ended = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill();
      await ended;
    },
  };
}
