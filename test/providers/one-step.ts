import type { Effect } from "../../src/core/effect.ts";
import { fail, ok } from "../../src/index.ts";
import { Order, type Stage, stage } from "../core/stage.ts";
import type { Ground } from "./attempt.ts";

/** A whole operation of one external step, over a memory store whose clock a test moves. */
export interface OneStep {
  readonly scene: Stage;
  /** Runs the operation, or its retry. */
  run(): Promise<{ readonly kind: string; readonly body?: unknown }>;
  /** Moves the database's clock and the provider's, in milliseconds. */
  pass(ms: number): Promise<void>;
}

export function oneStep(
  ground: Ground,
  effectOf: () => Effect<object, { readonly code: string }>,
): OneStep {
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      const step = await op.external("step", effectOf());
      return step.declined ? fail({ code: step.decline.code }, 402) : ok({ made: step.value }, 201);
    },
  });
  return {
    scene,
    run: () => operation.run({ scope: "acct_1", key: "k1", input: { cartId: "c1", amount: 1999 } }),
    pass: async (ms) => {
      scene.advance(ms);
      await ground.advance(ms);
    },
  };
}
