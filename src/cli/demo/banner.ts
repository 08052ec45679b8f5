import { styleText } from "node:util";

export interface BannerOptions {
  readonly shopUrl: string;
  readonly sandboxUrl: string | undefined;
  readonly db: string;
  /** Where the provider keeps its ledger. */
  readonly ledger: string;
  readonly colours: boolean;
}

/** What a person reads when the demo is up. */
export function banner(options: BannerOptions): string {
  const style = (format: "bold" | "dim" | "green", text: string): string =>
    options.colours ? styleText(format, text, { validateStream: false }) : text;
  const row = (name: string, value: string, remark: string): string =>
    `  ${style("dim", name.padEnd(10))}${value}  ${style("dim", remark)}`.trimEnd();
  return [
    "",
    `  ${style("bold", "nevertwice")}  one key, one outcome`,
    "",
    row("Shop", style("green", options.shopUrl), "open this page"),
    row("Provider", options.sandboxUrl ?? "", "a process of its own"),
    row("Database", withoutPassword(options.db), ""),
    row("Ledger", options.ledger, ""),
    "",
    style("dim", "  The shop is started again when it dies. Ctrl+C ends both."),
    "",
    "",
  ].join("\n");
}

function withoutPassword(db: string): string {
  if (!/^postgres(ql)?:\/\//.test(db) || !URL.canParse(db)) return db;
  const url = new URL(db);
  if (url.password !== "") url.password = "***";
  return url.href;
}
