// The process behind `localhost:PORT`, for one port or several: started once, detached, with its settings in a file.
import { readFileSync } from "node:fs";
import { likeEcr } from "./ecrFront";
import { startFront } from "./registryFront";

/** What the file says. */
export interface FrontSettings {
  readonly fronts: readonly {
    readonly port: number;
    /** The path of the server's Unix socket. */
    readonly upstream: string;
    /** Whether it stands for ECR, which wants credentials. */
    readonly ecr?: boolean;
  }[];
  /** PEM files. */
  readonly key: string;
  readonly certificate: string;
}

const settings = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as FrontSettings;
const key = readFileSync(settings.key, "utf8");
const cert = readFileSync(settings.certificate, "utf8");

Promise.all(
  settings.fronts.map(({ port, upstream, ecr }) => {
    const onRequest = ecr ? likeEcr : undefined;
    return startFront({ port, upstream, key, cert, onRequest, record: false });
  }),
).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
