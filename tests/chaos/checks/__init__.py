"""One promise a file: each yields what it found broken, as sentences, and nothing when it holds."""
