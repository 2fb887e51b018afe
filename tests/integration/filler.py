"""A process that advances one projection again and again, until somebody kills it."""

import sys

from workers.projecting import advance

if __name__ == "__main__":
    print("filling", flush=True)
    while True:
        advance(sys.argv[1])
