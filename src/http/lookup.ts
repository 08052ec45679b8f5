import type { LookupRequest, OperationStatus } from "../core/lookup.ts";
import { isNevertwiceError, NevertwiceError } from "../model/errors.ts";
import { asClientError, problemOfError } from "./problem.ts";
import type { ProtectOptions } from "./protect.ts";
import { toResponse } from "./web-response.ts";

interface Lookup {
  lookup(request: LookupRequest): Promise<OperationStatus | undefined>;
}

export interface LookupOptions extends Pick<ProtectOptions<Request>, "scope"> {
  /** The operation's name, for one that was declared with `keysPer: "operation"`. */
  readonly operation?: string;
}

/**
 * A web-standard handler of `GET .../<key>` that tells how an operation stands, without its
 * bodies. An unknown key and somebody else's key are answered alike.
 *
 * @example app.get("/operations/:key", (c) => lookup(once, { scope: accountOf })(c.req.raw));
 */
export function lookup(
  once: Lookup,
  options: LookupOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const scope = (await options.scope(request)) ?? "";
      const segment = new URL(request.url).pathname.split("/").at(-1) ?? "";
      const named = options.operation === undefined ? {} : { operation: options.operation };
      const status = await once.lookup({ scope, key: decodeSegment(segment), ...named });
      if (status === undefined) throw new NevertwiceError("key-unknown");
      return Response.json(status, { headers: { "cache-control": "no-store" } });
    } catch (error) {
      const known = asClientError(error);
      if (known) return toResponse(problemOfError(known), undefined);
      if (isNevertwiceError(error, "store-unavailable")) {
        return toResponse(problemOfError(error), undefined);
      }
      throw error;
    }
  };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new NevertwiceError("key-malformed", undefined, { cause: error });
  }
}
