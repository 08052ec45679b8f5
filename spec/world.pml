/* Time, a person, and retention. */

/* A claim whose holder is alive lapses only because it was paused for too long. */
#define outlived (state == running && (gone || troubles > 0))

inline paused() {
  if
  :: state == running && !gone -> troubles--
  :: else
  fi
}

/* The lease lapses, or a suspended operation comes due. */
active proctype Lapse() {
end_lapse:
  atomic {
    readyAt == ready_later && (state != running || outlived) -> paused(); readyAt = ready_now
  };
  goto end_lapse
}

/* `runUntil` passes, which nobody but one that hangs and is renewed would notice. */
active proctype Deadline() {
end_deadline:
  atomic { hung && !runOver -> runOver = 1; readyAt = ready_now };
  goto end_deadline
}

#define allLate awake[1] = 0; awake[2] = 0

/* Long enough after the last send, so that all that was sent has landed and every list shows it. */
active proctype Quiet() {
end_quiet:
  atomic { unfinished && !isFinal && !quiet && onTheWay == 0 -> quiet = 1; allLate };
  goto end_quiet
}

/* First our deadline for a resend passes, and a margin later the provider forgets. */
active proctype Retention() {
end_retention:
  atomic {
    if
    :: KEYED && unfinished && !isFinal && replayOpen && quiet -> replayOpen = 0; deadlinePassed()
    :: KEYED && unfinished && !isFinal && !replayOpen && onTheWay == 0 &&
       (memory[generation] != memory_none) -> forgetAll()
#ifdef FAILOVER
    /* The provider counts from the first send, which the record may have forgotten. */
    :: KEYED && sendForgotten && !isFinal && lateTo <= generation -> deadlinePassed()
    :: KEYED && sendForgotten && !isFinal && lateTo > generation && onTheWay == 0 &&
       (memory[generation] != memory_none) -> forgetAll()
#endif
    fi;
    allLate
  };
  goto end_retention
}

/* Takes responses away, and in the end, under a horizon, the tombstone. */
active proctype Prune() {
end_prune:
  atomic {
    if
#ifdef PRUNE_LIVE
    :: state != absent && !isFinal -> state = absent
#endif
    :: isFinal && !pruned -> pruned = 1
    :: isFinal && pruned && !keyOld -> keyOld = 1
    :: isFinal && pruned && keyOld -> state = absent; pruned = 0
#ifdef NO_HORIZON
    :: isFinal && pruned -> state = absent; pruned = 0
#endif
    fi;
    if
    :: state == absent ->
      /* Only what is final is ever forgotten. */
      rule(outcome != absent);
      readyAt = ready_never
    :: else
    fi
  };
  goto end_prune
}

/* The truth about the effect, which is known for good once nothing can land any more. */
#define surelyNot (effects == 0 && onTheWay == 0 && !about[1] && !about[2] && \
  (FORM == form_opaque || quiet))

/* A person who tells the truth, whenever nobody holds the operation. */
active proctype Person() {
end_person:
  atomic {
    if
    :: words > 0 && state != absent && !isFinal && (state != running || readyAt == ready_now) ->
      words--
    fi;
    if
    /* Run it again as it is. */
    :: skip
    :: (begun || FORM == form_opaque) && result != result_succeeded && result != result_declined ->
      if
      :: effects > 0 -> begun = 1; result = result_none; reference = 1
      :: effects > 0 -> begun = 1; recorded(result_succeeded)
      :: surelyNot -> begun = 1; disproved()
      :: else
      fi
    fi;
    reopened()
  };
  goto end_person
}

#ifdef LIVENESS
/* When the faults end, every claimed operation comes to its end, or to a person. */
ltl ends { <> [] (state == absent || isFinal || state == in_doubt) }
#endif
