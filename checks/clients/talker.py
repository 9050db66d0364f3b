"""The other end of imap_talk.py, for libraries in Python: a line of JSON asks for a deed, a line of JSON answers."""

import json
import sys
import traceback


def serve(start) -> None:
    """`start` logs in and answers an object with a method for each deed."""

    def answer(**what) -> None:
        print(json.dumps(what), flush=True)

    def attempt(deed, **more) -> object:
        try:
            result = deed(**more)
        except Exception as error:
            traceback.print_exc()
            answer(failed=f"{type(error).__name__}: {error}")
            return None
        answer(ok=result if not hasattr(result, "quit") else True)
        return result

    client = attempt(start)
    if client is None:
        sys.exit(1)
    for line in sys.stdin:
        asked = json.loads(line)
        attempt(getattr(client, asked.pop("do")), **asked)
