// The process behind `localhost:PORT`: started once, detached, with its settings in a file.
import { readFileSync } from "node:fs";
import { likeEcr } from "./ecrFront";
import { startFront } from "./registryFront";

/** What the file says. */
export interface FrontSettings {
  readonly port: number;
  readonly upstream: string;
  /** PEM files. */
  readonly key: string;
  readonly certificate: string;
  /** Whether it stands for ECR, which wants credentials. */
  readonly ecr?: boolean;
}

const settings = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as FrontSettings;

startFront({
  port: settings.port,
  upstream: settings.upstream,
  key: readFileSync(settings.key, "utf8"),
  cert: readFileSync(settings.certificate, "utf8"),
  onRequest: settings.ecr ? likeEcr : undefined,
  record: false,
}).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
