import type { InboxPorts } from "./accept.ts";
import type { InboxDefinition, ObjectDeclaration } from "./declaration.ts";

/** The provider answered, and has no such object. */
class Missing extends Error {
  override readonly name: string = "Missing";
}

/** What reading an object came to. */
export type ObjectRead =
  | { readonly kind: "read"; readonly current: unknown }
  | { readonly kind: "failed"; readonly error: unknown };

/** Asks the provider for an object, outside of any transaction and for a bounded time. */
export async function readObject(
  ports: InboxPorts,
  { readMs }: Pick<InboxDefinition, "readMs">,
  source: string,
  id: string,
  read: NonNullable<ObjectDeclaration<never, "async">["read"]>,
): Promise<ObjectRead> {
  const stopper = new AbortController();
  const late = new Promise<never>((_, reject) => {
    stopper.signal.addEventListener("abort", () => reject(stopper.signal.reason), { once: true });
  });
  // Nobody listens once the reading has won.
  late.catch(() => undefined);
  const cancel = ports.clock.timer(readMs, () =>
    stopper.abort(new Error(`${source} did not answer within ${readMs} ms.`)),
  );
  try {
    const current = await Promise.race([read(id, { signal: stopper.signal }), late]);
    ports.breaker.tell(source, true);
    if (current === undefined) throw new Missing(`${source} does not have ${id} yet.`);
    return { kind: "read", current };
  } catch (error) {
    if (!(error instanceof Missing)) ports.breaker.tell(source, false);
    return { kind: "failed", error };
  } finally {
    cancel();
  }
}
