import { compilesIn, crossCompiles, stepsOf } from "./compilers";
import { buildOf, type BuildSettings, readDockerfile, type Stage } from "./stages";

/** Steps that run for minutes under emulation, whatever the language. */
const installs =
  /\b(npm|yarn|pnpm|pip3?|poetry|uv|bundle|composer|apt-get|apt|apk|dnf|yum)\b[^;&|\n]*\b(install|ci|i|add|sync)\b/;

/** An emulated build. */
export interface Emulated extends BuildSettings {
  readonly platform: string;
  /** How messages call the Dockerfile. */
  readonly file: string;
  /** The user's field for builders by platform. */
  readonly buildersPath: string;
}

/**
 * The advice that fits a Dockerfile whose steps QEMU emulates: to cross-compile what compiles, or a native builder where packages are
 * installed. Undefined where no step is slow.
 */
export function adviseEmulated(text: string, emulated: Emulated): string | undefined {
  const { platform, file, buildersPath } = emulated;
  const dockerfile = readDockerfile(text);
  const build = dockerfile && buildOf(dockerfile, platform, emulated);
  if (build === undefined) return undefined;
  const ran = build.stages.filter((one) => one.platform === platform);
  const native = `a native builder for ${platform} in ${buildersPath}`;
  for (const { stage } of ran) {
    const compiled = compilesIn(stage)[0];
    if (compiled === undefined) continue;
    const { compiler, line } = compiled;
    const shipped = build.chain.some((one) => one.stage === stage);
    const how = shipped
      ? `move it into a stage of its own with FROM --platform=$BUILDPLATFORM, and COPY --from that stage`
      : `write ${fromLine(stage)} at line ${stage.line}`;
    const with_ = crossCompiles(stage) ? "" : ` (${compiler.fix})`;
    return `${file}:${line}: ${compiler.name} in ${stage.label} is emulated for ${platform}, which is slow: ${how}${with_}; or name ${native}`;
  }
  for (const { stage } of ran) {
    const step = stepsOf(stage).find((one) => installs.test(one.text));
    if (step !== undefined)
      return `${file}:${step.line}: packages are installed in ${stage.label} under emulation for ${platform}, which is slow: name ${native}`;
  }
  return undefined;
}

function fromLine({ base, written }: Stage): string {
  return `FROM --platform=$BUILDPLATFORM ${base}${written === undefined ? "" : ` AS ${written}`}`;
}
