"""Verifies tokens with one library, and tells how long it takes. ../processes.rs says what the lines are.

Usage: python verify.py py-identity-model|PyJWT
"""

import json
import logging
import platform
import sys
import time
from importlib.metadata import version

import jwt
from py_identity_model import TokenValidationConfig, validate_token


def own_key(case):
    """The key that the token names."""
    kid = jwt.get_unverified_header(case["token"])["kid"]
    return next(key for key in case["keys"]["keys"] if key["kid"] == kid)


def by_py_identity_model(settings, case):
    config = TokenValidationConfig(
        perform_disco=False,
        key=own_key(case),
        algorithms=[case["algorithm"]],
        issuer=settings["issuer"],
        audience=settings["audience"],
    )
    return lambda token: validate_token(token, config)


def by_pyjwt(settings, case):
    key = jwt.PyJWK(own_key(case), case["algorithm"])
    algorithms, issuer, audience = [case["algorithm"]], settings["issuer"], settings["audience"]
    return lambda token: jwt.decode(token, key, algorithms=algorithms, issuer=issuer, audience=audience)


LIBRARIES = {"py-identity-model": by_py_identity_model, "PyJWT": by_pyjwt}


def is_refused(verify, token):
    try:
        verify(token)
    except Exception:
        return True
    return False


def repeat(verify, token, times):
    for _ in range(times):
        verify(token)


def write(value):
    print(json.dumps(value), flush=True)


def main():
    library = sys.argv[1]
    settings = json.loads(sys.stdin.readline())
    verifiers = {}
    # py-identity-model logs each bad token.
    logging.disable(logging.CRITICAL)
    for case in settings["cases"]:
        verify = LIBRARIES[library](settings, case)
        for token in case["refused"]:
            if not is_refused(verify, token):
                sys.exit(f"{library} accepts a bad token: {token}")
        verifiers[case["algorithm"]] = verify, case["token"]
    logging.disable(logging.NOTSET)
    for verify, token in verifiers.values():
        repeat(verify, token, settings["first"])
    write({"name": f"{library} {version(library)} (Python {platform.python_version()})"})
    times = settings["times"]
    for line in sys.stdin:
        verify, token = verifiers[json.loads(line)]
        # The CPU time is that of all threads of this process.
        clock, cpu = time.monotonic_ns(), time.process_time_ns()
        repeat(verify, token, times)
        clock, cpu = time.monotonic_ns() - clock, time.process_time_ns() - cpu
        write({"cpu": cpu / times, "clock": clock / times})


main()
