import { test } from "node:test";
import type { Once, WebhookProvider } from "../../src/index.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import type { Server } from "./suite.ts";
import { answerCases } from "./webhook-answers.ts";
import { bodyCases } from "./webhook-bodies.ts";
import { sign, type WebhookGround, webhookGround } from "./webhook-ground.ts";
import { type Received, type Sending, send } from "./wire.ts";

/** What `webhook` of every door takes. */
export type Given = [
  once: Once<MemoryTransaction, "async">,
  provider: WebhookProvider,
  handlers: Parameters<Once<MemoryTransaction, "async">["inbox"]>[1],
];

/** What a door does with each of these paths. */
export interface Mounts {
  /** The webhook and nothing else, for all methods. */
  readonly "/hooks": Given;
  /** The same, with an acknowledgement that has no body. */
  readonly "/plain": Given;
  /** The webhook, behind something that has read the body and kept no bytes. */
  readonly "/parsed": Given;
  /** The webhook, behind something that has read the body and kept its bytes. */
  readonly "/kept": Given;
}

/** A server with the mounts, and with `/echo`, which answers with the JSON that its parser read. */
export type OpenWebhooks = (mounts: Mounts, ground: WebhookGround) => Promise<Server>;

export interface Door {
  /** Whether two lines of one header stay two values; the Fetch standard joins them. */
  readonly separates: boolean;
  /** Whether the framework can keep the bytes that it has read. */
  readonly keeps: boolean;
}

export interface WebhookScene extends Door {
  readonly ground: WebhookGround;
  readonly url: string;
  /** Sends a body with its signature, as JSON. */
  post(path: string, body?: string | Uint8Array, headers?: Sending["headers"]): Promise<Received>;
}

export interface WebhookCase {
  readonly title: string;
  /** Only for a framework that can keep bytes. */
  readonly keeps?: true;
  run(scene: WebhookScene): Promise<void>;
}

/** What every door of webhooks must do, whatever its framework. */
export function webhookSuite(name: string, open: OpenWebhooks, door: Door): void {
  const cases = [...bodyCases, ...answerCases].filter(({ keeps }) => door.keeps || !keeps);
  for (const { title, run } of cases)
    test(`${name}: ${title}`, { timeout: 20_000 }, async () => {
      const ground = webhookGround();
      const server = await open(mountsOf(ground), ground);
      const post: WebhookScene["post"] = (path, body = '{"type":"made"}', headers = {}) => {
        const own = { "content-type": "application/json", "x-signature": sign(body) };
        return send(server.url + path, { body, headers: { ...own, ...headers } });
      };
      try {
        await run({ ...door, ground, url: server.url, post });
      } finally {
        await server.close();
      }
    });
}

function mountsOf(ground: WebhookGround): Mounts {
  const handlers: Given[2] = {
    made: (tx, event) => tx.table("seen").insert(event.key, event.payload),
  };
  const given = (source: string, changes?: Partial<WebhookProvider>): Given => [
    ground.once,
    ground.provider(source, changes),
    handlers,
  ];
  return {
    "/hooks": given("hooks"),
    "/plain": given("plain", { acknowledgement: { status: 200 } }),
    "/parsed": given("parsed"),
    "/kept": given("kept"),
  };
}
