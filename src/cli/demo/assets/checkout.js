/** More than any fault of this page needs; then a person should look. */
const ATTEMPTS_MAX = 15;
const WAIT_MS = 300;
const WAIT_MAX_MS = 3_000;

/** A purchase has one key from the first press to the last answer. */
export function newPurchase(naive) {
  return {
    key: crypto.randomUUID(),
    refundKey: crypto.randomUUID(),
    cartId: `cart-${crypto.randomUUID().slice(0, 8)}`,
    naive,
  };
}

/**
 * Sends one request until there is a final answer: the same key and the same bytes after a lost
 * connection, and where the answer says that the same key may be sent again.
 */
export async function send(path, key, body, report) {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    report({ kind: "sent", attempt });
    const answer = await exchange(path, key, JSON.stringify(body));
    if (!mayRetry(answer)) return answer;
    const waitMs = answer.retryAfterMs ?? Math.min(WAIT_MS * 2 ** (attempt - 1), WAIT_MAX_MS);
    report({ kind: "again", attempt, status: answer.status, title: answer.title, waitMs });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return { status: 0, text: "", title: "No final answer; the purchase keeps its key." };
}

async function exchange(path, key, body) {
  try {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    const response = await fetch(path, { method: "POST", headers, body });
    const text = await response.text();
    return {
      status: response.status,
      text,
      replayed: response.headers.get("idempotent-replayed") === "true",
      ...problemOf(response, text),
    };
  } catch {
    return { status: 0, text: "", title: "connection lost" };
  }
}

function problemOf(response, text) {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, 5_000) : undefined;
  try {
    const { title, retry } = JSON.parse(text);
    return { title, retry, retryAfterMs };
  } catch {
    return { retryAfterMs };
  }
}

function mayRetry({ status, retry }) {
  if (retry !== undefined) return retry === "same-key";
  return status === 0 || status === 409 || status >= 500;
}
