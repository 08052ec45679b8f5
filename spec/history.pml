/* The copy that lags, the failover to it, and the proof that lands late. */

#ifdef FAILOVER
inline copyRecord() {
  copyState = state;
  copyClaimedIn = claimedIn;
  copyMadeIn = madeIn;
  copyFence = fence;
  copyAttempts = attempts;
  copyReadyAt = readyAt;
  copyRunOver = runOver;
  copyBegun = begun;
  copyResult = result;
  copyGeneration = generation;
  copySends = sent;
  copyTouched = touched;
  copyLast = last;
  copyReference = reference;
#ifdef QUIET_OF_THE_RECORD
  copyQuiet = quiet;
#endif
  copyReplayOpen = replayOpen
}

/* Nobody reads the copy any more. */
inline dropCopy() {
  copyState = absent;
  copyClaimedIn = 0;
  copyMadeIn = 0;
  copyFence = 0;
  copyAttempts = 0;
  copyReadyAt = ready_never;
  copyRunOver = 0;
  copyBegun = 0;
  copyResult = result_none;
  copyGeneration = 0;
  copySends = 0;
  copyTouched = 0;
  copyLast = verdict_none;
  copyReference = 0;
#ifdef QUIET_OF_THE_RECORD
  copyQuiet = 0;
#endif
  copyReplayOpen = 0
}

#define isCopied (state == copyState && fence == copyFence && sent == copySends && \
  begun == copyBegun && result == copyResult && last == copyLast && \
  reference == copyReference)

inline forget() {
  /* Each claim of a wrapped handler is a send. */
  sendForgotten = sendForgotten ||
    (FORM == form_opaque -> fence > copyFence : sent > copySends);
  keyForgotten = keyForgotten || generation > copyGeneration;
  claimForgotten = claimForgotten || (copyState == absent && sendForgotten);
  state = copyState;
  /* Whoever ran under an attempt's id does not come back with it. */
  attemptOf = (fence == copyFence -> attemptOf : 0);
  fence = copyFence;
  attempts = copyAttempts;
  readyAt = copyReadyAt;
  runOver = copyRunOver;
  begun = copyBegun;
  result = copyResult;
  generation = copyGeneration;
  sent = copySends;
  touched = copyTouched;
  last = copyLast;
  reference = copyReference;
  /* Time is not rolled back. */
  replayOpen = copyReplayOpen && lateTo <= copyGeneration;
#ifdef QUIET_OF_THE_RECORD
  quiet = copyQuiet;
#else
  /* It begins anew when the failover is noticed: a forgotten send may be on its way. */
  quiet = 0;
#endif
  claimedIn = copyClaimedIn;
  madeIn = copyMadeIn;
  inserted = copyState != absent;
  pruned = 0;
  /* The user's own rows and the outcome went with their commit. */
  orders = 0;
  outcome = absent;
  gone = state == running
}

active proctype Failover() {
end_fails:
  atomic {
    if
    :: history < FAILOVERS && copyState == absent && state != absent && !isFinal -> copyRecord()
    :: history < FAILOVERS && state != absent && !isCopied -> history++; forget(); dropCopy()
    fi
  };
  goto end_fails
}
#endif

#ifdef LATE_PROOF
active proctype LateProof() {
end_lands:
  atomic {
    proofOf > 0;
    if
    :: state == running && fence == proofOf && unfinished && speaksOfAll -> disproved()
    /* It was lost on its way. */
    :: true
    fi;
    proofOf = 0;
    proofSends = 0
  };
  goto end_lands
}
#endif
