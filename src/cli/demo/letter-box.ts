import type { OutgoingMessage } from "../../core/outbox/relay.ts";
import type { Books } from "./bookkeeping.ts";

/** The customer's letter box, which takes a letter of one id once. */
export interface LetterBox {
  /** Sends a receipt. @throws Error if the answer was lost, after the letter was in the box */
  send(message: OutgoingMessage): Promise<void>;
  /** The next receipt arrives, and nobody hears of it. */
  loseAnswer(): void;
}

/** It recognises a letter for ever, so that one without an answer is sent again. */
export const RECOGNISED_MS: number = Number.POSITIVE_INFINITY;

export function letterBox(books: Books<unknown>): LetterBox {
  let losing = false;
  return {
    async send({ id, payload }) {
      const { orderId } = payload as { readonly orderId: string };
      await books.putLetter(id, orderId);
      if (!losing) return;
      losing = false;
      throw new Error("The letter box did not answer.");
    },
    loseAnswer() {
      losing = true;
    },
  };
}
