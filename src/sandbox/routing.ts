import type { IncomingMessage } from "node:http";
import type { Head, Provider, Route } from "./provider.ts";

/** Where a request goes. */
export interface Arrival {
  readonly provider: Provider;
  /** Undefined where the provider has nothing. */
  readonly route: Route | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly head: Head;
  /** The provider's prefix, where the request was addressed with it. */
  readonly prefix: string;
}

/**
 * The provider of a request: the one named by the first part of the path, else the one that knows
 * its own credentials, else the first that has such a route.
 */
export function arrivalOf(
  providers: readonly Provider[],
  request: IncomingMessage,
  path: string,
): Arrival | undefined {
  const method = request.method ?? "GET";
  const headers = headersOf(request);
  const first = path.split("/")[1] ?? "";
  const named = providers.find(({ name }) => name === first);
  if (named !== undefined) {
    const prefix = `/${first}`;
    return arriveAt(named, { method, headers, path: path.slice(prefix.length) || "/" }, prefix);
  }
  const head: Head = { method, headers, path };
  const known =
    providers.find((provider) => provider.recognises(head)) ??
    providers.find((provider) => arriveAt(provider, head, "").route !== undefined);
  return known === undefined ? undefined : arriveAt(known, head, "");
}

function arriveAt(provider: Provider, head: Head, prefix: string): Arrival {
  for (const route of provider.routes) {
    const parameters = route.method === head.method ? match(route.path, head.path) : undefined;
    if (parameters !== undefined) return { provider, route, parameters, head, prefix };
  }
  return { provider, route: undefined, parameters: {}, head, prefix };
}

/** The variable parts of a path, or undefined if it is another one. */
function match(pattern: string, path: string): Record<string, string> | undefined {
  const expected = pattern.split("/");
  const parts = path.split("/");
  if (expected.length !== parts.length) return undefined;
  const found: [name: string, value: string][] = [];
  for (const [index, part] of expected.entries()) {
    const given = parts[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== given) return undefined;
      continue;
    }
    const value = decode(given);
    if (value === "") return undefined;
    found.push([part.slice(1), value]);
  }
  return Object.fromEntries(found);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, lines]) => [
      name,
      (lines ?? []).join(", ").trim(),
    ]),
  );
}
