/** The object with some members of ours in place of its own. */
export function through(object: object, own: Readonly<Record<string, unknown>>): object {
  return new Proxy(object, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(own, name)) return own[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
