export const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function money(amount, currency) {
  const format = new Intl.NumberFormat("en-IE", { style: "currency", currency });
  return format.format(amount / 100);
}

/** An element with text only: nothing that came over the wire is ever read as markup. */
export function element(tag, text, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function count(number, noun) {
  return `${number === 0 ? "no" : number} ${noun}${number < 2 ? "" : "s"}`;
}

/** What is known of an operation that has not ended. */
const OPEN_TEXTS = {
  running: "Not settled yet.",
  waiting: "An attempt ended without an effect in doubt; it runs again by itself.",
  in_doubt: "In doubt: the provider may have acted. It is being asked; no press is told a guess.",
};

/** The verdict on one purchase, from what the ledger and the orders say. */
export function verdictOf({ charges, orders, pending, pressed, state, dueAt, naive }) {
  const sum = `${count(charges, "charge")}, ${count(orders, "order")}`;
  const headline = sum.charAt(0).toUpperCase() + sum.slice(1);
  if (charges > 1 || orders > 1)
    return {
      tone: "bad",
      headline: `${headline} for one purchase`,
      text: charges > 1 ? `The customer paid ${charges} times.` : "",
    };
  if (state === "in_doubt" && dueAt === null)
    return { tone: "bad", headline: `In doubt: ${sum}`, text: "Only a person can settle it." };
  if (pending > 0 || state in OPEN_TEXTS)
    return {
      tone: "busy",
      headline: `${headline} so far`,
      text: OPEN_TEXTS[state] ?? "Not settled yet.",
    };
  if (charges !== orders) return { tone: "bad", headline, text: "The customer paid for nothing." };
  if (charges === 1)
    return {
      tone: naive ? "idle" : "good",
      headline,
      ...(naive ? { text: "By luck: press Pay again, or let the answer get lost." } : {}),
    };
  if (state === "failed")
    return { tone: "good", headline, text: "Declined, and every press is told the same." };
  if (pressed) return { tone: "idle", headline, text: "Nothing was bought." };
  return {
    tone: "idle",
    headline: "Nothing bought yet",
    text: "Choose what goes wrong, then pay.",
  };
}

export function drawTimeline(list, badge, operation, naive) {
  badge.hidden = operation === null;
  if (operation === null) {
    const text = naive
      ? "None: the naive handler keeps no record of what it did."
      : "Nothing has claimed this key yet.";
    list.replaceChildren(element("p", text, { class: "quiet" }));
    return;
  }
  const tones = { succeeded: "good", failed: "bad" };
  badge.dataset.tone = tones[operation.state] ?? "busy";
  const attempts = operation.attempts === 1 ? "" : `, ${operation.attempts} attempts`;
  badge.textContent = `${operation.state.replace("_", " ")}${attempts}`;
  const start = operation.events[0]?.at ?? 0;
  list.replaceChildren(...operation.events.map((event) => timelineItem(event, start)));
}

function timelineItem({ kind, at, text }, start) {
  const time = element("time", at === null ? "" : `+${((at - start) / 1000).toFixed(2)} s`);
  if (at !== null) time.title = TIME.format(at);
  const mark = element("span", undefined, { class: "mark" });
  return element("li", undefined, { "data-kind": kind }, mark, element("span", text), time);
}

export function drawLedger(place, provider, cartId) {
  if (!provider.reachable) {
    place.replaceChildren(
      element("p", `The provider cannot be reached: ${provider.cause}.`, { class: "quiet" }),
    );
    return;
  }
  const mine = new Set(ofCart(provider.charges, cartId).map(({ id }) => id));
  const charges = provider.charges.map((charge) => ({
    at: charge.createdAt,
    other: !mine.has(charge.id),
    cells: ["Charge", charge.id, keyText(charge), money(charge.amount, charge.currency)],
  }));
  const currencies = new Map(provider.charges.map(({ id, currency }) => [id, currency]));
  const refunds = provider.refunds.map((entry) => ({
    at: entry.createdAt,
    other: !mine.has(entry.charge),
    cells: [
      "Refund",
      entry.id,
      keyText(entry),
      `−${money(entry.amount, currencies.get(entry.charge) ?? "eur")}`,
    ],
  }));
  const rows = [...charges, ...refunds].sort((one, other) => other.at - one.at);
  drawTable(place, ["", "Id", "Provider key", "Amount"], rows, "Nothing was charged yet.");
}

export function drawOrders(place, orders, cartId) {
  const rows = orders.toReversed().map((order) => ({
    other: order.cartId !== cartId,
    cells: [order.orderId, order.cartId, statusOf(order), money(order.amount, order.currency)],
  }));
  drawTable(place, ["Order", "Cart", "Status", "Amount"], rows, "No orders yet.");
}

/** What the shop wrote itself, and what its provider's events added. */
function statusOf({ status, confirmedAt, refunded, amount }) {
  if (refunded > 0) return refunded < amount ? "part refunded" : "refunded";
  return confirmedAt === null ? status : `${status}, confirmed`;
}

export function drawTable(place, titles, rows, empty) {
  if (rows.length === 0) {
    place.replaceChildren(element("p", empty, { class: "quiet" }));
    return;
  }
  const head = element("tr", undefined, {}, ...titles.map((title) => element("th", title)));
  const body = rows.map(({ cells, other }) =>
    element("tr", undefined, { "data-other": String(other) }, ...cells.map(cell)),
  );
  const table = element(
    "table",
    undefined,
    {},
    element("thead", undefined, {}, head),
    element("tbody", undefined, {}, ...body),
  );
  place.replaceChildren(element("div", undefined, { class: "scroll" }, table));
}

/** A text, shortened where it is long, or an element as it is. */
function cell(text) {
  if (typeof text !== "string") return element("td", undefined, {}, text);
  const short = text.length > 16 ? `${text.slice(0, 15)}…` : text;
  return element("td", short, short === text ? {} : { title: text });
}

function keyText({ idempotencyKey }) {
  return idempotencyKey ?? "none";
}

export function ofCart(charges, cartId) {
  return charges.filter(({ metadata }) => metadata.cartId === cartId);
}

export function drawChip(chips) {
  const chip = element("li", "…");
  chips.append(chip);
  return (text, tone) => {
    chip.textContent = text;
    chip.dataset.tone = tone;
  };
}

export function drawLog(log, text) {
  log.prepend(element("li", text));
  while (log.childElementCount > 60) log.lastElementChild.remove();
}
