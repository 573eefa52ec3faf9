"""Words that mean something to Postgres, or to the code that is written."""

KEYWORDS = """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean
both case cast char character check coalesce collate collation column concurrently constraint
create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user dec decimal default deferrable desc distinct do else end except
exists extract false fetch float for foreign freeze from full grant greatest group grouping having
ilike in initially inner inout int integer intersect interval into is isnull join json json_array
json_exists json_object json_query json_scalar json_serialize json_table json_value lateral leading
least left like limit localtime localtimestamp merge_action national natural nchar none normalize
not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position
precision primary real references returning right row select session_user setof similar smallint
some substring symmetric system_user table tablesample then time timestamp to trailing treat trim
true union unique user using values varchar variadic verbose when where window with xmlattributes
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
RESERVED = frozenset(KEYWORDS.split())
"""What Postgres takes for a name in quotation marks only, here or there."""
MODULES = {"date", "datetime", "timedelta", "uuid", "cls", "self", "next", "items"}
"""What the generated code uses where attributes are defined, or a page has."""
ARGUMENTS = {"session", "limit", "after", "where", "service", "response", "request", "seen"}
"""What stands beside the filters of a list."""
NAMES = """
a_p_i_router abstract_context_manager accepted after after_validator allowed annotated any
assert_queries async_client async_session asyncio aware_datetime base base_model big_integer
bodies body boolean callable change changed changes check_constraint check_version client
client_with column_element columns committing_client config_dict count counter create created
cursor cursor_of data database date date_time datetime decimal defer deleted depends double each
enum error errors etags field finite_float first for_update foreign_key found id idempotent ids
if_match if_none_match index integer interval json json_object json_value limit line list_ids
listed listing mapped mapped_column method model_config name name_prefix name_value named_tuple
not_found_error number numeric omittable other other_values own page page_read pages parameters
problems pytest query re read read_session_dep reader record_mixin refused repeated request
request_model requests requires response responses router row same second seen select sent
service session session_dep status statuses str_enum string tagged taken target text timedelta
to_json type unchanged unknown update url uuid value values version_mixin versions where writer
"""
LOCAL = frozenset(NAMES.split()) | {"api", "core", "main", "scripts", "server", "worker"}
"""What the generated code calls something else, in small letters: `Page` is `page`."""
SCHEMAS = ("Create", "Update", "Summary", "Read")
IN_SCHEMAS = {
    "Annotated", "Any", "AfterValidator", "AwareDatetime", "BaseModel", "ConfigDict", "Decimal",
    "Field", "FiniteFloat", "Json", "JsonObject", "JsonValue", "Line", "Name", "RequestModel",
    "Text",
}  # fmt: skip
"""The classes that `schemas.py` imports."""
