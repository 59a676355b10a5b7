import { printable } from "../../components/errors";
import type { Report } from "../../components/verification/gate";
import { bounded } from "../../components/verification/main";

const report = (texts: (at: number) => { file: string; warning: string }, count = 20): Report => ({
  reference: `registry.example.com/${"a".repeat(200)}@sha256:${"a".repeat(64)}`,
  mediaType: "application/vnd.oci.image.index.v1+json",
  images: Array.from({ length: count }, (_, at) => ({
    platform: `linux/platform${at}`,
    digest: `sha256:${"a".repeat(64)}`,
    size: Number.MAX_SAFE_INTEGER,
    code: { file: texts(at).file, architecture: "arm64" },
  })),
  downloaded: 2 ** 31,
  warnings: Array.from({ length: count }, (_, at) => printable(texts(at).warning)),
});

it("a report of 20 platforms with paths and warnings of a few hundred characters is kept whole", () => {
  const given = report((at) => ({ file: `/${"f".repeat(300)}${at}`, warning: "w".repeat(800) }));
  expect(bounded(given)).toBe(given);
});

it("a report of 20 platforms stays below 60,000 bytes, whatever paths and warnings an image has", () => {
  const given = report(() => ({ file: "\u0001".repeat(4096), warning: "\u4e00".repeat(100_000) }));
  expect(JSON.stringify(given).length).toBeGreaterThan(60_000);
  const { images, warnings, ...rest } = bounded(given);
  expect(Buffer.byteLength(JSON.stringify({ images, warnings, ...rest }))).toBeLessThan(60_000);
  expect(images.map(({ platform }) => platform)).toEqual(
    given.images.map(({ platform }) => platform),
  );
  expect(images[0]).toEqual({
    platform: "linux/platform0",
    digest: expect.any(String),
    size: expect.any(Number),
  });
  expect(warnings).toEqual([expect.stringMatching(/too long to be reported/)]);
});
