import { newPurchase, send } from "./checkout.js";
import {
  drawChip,
  drawLedger,
  drawLog,
  drawOrders,
  drawTimeline,
  money,
  ofCart,
  verdictOf,
} from "./draw.js";
import { drawArrived, drawEndpoint, drawEvents, drawReceipts } from "./events.js";

const CURRENCY = "eur";
const MANY = 20;
const BUSY_POLL_MS = 350;
const IDLE_POLL_MS = 1_500;

const at = (id) => document.getElementById(id);
const saved = sessionStorage.getItem("purchase");
let purchase = saved === null ? newPurchase(false) : JSON.parse(saved);
let seen = emptySeen();
let state;
let pid;

function emptySeen() {
  return { presses: 0, requests: 0, pending: 0, armed: false, bodies: new Map() };
}

function amount() {
  return Math.round(Number(at("amount").value) * 100);
}

function say(text) {
  drawLog(at("log"), `${new Date().toLocaleTimeString("en-GB")} · ${text}`);
}

function renew() {
  purchase = newPurchase(at("naive").checked);
  seen = emptySeen();
  at("chips").replaceChildren();
  at("log").replaceChildren();
  keep();
  draw();
  void poll();
}

function keep() {
  sessionStorage.setItem("purchase", JSON.stringify(purchase));
  at("key").textContent = purchase.key;
}

async function post(path, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error((await response.json()).title);
}

/** Arms the chosen fault once a purchase: it hits the first press, and the retries must survive it. */
async function arm() {
  const fault = at("fault").value;
  if (fault === "" || seen.armed) return;
  seen.armed = true;
  if (fault === "receipt") await post("/demo/lose-receipt", {});
  else if (fault.startsWith("crash:")) await post("/demo/crash", { at: fault.slice(6) });
  else await post("/sandbox/faults", { next: [fault] });
  say(`Armed: ${at("fault").selectedOptions[0].textContent.toLowerCase()}`);
}

/** What goes wrong with the next webhook: one fault at a time, and none if it is pressed again. */
async function armWebhook(button) {
  const { fault } = button.dataset;
  const isArmed = button.getAttribute("aria-pressed") === "true";
  try {
    await post("/sandbox/webhook-faults", { provider: "plain", next: isArmed ? [] : [fault] });
    const more = fault.startsWith("reorder") ? ", together with the one after it" : "";
    const how = isArmed ? "as it should" : button.textContent.toLowerCase() + more;
    say(`The next webhook comes ${how}`);
  } catch (error) {
    say(`The webhook’s fault could not be armed: ${error.message}`);
  }
  void poll();
}

async function press(times) {
  if (!at("form").reportValidity()) return;
  try {
    await arm();
  } catch (error) {
    say(`The fault could not be armed: ${error.message}`);
  }
  const body = { cartId: purchase.cartId, amount: amount(), currency: CURRENCY };
  for (let index = 0; index < times; index += 1) void pay(body, seen, purchase);
  void poll();
}

async function pay(body, here, { key, naive }) {
  here.presses += 1;
  here.pending += 1;
  const number = here.presses;
  const chip = drawChip(at("chips"));
  const path = naive ? "/naive/checkout" : "/checkout";
  const answer = await send(path, key, body, (step) => {
    if (step.kind === "sent") here.requests += 1;
    else {
      chip(`${step.status || "lost"} …`, "busy");
      if (here === seen) say(`Press ${number}: ${explain(step)}`);
    }
    draw();
  });
  here.pending -= 1;
  here.bodies.set(answer.text, (here.bodies.get(answer.text) ?? 0) + 1);
  chip(
    answer.status === 0 ? "lost" : String(answer.status),
    answer.status < 300 && answer.status > 0 ? "good" : "bad",
  );
  if (here === seen) say(`Press ${number}: ${outcome(answer)}`);
  void poll();
}

function explain({ status, title, waitMs }) {
  const what = status === 0 ? title : `${status} ${title ?? ""}`.trim();
  return `${what.replace(/\.$/, "")}; the same key again in ${(waitMs / 1000).toFixed(1)} s`;
}

function outcome({ status, title, text, replayed }) {
  if (status === 0) return title;
  const detail = title ?? (status < 300 ? orderOf(text) : "");
  return `${status}${replayed ? " replayed" : ""}${detail === "" ? "" : `: ${detail}`}`;
}

function orderOf(text) {
  try {
    return String(JSON.parse(text).orderId ?? "");
  } catch {
    return "";
  }
}

async function refund() {
  const charge = ofCart(state.provider.charges, purchase.cartId)[0];
  if (charge === undefined) return;
  const body = { chargeId: charge.id, amount: charge.amount };
  const answer = await send("/refund", purchase.refundKey, body, (step) => {
    if (step.kind === "again") say(`Refund: ${explain(step)}`);
  });
  say(`Refund: ${answer.status}${answer.replayed ? " replayed" : ""}`);
  void poll();
}

let timer;
let polling = false;

async function poll() {
  clearTimeout(timer);
  if (polling) return;
  polling = true;
  try {
    const response = await fetch(`/demo/state?key=${encodeURIComponent(purchase.key)}`);
    if (!response.ok) throw new Error(String(response.status));
    state = await response.json();
    serve(state.pid);
  } catch {
    serve(undefined);
  }
  polling = false;
  draw();
  const busy = seen.pending > 0 || state === undefined || at("server").dataset.down === "true";
  if (!document.hidden) timer = setTimeout(poll, busy ? BUSY_POLL_MS : IDLE_POLL_MS);
}

function serve(now) {
  const down = now === undefined;
  at("server").dataset.down = String(down);
  const text = down ? "server down, coming back" : `server up, process ${now}`;
  if (at("server-text").textContent !== text) at("server-text").textContent = text;
  if (!down && pid !== undefined && pid !== now) say(`The server came back as process ${now}`);
  if (!down) pid = now;
}

let drawn = "";

function draw() {
  const { pending, presses, requests, bodies, armed } = seen;
  const now = JSON.stringify([state, pending, presses, requests, bodies.size, purchase, armed]);
  if (now === drawn || state === undefined) return;
  drawn = now;
  const charges = ofCart(state.provider.charges ?? [], purchase.cartId);
  const orders = state.orders.filter(
    ({ cartId, chargeId }) => cartId === purchase.cartId && chargeId !== null,
  );
  const verdict = verdictOf({
    charges: charges.length,
    orders: orders.length,
    pending,
    pressed: presses > 0,
    naive: purchase.naive,
    state: state.operation?.state,
    dueAt: state.operation?.dueAt ?? null,
  });
  at("verdict").dataset.tone = verdict.tone;
  at("verdict-headline").textContent = verdict.headline;
  at("verdict-text").textContent = [pressesText(), verdict.text].filter(Boolean).join(" ");
  at("presses-text").hidden = presses > 0;
  at("refund").hidden = charges.length === 0 || state.operation?.state !== "succeeded";
  drawFaults(state.provider.faults ?? []);
  drawTimeline(at("timeline"), at("state"), state.operation, purchase.naive);
  drawLedger(at("ledger"), state.provider, purchase.cartId);
  drawOrders(at("orders"), state.orders, purchase.cartId);
  drawTraffic(charges, orders);
}

/** What came in of this purchase, and what went out. */
function drawTraffic(charges, orders) {
  const { events, endpoint, receipts } = state;
  const mine = new Set([...charges.map(({ id }) => id), ...orders.map(({ chargeId }) => chargeId)]);
  drawEvents(at("events"), events, mine);
  drawArrived(at("arrived"), events, mine);
  drawEndpoint(at("endpoint"), endpoint);
  drawReceipts(at("receipts"), receipts, orders);
  for (const button of at("hooks").querySelectorAll("button")) {
    const isArmed = endpoint.faults.includes(button.dataset.fault);
    button.setAttribute("aria-pressed", String(isArmed));
  }
}

function drawFaults(faults) {
  at("faults").hidden = faults.length === 0;
  at("faults").textContent = `Next: ${faults.slice(0, 3).join(", ")}`;
}

function pressesText() {
  const { presses, requests, bodies } = seen;
  if (presses === 0) return "";
  const some = (number, noun, ending = "s") => `${number} ${noun}${number === 1 ? "" : ending}`;
  const answers = bodies.size === 0 ? "" : `, ${some(bodies.size, "distinct answer")}`;
  return `${some(presses, "press", "es")}, ${some(requests, "request")}${answers}.`;
}

function label() {
  const valid = at("amount").checkValidity();
  at("pay").textContent = valid ? `Pay ${money(amount(), CURRENCY)}` : "Pay";
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void press(1);
});
at("hooks").addEventListener("click", ({ target }) => {
  if (target instanceof HTMLButtonElement) void armWebhook(target);
});
at("pay-many").addEventListener("click", () => void press(MANY));
at("renew").addEventListener("click", renew);
at("naive").addEventListener("change", renew);
at("refund").addEventListener("click", () => void refund());
at("amount").addEventListener("input", label);
at("amount").addEventListener("change", renew);
at("fault").addEventListener("change", () => {
  seen.armed = false;
});
document.addEventListener("visibilitychange", () => void poll());
at("naive").checked = purchase.naive;
label();
keep();
void poll();
