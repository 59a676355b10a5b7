/** A word of a POSIX shell, whatever characters it contains. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A word of a command that people copy: without quotes if no shell gives any of its characters a meaning. */
export const shellWord = (word: string): string =>
  /^[\w%+,./:@-][\w%+,./:@=-]*$/.test(word) ? word : quote(word);
