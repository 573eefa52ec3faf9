"""A mistake in the fields is one sentence and a caret, and changes nothing."""

import pytest

from fleet.resource.grammar import parse
from fleet.resource.mistakes import FieldsError
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded

MANY = "1" * 5000
GRAMMAR = [
    ("", "A field begins with its name, such as number:str(20).", ""),
    (",a:int", "A field begins with its name, such as number:str(20).", ","),
    ("a:int,", "A field begins with its name, such as number:str(20).", ""),
    ("a", "A colon and a type come after a name: a:str(20).", ""),
    ("a int", "A colon and a type come after a name: a:str(20).", " int"),
    ("a:", "A type comes here, such as str(20).", ""),
    ("a: int", "A type comes here, such as str(20).", " int"),
    ("a:?", "A type comes here, such as str(20).", "?"),
    ("a:str(20", "The arguments of str end with a parenthesis.", ""),
    ("a:str(20 b:int", "The arguments of str end with a parenthesis.", "b:int"),
    ("a:str()", "A type comes here, such as str(20).", ")"),
    ("a:enum(x,)", "A type comes here, such as str(20).", ")"),
    ("a:int b:int", 'There is no option "b": write unique, index, search, immutable or secret.',
     "b"),
    ("a:int uniqe", 'There is no option "uniqe": did you mean unique?', "uniqe"),
    ("a:int unique index unique", 'The option "unique" is there twice.', "unique"),
    ("a:int:unique", "A comma comes between two fields.", ":unique"),
    ("a:int ?", "`?` and `=` follow the type without a space, `?` first.", "?"),
    ("a:int =1", "`?` and `=` follow the type without a space, `?` first.", "=1"),
    ("a:int=1?", "The default of a cannot be \"1?\": it is a whole number from -2147483648 to"
     " 2147483647.", "1?"),
    ("a:int=", 'A default comes after "=": a word, or text in double quotes.', ""),
    ('a:str(9)="x', 'A default comes after "=": a word, or text in double quotes.', '"x'),
    ("a:int)", "A comma comes between two fields.", ")"),
    ("a:int; b:int", "A comma comes between two fields.", ";"),
    ("a:int\\,b:int", "There is no type \"int\\\": did you mean int?", "int\\"),
]  # fmt: skip
TYPES = [
    ("a:string(20)", 'There is no type "string": did you mean str?', "string"),
    ("a:Integer", 'There is no type "Integer": did you mean int?', "Integer"),
    ("a:timestamptz", 'There is no type "timestamptz": did you mean datetime?', "timestamptz"),
    ("a:datetim", 'There is no type "datetim": did you mean datetime?', "datetim"),
    ("a:str", "Write str(100), the most characters.", "str"),
    ("a:str(1,2)", "Write str(100), the most characters.", "str"),
    ("a:str(0)", "0 is not between 1 and 1000.", "0"),
    ("a:str(1001)", "1001 is not between 1 and 1000.", "1001"),
    ("a:str(x)", '"x" is not a whole number.', "x"),
    ("a:str(1.5)", '"1.5" is not a whole number.', "1.5"),
    ("a:str(\u0661)", '"\u0661" is not a whole number.', "\u0661"),
    (f"a:str({'9' * 5000})", f"{'9' * 5000} is not between 1 and 1000.", "999"),
    ("a:text(100001)", "100001 is not between 1 and 100000.", "100001"),
    ("a:int(1)", "Write int(0,100), the least and the most.", "int"),
    ("a:int(2,1)", "The most must be more than the least.", "1"),
    ("a:int(0,2147483648)", "2147483648 is not between -2147483648 and 2147483647.", "2147483648"),
    ("a:decimal", "Write decimal(12,2), all digits and those after the point.", "decimal"),
    ("a:decimal(2,3)", "Write decimal(12,2), all digits and those after the point.", "3"),
    ("a:decimal(39,2)", "39 is not between 1 and 38.", "39"),
    ("a:bool(1)", "bool takes no arguments.", "1"),
    ("a:enum(x)", "An enum has two values at least: enum(draft,placed).", "enum"),
    ("a:enum(x,x)", "Two values of the enum are the same.", "enum"),
    ("a:enum(x-y,x_y)", "Two values of the enum are the same.", "enum"),
    ("a:enum(x,Y)", 'The value "Y" has to be small letters, digits and single underscores, and'
     " begin with a letter.", "Y"),
    ("a:enum(x,y(1))", 'The value "y(1)" is a word.', "y(1)"),
    (f"a:enum(x,{'y' * 64})", "A value has 63 bytes at most.", "y"),
    ("a:array", "Write array(str(20)), or array(str(20),10) of ten at most.", "array"),
    ("a:array(json)", "There are no arrays of json.", "json"),
    ("a:array(array(int))", "There are no arrays of array.", "array(int)"),
    ("a:array(str)", "Write str(100), the most characters.", "str"),
    ("a:array(int,0)", "0 is not between 1 and 1000.", "0"),
    ("a:ref", "Write ref(customers), the folder of the resource.", "ref"),
    ("a:ref(item)", "There is no app/item/models.py: did you mean items?", "item"),
    ("a:ref(lamps)", "The first of lamps has none to refer to: write `?` after it.", "lamps"),
    ("item_id:ref(items)", '"_id" is added to the name of a reference: item:ref(items).',
     "item_id"),
]  # fmt: skip
FIELDS = [
    ("a:int, a:str(1)", 'There are two fields "a".', "a:str"),
    ("item_id:uuid, item:ref(items)", 'There are two fields "item_id".', "item:ref"),
    ("id:int", 'The field "id" is a column of every resource: try lamp_id.', "id"),
    ("version:int", 'The field "version" is a column of every resource: try lamp_version.',
     "version"),
    ("metadata:json", 'The field "metadata" is reserved by SQLAlchemy: try lamp_metadata.',
     "metadata"),
    ("registry:json", 'The field "registry" is reserved by SQLAlchemy: try lamp_registry.',
     "registry"),
    ("copy:bool", 'The field "copy" is reserved by pydantic: try lamp_copy.', "copy"),
    ("model_name:str(9)", 'The field "model_name" is reserved by pydantic: try lamp_model_name.',
     "model_name"),
    ("l:int", 'The field "l" looks like the digit one.', "l"),
    ("class:str(9)", 'The field "class" is a word of Python: try lamp_class.', "class"),
    ("date:date", 'The field "date" is a name that the code itself uses: try lamp_date.', "date"),
    ("Name:str(9)", 'The field "Name" has to be small letters, digits and single underscores, and'
     " begin with a letter.", "Name"),
    ("größe:int", 'The field "größe" has to be small letters, digits and single underscores, and'
     " begin with a letter.", "größe"),
    ("a__b:int", 'The field "a__b" has to be small letters, digits and single underscores, and'
     " begin with a letter.", "a__b"),
    ("_a:int", 'The field "_a" has to be small letters, digits and single underscores, and begin'
     " with a letter.", "_a"),
    ("a:text unique", "A field of type text cannot be unique.", "unique"),
    ("a:json index", "A field of type json cannot be index.", "index"),
    ("a:bool unique", "A field of type bool cannot be unique.", "unique"),
    ("a:float index", "A field of type float cannot be index.", "index"),
    ("a:int search", "Only str, of 500 characters at most, can be searched.", "search"),
    ("a:str(501) search", "Only str, of 500 characters at most, can be searched.", "search"),
    ("a:int(1,9) unique", "There are only 9 values of a.", "unique"),
    ("a:str(9) secret search", "What is secret cannot be found.", "secret"),
    ("a:ref(items) secret", "What refers to others cannot be secret.", "secret"),
    ("a:int=x", 'The default of a cannot be "x": it is a whole number from -2147483648 to'
     " 2147483647.", "x"),
    ("a:int(1,9)=10", 'The default of a cannot be "10": it is a whole number from 1 to 9.', "10"),
    ("a:decimal(4,2)=0.001", 'The default of a cannot be "0.001": it has 4 digits at most, 2 after'
     " the point.", "0.001"),
    ("a:decimal(4,2)=100", 'The default of a cannot be "100": it has 4 digits at most, 2 after the'
     " point.", "100"),
    ("a:float=inf", 'The default of a cannot be "inf": it is a number such as 0.5.', "inf"),
    ("a:bool=yes", 'The default of a cannot be "yes": it is true or false.', "yes"),
    ("a:enum(x,y)=z", 'The default of a cannot be "z": it is x or y.', "z"),
    ("a:json=[]", 'The default of a cannot be "[]": it is {} where it has a default.', "[]"),
    ("a:array(int)=1", 'The default of a cannot be "1": it is [] where it has a default.', "1"),
    ("a:date=2026-01-01", "The default of a takes no default: date has none that lasts.", "2026"),
    ("a:str(2)=abc", 'The default of a cannot be "abc": it is a line of 1 to 2 characters.', "abc"),
    ('a:str(9)=""', 'The default of a cannot be "": it is a line of 1 to 9 characters.', '"'),
    ('a:str(9)="it\'s"', "The default of a has neither ' nor \\ in it.", '"'),
    (f"a:decimal(12,2)={MANY[:31]}", f'The default of a cannot be "{MANY[:31]}": it has 12 digits'
     " at most, 2 after the point.", "1"),
    ("a:decimal(12,2)=0.125", 'The default of a cannot be "0.125": it has 12 digits at most,'
     " 2 after the point.", "0"),
    (f"a:int={MANY}", f'The default of a cannot be "{MANY}": it is a whole number from'
     f" {-(2**31)} to {2**31 - 1}.", "1"),
    (f"a:float={MANY[:400]}", f'The default of a cannot be "{MANY[:400]}": it is a number such as'
     " 0.5.", "1"),
    ("a:str(9)=x unique", "What is unique can have no default.", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "sentence", "at"), [*GRAMMAR, *TYPES, *FIELDS])
def test_a_mistake_is_a_sentence_and_a_place(
    plain: Project, fields: str, sentence: str, at: str
) -> None:
    with pytest.raises(FieldsError) as found:
        read(plain, "lamp", Recorded(fields=fields))

    mistake = found.value
    assert str(mistake) == sentence
    assert mistake.text[mistake.place :].startswith(at)
    assert at or mistake.place == len(fields)


@pytest.mark.parametrize("before", ["", "name:str(20), " * 9])
@pytest.mark.parametrize("after", ["", ", name:str(20)" * 9])
def test_the_caret_is_below_the_mistake(before: str, after: str) -> None:
    with pytest.raises(FieldsError) as found:
        parse(f"{before}size:int larg{after}")

    text, caret = found.value.shown().split("\n")
    assert text[caret.index("^") :].startswith("larg")
    assert len(text) <= 72


def test_control_characters_do_not_reach_the_terminal() -> None:
    with pytest.raises(FieldsError) as found:
        parse("size:int \x1b[31mred")

    assert "\x1b" not in found.value.shown()
