/** A small scanner in place of Docker's, for SBOMs. */
import { runDocker } from "./dockerClient";
import { environment, type Project } from "./harness";

/** The type of the statements that it makes. */
export const spdx = "https://spdx.dev/Document";

/** BuildKit's protocol for scanners (docs/attestations/sbom-protocol.md): the document names what the image really holds. */
export const scanner = `mkdir -p "$BUILDKIT_SCAN_DESTINATION"
cat > "$BUILDKIT_SCAN_DESTINATION/$(basename "$BUILDKIT_SCAN_SOURCE").spdx.json" <<END
{
  "_type": "https://in-toto.io/Statement/v0.1",
  "predicateType": "${spdx}",
  "predicate": { "spdxVersion": "SPDX-2.3", "name": "$(cat "$BUILDKIT_SCAN_SOURCE/RELEASE")" }
}
END
`;

/** An image that runs the script in place of a scanner, under `repository:tag`. */
export async function pushScanner(
  project: Project,
  repository: string,
  tag = "scanner",
  script = scanner,
): Promise<string> {
  const { builder, baseImage } = environment();
  const reference = `${repository}:${tag}`;
  project.write(`${tag}/scan.sh`, script);
  project.write(
    `${tag}/Dockerfile`,
    `FROM ${baseImage}\nCOPY scan.sh /scan.sh\nENTRYPOINT ["/bin/sh", "/scan.sh"]\n`,
  );
  const args = ["buildx", "build", "--builder", builder, "--provenance=false"];
  await runDocker([...args, "--tag", reference, "--push", `${project.directory}/${tag}`]);
  return reference;
}
