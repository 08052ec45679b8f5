/*
 * A process: it serves clients that retry, and recovers what others left. Each label is a place
 * where it may be paused for any time, crash, or go on.
 */

/* Clients may give up, so liveness asks nothing of them but the first claim. */
#ifdef LIVENESS
#define mayCall (state == absent && !keyOld)
#else
#define mayCall true
#endif

#define mayFail (troubles > 0)

#ifdef ENDLESS_RENEWAL
#define mayRenew true
#else
#define mayRenew (!runOver)
#endif

/* The processes are alike, so that it may as well be the first one that claims first. */
#define isFirst(me) (me == 1 || inserted)

/* `store.due`: a wrapped handler that may simply run again waits for its client. */
#define isDue (state != absent && !isFinal && readyAt == ready_now && \
  !(FORM == form_opaque && AFTER_CRASH == crash_rerun))

/* The whole work of an atomic operation is one transaction with its claim. */
inline atomicWork() {
  inserted = 1;
  fence = 1;
  attempts = 1;
  if
  :: orders++; become(succeeded)
  :: become(failed)
  :: inserted = 0; fence = 0; attempts = 0
  fi
}

/* The request leaves. */
inline leave(me) {
  /* An effect without a key never leaves while an earlier request of it may have done anything. */
  rule(KEYED || (effects == 0 && onTheWay == 0) || mayDouble);
  ask[me] = ask_sent;
  askKey[me] = sentKey;
  onTheWay++
}

/* Nobody waits for the answer any more. */
inline orphan(me) {
  if
  :: ask[me] == ask_sent -> orphans[askKey[me]]++
  :: ask[me] != ask_sent
  fi;
  ask[me] = ask_none;
  askKey[me] = 0
}

/* Whoever goes away leaves his claim behind. */
inline leaveClaim() {
  if
  :: state == running && isHeldBy(held) -> gone = 1; attemptOf = 0
  :: else
  fi
}

/* A run that ends without an outcome: what the rules say to it. */
inline endsWith(why, what) {
  doubt = why;
  status = what
}

proctype Worker(byte me) {
  byte held;
  mtype:next goOn = next_none;
  /* The step as this run has read it is begun and has no result. */
  bit resolving;
  mtype:state kind = absent;
  mtype:end ending = end_none;
  mtype:ready ready = ready_never;
  bit counts;
#ifdef FAILOVER
  /* What the run's writes name beside the fence, and the step as it has seen it. */
  unsigned heldIn : 2;
  byte seen;
  mtype:result saw = result_none;
  byte key;
  bit lost;
#endif

end_idle:
  atomic {
    if
    :: mayCall && (state != absent || keyOld || isFirst(me)) -> event = event_claim
    :: isDue -> event = event_recover
    fi;
    claimed = claim_none;
    if
    :: event == event_claim && state == absent && !keyOld && FORM != form_atomic && isFirst(me) ->
      become(running);
      insert(me);
      held = fence;
      snapshot();
      if
      :: tidy(); goto runsNow
      /* The answer is lost: the retry brings the same attempt's id. */
      :: mayFail -> troubles--; gone = 1; held = 0; noSnapshot(); tidy(); goto end_idle
      fi
    :: event == event_claim && state == absent && !keyOld && FORM == form_atomic ->
      atomicWork();
      goto overNow
    :: event == event_claim && state == absent && keyOld -> tidy(); goto end_idle
    :: state != absent && event == event_claim ->
      if
      :: payload = payload_same
      :: payload = payload_other
      :: payload = payload_recipe_unknown
      fi;
      decideClaim(me)
    :: state != absent && event == event_recover
    fi;
    if
    :: claimed == claim_none -> decideRun(goOn)
    :: claimed != claim_none
    fi;
    if
    :: claimed == claim_refuse -> goOn = next_none; tidy(); goto end_idle
    :: claimed == claim_replay -> assert(state == outcome); tidy(); goto end_idle
    :: claimed == claim_own ->
      held = fence; renewed(); gone = 0; resolving = unfinished; snapshot(); tidy(); goto runsNow
    :: claimed == claim_take_over && event == event_recover && FORM == form_opaque &&
       goOn == next_run ->
      goOn = next_none; tidy(); goto end_idle
    :: claimed == claim_take_over &&
       !(event == event_recover && FORM == form_opaque && goOn == next_run) ->
      held = fence;
      snapshot();
      tidy()
    fi
  };

  /* The take-over needs the fence that was read, and the time that it was due. */
  if
  :: atomic {
      state != absent && !isFinal && isAsRead && readyAt == ready_now ->
      takenOver(me);
      held = fence;
      snapshot();
      resolving = unfinished;
      if
      :: goOn == next_run -> goOn = next_none; goto runsNow
      :: goOn == next_park ->
        goOn = next_none; ending = end_doubt; ready = ready_never; goto suspends
      :: goOn == next_conclude && result == result_succeeded ->
        goOn = next_none; kind = succeeded; goto settles
      :: goOn == next_conclude && result != result_succeeded ->
        goOn = next_none; ask[me] = ask_succeeded; goto waits
      :: goOn == next_probe -> goOn = next_none; goto probes
      :: mayFail ->
        troubles--; gone = 1; goOn = next_none; held = 0; resolving = 0; noSnapshot();
        goto end_idle
      fi
    }
  :: atomic { else -> held = 0; goto overNow }
  :: atomic { mayFail -> troubles--; held = 0; goto overNow }
  fi;

  /* The handler runs, up to its next port call. */
runs:
  atomic {
    skip;
runsNow:
    if
    /* Before its step, or past it, it may end in any way. */
    :: !resolving && !(saw == result_succeeded || saw == result_declined) ->
      if
      :: endsWith(doubt_none, status_failed); isOpen = 0; goto endsNow
      :: endsWith(doubt_none, status_error); isOpen = 0; goto endsNow
      :: mayFail -> troubles--; endsWith(doubt_none, status_passing); isOpen = 0; goto endsNow
      /* Only `undefined` code can be met with a changed definition. */
      :: endsWith(doubt_definition_changed, status_none); isOpen = 0; goto endsNow
      :: FORM == form_opaque -> about[me] = 1; goto sends
      :: FORM == form_resumable -> awake[me] = 1; asksForLost(); goto begins
      fi
    :: !resolving && (saw == result_succeeded || saw == result_declined) ->
      goto finishesNow
    :: resolving && reference && FORM == form_resumable ->
      if
      :: ask[me] = ask_succeeded; goto waits
      :: endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
      fi
    :: resolving && !reference && FORM == form_resumable ->
      if
      /* The deadline is read and the watch for a sleep begins at one moment. */
#ifdef NO_RETENTION
      :: KEYED && last != verdict_frozen -> awake[me] = 1; goto begins
#else
      :: canReplay -> awake[me] = 1; goto begins
#endif
      :: LOOK_UP > 0 && effects > 0 -> ask[me] = ask_succeeded; goto waits
      /* A miss before all is quiet proves nothing, and costs no attempt. */
      :: LOOK_UP > 0 && !quiet && mayFail ->
        troubles--; early = 1; endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
#ifdef MISS_IS_PROOF
      :: LOOK_UP > 0 && (!quiet || effects == 0) -> goto proves
#endif
      :: LOOK_UP == 1 && quiet && effects == 0 ->
        endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
      :: LOOK_UP == 2 && KEYED && quiet && effects == 0 -> goto proves
      :: LOOK_UP == 2 && !KEYED && quiet && effects == 0 ->
        endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
      :: LOOK_UP > 0 -> endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
      :: LOOK_UP == 0 && !canReplay ->
        parkedFor = 1; endsWith(doubt_effect_unknown, status_none); isOpen = 1; goto endsNow
      fi
    :: mayFail -> troubles--; goto overNow
    fi
  };

  /* The look-up proves that nothing happened: the step is closed, and begun with a new key. */
proves:
  atomic {
    if
    :: writes(held) && unfinished ->
      checkHolder(held); disproved(); resolving = 0; awake[me] = 1; sawResult(); goto begins
#ifdef LATE_PROOF
    /* The answer is lost, and the write is on its way yet: it is written again meanwhile. */
    :: writes(held) && unfinished && mayFail && proofOf == 0 ->
      troubles--; proofOf = held; proofSends = sent; goto proves
    :: writes(held) && !unfinished -> resolving = 0; awake[me] = 1; sawResult(); goto begins
    :: !writes(held) -> goto overNow
#else
    :: !(writes(held) && unfinished) -> goto overNow
#endif
    :: mayFail -> troubles--; goto overNow
    fi
  };

  /* The send is committed under the fence before its first byte leaves. */
begins:
  atomic {
    if
#ifdef BEGIN_AFTER_SEND
    :: goto sends
#endif
#ifdef LATE_WATCH
    :: !awake[me] -> awake[me] = 1; goto begins
#endif
    :: writes(held) && !reference && (!begun || result == result_none ||
       result == result_not_executed) ->
      checkHolder(held);
      sawSend();
      begunAnew();
      checkKey();
      if
#ifdef FAILOVER
      :: lost -> lost = 0; resolving = 1; awake[me] = 0; ask[me] = ask_frozen; goto waits
#endif
      :: !isLost -> resolving = 1; goto sends
      /* Its answer is lost: nothing was sent, so the run ends without a doubt of its own. */
      :: mayFail -> troubles--; endsWith(doubt_none, status_none); isOpen = resolving; goto endsNow
      fi
    :: !(writes(held) && !reference && (!begun || result == result_none ||
       result == result_not_executed)) -> goto overNow
    :: mayFail -> troubles--; goto overNow
    fi
  };

sends:
  atomic {
    about[me] = 0;
    if
#ifndef NO_SEND_BY
    /* Whoever slept too long drops the send. */
    :: FORM == form_resumable && !awake[me] -> ask[me] = ask_not_executed
#endif
#ifdef NO_SEND_BY
    :: FORM == form_resumable && !awake[me] -> leave(me)
#endif
    :: FORM == form_opaque || awake[me] -> leave(me)
    :: mayFail -> troubles--; goto overNow
    fi;
    awake[me] = 0
  };

  /* The answer comes, or it does not; then what it says is recorded. */
waits:
  atomic {
    if
    :: ask[me] == ask_sent -> orphan(me); ask[me] = ask_unanswered; goto waits
    :: ask[me] == ask_sent && state == running && isHeldBy(held) && readyAt == ready_now &&
       mayRenew ->
      renewed(); goto waits
    :: mayFail -> orphan(me); troubles--; leaveClaim(); hung = 1; goto end_hangs
    :: mayFail -> troubles--; goto overNow
    /* A handler that does not await its step tries to end the operation meanwhile. */
    :: ask[me] == ask_sent && FORM == form_resumable -> kind = failed; goto settlesNow
    :: FORM == form_resumable && ask[me] != ask_none && ask[me] != ask_sent
    :: FORM == form_opaque && resolving && ask[me] == ask_succeeded
    :: FORM == form_opaque && !resolving && ask[me] != ask_sent ->
      if
      :: ask[me] == ask_succeeded -> kind = succeeded; ask[me] = ask_none; goto settles
      :: ask[me] == ask_declined || ask[me] == ask_refused ->
        kind = failed; ask[me] = ask_none; goto settles
      :: ask[me] == ask_not_executed && mayFail ->
        troubles--; endsWith(doubt_none, status_passing); goto endsNow
      :: ask[me] == ask_not_executed -> endsWith(doubt_none, status_error); goto endsNow
      :: ask[me] == ask_unanswered -> endsWith(doubt_none, status_timeout); goto endsNow
      :: ask[me] == ask_failed || ask[me] == ask_unanswered ->
        endsWith(doubt_none, status_error); goto endsNow
      fi
    fi;
    isOpen = 1;
    if
    :: !(writes(held) && unfinished) -> goto overNow
    :: writes(held) && unfinished ->
      checkHolder(held);
      if
      :: ask[me] == ask_succeeded -> recorded(result_succeeded)
      :: ask[me] == ask_declined -> recorded(result_declined)
      :: ask[me] == ask_refused && !touched -> recorded(result_declined)
      :: ask[me] == ask_not_executed || (ask[me] == ask_refused && touched) ->
        closed(verdict_not_executed);
        if
#ifdef LOWERED_DOUBT
        :: true -> disproved()
#else
        /* A later refusal never lowers an earlier doubt. */
        :: touched
        :: !touched -> disproved()
#endif
        fi
      :: ask[me] == ask_unanswered -> closed(verdict_unanswered)
      :: ask[me] == ask_failed -> closed(verdict_failed)
      :: ask[me] == ask_frozen -> closed(verdict_frozen)
      fi;
      ask[me] = ask_none;
      sawResult();
      if
      :: result == result_not_executed ->
        isOpen = 0; endsWith(doubt_none, status_none); goto endsNow
      :: result == result_none -> endsWith(doubt_effect_unknown, status_none); goto endsNow
      :: result == result_succeeded || result == result_declined ->
        resolving = 0;
        if
        :: tidy(); goto finishesNow
        /* The answer of the record is lost. */
        :: mayFail -> troubles--; endsWith(doubt_effect_unknown, status_none); goto endsNow
        fi
      fi
    fi
  };

  /* The handler goes on with what the step came to. */
finishes:
  atomic {
    skip;
finishesNow:
    if
    :: saw == result_succeeded -> kind = succeeded
    /* A failure although the effect stands, which is refused. */
    :: saw == result_succeeded && FORM == form_resumable -> kind = failed
    :: saw == result_declined -> kind = failed
    /* The settle's own writes hit a constraint. */
    :: saw == result_succeeded -> endsWith(doubt_settle_failed, status_none); goto endsNow
    :: endsWith(doubt_none, status_error); goto endsNow
    :: mayFail -> troubles--; goto overNow
    fi
  };

  /* The order and the outcome are one commit. */
settles:
  atomic {
    skip;
settlesNow:
    if
    :: writes(held) ->
      settled = settle_none;
      decideSettle(kind, unfinished);
      if
      :: settled == settle_settle ->
        checkHolder(held);
        checkOutcome(kind);
        if
#ifdef SETTLE_OUTSIDE
        :: kind == succeeded && FORM == form_resumable -> orders++; goto settlesOnly
#else
        :: kind == succeeded && FORM == form_resumable -> orders++; become(kind)
#endif
        :: !(kind == succeeded && FORM == form_resumable) -> become(kind)
        fi;
        assert(orders <= 1);
        goto overNow
      :: settled == settle_refuse && code == code_step_unfinished ->
        kind = absent; tidy(); goto waits
      :: settled == settle_refuse && code == code_effect_uncompensated ->
        isOpen = 0; endsWith(doubt_settle_failed, status_none); goto endsNow
      fi
    :: !writes(held) -> goto overNow
    :: mayFail -> troubles--; goto overNow
    fi
  };

ends:
  atomic {
    skip;
    /* A jump into an atomic block is one with what stands before it. */
endsNow:
    kind = absent;
    resolving = 0;
    ask[me] = ask_none;
    decideEnd();
    tidy();
    if
    :: ending == end_settle_failed_outcome -> ending = end_none; kind = failed; goto settles
    :: ending != end_settle_failed_outcome
    fi
  };

suspends:
  atomic {
    if
    :: writes(held) ->
      checkHolder(held);
      if
#ifdef DELETE_ON_THROW
      :: ending == end_wait -> state = absent; readyAt = ready_never
#else
      :: ending == end_wait -> suspended(waiting)
#endif
      :: ending == end_release -> suspended(waiting)
      :: ending == end_doubt -> suspended(in_doubt)
      fi;
      goto overNow
    :: !writes(held) -> goto overNow
    :: mayFail -> troubles--; goto overNow
    fi
  };

  /* Asks the application what a lost run of its wrapped handler did. */
probes:
  atomic {
    if
    :: effects > 0 -> kind = succeeded; goto settles
    :: surelyNot ->
      if
      /* A client brings the request: the claim is proved, and the handler runs. */
      :: writes(held) -> renewed(); goto runsNow
      :: !writes(held) -> goto overNow
      :: mayFail ->
        troubles--; ending = end_release; ready = ready_now; counts = 0; goto suspends
      fi
    /* It does not know yet, for as long as that may be. */
    :: mayFail ->
      troubles--; ending = end_doubt; ready = ready_later; counts = 1; goto suspends
    :: mayFail -> troubles--; goto overNow
    fi
  };

#ifdef SETTLE_OUTSIDE
settlesOnly:
  atomic {
    if
    :: writes(held) -> assert(orders <= 1); become(kind); goto overNow
    :: !writes(held) -> goto overNow
    :: mayFail -> troubles--; goto overNow
    fi
  };
#endif

  /* It hangs, while its heartbeat goes on. */
end_hangs:
  atomic {
    state == running && isHeldBy(held) && readyAt == ready_now && mayRenew -> renewed()
  };
  goto end_hangs;

  /* Nobody comes back with the id of an attempt that may have run. */
over:
  atomic {
    skip;
overNow:
    orphan(me);
    leaveClaim();
    tidy();
    if
    :: attemptOf == me -> attemptOf = 0
    :: attemptOf != me
    fi;
    goOn = next_none; resolving = 0; kind = absent; ending = end_none; ready = ready_never;
    counts = 0; held = 0; awake[me] = 0; about[me] = 0; noSnapshot();
    goto end_idle
  }
}

init {
  atomic { run Worker(1); run Worker(2) }
}
