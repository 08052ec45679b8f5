import { createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import {
  anySuccess,
  type Change,
  JSON_TYPE,
  type ProviderEvent,
  type Scene,
  type Webhooks,
} from "../webhook.ts";

interface Payment {
  readonly id: string;
  readonly approved: boolean;
  readonly amount: number;
  readonly currency: string;
  readonly reference: string | null;
  readonly metadata: unknown;
  readonly captured: number;
  readonly response_code: string;
  readonly response_summary: string;
  readonly processed_on: string;
}

interface Action extends Omit<Payment, "captured" | "currency"> {
  readonly payment: string;
  readonly type: "Capture" | "Refund";
}

/** @see https://www.checkout.com/docs/developer-resources/webhooks */
export const checkoutWebhooks: Webhooks = {
  events: (change, scene) => {
    if (change.before !== undefined) return [];
    return change.kind === "payment" ? ofPayment(change, scene) : ofAction(change, scene);
  },
  secretOf: (letters) => letters(32),
  write: ({ event, endpoint }) => {
    const text = JSON.stringify(event.body);
    const signature = createHmac("sha256", endpoint.secret).update(text).digest("hex");
    return { headers: { ...JSON_TYPE, "cko-signature": signature }, text };
  },
  receipt: anySuccess,
};

/** A payment that is captured with its approval is told twice. */
function ofPayment({ after }: Change, scene: Scene): ProviderEvent[] {
  const payment = after as Payment;
  const data = dataOf(payment, payment);
  if (!payment.approved) return [eventOf("payment_declined", payment.id, data, scene)];
  const approved = eventOf("payment_approved", payment.id, data, scene);
  return payment.captured === 0
    ? [approved]
    : [approved, eventOf("payment_captured", payment.id, data, scene)];
}

const TYPES = {
  Capture: ["payment_captured", "payment_capture_declined"],
  Refund: ["payment_refunded", "payment_refund_declined"],
} as const;

function ofAction({ after }: Change, scene: Scene): ProviderEvent[] {
  const action = after as Action;
  const payment = scene.find<Payment>("payment", action.payment);
  const [done, declined] = TYPES[action.type];
  const type = action.approved ? done : declined;
  const currency = payment?.currency ?? "";
  const data = dataOf({ ...action, id: action.payment, currency }, action);
  return [eventOf(type, action.payment, { ...data, action_id: action.id }, scene)];
}

function dataOf(
  { id, amount, currency }: Pick<Payment, "id" | "amount" | "currency">,
  { reference, metadata, ...rest }: Omit<Payment, "captured" | "currency">,
): object {
  return {
    id,
    amount,
    currency,
    reference,
    metadata,
    response_code: rest.response_code,
    response_summary: rest.response_summary,
    processed_on: rest.processed_on,
  };
}

function eventOf(
  type: string,
  payment: string,
  data: object,
  { base, identify, now }: Scene,
): ProviderEvent {
  const id = identify("evt_", 26).toLowerCase();
  const body = {
    ...{ id, type, version: "1.0.0", created_on: isoTime(now), data },
    _links: {
      self: { href: `${base}/workflows/events/${id}` },
      payment: { href: `${base}/payments/${payment}` },
    },
  };
  return { id, type, object: payment, body };
}
