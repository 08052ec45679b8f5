/** A charge as the sandbox provider answers it. */
export interface Charge {
  readonly id: string;
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: "succeeded";
  /** Milliseconds since the epoch, by the provider's clock. */
  readonly createdAt: number;
  readonly idempotencyKey: string | null;
}

export interface Refund {
  readonly id: string;
  /** The id of the charge. */
  readonly charge: string;
  readonly amount: number;
  readonly status: "succeeded";
  readonly createdAt: number;
  readonly idempotencyKey: string | null;
}

export interface ChargeRequest {
  readonly amount: number;
  readonly currency: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface RefundRequest {
  readonly charge: string;
  readonly amount: number;
}

/** What a caller asks the provider to do. */
export type ProviderCall =
  | { readonly endpoint: "charges"; readonly request: ChargeRequest }
  | { readonly endpoint: "refunds"; readonly request: RefundRequest };

/** A request that the provider refuses before anything happened. */
export interface Refusal {
  readonly refused: string;
}

const AMOUNT_MAX = 99_999_999;
const TEXT_MAX = 500;
const METADATA_MAX = 20;

/** Reads the body of a charge or a refund, or says what is wrong with it. */
export function readCall(
  endpoint: ProviderCall["endpoint"],
  body: unknown,
): ProviderCall | Refusal {
  if (!isObject(body)) return { refused: "The body must be a JSON object." };
  const { amount } = body;
  if (!Number.isSafeInteger(amount) || Number(amount) < 1 || Number(amount) > AMOUNT_MAX)
    return { refused: `amount must be a whole number from 1 to ${AMOUNT_MAX}.` };
  return endpoint === "charges"
    ? readCharge(body, Number(amount))
    : readRefund(body, Number(amount));
}

function readCharge(body: Record<string, unknown>, amount: number): ProviderCall | Refusal {
  const { currency, description, metadata } = body;
  if (typeof currency !== "string" || !/^[a-z]{3}$/i.test(currency))
    return { refused: 'currency must be three letters, such as "eur".' };
  if (description !== undefined && !isText(description))
    return { refused: `description must be text of at most ${TEXT_MAX} characters.` };
  if (metadata !== undefined && !isMetadata(metadata))
    return { refused: `metadata must be an object of at most ${METADATA_MAX} short texts.` };
  return {
    endpoint: "charges",
    request: {
      amount,
      currency: currency.toLowerCase(),
      ...(description === undefined ? {} : { description }),
      ...(metadata === undefined ? {} : { metadata }),
    },
  };
}

function readRefund(body: Record<string, unknown>, amount: number): ProviderCall | Refusal {
  const { charge } = body;
  if (!isText(charge) || charge === "") return { refused: "charge must be the id of a charge." };
  return { endpoint: "refunds", request: { charge, amount } };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX && value.isWellFormed();
}

function isMetadata(value: unknown): value is Record<string, string> {
  if (!isObject(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= METADATA_MAX && entries.every(([name, text]) => isText(name) && isText(text))
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
