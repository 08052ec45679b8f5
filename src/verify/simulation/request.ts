import type { Operation } from "../../core/handle.ts";

/** What a simulation can ask for: the user's own operations, by name. */
export type Operations = Readonly<Record<string, Operation<never, unknown>>>;

/** One intended operation that clients ask for, often more than once. */
export type SimulatedRequest<Declared extends Operations> = {
  readonly [Name in keyof Declared & string]: {
    /** Its name in what `build` returns. */
    readonly operation: Name;
    readonly scope: string;
    readonly key: string;
    readonly input: InputOf<Declared[Name]>;
  };
}[keyof Declared & string];

/** Before the compiler has looked at `build`, the input may be anything. */
type InputOf<Asked> =
  Asked extends Operation<infer Input, infer _>
    ? [Input] extends [never]
      ? unknown
      : Input
    : never;

/** The same where nobody looks at the input any more. */
export interface AnyRequest {
  readonly operation: string;
  readonly scope: string;
  readonly key: string;
  readonly input: unknown;
}

export function labelOf({ operation, scope, key }: Omit<AnyRequest, "input">): string {
  return `${operation} ${scope}/${key}`;
}
