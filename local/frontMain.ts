// The process behind `localhost:PORT`: started once, detached, with its settings in a file.
import { readFileSync } from "node:fs";
import { startFront } from "./registryFront";

const settings = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as {
  port: number;
  upstream: string;
  key: string;
  certificate: string;
};

startFront({
  port: settings.port,
  upstream: settings.upstream,
  key: readFileSync(settings.key, "utf8"),
  cert: readFileSync(settings.certificate, "utf8"),
  record: false,
}).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
