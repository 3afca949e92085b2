"""FP-growth (mlxtend) and PrefixSpan (prefixspan) on the same changes, without measurements: prints how many habits each tells.

usage: peers.py fpgrowth|prefixspan EVENTS
"""

import datetime
import json
import sys

WINDOW_S = 300  # both ends of a habit within five minutes
SILENCE_S = 600  # a session ends after ten minutes without a change
LEAST = 20  # windows or sessions with it
CONFIDENCE = 0.5


def changes(path):
    for line in open(path, encoding="utf-8"):
        change = json.loads(line)
        entity, state = change["entity_id"], change["state"]
        domain = entity.split(".")[0]
        if domain in ("sensor", "automation", "script") or state in (None, "unavailable", "unknown"):
            continue
        at = datetime.datetime.fromisoformat(change["t"].replace("Z", "+00:00")).timestamp()
        yield at, f"{entity}={state}"


def fpgrowth(path):
    import pandas
    from mlxtend.frequent_patterns import association_rules, fpgrowth as grow
    from mlxtend.preprocessing import TransactionEncoder

    windows = {}
    for at, what in changes(path):
        windows.setdefault(int(at // WINDOW_S), set()).add(what)
    encoder = TransactionEncoder()
    table = encoder.fit_transform([sorted(window) for window in windows.values()])
    frame = pandas.DataFrame(table, columns=encoder.columns_)
    sets = grow(frame, min_support=LEAST / len(frame), use_colnames=True, max_len=2)
    rules = association_rules(sets, metric="confidence", min_threshold=CONFIDENCE)
    return int((rules["lift"] > 1).sum())


def prefixspan(path):
    from prefixspan import PrefixSpan

    sessions, last = [], None
    for at, what in changes(path):
        if last is None or at - last > SILENCE_S:
            sessions.append([])
        sessions[-1].append(what)
        last = at
    spans = PrefixSpan(sessions)
    spans.minlen, spans.maxlen = 2, 3
    return len(spans.frequent(max(LEAST, len(sessions) // 20)))


if __name__ == "__main__":
    print({"fpgrowth": fpgrowth, "prefixspan": prefixspan}[sys.argv[1]](sys.argv[2]))
