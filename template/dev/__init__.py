"""Development only: the Postgres of `make dev` and `make test`. Production imports none of it.

    owner: make dev, pytest        keeper: dev/keeper.py            Postgres

    one end of a socket pair ===== the other: stdin, stdout, stderr
                                   starts and stops --------------> postgres -D data
    locks start.lock               locks lock-data ---------------> inherits that lock
      while it starts or joins       while it runs                    while it runs
    locks users.lock, shared       locks users.lock, exclusive
      while it uses the server       before it stops Postgres

SIGKILL of each, or a crash:

- The owner: the kernel closes its end of the socket pair and frees its locks. The keeper reads the
  end of file, waits until nobody holds users.lock, and stops Postgres.
- A process that joined: the kernel frees its users.lock, and nothing else happens. It has no socket
  to the keeper: it took start.lock, found a server that answers, and locked users.lock.
- The keeper: a shell that it has started reads the end of its standard input, stops Postgres, and
  removes the folder of the socket. Whoever used the server has lost it. Until Postgres has ended,
  its lock-data keeps a second server from opening the data.
- Postgres: the keeper gets SIGCHLD and ends with the last lines of Postgres's log. The next server
  replays the write-ahead log.

A throw-away server has the same keeper and one owner; its data is gone with it.
"""
