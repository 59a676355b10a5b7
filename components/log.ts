import * as pulumi from "@pulumi/pulumi";
import { printableLines } from "./errors";

type Log = (text: string, subject?: pulumi.Resource) => Promise<void>;

/** Pulumi's log, for text that may contain words of a registry, an image, a container or a host. */
export const log: Readonly<Record<"info" | "warn" | "error", Log>> = {
  info: (text, subject) => pulumi.log.info(printableLines(text), subject),
  warn: (text, subject) => pulumi.log.warn(printableLines(text), subject),
  error: (text, subject) => pulumi.log.error(printableLines(text), subject),
};
