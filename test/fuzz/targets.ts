import type { Target } from "./target.ts";
import { EXCHANGE_TARGET } from "./targets/exchange.ts";
import { HTTP_TARGETS } from "./targets/http.ts";
import { STORED_TARGETS } from "./targets/stored.ts";
import { TEXT_TARGETS } from "./targets/texts.ts";
import { WEBHOOK_TARGETS } from "./targets/webhooks.ts";

/** Every reader of what strangers send. */
export const TARGETS: readonly Target[] = [
  ...[...HTTP_TARGETS, EXCHANGE_TARGET, ...STORED_TARGETS, ...TEXT_TARGETS],
  ...WEBHOOK_TARGETS,
];
