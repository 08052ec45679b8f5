import type { Clock } from "../model/clock.ts";
import { systemClock } from "../model/clock.ts";
import { NevertwiceError } from "../model/errors.ts";
import { type Random, systemRandom } from "../model/random.ts";
import type { CallbackMode, OperationStore, PruneAnswer, Reopened, Store } from "../store.ts";
import {
  type AfterCrash,
  checkDefinition,
  type Definition,
  definitionNamed,
} from "./definition.ts";
import type { ErrorText } from "./error-line.ts";
import { createEvents, type EventListener } from "./events.ts";
import { createFlights } from "./flights.ts";
import { createHandle, type Operation } from "./handle.ts";
import type { EventHandlers, InboxOptions } from "./inbox/declaration.ts";
import type { Inbox } from "./inbox/inbox.ts";
import { type Joined, joinTransaction } from "./join.ts";
import { type LookupRequest, lookUp, type OperationStatus } from "./lookup.ts";
import type { BodyOf } from "./op.ts";
import {
  type AtomicOptions,
  atomicDefinition,
  type OperationOptions,
  operationDefinition,
  type PlanOptions,
} from "./options.ts";
import { compensateOrphan, orphanDefinition } from "./orphan.ts";
import { type RelayOptions, relayOf, type Send, type Sender } from "./outbox/relay.ts";
import type { Ports } from "./ports.ts";
import { pruneOnce } from "./prune.ts";
import { type Named, resumeByWord, type StepWord, settleByWord, type Word } from "./reopen.ts";
import { createSealer, type EncryptionOptions } from "./seal.ts";
import { createSettings, type SettingsOptions } from "./settings.ts";
import type { InputOf, StandardSchema } from "./standard-schema.ts";
import { createTraffic, declareInbox, declareRelay } from "./traffic.ts";
import { createWorker, type StopOptions, type Worker } from "./worker.ts";

export interface OnceOptions<Tx, Mode extends CallbackMode> extends SettingsOptions {
  readonly store: OperationStore<Tx, Mode> & Partial<Pick<Store<Tx, Mode>, "inbox" | "outbox">>;
  /**
   * One per environment: it enters the keys that are sent to providers. Needed by external steps.
   */
  readonly namespace?: string;
  /** Seals inputs, step results, responses and messages at rest. */
  readonly encryption?: EncryptionOptions;
  /** Hears of everything that happens to operations. */
  readonly onEvent?: EventListener;
  /** Masks the texts of errors, which are stored in clear even where bodies are sealed. */
  readonly errorText?: ErrorText;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What `nevertwice()` returns: the place where operations are declared. */
export interface Once<Tx, Mode extends CallbackMode> {
  /**
   * Declares an operation of named steps, which survives a crash between them.
   *
   * @throws option-invalid
   */
  operation<Schema extends StandardSchema, R>(
    name: string,
    options: OperationOptions<Tx, Mode, Schema, R>,
  ): Operation<InputOf<Schema>, BodyOf<Awaited<R>>>;
  /**
   * Declares an operation that is one message to the database: what it writes follows from its
   * input alone.
   *
   * @throws option-invalid
   */
  atomic<Schema extends StandardSchema, R>(
    name: string,
    options: PlanOptions<Schema, R>,
  ): Operation<InputOf<Schema>, BodyOf<R>>;
  /** Declares an operation that is one transaction, with one commit. @throws option-invalid */
  atomic<Schema extends StandardSchema, R>(
    name: string,
    options: AtomicOptions<Tx, Mode, Schema, R>,
  ): Operation<InputOf<Schema>, BodyOf<Awaited<R>>>;
  /** Declares a handler that is only wrapped; the doors of `http` use it. @throws option-invalid */
  opaque(name: string, options: { readonly afterCrash: AfterCrash }): Operation<unknown, unknown>;
  /**
   * Runs an operation inside a transaction that an ORM owns.
   *
   * @example once.join(tx).atomic("rename", options, request)
   */
  join<Owned>(tx: Owned): Joined<Owned>;
  /** How the operation of a key stands. @throws scope-missing, key-malformed, store-unavailable */
  lookup(request: LookupRequest): Promise<OperationStatus | undefined>;
  /**
   * Settles a step in doubt by the word of a person, which is kept as evidence; the operation then
   * runs on by itself. Says what became of it, such as `held` while a claim is live.
   *
   * @throws option-invalid, scope-missing, key-malformed, store-unavailable
   * @example await once.settle({ scope, key }, { step: "charge", executed: "pi_123", by: "ann",
   *   reason: "seen in the provider's dashboard" });
   */
  settle(named: Named, word: StepWord): Promise<Reopened>;
  /** Lets an operation in doubt run again as it is. @throws as `settle` does */
  resume(named: Named, word: Word): Promise<Reopened>;
  /**
   * Declares what is done with the events of one endpoint; `webhook` of a framework's door mounts
   * it. Handlers run in one transaction with the end of their event.
   *
   * @throws option-invalid, capability-missing
   */
  inbox<Objects = object>(
    endpoint: { readonly source: string },
    handlers: EventHandlers<Tx, Mode>,
    options?: InboxOptions<Tx, Mode, Objects>,
  ): Inbox;
  /**
   * Declares how the messages of a topic are sent, after the commit that staged them.
   *
   * @throws option-invalid, capability-missing
   * @example once.relay("receipt", async (message) => mailer.send(message.payload, message.id));
   */
  relay(topic: string, send: Send | Sender, options?: RelayOptions): void;
  readonly worker: Worker;
  /** Takes away what retention no longer keeps. @throws store-unavailable */
  prune(): Promise<PruneAnswer>;
  /**
   * Ends the worker as `worker.stop` does, and what the store opened; the database client stays
   * yours.
   */
  close(options?: StopOptions): Promise<void>;
}

/**
 * Opens the house on a store.
 *
 * @throws option-invalid
 * @example const once = nevertwice({ store: postgresStore(pool), namespace: "shop-production" });
 */
export function nevertwice<Tx, Mode extends CallbackMode>(
  options: OnceOptions<Tx, Mode>,
): Once<Tx, Mode> {
  const {
    store,
    namespace,
    encryption,
    onEvent,
    errorText,
    clock = systemClock,
    random = systemRandom,
    ...rest
  } = options;
  checkStore(store);
  const settings = createSettings(rest);
  checkNamespace(namespace);
  const definitions = new Map<string, Definition>();
  let callWorker = (): void => undefined;
  const ports: Ports = {
    store: store as unknown as Ports["store"],
    clock,
    random,
    events: createEvents(onEvent),
    errorText,
    sealer: createSealer(encryption, random),
    settings,
    namespace,
    flights: createFlights(),
    wake: () => callWorker(),
    orphans: async (record, orphan) => {
      const definition = definitionNamed([...definitions.values()], record.name);
      if (definition) await compensateOrphan(ports, definition, record, orphan);
    },
  };
  const traffic = createTraffic(ports);
  const declare = (definition: Definition): Operation<never, never> => {
    const known = definitions.get(definition.name);
    if (known && known.form !== "opaque")
      throw new NevertwiceError(
        "option-invalid",
        `There are two operations named "${definition.name}".`,
      );
    definitions.set(definition.name, checkDefinition(definition));
    if (Object.keys(definition.compensations).length > 0) {
      const orphans = orphanDefinition(definition);
      definitions.set(orphans.name, orphans);
    }
    return createHandle(ports, definition);
  };
  const { worker, call } = createWorker(ports, () => [...definitions.values()], traffic);
  callWorker = call;
  return {
    operation: (name, given) => declare(operationDefinition(name, given)) as never,
    atomic: (name: string, given: never) => declare(atomicDefinition(name, given)) as never,
    opaque: (name, given) => declare(opaqueDefinition(name, given.afterCrash)) as never,
    join: (tx) => joinTransaction(ports, tx),
    lookup: (request) => lookUp(ports, request),
    settle: (named, word) => settleByWord(ports, named, word),
    resume: (named, word) => resumeByWord(ports, named, word),
    worker,
    inbox: (provider, handlers, given) =>
      declareInbox(traffic, provider.source, handlers as never, given as never),
    relay: (topic, send, given) => declareRelay(traffic, relayOf(topic, send, given)),
    prune: () => pruneOnce(ports, traffic),
    async close(options) {
      await worker.stop(options);
      await store.close();
    },
  };
}

function checkStore(store: Partial<OperationStore> | undefined): void {
  if (typeof store?.claim === "function") return;
  throw new NevertwiceError(
    "option-invalid",
    "`store` is missing. Pass sqliteStore(db), postgresStore(pool) or memoryStore().",
  );
}

function checkNamespace(namespace: string | undefined): void {
  if (
    namespace === undefined ||
    (typeof namespace === "string" && namespace.length > 0 && namespace.length <= 100)
  )
    return;
  throw new NevertwiceError("option-invalid", "`namespace` has 1 to 100 characters.");
}

function opaqueDefinition(name: string, afterCrash: AfterCrash): Definition {
  return {
    name,
    version: 1,
    form: "opaque",
    aliases: [],
    input: undefined,
    fields: undefined,
    keysPer: "scope",
    redact: [],
    afterCrash,
    handler: undefined,
    previous: new Map(),
    compensations: {},
  };
}
