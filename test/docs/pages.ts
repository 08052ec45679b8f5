import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ROOT } from "../../scripts/command.ts";

/** A page of the documentation, by its path from the root. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A block of TypeScript on a page. */
export interface Block {
  readonly page: string;
  /** The line of the page before its first one. */
  readonly line: number;
  readonly code: string;
  /** Why it is not compiled, or undefined if it is. */
  readonly unchecked: string | undefined;
}

const AT_ROOT = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

export function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

export function allPages(): Page[] {
  const inDocs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" });
  const paths = inDocs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name));
  return [...AT_ROOT, ...paths.toSorted()].map(readPage);
}

export function manifest(): {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
}

/** The text under a heading of the second level, up to the next one. */
export function sectionOf(page: Page, heading: string): string {
  const [, ...sections] = page.text.split(/^## /m);
  const found = sections.find((section) => section.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`${page.path} has no section "${heading}".`);
  return found;
}

const FENCED = /^```.*?^```$/gms;

/** The relative links of a page that lead nowhere. */
export function brokenLinks({ path, text }: Page): string[] {
  const prose = text.replaceAll(FENCED, "").replaceAll(/`[^`\n]*`/g, "code");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
    .map((target) => `${path}: ${target}`);
}

function leadsSomewhere(from: string, target: string): boolean {
  const [name = "", anchor] = target.split("#", 2);
  const path = name === "" ? from : relative(ROOT, join(ROOT, dirname(from), name));
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchorsOf(readPage(path)).has(anchor);
}

/** The anchors that headings get on GitHub. */
function anchorsOf({ text }: Page): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [...text.replaceAll(FENCED, "").matchAll(/^#{1,6} (.+)$/gm)];
  return new Set(
    headings.map(([, heading = ""]) => {
      const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "");
      const anchor = words.replaceAll(" ", "-");
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    }),
  );
}

/** The blocks of TypeScript on a page. */
export function blocksOf({ path, text }: Page): Block[] {
  return [...text.matchAll(/^```ts *(.*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const [, info = "", code = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    return { page: path, line, code, unchecked: uncheckedOf(info, code) };
  });
}

function uncheckedOf(info: string, code: string): string | undefined {
  if (info.startsWith("no-check")) return info.replace("no-check", "").trim();
  return /^(?:\/\/.*\n)*import /.test(code) ? undefined : "fragment";
}

/** The first cells of a table's rows, as far as they stand in backticks. */
export function namesOf(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}
