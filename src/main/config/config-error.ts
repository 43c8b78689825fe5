/** The configuration can't be used. The message lists everything that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];
  constructor(problems: string[]) {
    super(
      `The configuration can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSee .env.example for what each value means.`,
    );
    this.problems = problems;
  }
}
