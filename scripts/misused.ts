/** A command line that makes no sense; whoever called it is shown how it is used. */
export class Misused extends Error {
  override readonly name: string = "Misused";
}
