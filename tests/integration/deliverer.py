"""A process that delivers for one subscription again and again, until somebody kills it."""

import sys

from workers.delivering.delivering import deliver

if __name__ == "__main__":
    print("delivering", flush=True)
    deliver(sys.argv[1])
    print("first turn over", flush=True)
    while True:
        deliver(sys.argv[1])
