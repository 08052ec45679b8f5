import { EXIT, Exit } from "./exit.ts";

export interface WordFlags {
  readonly by?: string;
  readonly reason?: string;
}

/** The word of a person; without a name and a reason it would be worth nothing. @throws Exit */
export function wordOf(flags: WordFlags): { readonly by: string; readonly reason: string } {
  const { USER, LOGNAME } = process.env;
  const by = flags.by ?? USER ?? LOGNAME;
  if (by === undefined || by === "") throw new Exit(EXIT.usage, "Say who you are with --by.");
  if (flags.reason === undefined || flags.reason.trim() === "")
    throw new Exit(EXIT.usage, "Say why with --reason; it is kept with your name.");
  return { by, reason: flags.reason };
}
