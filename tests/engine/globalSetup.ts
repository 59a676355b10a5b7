/**
 * Before the engine tests: the embedded environment, made sure of once for all test files. jest's
 * workers get what it says through the environment.
 */
import { ensureEnvironment } from "../../local/environment";
import { consoleLog } from "../../local/log";

export default async function globalSetup(): Promise<void> {
  process.env.MULTIARCH_TEST_ENVIRONMENT ??= JSON.stringify(await ensureEnvironment(consoleLog()));
}
