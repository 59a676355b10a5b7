/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size */
const memoryByCpu: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: steps(1024, 4096, 1024),
  1024: steps(2048, 8192, 1024),
  2048: steps(4096, 16_384, 1024),
  4096: steps(8192, 30_720, 1024),
  8192: steps(16_384, 61_440, 4096),
  16_384: steps(32_768, 122_880, 8192),
};

function steps(from: number, to: number, step: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, nth) => from + nth * step);
}

/** What is wrong with a pair of CPU units and MiB, or undefined. AWS may list more by now, so it is a warning only. */
export function fargateSizeWarning(cpu: number, memory: number): string | undefined {
  const listed = memoryByCpu[cpu];
  if (listed === undefined) {
    return `cpu: ${cpu} is no size that Fargate is known to have; it lists ${Object.keys(memoryByCpu).join(", ")}`;
  }
  if (listed.includes(memory)) return undefined;
  return `memory: ${memory} MiB is no size that Fargate is known to have for ${cpu} CPU units; it lists ${listed.length > 4 ? `${listed[0]} to ${listed.at(-1)} in steps of ${listed[1]! - listed[0]!}` : listed.join(", ")}`;
}
