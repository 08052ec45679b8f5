/* The provider: keyed with a bounded memory, or keyless. Requests land late, or never. */

inline forgetAll() {
  memory[0] = memory_none; memory[1] = memory_none; memory[2] = memory_none;
  memory[3] = memory_none; memory[4] = memory_none; memory[5] = memory_none
}

inline remember(key, what) {
  if
  :: KEYED -> memory[key] = what
  :: !KEYED
  fi
}

inline execute(key) {
  if
  :: mayDouble && effects == 1
  :: else -> effects++
  fi;
  /* Nothing is done twice. */
  assert(effects <= 1);
  /* Nor is it done after its failure was told for good. */
  assert(outcome != failed || sendForgotten);
  remember(key, memory_executed)
}

/* What a request comes to; who hears of it is another matter. */
inline handled(key, reply) {
  onTheWay--;
  if
  :: memory[key] == memory_executed -> reply = ask_succeeded
  :: memory[key] == memory_executed -> reply = ask_refused
  :: memory[key] == memory_declined -> reply = ask_declined
  :: memory[key] == memory_frozen -> reply = ask_frozen
  :: memory[key] == memory_none -> execute(key); reply = ask_succeeded
  :: memory[key] == memory_none -> execute(key); reply = ask_failed
  :: memory[key] == memory_none && KEYED ->
    execute(key); memory[key] = memory_frozen; reply = ask_frozen
  :: memory[key] == memory_none -> remember(key, memory_declined); reply = ask_declined
  :: memory[key] == memory_none -> reply = ask_refused
  :: memory[key] == memory_none && KEYED -> memory[key] = memory_frozen; reply = ask_frozen
  /* Such as 429: it says nothing of an earlier request. */
  :: reply = ask_not_executed
  :: reply = ask_failed
  fi
}

active proctype Provider() {
  byte sender;
  byte key;
end_serves:
  atomic {
    if
    :: ask[1] == ask_sent -> sender = 1
    :: ask[2] == ask_sent -> sender = 2
    :: orphans[0] > 0 -> sender = 0; key = 0
    :: orphans[1] > 0 -> sender = 0; key = 1
    :: orphans[2] > 0 -> sender = 0; key = 2
    :: orphans[3] > 0 -> sender = 0; key = 3
    :: orphans[4] > 0 -> sender = 0; key = 4
    :: orphans[5] > 0 -> sender = 0; key = 5
    fi;
    if
    :: sender > 0 -> key = askKey[sender]; askKey[sender] = 0
    :: sender == 0 -> orphans[key]--
    fi;
    if
    :: handled(key, ask[sender])
    /* It got lost on the way. */
    :: sender == 0 -> onTheWay--
    fi;
    ask[0] = ask_none;
    sender = 0;
    key = 0
  };
  goto end_serves
}
