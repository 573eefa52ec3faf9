"""Makes the objects of plain reads from rows, without what the ORM does around them.

Only where both are certain to be the same: for a SELECT of one entity that is built once and kept,
on a session that holds no object. The ORM runs each such statement twice; what is then in its
objects tells what the next ones get. All other reads are the ORM's.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import CursorResult, Engine, Result, Select, Table
from sqlalchemy.engine.result import ChunkedIteratorResult, SimpleResultMetaData
from sqlalchemy.orm import InstanceState, Load, Mapper, Session
from sqlalchemy.orm.attributes import instance_state

BUFFERED: dict[str, Any] = {"execution_options": {"prebuffer_rows": True}}  # of `AsyncSession`
# What the ORM notes of an object that it loads.
OF_A_STATEMENT = {"identity_token", "load_options", "load_path"}
OF_AN_OBJECT = {"key", "session_id", "runid", "_instance_dict", "callables"}


class DirectRead(NamedTuple):
    """How the rows of one statement become objects."""

    mapper: Mapper[Any]
    key: str
    attributes: Mapping[str, str]  # by the names of their columns
    notes: Mapping[str, Any]
    callables: Mapping[str, Any]  # of attributes that were not loaded, such as to raise
    described: SimpleResultMetaData

    def result(self, session: Session, rows: CursorResult[Any]) -> Result[Any] | None:
        """An object for each row, and one for a key. None for other columns than the ORM loaded."""
        names = [self.attributes.get(column, "") for column in [*rows.keys()]]
        if {*names} != {*self.attributes.values()}:
            return None
        place, identities = names.index(self.key), session.identity_map
        found = []
        for row in rows.all():
            identity = self.mapper.identity_key_from_primary_key((row[place],))
            if (each := identities.get(identity)) is None and row[place] is not None:
                each = self.mapper.class_manager.new_instance()
                state = instance_state(each)
                state.dict.update(zip(names, row, strict=False))
                # `make_transient_to_detached` and `Session.add` are slow, and need a transaction.
                vars(state).update(self.notes, key=identity, session_id=session.hash_key)
                if self.callables:
                    state.callables = dict(self.callables)
                identities.add(state)
            found.append(each)
        return ChunkedIteratorResult(self.described, lambda _: iter([found]), True)


_seen = WeakSet[Select[Any]]()
# None: the ORM's, for good.
known = WeakKeyDictionary[Select[Any], DirectRead | None]()


def is_plain(session: Session, statement: Any, params: Any, options: Mapping[str, Any]) -> bool:
    """Whether the statement and its parameters alone decide what is loaded."""
    if session.in_transaction() or session.identity_map or not isinstance(session.bind, Engine):
        return False
    if not isinstance(statement, Select) or not (params is None or isinstance(params, dict)):
        return False
    if {name: given for name, given in options.items() if given} != BUFFERED:
        return False
    told = session.dispatch  # who listens to these would miss something
    return not (told.do_orm_execute or told.after_begin or told.loaded_as_persistent)


def find(statement: Any) -> DirectRead | None:
    """How to read; None while it is not known, and where the ORM has to."""
    read = known.get(statement) if isinstance(statement, Select) else None
    return None if read is None or read.mapper.class_manager.dispatch.load else read


def learn(session: Session, statement: Select[Any]) -> None:
    """Look at what the ORM has loaded into a session that was empty."""
    if statement not in _seen:  # most are built for one run
        _seen.add(statement)
    elif session.identity_map and statement not in known:
        states = [instance_state(each) for each in session.identity_map.values()]
        known[statement] = _read(statement, states)


def _read(statement: Select[Any], states: list[InstanceState[Any]]) -> DirectRead | None:
    mapper, noted = states[0].manager.mapper, vars(states[0])
    names = states[0].dict.keys() - {"_sa_instance_state"}
    columns: dict[Any, str] = {c: name for name, c in mapper.columns.items() if name in names}
    described = statement.column_descriptions
    certain = (
        (len(described) == 1 and described[0]["expr"] is mapper.class_)
        and not statement.get_execution_options()
        and not (mapper.inherits or mapper.polymorphic_on is not None)
        and len(mapper.primary_key) == 1
        and isinstance(mapper.local_table, Table)
        and {*columns} <= {*mapper.local_table.columns}
        and {*columns.values()} == names
        and vars(object)["__hash__"] is getattr(mapper.class_, "__hash__", None)  # for `unique()`
        and noted.keys() <= OF_A_STATEMENT | OF_AN_OBJECT
        and all(isinstance(option, Load) for option in states[0].load_options)
        and all(_noted(state) == _noted(states[0]) for state in states)
    )
    if not certain:
        return None
    return DirectRead(
        mapper,
        columns[mapper.primary_key[0]],
        {column.name: name for column, name in columns.items()},
        {name: noted[name] for name in OF_A_STATEMENT & noted.keys()},
        dict(states[0].callables),
        SimpleResultMetaData([described[0]["name"]], [(mapper.class_,)]),
    )


def _noted(state: InstanceState[Any]) -> tuple[Any, ...]:
    of_options = (state.load_options, state.load_path, state.callables)
    return (state.manager, state.dict.keys(), state.expired_attributes, *of_options)
