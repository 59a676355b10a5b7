import { join } from "node:path";
import { lockEnvironment } from "./environment";
import type { Log } from "./log";
import { ensurePythonTools } from "./pythonTools";

/** The linters of examples/ci, each as a command without its files. */
export interface CiLinters {
  /** GitLab's own schema of .gitlab-ci.yml. */
  readonly gitlab: readonly string[];
  /** The schema that CircleCI's own language server ships. */
  readonly circleci: readonly string[];
  /** The safety of workflows of GitHub Actions. */
  readonly zizmor: readonly string[];
  /** Shell scripts, on stdin. */
  readonly shellcheck: readonly string[];
}

/** Gets the linters of examples/ci that come from PyPI. */
export async function ensureCiLinters(log: Log): Promise<CiLinters> {
  const release = await lockEnvironment(log);
  try {
    const tools = { folder: "ci", title: "the linters of pipelines", name: "ci-linters" };
    const bin = await ensurePythonTools({ ...tools, takes: "10 s" }, log);
    // As a module: a script of pip's knows the path that the environment was made at, and it was renamed since.
    const schema = [join(bin, "python"), "-m", "check_jsonschema", "--builtin-schema"];
    const gitlab = ["--data-transform", "gitlab-ci", "--regex-variant", "nonunicode"];
    return {
      gitlab: [...schema, "vendor.gitlab-ci", ...gitlab],
      circleci: [...schema, "vendor.circle-ci"],
      zizmor: [join(bin, "zizmor"), "--offline", "--no-config", "--no-progress", "--quiet"],
      shellcheck: [join(bin, "shellcheck"), "--shell=bash", "-"],
    };
  } finally {
    await release();
  }
}
