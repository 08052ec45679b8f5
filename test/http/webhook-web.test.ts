import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import { webhook } from "../../src/http/web.ts";
import { type ErrorCode, isNevertwiceError, nevertwice } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { listen } from "./listen.ts";
import { sign, webhookGround } from "./webhook-ground.ts";
import { type OpenWebhooks, webhookSuite } from "./webhook-suite.ts";

const open: OpenWebhooks = (mounts, ground) => {
  const parsed = webhook(...mounts["/parsed"]);
  const routes: Readonly<Record<string, (request: Request) => Promise<Response>>> = {
    "/hooks": webhook(...mounts["/hooks"]),
    "/plain": webhook(...mounts["/plain"]),
    "/parsed": async (request) => {
      assert.ok(await request.json());
      return parsed(request);
    },
    "/echo": async (request) => Response.json(await request.json()),
  };
  const fetch = async (request: Request): Promise<Response> => {
    try {
      const route = routes[new URL(request.url).pathname];
      return (await route?.(request)) ?? new Response(null, { status: 404 });
    } catch (error) {
      ground.report(error);
      return new Response(null, { status: 500 });
    }
  };
  return listen(createAdaptorServer({ fetch }));
};

webhookSuite("web", open, { separates: false, keeps: false });

function refuses(mount: () => unknown, code: ErrorCode, told: RegExp): void {
  assert.throws(mount, (error) => isNevertwiceError(error, code) && told.test(error.message));
}

test("what is no provider is refused when it is mounted", () => {
  const { once, provider } = webhookGround();
  for (const wrong of [undefined, null, "whsec_1", {}, { ...provider("a"), read: undefined }])
    refuses(
      () => webhook(once, wrong as never, {}),
      "option-invalid",
      /stripeWebhook\(\{ secret \}\)/,
    );
  refuses(() => webhook({} as never, provider("a"), {}), "option-invalid", /nevertwice\(\)/);
  refuses(() => webhook(once, provider("a"), undefined as never), "option-invalid", /handlers/);
  webhook(once, provider("a"), {});
  refuses(() => webhook(once, provider("a"), {}), "option-invalid", /two inboxes/);
});

test("a store without an inbox is refused when it is mounted", () => {
  const { inbox: _inbox, ...store } = memoryStore();
  const once = nevertwice({ store });
  refuses(
    () => webhook(once, webhookGround().provider("a"), {}),
    "capability-missing",
    /no events/,
  );
});

test("inline: the event is handled before it is acknowledged", async () => {
  const { once, provider, store } = webhookGround();
  const seen = (): readonly unknown[] => store.table("seen").values();
  const hook = webhook(
    once,
    provider("acquirer"),
    { made: (tx, event) => tx.table("seen").insert(event.type, 1) },
    { mode: "inline" },
  );
  const headers = { "x-signature": sign("{}") };
  const deliver = (): Promise<Response> =>
    hook(new Request("http://shop.test/hooks", { method: "POST", headers, body: "{}" }));
  assert.equal((await deliver()).status, 202);
  assert.equal(seen().length, 1);
  assert.equal((await deliver()).status, 202);
  assert.equal(seen().length, 1);
});
