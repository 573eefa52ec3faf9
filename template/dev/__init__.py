"""Development only: a Postgres of its own for `make dev` and `make test`. Production imports none of it.

    owner                     keeper                      Postgres
    (make dev, pytest)        (dev/keeper.py)             (initdb's result in `data/`)
        |                         |                           |
        |---- socket pair --------|  stdin of the keeper      |
        |                         |---- starts, stops ------->|
        |-- users.lock, shared    |                           |
        |-- start.lock, while     |-- lock-data, exclusive ---|  inherited: held until both are gone
        |   it starts or joins    |                           |

    The owner ends, SIGKILL included:  the kernel closes its end of the socket pair, the keeper reads
        the end of file, waits until nobody holds users.lock any more, and stops Postgres.
    Another process joins:  it takes start.lock, finds a server that answers, holds users.lock (shared)
        and never talks to the keeper. The last one to leave lets the keeper stop Postgres.
    Postgres ends:  the keeper gets SIGCHLD and ends with Postgres's last log lines.
    The keeper gets SIGKILL:  Postgres goes on and still holds lock-data, so no second server can
        open the data; `make dev` joins the one that runs.

Tests use the same without users: a throw-away server in memory, gone with its owner.
"""
