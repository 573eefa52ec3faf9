"""Development only: the Postgres of `make dev` and `make test`. Production imports none of it.

    owner                     keeper                      Postgres
    (make dev, pytest)        (dev/keeper.py)
        |                         |                           |
        |---- socket pair --------|  its standard input       |
        |                         |---- starts, stops ------->|
        |-- start.lock, while     |                           |
        |   it starts or joins    |-- lock-data, exclusive ---|  inherited: held until both
        |-- users.lock, shared    |                           |  have ended

- The owner ends, SIGKILL included: the kernel closes its end of the socket pair. The keeper reads
  the end of file, waits until nobody holds users.lock, and stops Postgres.
- Another process joins: it takes start.lock, finds a server that answers, and holds users.lock. It
  never talks to the keeper. When the last one leaves, the keeper stops Postgres.
- Postgres ends: the keeper gets SIGCHLD and ends with the last lines of Postgres's log.
- The keeper gets SIGKILL: Postgres goes on and holds lock-data, so that no second server can open
  the data. The next `make dev` joins it.

A throw-away server has the same keeper and one owner; its data is gone with it.
"""
