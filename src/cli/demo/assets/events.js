import { drawTable, element, TIME } from "./draw.js";

const NAMES = { "charge.succeeded": "Charge", "refund.succeeded": "Refund" };
const STATES = {
  waiting: "waits",
  superseded: "superseded",
  unhandled: "nobody handles it",
  dead: "given up",
};

/** What came of this purchase first, then the others, each newest first. */
export function drawEvents(place, events, mine) {
  const rows = events.map((event) => ({
    other: !mine.has(event.chargeId),
    cells: [
      NAMES[event.type] ?? event.type,
      event.chargeId ?? "",
      arrivedText(event),
      handledMark(event),
      TIME.format(event.at),
    ],
  }));
  drawTable(
    place,
    ["Event", "About", "Arrived", "Handled", "At"],
    rows,
    "No event came yet. Pay: the provider tells of each charge.",
  );
}

function arrivedText({ route, arrived }) {
  if (route !== "sweep") return `${arrived}×`;
  return arrived === 1 ? "asked for" : `asked for, ${arrived - 1}×`;
}

function handledMark({ state, handled, waitsFor, error }) {
  const tone = { done: handled === 1 ? "good" : "bad", dead: "bad" }[state] ?? "busy";
  const text = state === "done" ? `${handled}×` : STATES[state];
  const mark = element("span", text, { class: "badge", "data-tone": tone });
  const why = waitsFor === null ? error : `It waits for ${waitsFor}.`;
  if (why !== null && state !== "done") mark.title = why;
  return mark;
}

/** One glance: how often this purchase's events came, and how often they were handled. */
export function drawArrived(badge, events, mine) {
  const own = events.filter(({ chargeId }) => mine.has(chargeId));
  badge.hidden = mine.size === 0;
  badge.dataset.tone = toneOf(own);
  badge.textContent = own.length === 0 ? "none yet; it will be asked for" : countText(own);
}

function toneOf(own) {
  if (own.some(({ handled, state }) => handled > 1 || state === "dead")) return "bad";
  return own.length > 0 && own.every(({ state }) => state === "done") ? "good" : "busy";
}

function countText(own) {
  const sum = (name) => own.reduce((total, event) => total + event[name], 0);
  if (own.length === 1) return `arrived ${sum("arrived")}×, handled ${sum("handled")}×`;
  const isEach = own.every(({ handled }) => handled === 1);
  const handled = isEach ? "each handled 1×" : `handled ${sum("handled")}×`;
  return `${own.length} events arrived ${sum("arrived")}×, ${handled}`;
}

/** How it stands with the endpoint: forged deliveries, and what the provider cannot do. */
export function drawEndpoint(line, { state, refused }) {
  const times = refused === 1 ? "once" : `${refused} times`;
  const texts = {
    absent: "This provider sends no webhooks.",
    unregistered: "The endpoint is not registered yet.",
  };
  const text =
    texts[state] ??
    (refused === 0 ? "" : `Refused ${times} with 401, because the signature was wrong.`);
  line.hidden = text === "";
  line.textContent = text;
}

/** The receipts of this purchase, each handed over some times and kept once. */
export function drawReceipts(line, receipts, orders) {
  const ids = new Set(orders.map(({ orderId }) => orderId));
  const own = receipts.filter(({ orderId }) => ids.has(orderId));
  const times = own.reduce((total, receipt) => total + receipt.times, 0);
  const handed = times > own.length ? `, handed over ${times} times` : "";
  const count = own.length === 1 ? "1 receipt" : `${own.length} receipts`;
  line.textContent =
    own.length === 0
      ? `No receipt for this purchase yet; ${receipts.length} for others.`
      : `${count} in the customer’s letter box${handed}.`;
}
