import { NevertwiceError } from "../model/errors.ts";
import type { FastifyReply } from "./fastify-exchange.ts";

/** The ways round Fastify's own reply; no hook follows them, so nobody sees what was sent. */
const WAYS_ROUND = ["writeHead", "flushHeaders", "write", "end", "destroy"] as const;

/**
 * Keeps a handler from answering round Fastify until the reply is released: a hijack throws, raw
 * writes go nowhere.
 *
 * @param refused hears of the first raw write, because throwing inside a pipe would end the process
 * @returns what releases the reply
 */
export function guardRaw(reply: FastifyReply, refused: (error: Error) => void): () => void {
  const error = (way: string): Error =>
    new NevertwiceError(
      "response-unreplayable",
      `The handler used ${way}. Send the answer by reply.send().`,
    );
  const { raw } = reply;
  const undo = WAYS_ROUND.map((name) =>
    override(raw, name, () => {
      refused(error(`reply.raw.${name}()`));
      return name === "write" ? true : raw;
    }),
  );
  undo.push(
    override(reply, "hijack", () => {
      throw error("reply.hijack()");
    }),
  );
  return () => {
    for (const restore of undo.splice(0)) restore();
  };
}

/** Puts a value over an object's own or inherited one. @returns what takes it away again */
export function override(target: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(target, name, own);
    else Reflect.deleteProperty(target, name);
  };
}
