"""Resources that use all that there is, twelve to a service."""

from dataclasses import dataclass

from fleet.resource import names
from fleet.resource.kept import keeping, path_of
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import RECORD, Recorded, recording
from fleet.resource.writing import files, own_files, write


@dataclass(frozen=True)
class Asked:
    """What somebody asks for."""

    name: str
    fields: str
    plural: str = ""
    under: str = ""
    sort: str = ""
    without: str = ""

    @property
    def many(self) -> str:
        return self.plural or names.plural(self.name)

    @property
    def recorded(self) -> Recorded:
        asked = {name: value for name, value in vars(self).items() if name != "name"}
        return Recorded.model_validate(asked)


WALK = [
    Asked("customer", "name:str(100) search, email:str(200) unique, note:text?"),
    Asked(
        "order",
        "number:str(20) unique, status:enum(draft,placed,shipped)=draft index,"
        " total:decimal(12,2), customer:ref(customers), note:text?, placed_at:datetime?",
    ),
    Asked("order_line", "quantity:int(1,1000)=1, item:ref(items)", under="orders"),
]
"""Customers, orders and their lines."""
ALL = [
    *WALK,
    Asked(
        "user",  # words of SQL
        "order:str(9)? index search, select:int(1,9)? index,"
        " type:enum(a,none)=none index immutable, values:array(enum(x,y))=[],"
        " time:duration?, position:int(0,5)=3",
    ),
    Asked(
        "sample",
        "a:str(1), b:text(1), c:int, d:bigint unique, e:decimal(3,3), f:float, g:bool index,"
        " h:date, i:datetime, j:duration, k:uuid, s:enum(x,y-z), m:json, n:array(int),"
        " o:ref(items) unique, p:decimal(38,0)",
    ),
    Asked(
        "default",  # each with one
        'a:str(9)="a % b ü:", b:text="x", c:int=-1, d:bigint=9007199254740991,'
        " e:decimal(4,2)=-1.5, f:float=0.5, g:bool=true, s:enum(x,y)=y, m:json={},"
        " n:array(str(9))=[]",
    ),
    Asked(
        "optional",
        "a:str(9)? unique, b:text?, c:int?, d:bigint? index, e:decimal(4,2)?, f:float?, g:bool?,"
        " h:date? index, i:datetime? index, j:duration?, k:uuid? index, s:enum(x,y)? index,"
        " m:json?, n:array(uuid)?, o:ref(users)?",
    ),
    Asked(
        "secret",
        "a:str(9) secret, b:text? secret, c:json={} secret, d:array(date) secret immutable,"
        " e:int=1 secret, f:str(9)",
    ),
    Asked("person", "name:str(100) unique immutable search, boss:ref(people)?, age:int(0,150)"),
    Asked("child", "of:ref(people) immutable, name:str(500) index", under="people"),
    Asked(
        "large_array",
        "a:array(decimal(5,1),3), b:array(bool), c:array(datetime), d:array(text(9)),"
        " e:array(duration), f:array(float), g:array(bigint(0,9)), h:bool",
    ),
    Asked(
        "shipment",
        "carrier:str(40) index, weight:decimal(8,3)=1, due:date unique, note:text?",
        sort="-weight",
        without="etag, idempotency",
    ),
    Asked("many", ", ".join(f"field_{number}:int?" for number in range(50)), plural="many_of_them"),
]

FAMILIES = [asked for asked in ALL if asked.name in ("secret", "person", "shipment")]
"""Those of which each has something that the walk has not."""


def add(project: Project, asked: Asked) -> list[str]:
    """Write a resource without its migration; the paths of its files."""
    fresh = Project(project.folder)
    known = asked.recorded
    resource = read(fresh, asked.name, known)
    texts = files(fresh, resource)
    record = {RECORD: recording(fresh, resource, known)}
    write(fresh, {**texts, **record, path_of(asked.name): keeping(own_files(texts))})
    return list(texts)
