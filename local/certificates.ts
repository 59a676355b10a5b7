import { existsSync, readFileSync } from "node:fs";
import { generate } from "selfsigned";
import { stateDir, writeAtomically } from "./paths";

/** PEM files, by path. */
export interface Certificates {
  /** Our own authority, known to this environment's processes only. */
  readonly ca: string;
  /** For localhost. */
  readonly certificate: string;
  readonly key: string;
  /** The system's authorities and ours, for SSL_CERT_FILE. */
  readonly bundle: string;
  /** What the user has in NODE_EXTRA_CA_CERTS and ours. */
  readonly nodeExtra: string;
}

/** Where distributions keep the bundle of trusted authorities. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const years = (count: number) => new Date(Date.now() + count * 365 * 24 * 3600 * 1000);

/** Makes the certificates of the local registry, once. */
export async function ensureCertificates(): Promise<Certificates> {
  const files: Certificates = {
    ca: stateDir("certs", "ca.pem"),
    certificate: stateDir("certs", "localhost.pem"),
    key: stateDir("certs", "localhost-key.pem"),
    bundle: stateDir("certs", "bundle.pem"),
    nodeExtra: stateDir("certs", "node-extra.pem"),
  };
  // The certificate is written last, so a killed run leaves none.
  if (!existsSync(files.certificate)) await create(files);
  writeBundles(files);
  return files;
}

async function create(files: Certificates): Promise<void> {
  const common = { keyType: "ec", algorithm: "sha256", notAfterDate: years(10) } as const;
  const ca = await generate([{ name: "commonName", value: "multiarch local registry CA" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: "commonName", value: "localhost" }], {
    ...common,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  // The authority's key is forgotten: nothing else will ever be signed with it.
  writeAtomically(files.ca, ca.cert);
  writeAtomically(files.key, leaf.private, 0o600);
  writeAtomically(files.certificate, leaf.cert);
}

function writeBundles(files: Certificates): void {
  const ca = readFileSync(files.ca, "utf8");
  const users = (path: string | undefined) =>
    // One of our own commands started by another has our files in its environment already.
    path && path !== files.bundle && path !== files.nodeExtra && existsSync(path)
      ? path
      : undefined;
  const system = users(process.env.SSL_CERT_FILE) ?? systemBundles.find((path) => existsSync(path));
  const extra = users(process.env.NODE_EXTRA_CA_CERTS);
  write(files.bundle, system, process.env.SSL_CERT_FILE === files.bundle);
  write(files.nodeExtra, extra, process.env.NODE_EXTRA_CA_CERTS === files.nodeExtra);

  function write(target: string, source: string | undefined, nested: boolean): void {
    if (nested && existsSync(target)) return;
    const content = `${source ? readFileSync(source, "utf8").trimEnd() : ""}\n${ca}`;
    if (!existsSync(target) || readFileSync(target, "utf8") !== content) {
      writeAtomically(target, content);
    }
  }
}
