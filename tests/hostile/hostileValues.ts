/** Values that an attacker would choose, the same ones for the same seed. `canary` is the file that a payload creates if anything runs it. */
export function hostileValues(canary: string, count: number, seed: number): string[] {
  const random = mulberry(seed);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const all = pieces(canary);
  const values = new Set(all);
  while (values.size < count) {
    const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(all));
    values.add(pick(frames)(parts.join(pick(["", "", " ", ",", "\n", "="]))));
  }
  return [...values];
}

/** One payload alone, and what it stands in. */
const pieces = (canary: string): string[] => [
  ...[
    `$(>${canary})`,
    `\`>${canary}\``,
    `;>${canary};`,
    `&&>${canary}`,
    `||>${canary}`,
    `|>${canary}`,
  ],
  ...[`\n>${canary}\n`, `\r\n>${canary}\r\n`, `&>${canary}&`, `>${canary}`, `<(>${canary})`],
  ...[
    `';>${canary};'`,
    `";>${canary};"`,
    `'"'"';>${canary};'`,
    `\\';>${canary};\\'`,
    `}; >${canary}; {`,
  ],
  ...[
    `a[$(>${canary})]`,
    `x=$(>${canary})`,
    `$((a[$(>${canary})]))`,
    `\${x:=$(>${canary})}`,
    `EOF\n>${canary}\nEOF`,
  ],
  ...[
    `-oProxyCommand=>${canary}`,
    `--config=>${canary}`,
    "-",
    "--",
    "-v",
    "--privileged",
    "-t;",
    "--help",
  ],
  ...[
    "{{ssm:secret}}",
    "{{ ssm:secret }}",
    "{{{{ssm:secret}}}}",
    "{{ global:REGION }}",
    "{{.Id}}",
    "${{ secrets.A }}",
  ],
  ...[
    "@/etc/passwd",
    "file:///etc/passwd",
    "fileb://x",
    "A=b",
    "=ls",
    "PATH=/nowhere",
    "#",
    "# x",
    "//",
    "..",
    "/../..",
  ],
  ...[
    "\\",
    "\\n",
    "\\\\",
    "\\'",
    "%s%n%d",
    "%",
    "!!",
    "!",
    "~",
    "~root",
    "*",
    "?",
    "[a-z]*",
    "{a,b}",
    "$IFS",
    "$$",
    "$@",
    "${PATH}",
  ],
  ...[
    "'",
    '"',
    "`",
    "'\\''",
    "''",
    '""',
    "\"'`",
    " ",
    "  x  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\v\f",
    "\0",
    "a\0b",
  ],
  ...[
    "é",
    "💥",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\u0085",
    "ＡＢＣ",
  ],
  ...[
    "\x1b[31mred",
    "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\b\b\b",
    "\x07",
    "\x7f",
  ],
  ...[
    ",readonly",
    ",source=/etc",
    'a",source=/',
    "type=bind",
    '"',
    "a,b",
    ",",
    ":",
    "::",
    "/a:/b:ro",
    "a:b",
  ],
  ...[
    '{"a":1}',
    "[]",
    "null",
    "undefined",
    "[object Object]",
    "NaN",
    "true",
    "0",
    "-1",
    "1e9",
    "__proto__",
    "constructor",
  ],
  ...[
    "x".repeat(20_000),
    "a ".repeat(3000),
    "'".repeat(500),
    "$(".repeat(200),
    "{".repeat(99),
    "\n".repeat(99),
  ],
];

const frames: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `"${text}"`,
  (text) => `'${text}'`,
  (text) => `/${text}`,
  (text) => `a${text}`,
  (text) => `-${text}`,
  (text) => ` ${text} `,
  (text) => `$(${text})`,
];

/** A small generator of numbers from 0 to 1, as Node has none with a seed. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
