/*
 * -DFAILOVER: a store that fails over, FAILOVERS times at most, to a copy that lags, so that it
 * forgets its newest commits. -DLATE_PROOF: a proof of which no answer came may land later. Without them
 * nothing of this is in the model.
 *
 * What went out of the store is not rolled back: the provider's memory, requests on their way,
 * what each run has seen, and the time that has passed.
 */

/* Sends of the step, under all of its keys. */
#if defined(FAILOVER) || defined(LATE_PROOF)
byte sent;
inline sendCounted() { sent++ }
inline noneSent() { sent = 0 }
#else
inline sendCounted() { skip }
inline noneSent() { skip }
#endif

#ifdef LATE_PROOF
/* A proof whose answer was lost, and which may land yet: its fence, and the sends it speaks of. */
byte proofOf;
byte proofSends;
#ifdef SENDS_UNNAMED
#define speaksOfAll true
#else
#define speaksOfAll (sent == proofSends)
#endif
#endif

#ifdef FAILOVER
#ifndef FAILOVERS
#define FAILOVERS 1
#endif

/* How often the store has failed over: each time begins a history. */
unsigned history : 2;
/* A claim is known by its fence and the history that it was made in; the record by its own. */
unsigned claimedIn : 2;
unsigned madeIn : 2;

/* The copy, which is empty until something is copied. */
mtype:state copyState = absent;
unsigned copyClaimedIn : 2;
unsigned copyMadeIn : 2;
byte copyFence;
byte copyAttempts;
mtype:ready copyReadyAt = ready_never;
bit copyRunOver;
bit copyBegun;
mtype:result copyResult = result_none;
byte copyGeneration;
byte copySends;
bit copyTouched;
mtype:verdict copyLast = verdict_none;
bit copyReference;
bit copyReplayOpen;
#ifdef QUIET_OF_THE_RECORD
bit copyQuiet;
#endif

/* Ghosts: what a failover took away. */
bit sendForgotten;
bit keyForgotten;
/* A claim with sends of its own, so that the record which is made anew knows of no failover. */
bit claimForgotten;
/* One more than the newest generation whose key is past the deadline. */
byte lateTo;

/* `progressOf`: it grows with every step, send and result. */
#define progress (begun -> 1 + sent + (result != result_none) : 0)

#ifdef FENCE_ALONE
#define sameClaim true
#else
#define sameClaim (heldIn == claimedIn)
#endif
#ifdef SEEN_UNNAMED
#define nothingLost true
#else
#define nothingLost (progress >= seen)
#endif

#define isHeldBy(holder) (fence == holder && sameClaim && nothingLost)
#define isOfThisHistory (heldIn == claimedIn && progress >= seen)

/* `lostSend`: the database tells that its history has changed since the operation was claimed. */
#ifdef FIRST_HISTORY
#define isOfOlder (history > 0 && madeIn == 0)
#else
#define isOfOlder (history > madeIn)
#endif
#define isLostHere (isOfOlder && (KEYED -> lateTo > 0 : held > 1))
#define raisesKey (saw == result_not_executed && !untouched)
#ifdef REPLAY_UNASKED
#define mayReplay true
#else
#define mayReplay !isLostHere
#endif
#ifdef FIRST_ALONE_ASKS
#define asksNow (saw == result_none)
#else
#define asksNow !raisesKey
#endif
#define isLost lost

/* What no store can keep from happening: who would have to know was forgotten. */
#define mayDouble (sendForgotten && \
  (!KEYED || keyForgotten || (claimForgotten && lateTo > generation)))

#define sentKey key

inline claimDrawn() { claimedIn = history }
inline recordMade() { madeIn = history }
inline deadlinePassed() { lateTo = generation + 1 }

/* The run's view of the record, from its claim on. */
inline snapshot() {
  heldIn = claimedIn;
  seen = progress;
  saw = result;
  key = generation
}

inline noSnapshot() {
  heldIn = 0; seen = 0; saw = result_none; key = 0; lost = 0
}

inline asksForLost() { lost = (isLostHere && asksNow) }

inline sawSend() {
  if
  :: saw == result_not_executed -> key = key + (untouched -> 0 : 1); saw = result_none
  :: saw != result_not_executed && resolving -> seen++
  :: saw != result_not_executed && !resolving -> seen = seen + 2
  fi
}

inline checkKey() { rule(key == generation) }

inline sawResult() {
  seen = seen + (result != result_none && saw == result_none);
  saw = result
}

/* An outcome stands with the step that it was made of. */
inline checkOutcome(to) {
  assert(to != succeeded || FORM != form_resumable || result == result_succeeded)
}

#else
#define isHeldBy(holder) (fence == holder)
#define isOfThisHistory true
#define sentKey providerKey
#define saw result
#define mayReplay true
#define isLost false
#define mayDouble false
#define sendForgotten false
inline claimDrawn() { skip }
inline recordMade() { skip }
inline deadlinePassed() { skip }
inline snapshot() { skip }
inline noSnapshot() { skip }
inline asksForLost() { skip }
inline sawSend() { skip }
inline checkKey() { skip }
inline sawResult() { skip }
inline checkOutcome(to) { skip }
#endif

#define canReplay (KEYED && last != verdict_frozen && replayOpen && mayReplay)
#define isAsRead (fence == held)
