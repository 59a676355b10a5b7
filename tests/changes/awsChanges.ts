/** What the tables of the targets on AWS share: the stack that they go through, and the changes of the run and of the image. */
import { appFiles } from "../engine/appProject";
import { type AwsApp, createAwsApp } from "../engine/awsProject";
import { buildChanges, type Change, elsewhere, tellChanges, upgrade } from "./changes";
import { environment } from "../engine/harness";
import { pushScanner } from "../engine/scanner";

/** What is set on top of what was. A field that is undefined is taken away again. */
export interface Parts {
  readonly image?: Record<string, unknown>;
  readonly target?: Record<string, unknown>;
}

/** An App with one target, whose arguments are kept from change to change. */
class Kept {
  #parts: Required<Parts>;
  constructor(
    readonly app: () => AwsApp,
    readonly name: string,
    target: Record<string, unknown>,
  ) {
    this.#parts = { image: {}, target };
  }

  /** The App's arguments as they are. */
  text(): string {
    return `${this.name}: ${JSON.stringify(this.#parts.target)}`;
  }

  readonly set = ({ image, target }: Parts): void => {
    this.#parts = {
      image: { ...this.#parts.image, ...image },
      target: { ...this.#parts.target, ...target },
    };
    this.app().set(this.text(), this.#parts.image);
  };
}

const both = ["linux/amd64", "linux/arm64"];
const staged = `${appFiles["app/Dockerfile"].replace("FROM ${BASE}", "FROM ${BASE} AS app")}
FROM app AS debug
RUN echo debug > /debug
`;

/** What a target's line says where its architecture is another, and where its image is. */
export interface Lines {
  /** The field that decides the architecture. */
  readonly field: string;
  readonly flipped: Parts;
  readonly flippedBack: Parts;
  readonly flip: string;
  readonly release: string;
}

function imageChanges(kept: Kept, lines: Lines): Change<Parts>[] {
  const { name } = kept;
  const project = () => kept.app().project;
  const untouched = `; ${name} isn't touched$`;
  const rebuilt = new RegExp(`^builds linux/amd64 natively; ${name}: ${lines.release}$`);
  const buildArgs = () => ({ BASE: environment().baseImage, LEVEL: "9" });
  const sbom = async () => {
    const tools = environment().baseImage.replace(/:[^:/]*$/, `-tools-${process.pid}`);
    const sbomGenerator = await pushScanner(project(), tools);
    kept.set({ image: { attestations: { sbom: true, sbomGenerator } } });
  };
  return [
    { change: "the same again, with another token", nothing: true },
    { change: "another checkout path", args: () => elsewhere(project()), nothing: true },
    { change: "an upgrade of this package", prepare: () => upgrade(project()), nothing: true },
    {
      change: "an architecture whose platform the index lacks",
      to: lines.flipped,
      line: new RegExp(
        `^linux/amd64 goes \\(was for ${lines.field}\\); linux/arm64 comes \\(${lines.field}\\); ` +
          `builds linux/arm64 \\(may need emulation\\); ${name} ${lines.flip}$`,
      ),
    },
    {
      change: "both platforms listed",
      to: { image: { platforms: both } },
      line: new RegExp(
        `^linux/amd64 comes \\(image.platforms\\); linux/arm64 stays \\(${lines.field}, image.platforms; was for ${lines.field}\\); ` +
          `builds linux/amd64 natively${untouched}`,
      ),
    },
    {
      change: "platforms in another order and spelling",
      to: { image: { platforms: ["linux/aarch64", "linux/x86_64"] } },
      nothing: true,
    },
    {
      change: "an architecture whose platform the index holds",
      to: lines.flippedBack,
      line: new RegExp(`; nothing is built; ${name} \\(`),
    },
    {
      change: "a platform removed",
      to: { image: { platforms: ["linux/amd64"] } },
      line: new RegExp(
        `^linux/arm64 goes \\(was for image.platforms\\); nothing is built${untouched}`,
      ),
    },
    { change: "a source file edited", files: { "app/RELEASE": "release two" }, line: rebuilt },
    { change: "the Dockerfile edited", files: { "app/Dockerfile": staged }, line: rebuilt },
    { change: "a stage", to: { image: { target: "app" } }, line: rebuilt },
    {
      change: "a build argument",
      prepare: () => kept.set({ image: { buildArgs: buildArgs() } }),
      line: rebuilt,
    },
    { change: "a label", to: { image: { labels: { team: "web" } } }, line: rebuilt },
    { change: "the cache's mode", to: { image: { cache: { mode: "min" } } }, line: rebuilt },
    { change: "a further tag", to: { image: { tags: ["stable"] } } },
    { change: "a tarball", to: { image: { tarball: { path: "out/app.tar" } } } },
    ...buildChanges(sbom, rebuilt, new RegExp(`^${name}: ${lines.release}$`)),
  ];
}

/** Variables that are set, and then written in another order. */
export function variables(line: RegExp): Change<Parts>[] {
  return [
    {
      change: "variables",
      to: { target: { environment: { LEVEL: "info", AREA: "eu" } } },
      line,
    },
    {
      change: "variables in another order",
      to: { target: { environment: { AREA: "eu", LEVEL: "info" } } },
      nothing: true,
    },
  ];
}

/**
 * Makes a test of each change to an App with one target on the emulated AWS, one after another on one stack: those of the image, then
 * the target's own.
 *
 * @param target the target's arguments at the beginning
 */
export function tellAwsChanges(
  name: "ec2" | "ecs" | "lambda",
  target: Record<string, unknown>,
  lines: Lines,
  own: readonly Change<Parts>[],
): void {
  let app: AwsApp;
  const kept = new Kept(() => app, name, target);

  beforeAll(async () => {
    app = await createAwsApp(`preview${name}`, kept.text());
    kept.set({});
    await app.project.up();
  });

  tellChanges(() => app.project, kept.set, [...imageChanges(kept, lines), ...own]);
}

/** A policy that a role may be given. */
export const policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
