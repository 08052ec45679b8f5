/** A test that proves a rule, by its file and its title. */
export type Proof = readonly [file: string, title: string];

export interface Row {
  readonly threat: string;
  readonly proofs: readonly Proof[];
  /** What of the rule is not there, and why. */
  readonly open?: string;
}

/** A test of this folder. */
export const inSecurity = (file: string, title: string): Proof => [
  `test/security/${file}.test.ts`,
  title,
];
/** A target of the fuzzers. */
export const inFuzz = (target: string): Proof => ["test/fuzz/targets.ts", target];
