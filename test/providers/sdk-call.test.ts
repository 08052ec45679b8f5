import assert from "node:assert/strict";
import { test } from "node:test";
import { callSdk, unsent, unsentByText } from "../../src/providers/sdk-call.ts";

const never = new AbortController().signal;

/** A clock whose timer fires when the test says so. */
function clockOf(): { readonly clock: never; fire(): void; readonly stopped: () => boolean } {
  let fire: () => void = () => undefined;
  let stopped = false;
  const timer = (_: number, callback: () => void): (() => void) => {
    fire = callback;
    return () => {
      stopped = true;
    };
  };
  return { clock: { timer } as never, fire: () => fire(), stopped: () => stopped };
}

test("an SDK that is too slow is given up, and told so", async () => {
  const { clock, fire, stopped } = clockOf();
  let told: AbortSignal | undefined;
  const call = callSdk({ clock }, { signal: never }, (signal) => {
    told = signal;
    return new Promise(() => undefined);
  });
  fire();
  await assert.rejects(call, /No answer within 20000 ms/);
  assert.equal(told?.aborted, true);
  assert.equal(stopped(), true);
});

test("a lost claim ends the waiting, and nothing is called after it", async () => {
  const { clock } = clockOf();
  const lost = new AbortController();
  let calls = 0;
  const hang = (): Promise<never> => {
    calls += 1;
    return new Promise(() => undefined);
  };
  const call = callSdk({ clock }, lost, hang);
  lost.abort(new Error("lost"));
  await assert.rejects(call, /lost/);
  await assert.rejects(callSdk({ clock }, lost, hang), /lost/);
  assert.equal(calls, 1);
});

test("an SDK that throws at once leaves no timer", async () => {
  const { clock, stopped } = clockOf();
  const call = callSdk({ clock }, { signal: never }, () => {
    throw new Error("thrown");
  });
  await assert.rejects(call, /thrown/);
  assert.equal(stopped(), true);
});

test("only what fails before a connection stands is a proof", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), {
    code: "ECONNREFUSED",
    syscall: "connect",
  });
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const wrap = (cause: Error, code: string): Error =>
    Object.assign(new Error(cause.message, { cause }), { code });
  assert.ok(unsent(refused));
  assert.ok(unsent(wrap(refused, "ECONNREFUSED")));
  assert.ok(unsent(new Error("failed", { cause: refused })));
  assert.equal(unsent(new Error("getaddrinfo ENOTFOUND api.example")), undefined);
  assert.equal(unsent(reset), undefined);
  assert.equal(unsent(wrap(reset, "ECONNRESET")), undefined);
  assert.equal(unsent(wrap(refused, "ESOMETHING")), undefined, "it was tried before, perhaps");
  assert.equal(unsent(new Error("fetch failed")), undefined);
  assert.equal(unsent(undefined), undefined);
});

test("a text is a proof only where it names the call that failed", () => {
  assert.ok(unsentByText("failed, reason: getaddrinfo ENOTFOUND api.example"));
  assert.ok(unsentByText("connect ECONNREFUSED 127.0.0.1:9"));
  for (const text of ["read ECONNRESET", "ECONNREFUSED", "connect ETIMEDOUT", "", undefined])
    assert.equal(unsentByText(text), undefined);
});
