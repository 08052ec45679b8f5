const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gs;

/** Whether an object of a valid JSON text names a member twice; it reads in a way of its own. */
export function isRepeating(text: string): boolean {
  const tokens = text.match(TOKEN) ?? [];
  const open: (Set<string> | undefined)[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":" && tokens[index + 1] === ":") {
      const names = open.at(-1);
      const name: string = JSON.parse(token);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
