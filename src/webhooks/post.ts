import { type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { Clock } from "../model/clock.ts";
import { type Address, type AddressPolicy, checkedAddresses } from "./address-guard.ts";

/** What is sent, and for how long. */
export interface Parcel {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  /** When the receiver wants to be asked again, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
}

/** Longer than this nobody is waited for who has not even taken the connection. */
const CONNECT_MS = 10_000;
/** What a receiver still says after its status is let through so long and so far, and not kept. */
const DRAIN_MS = 1_000;
const DRAIN_BYTES = 65_536;
const RETRY_AFTER_MAX_MS = 86_400_000;

/** No connection was made in time, so that nothing was written. */
class ConnectTimeout extends Error {
  override readonly name: string = "ConnectTimeout";
  readonly code: string = "ETIMEDOUT";
  readonly syscall: string = "connect";
}

/**
 * Posts to one of the addresses that were checked, over a connection of its own. Follows no
 * redirect; the status alone is the answer.
 *
 * @throws address-refused, and what the network throws
 */
export async function post(
  parcel: Parcel,
  policy: AddressPolicy,
  clock: Clock,
): Promise<PostAnswer> {
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const stop = (): void => late.reject(parcel.signal.reason);
  const cancel = clock.timer(CONNECT_MS, () =>
    late.reject(new ConnectTimeout(`No connection within ${CONNECT_MS} ms.`)),
  );
  parcel.signal.addEventListener("abort", stop, { once: true });
  let request: ClientRequest | undefined;
  try {
    parcel.signal.throwIfAborted();
    const addresses = await Promise.race([checkedAddresses(parcel.url, policy), late.promise]);
    request = open(parcel, addresses, cancel);
    const response = await Promise.race([answerTo(request, parcel.body), late.promise]);
    drain(response, clock);
    return {
      status: response.statusCode ?? 0,
      retryAfterMs: retryAfterMs(response.headers["retry-after"], clock),
    };
  } catch (error) {
    request?.destroy();
    throw error;
  } finally {
    cancel();
    parcel.signal.removeEventListener("abort", stop);
  }
}

/** @param connected called when the first byte of the request may be written */
function open(
  { url, headers, body }: Parcel,
  addresses: readonly Address[],
  connected: () => void,
): ClientRequest {
  const isSecure = url.protocol === "https:";
  const request = (isSecure ? secureRequest : plainRequest)(url, {
    method: "POST",
    // No pool, in which a connection to an address of yesterday could be waiting.
    agent: false,
    lookup: pinned(addresses),
    headers: { ...headers, "content-length": Buffer.byteLength(body) },
  });
  request.on("socket", (socket) => socket.once(isSecure ? "secureConnect" : "connect", connected));
  return request;
}

/** Answers with what was checked, and asks nobody. */
function pinned(addresses: readonly Address[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family);
  };
}

function answerTo(request: ClientRequest, body: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  promise.catch(() => undefined);
  request.on("response", resolve);
  request.on("error", reject);
  request.on("close", () => reject(new Error("The connection ended without an answer.")));
  request.end(body);
  return promise;
}

/** The status is the whole answer, but a receiver cut off while it speaks would log a failure. */
function drain(response: IncomingMessage, clock: Clock): void {
  let length = 0;
  const cancel = clock.timer(DRAIN_MS, () => response.destroy());
  response.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > DRAIN_BYTES) response.destroy();
  });
  response.on("error", () => undefined);
  response.on("close", cancel);
}

/** @see RFC 9110, section 10.2.3: seconds, or a date */
function retryAfterMs(value: string | undefined, clock: Clock): number | undefined {
  const text = value?.trim() ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - clock.wall();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS);
}
