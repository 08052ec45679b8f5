/** The part of a syntax tree's path that this reads, as Stryker hands it over. */
interface Path {
  readonly node: { readonly type: string };
  readonly key: string | number | null;
  readonly parentPath: {
    readonly node: {
      readonly type: string;
      readonly callee?: { readonly type: string; readonly name?: string };
      readonly key?: { readonly type: string; readonly name?: string };
      readonly id?: { readonly type: string; readonly name?: string };
    };
  } | null;
}

interface Ignorer {
  shouldIgnore(path: Path): string | undefined;
}

const TEXTS: ReadonlySet<string> = new Set(["StringLiteral", "TemplateLiteral"]);

/** The members that hold nothing else. */
const MEMBERS: ReadonlySet<string | undefined> = new Set(["title", "because"]);

/** Where errors have their text among what they are made of. */
const PLACES: ReadonlyMap<string | undefined, number> = new Map([
  ["NevertwiceError", 1],
  ["Error", 0],
]);

/** A text for people is not pinned by tests: an error's detail and title, what proves a verdict. */
const messages: Ignorer = {
  shouldIgnore({ node, key, parentPath }) {
    if (!TEXTS.has(node.type) || parentPath === null) return undefined;
    const { type, callee, key: member, id } = parentPath.node;
    const isDetail = type === "NewExpression" && key === PLACES.get(callee?.name);
    const isMember = type === "ObjectProperty" && MEMBERS.has(member?.name);
    const isNamed = type === "VariableDeclarator" && id?.name === "detail";
    return isDetail || isMember || isNamed ? "A text for people." : undefined;
  },
};

/** What Stryker finds in a plugin: here only the rule of which mutants are left out. */
export const strykerPlugins: readonly {
  readonly kind: "Ignore";
  readonly name: string;
  readonly value: Ignorer;
}[] = [{ kind: "Ignore", name: "messages", value: messages }];
