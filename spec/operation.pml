/*
 * One operation with one external step, as src/model/decide.ts and the stores have it.
 *
 * There are no clocks: a lease that lapses, a due time that comes, a provider that forgets are
 * events that may happen at any moment at which the real clocks allow them. There is no pause
 * either: a process that the scheduler leaves alone for long enough is one. Everything between two
 * port calls is one atomic block, and a process may crash before and after each of them.
 *
 * The inline macros bear the names of the functions of decide.ts. docs/reference/specification.md
 * maps the rest and lists what is left out.
 */

/* What is modelled: the operation's form, and how its provider behaves. */
#ifndef FORM
#define FORM form_resumable
#endif
#ifndef AFTER_CRASH
#define AFTER_CRASH crash_doubt
#endif
#ifndef KEYED
#define KEYED 1 /* The provider takes idempotency keys, and remembers them for some time. */
#endif
#ifndef LOOK_UP
#define LOOK_UP 0 /* 1: an effect can be found; 2: and absence proves that there is none. */
#endif

/* How much may happen. */
#ifndef ATTEMPTS_MAX
#define ATTEMPTS_MAX 2
#endif
#ifndef TROUBLES
/* Crashes, hangs, pauses past the lease, lost answers and attempts that are given back. */
#define TROUBLES 2
#endif
#ifndef WORDS
#define WORDS 1 /* Words of a person. */
#endif
#define WORKERS 2
#define KEYS 6

mtype:state = { absent, running, waiting, in_doubt, succeeded, failed };

/* The whole table of legal transitions: a row for each state. */
#define LEGAL(from, to) ( \
  (from == absent && to == running) || \
  (from == absent && to == succeeded) || \
  (from == absent && to == failed) || \
  (from == running && to == running) || \
  (from == running && to == waiting) || \
  (from == running && to == in_doubt) || \
  (from == running && to == succeeded) || \
  (from == running && to == failed) || \
  (from == waiting && to == running) || \
  (from == waiting && to == waiting) || \
  (from == waiting && to == in_doubt) || \
  (from == in_doubt && to == running) || \
  (from == in_doubt && to == waiting) || \
  (from == in_doubt && to == in_doubt))

/* The words of the code, each with the name of its list before it. */
mtype:form = { form_resumable, form_atomic, form_opaque };
mtype:crash = { crash_doubt, crash_rerun, crash_probe };
mtype:event = { event_claim, event_recover };
mtype:payload = { payload_same, payload_other, payload_recipe_unknown };
mtype:claim = { claim_none, claim_refuse, claim_replay, claim_own, claim_take_over };
mtype:next = { next_none, next_run, next_conclude, next_probe, next_park };
mtype:settle = { settle_none, settle_settle, settle_refuse };
mtype:end = { end_none, end_settle_failed_outcome, end_release, end_wait, end_doubt };
mtype:code = {
  code_none, code_recipe_unknown, code_key_reused, code_key_expired, code_response_not_replayable,
  code_in_progress, code_retry_scheduled, code_in_doubt, code_step_unfinished,
  code_effect_uncompensated
};
mtype:doubt = {
  doubt_none, doubt_effect_unknown, doubt_settle_failed, doubt_compensation_failed,
  doubt_definition_changed, doubt_unreadable, doubt_attempts_exhausted
};
mtype:status = { status_none, status_passing, status_timeout, status_failed, status_error };
mtype:result = { result_none, result_succeeded, result_declined, result_not_executed };
mtype:verdict = {
  verdict_none, verdict_definite, verdict_not_executed, verdict_unanswered, verdict_failed,
  verdict_frozen
};
mtype:ready = { ready_never, ready_later, ready_now };

/* The record, as the store keeps it. */
mtype:state state = absent;
byte fence;
byte attempts;
/* Who made the attempt's id; 0 once nobody would know it for his own. */
byte attemptOf;
/* When the lease lapses, or when a suspended operation is due. */
mtype:ready readyAt = ready_never;
/* `runUntil` has passed: no renewal helps. */
bit runOver;
/* Pruned to a tombstone. */
bit pruned;
/* The key is older than the horizon. */
bit keyOld;

/* Its step. */
bit begun;
mtype:result result = result_none;
byte generation;
/* An earlier send under the present key is not proved to have done nothing. */
bit touched;
/* The verdict on the last send. */
mtype:verdict last = verdict_none;
/* A reference without a value: the word of a person. */
bit reference;
/* The provider surely remembers the key: `replayUntil` less the margin has not passed. */
bit replayOpen;
/* `quietMs` have passed since the last send. */
bit quiet;

/* The provider. */
mtype:memory = { memory_none, memory_executed, memory_declined, memory_frozen };
mtype:memory memory[KEYS] = memory_none;
byte effects;
mtype:ask = {
  ask_none, ask_sent, ask_succeeded, ask_declined, ask_refused, ask_not_executed, ask_unanswered,
  ask_failed, ask_frozen
};
mtype:ask ask[WORKERS + 1] = ask_none;
byte askKey[WORKERS + 1];
/* Requests whose sender does not wait any more, but which may still land. */
byte orphans[KEYS];
byte onTheWay;

/*
 * Each process's own: it has not slept since it watches, and it is in a wrapped handler that has
 * not sent yet.
 */
bit awake[WORKERS + 1];
bit about[WORKERS + 1];

/* Ghosts: only the properties read them. */
mtype:state outcome = absent;
bit inserted;
byte orders;

byte troubles = TROUBLES;
byte words = WORDS;
/* Whoever held the claim has crashed or hangs, so that its lease lapses at no cost. */
bit gone;
bit hung;

/* Scratch of one atomic block, which is the same after each. */
mtype:event event = event_claim;
mtype:payload payload = payload_same;
mtype:claim claimed = claim_none;
mtype:code code = code_none;
mtype:settle settled = settle_none;
mtype:status status = status_none;
mtype:doubt doubt = doubt_none;
bit parkedFor;
bit early;
bit isOpen;

inline tidy() {
  event = event_claim;
  payload = payload_same;
  claimed = claim_none;
  code = code_none;
  settled = settle_none;
  status = status_none;
  doubt = doubt_none;
  parkedFor = 0;
  early = 0;
  isOpen = 0
}

#define isFinal (state == succeeded || state == failed)
#define unfinished (begun && result == result_none)
#define standing (begun && result == result_succeeded)
#define untouched (!touched && last == verdict_not_executed)
#define ended (isFinal || state == in_doubt)

/* A write is applied under the newest fence of a running operation alone. */
#if defined(LOCAL_LEASE)
#define writes(holder) (state != absent)
#elif defined(NO_FENCE)
#define writes(holder) (state == running)
#else
#define writes(holder) (state == running && isHeldBy(holder))
#endif

/* The provider key of a send. */
#ifdef KEY_PER_ATTEMPT
#define providerKey (attempts % KEYS)
#else
#define providerKey generation
#endif

/* Properties of the form, which some mutants break before anything is lost: -DMONEY drops them. */
#ifdef MONEY
#define rule(holds) skip
#else
#define rule(holds) assert(holds)
#endif

#include "failover.pml"

/* What nobody reads any more is made the same, so that fewer states are told apart. */
inline settleRecord() {
  attemptOf = 0;
  runOver = 0;
  gone = 0;
  hung = 0
}

inline become(to) {
  assert(LEGAL(state, to));
  state = to;
  if
  :: isFinal ->
    /* One key, one outcome, even after the record is gone. */
    assert(outcome == absent);
    outcome = to;
    readyAt = ready_never;
    settleRecord();
    /* A failure that stands for good while the effect does too. */
    assert(to != failed || effects == 0 || sendForgotten)
  :: !isFinal -> settleRecord()
  fi
}

/* The two ways into doubt: a person is needed, or a later attempt may know more. */
inline parked() {
  ending = end_doubt; ready = ready_never; counts = 1
}

inline later() {
  ending = end_doubt; ready = ready_later; counts = !early
}

inline decideReplay() {
  if
  :: !pruned -> claimed = claim_replay
  :: pruned -> claimed = claim_refuse; code = code_key_expired
  :: pruned -> claimed = claim_refuse; code = code_response_not_replayable
  fi
}

inline isOwn(me) {
  if
  :: state == running && attemptOf == me && (FORM != form_opaque || fence == 1) ->
    claimed = claim_own
  :: else
  fi
}

inline decideClaim(me) {
  if
  :: payload == payload_recipe_unknown -> claimed = claim_refuse; code = code_recipe_unknown
  :: payload == payload_other -> claimed = claim_refuse; code = code_key_reused
  :: payload == payload_same && isFinal -> decideReplay()
  :: payload == payload_same && !isFinal -> isOwn(me)
  fi
}

#define isConcluded (begun && (result == result_succeeded || reference))
#define isStuck (!KEYED && !LOOK_UP && !reference)
#ifdef RERUN_AFTER_CRASH
#define doubtful false
#else
#define doubtful (state == running || state == in_doubt)
#endif

#define asks (AFTER_CRASH == crash_probe && attempts < ATTEMPTS_MAX)

inline continuation(goOn) {
  if
  :: FORM == form_atomic -> goOn = next_park
  :: FORM == form_opaque && isConcluded -> goOn = next_conclude
  :: FORM == form_opaque && !isConcluded && asks && state != waiting ->
    goOn = next_probe
  :: FORM == form_opaque && !isConcluded && AFTER_CRASH == crash_doubt && doubtful ->
    goOn = next_park
  :: FORM == form_resumable && unfinished && isStuck -> goOn = next_park
  :: else ->
    if
    :: attempts >= ATTEMPTS_MAX -> goOn = next_park
    :: attempts < ATTEMPTS_MAX -> goOn = next_run
    fi
  fi
}

inline notYet() {
  claimed = claim_refuse;
  if
  :: state == running -> code = code_in_progress
  :: state == waiting -> code = code_retry_scheduled
  :: state == in_doubt -> code = code_in_doubt
  fi
}

inline decideRun(goOn) {
  if
  :: readyAt == ready_never -> claimed = claim_refuse; code = code_in_doubt
  :: readyAt == ready_later -> notYet()
  :: readyAt == ready_now -> claimed = claim_take_over; continuation(goOn)
  fi
}

inline decideSettle(kind, unclosed) {
  if
#ifdef SETTLE_UNFINISHED
  :: false -> skip
#else
  :: unclosed -> settled = settle_refuse; code = code_step_unfinished
#endif
#ifdef FAIL_OVER_EFFECT
  :: false -> skip
#else
  :: !(unclosed) && kind == failed && standing ->
    settled = settle_refuse; code = code_effect_uncompensated
#endif
  :: else -> settled = settle_settle
  fi
}

#define NEEDS_PERSON(why) \
  (why == doubt_definition_changed || why == doubt_unreadable || why == doubt_compensation_failed)

#define isTimeout (FORM == form_opaque && status == status_timeout)
#define passing (status == status_passing || status == status_timeout)
#define nothingDone (!isOpen && !standing && doubt == doubt_none)
#define exhausted (attempts >= ATTEMPTS_MAX && !early)

/* The guards exclude each other as the early returns of the function do. */
inline decideEnd() {
  ready = ready_later; counts = 1;
  if
  :: NEEDS_PERSON(doubt) || (isOpen && isStuck) || parkedFor -> parked()
  :: else ->
    if
    :: passing && nothingDone && !isTimeout ->
      ending = end_release; ready = ready_now; counts = 0
    :: status == status_failed && nothingDone -> ending = end_settle_failed_outcome
    :: else ->
      if
      :: FORM == form_opaque && AFTER_CRASH == crash_doubt -> parked()
      :: !(FORM == form_opaque && AFTER_CRASH == crash_doubt) && exhausted -> parked()
      :: !exhausted && FORM == form_opaque && AFTER_CRASH == crash_probe -> later()
      :: !exhausted && FORM != form_opaque && isOpen -> later()
      :: !exhausted && !isOpen && doubt != doubt_none -> later()
      :: !exhausted && FORM == form_opaque && AFTER_CRASH == crash_rerun -> ending = end_wait
      :: !exhausted && FORM == form_resumable && !isOpen && doubt == doubt_none -> ending = end_wait
      fi
    fi
  fi
}

#include "store.pml"
#include "provider.pml"
#include "world.pml"
#include "history.pml"
#include "worker.pml"
