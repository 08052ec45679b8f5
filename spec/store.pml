/* The store's writes, each one commit, as src/stores/memory has them. */

/* Where a refusal is what the property is about, a mutant leaves it out. */
inline checkHolder(holder) {
  /* A stale fence never writes. */
  rule(fence == holder && !isFinal);
  /* Nor does a claim of a history that was forgotten, or a run of which anything was. */
  rule(isOfThisHistory)
}

inline insert(me) {
  /* A key is claimed anew only if it was never known. */
  rule(!inserted);
  inserted = 1;
  fence = 1;
  attempts = 1;
  attemptOf = me;
  recordMade();
  claimDrawn();
  begun = 0;
  result = result_none;
  generation = 0;
  noneSent();
  readyAt = ready_later;
  runOver = 0
}

inline takenOver(me) {
  become(running);
#ifndef SAME_FENCE
  fence++;
#endif
  attempts++;
  attemptOf = me;
  claimDrawn();
  readyAt = ready_later;
  runOver = 0
}

/* The lease is prolonged, but never beyond `runUntil`. */
inline renewed() {
  if
#ifdef ENDLESS_RENEWAL
  :: true -> readyAt = ready_later
#else
  :: !runOver -> readyAt = ready_later
  :: runOver
#endif
  fi
}

/* Commits a send before its first byte leaves. */
inline begunAnew() {
  if
  :: begun && result == result_none ->
    touched = touched || last != verdict_not_executed
  :: !begun ->
    begun = 1;
    touched = 0;
    replayOpen = 1
  :: begun && result == result_not_executed ->
    /* Proof from elsewhere may leave a key that the provider remembers. */
    if
    :: !untouched -> generation++
    :: untouched
    fi;
    touched = 0;
    result = result_none;
    replayOpen = 1
  fi;
  last = verdict_none;
  sendCounted();
  quiet = 0
}

/* A verdict that is known never changes. */
inline closed(verdict) {
  if
  :: last == verdict_none -> last = verdict
  :: last != verdict_none
  fi
}

inline recorded(kind) {
  result = kind;
  reference = 0;
  closed(verdict_definite);
  last = verdict_none;
  touched = 0;
  quiet = 0;
  replayOpen = 0
}

inline disproved() {
  result = result_not_executed;
  reference = 0;
  quiet = 0;
  replayOpen = 0
}

inline suspended(to) {
  become(to);
  readyAt = ready;
  if
  :: counts
  :: !counts -> attempts--
  fi
}

/* A person's word makes the operation due, and ends every claim and every decision before it. */
inline reopened() {
  if
  :: unfinished || (FORM == form_opaque && !begun) -> become(in_doubt)
  :: else -> become(waiting)
  fi;
  attempts = 0;
  fence++;
  readyAt = ready_now
}
