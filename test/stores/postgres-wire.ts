/** Who speaks: the client asks, the server answers. */
export type Direction = "request" | "answer";

export const DIRECTIONS: readonly Direction[] = ["request", "answer"];

/**
 * `swallow` passes nothing more, in both directions; `late` does the same, and passes the requests
 * on after the client has given up and has tried again.
 */
export const WIRE_FAULTS = ["cut before", "cut after", "swallow", "delay", "late"] as const;
export type WireFault = (typeof WIRE_FAULTS)[number];

const LENGTH_BYTES = 4;

/**
 * Splits a stream into the messages of Postgres's protocol: a letter and a length; the first one of
 * a client has no letter.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function framing(
  direction: Direction,
  give: (message: Buffer) => void,
): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let letters = direction === "request" ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= letters + LENGTH_BYTES) {
      const end = letters + rest.readUInt32BE(letters);
      if (rest.length < end) return;
      const message = rest.subarray(0, end);
      rest = rest.subarray(end);
      letters = 1;
      give(message);
    }
  };
}

/** The letter that Postgres gives it; `0` for the first message of a client. */
export function typeOf(direction: Direction, message: Buffer): string {
  const startup = direction === "request" && message[0] === 0;
  return startup ? "0" : String.fromCharCode(message[0] ?? 0);
}
