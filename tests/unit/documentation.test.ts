import fs from "node:fs";
import path from "node:path";
import ts from "typescript";
import { withoutBuilder } from "../../components/builders/facts";

// What the documentation says, as far as a machine can hold it to that: its samples compile, and its links lead somewhere.

const checkout = path.resolve(__dirname, "../..");
const read = (file: string) => fs.readFileSync(path.join(checkout, file), "utf8");

/** The files below a folder, by their path in the checkout. */
function below(folder: string, ends: RegExp): string[] {
  return fs
    .readdirSync(path.join(checkout, folder), { recursive: true, encoding: "utf8" })
    .map((file) => path.join(folder, file))
    .filter((file) => ends.test(file) && !file.includes("node_modules"))
    .sort();
}

const pages = [
  ...fs.readdirSync(checkout).filter((file) => file.endsWith(".md")),
  ...["docs", "examples", "local"].flatMap((folder) => below(folder, /\.md$/)),
];
const written = pages.filter((page) => !page.startsWith("docs/api/"));

/** A sample of TypeScript, compiled as it stands, under a name that says where that is. */
interface Sample {
  readonly name: string;
  readonly text: string;
}

/** The line that a part of a text begins in. */
const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length;

/** The fenced blocks of a page, with their language. */
function blocksIn(page: string) {
  const text = read(page);
  return [...text.matchAll(/^( *)```(\w*)\n([^]*?)^ *```$/gm)].map((found) => ({
    language: found[2]!,
    name: `${page}:${lineOf(text, found.index)}.ts`,
    text: found[3]!.replaceAll(`\n${found[1]}`, "\n"),
  }));
}

const isTypeScript = ({ language }: { language: string }) => /^(ts|typescript)$/.test(language);

/**
 * The examples in TSDoc of what the library exports. They leave out the imports, and `app` and `web`, an App: its `image` is
 * what further targets are given.
 */
function examplesIn(file: string): Sample[] {
  const text = read(file);
  return [...text.matchAll(/^ \* @example\n([^]*?)^ \*(?:\/| @)/gm)].map((found) => {
    const code = found[1]!.replace(/^ \* ?/gm, "").replace(/^```.*$/gm, "");
    const missing = ["app", "web"].filter((name) => !code.includes(`const ${name} =`));
    const given = missing.map((name) => `declare const ${name}: multiarch.App;\n`).join("");
    return {
      name: `${file}:${lineOf(text, found.index)}.ts`,
      text: `import * as multiarch from "multiarch";\n${given}${code}`,
    };
  });
}

/** What the compiler says of the samples, each as `file:line of the sample: message`. */
function compile(samples: readonly Sample[]): string[] {
  const { config } = ts.readConfigFile(path.join(checkout, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, checkout);
  Object.assign(options, { noEmit: true, noUnusedLocals: false, types: ["node"] });
  const texts = new Map(samples.map(({ name, text }) => [path.join(checkout, name), text]));
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (file) => texts.has(file) || fileExists(file);
  host.getSourceFile = (file, settings, ...rest) => {
    const text = texts.get(file);
    if (text === undefined) return getSourceFile(file, settings, ...rest);
    // A sample without an import or export is a module too: its names are its own.
    return ts.createSourceFile(file, `${text}\nexport {};\n`, settings);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  const found = [...texts.keys()].flatMap((file) => {
    const source = program.getSourceFile(file)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  return found.map(({ file, start, messageText }) => {
    const line = file!.getLineAndCharacterOfPosition(start!).line + 1;
    const message = ts.flattenDiagnosticMessageText(messageText, "\n");
    return `${path.relative(checkout, file!.fileName)}, line ${line}: ${message}`;
  });
}

describe("the samples of the documentation", () => {
  const shown = written.flatMap(blocksIn).filter(isTypeScript);
  const examples = below("components", /\.ts$/).flatMap(examplesIn);
  const exported = examples.filter(({ text }) => text.includes("new multiarch."));

  it("compile against the library, those of TSDoc too", () => {
    expect(shown.length).toBeGreaterThan(15);
    expect(exported.length).toBeGreaterThan(5);
    const wrong = {
      name: "wrong.md:1.ts",
      text: `import * as multiarch from "multiarch";\nnew multiarch.App("web", { imag: {} });\n`,
    };
    const said = compile([...shown, ...exported, wrong]);
    expect(said.filter((line) => !line.startsWith(wrong.name))).toEqual([]);
    // The compiler did look: it would have said what is wrong.
    expect(said.join("\n")).toContain("'imag' does not exist in type 'AppArgs'");
  }, 120_000);

  it.each(written)("are marked as TypeScript where they are, in %s", (page) => {
    // Programs in other languages are compiled by tests/engine/generatedSdks.test.ts and otherLanguages.test.ts.
    const others = blocksIn(page).filter(
      ({ language }) => !/^(ts|typescript|python|go|yaml)$/.test(language),
    );
    const programs = others.filter(({ text }) => /new multiarch\.|require\(|^import /m.test(text));
    expect(programs.map(({ name }) => name)).toEqual([]);
  });
});

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(page: string): string[] {
  const prose = read(page).replace(/^ *```[^]*?^ *```$/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("the links of the documentation", () => {
  it.each(written)("lead to what is there, in %s", (page) => {
    const prose = read(page).replace(/^ *```[^]*?^ *```$/gm, "");
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [file, anchor] = link.split("#") as [string, string | undefined];
      const target = file === "" ? page : path.join(path.dirname(page), file);
      if (!fs.existsSync(path.join(checkout, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it("reach every page from the README", () => {
    const reached = new Set<string>();
    const follow = (page: string) => {
      if (reached.has(page) || !page.endsWith(".md")) return;
      reached.add(page);
      for (const [, link] of read(page).matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)) {
        const target = path.join(path.dirname(page), link!);
        if (fs.existsSync(path.join(checkout, target))) follow(target);
      }
    };
    follow("README.md");
    const unreached = pages.filter((page) => !reached.has(page));
    expect(unreached).toEqual([]);
  });
});

it.each(["README.md", "docs/builders.md", "docs/api/interfaces/ImageArgs.md"])(
  "%s says what happens without `builder`, in the words of previews and updates",
  (page) => {
    const words = read(page).replaceAll(/\s+|\\n/g, " ");
    const made = /`pulumi up` starts .*$/.exec(withoutBuilder.new)![0];
    const [first] = withoutBuilder.instead.split(" (");
    expect(words).toContain(
      `the builder that \`docker buildx use\` selected; if that is Docker's own, which can't push these images, ${first}; if no builder is running, ${made}`,
    );
  },
);

describe("the README", () => {
  it("says on one screen what this is, how to try it, and where everything is", () => {
    const first = read("README.md").split("\n## ")[0]!;
    expect(first.split("\n").length).toBeLessThanOrEqual(45);
    expect(first).toMatch(/```ts\n[^]*new multiarch\.App[^]*!\[[^\]]+\]\(docs\/overview\.svg\)/);
    expect(first).toContain("`npm start`");
  });

  it.each(written.filter((page) => page.startsWith("docs/")))(
    "keeps %s to a few screens",
    (page) => {
      expect(read(page).split("\n").length).toBeLessThanOrEqual(160);
    },
  );

  it("names the measures as `npm run bench` does", () => {
    const table = /const measures\b[^]*?\n\};/.exec(read("bench/main.ts"))![0];
    const known = [...table.matchAll(/^ {2}(\w+)[,:]/gm)].map(([, name]) => name);
    const page = read("bench/README.md");
    const rows = [...page.matchAll(/\| `(\w+)` +\|$/gm)].map(([, name]) => name);
    expect([...new Set(rows), "phases"].sort()).toEqual(known.sort());
    for (const [, name] of page.matchAll(/npm run bench -- ([a-z]\w*)/g))
      expect(known).toContain(name);
  });

  it("shows a picture that is well-formed, within its frame, and names every target", () => {
    const picture = read("docs/overview.svg");
    const open: string[] = [];
    for (const [, closing, name, empty] of picture.matchAll(/<(\/?)([\w]+)[^>]*?(\/?)>/g)) {
      if (closing) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name!);
    }
    expect(open).toEqual([]);
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(picture)!.map(Number);
    const shapes = [...picture.matchAll(/<(?:rect|text)[^>]* x="(\d+)" y="(\d+)"/g)];
    expect(shapes.length).toBeGreaterThan(20);
    const outside = shapes.filter(([, x, y]) => Number(x) >= width! || Number(y) >= height!);
    expect(outside).toEqual([]);
    for (const target of ["host", "ec2", "ecs", "lambda"]) expect(picture).toContain(`>${target}<`);
    // GitHub shows a picture as an image: nothing is loaded from elsewhere, and no script runs.
    expect(picture).not.toMatch(/<script|href=|url\((?!#)/);
  });
});
