/** The bytes in which a secret may stand somewhere: as it is, and as base64 spells it wherever in a longer text it begins. */
export const secretForms = (text: string): { readonly how: string; readonly needle: Buffer }[] => [
  { how: "", needle: Buffer.from(text) },
  ...[0, 1, 2].map((at) => ({
    how: ", in base64",
    // Without the characters at both ends, which depend on the neighbours too.
    needle: Buffer.from(
      Buffer.from("x".repeat(at) + text)
        .toString("base64")
        .replace(/=+$/, "")
        .slice(at === 0 ? 0 : 4, -4),
    ),
  })),
];
