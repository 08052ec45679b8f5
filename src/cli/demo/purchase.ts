import type { StandardSchema } from "../../core/standard-schema.ts";
import type { Purchase } from "./bookkeeping.ts";

export interface RefundOrder {
  readonly chargeId: string;
  readonly amount: number;
}

/**
 * Written by hand to keep the package free of a schema library; in your shop, use the one you have.
 */
function schema<T>(
  check: (value: Record<string, unknown>) => string | undefined,
): StandardSchema<T> {
  return {
    "~standard": {
      version: 1,
      vendor: "nevertwice-demo",
      validate(value) {
        if (typeof value !== "object" || value === null) return issue("Send a JSON object.");
        const wrong = check(value as Record<string, unknown>);
        return wrong === undefined ? { value: value as T } : issue(wrong);
      },
    },
  };
}

function issue(message: string): { readonly issues: readonly { readonly message: string }[] } {
  return { issues: [{ message }] };
}

export const purchaseSchema: StandardSchema<Purchase> = schema(({ cartId, amount, currency }) => {
  if (typeof cartId !== "string" || cartId === "") return "cartId is a non-empty string.";
  if (!isAmount(amount)) return "amount is a whole number of cents from 1 to 99999999.";
  if (typeof currency !== "string" || !/^[a-z]{3}$/.test(currency)) {
    return 'currency is three lower-case letters, such as "eur".';
  }
  return undefined;
});

export const refundSchema: StandardSchema<RefundOrder> = schema(({ chargeId, amount }) => {
  if (typeof chargeId !== "string" || chargeId === "") return "chargeId is a non-empty string.";
  return isAmount(amount) ? undefined : "amount is a whole number of cents from 1 to 99999999.";
});

function isAmount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 99_999_999;
}
