use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The JSON Schema (draft 2020-12) of what is written of a type, under the name by which it is published.
///
/// It allows what it does not know, so that what is added later can be read by those who have it.
pub(crate) fn published<T: JsonSchema>(id: &str, title: &str, about: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(rejoin_description));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    for (key, text) in [("$id", id), ("title", title), ("description", about)] {
        schema.insert(key.to_owned(), text.into());
    }
    schema
}

/// Joins the lines of a paragraph again, which end where those of the source do.
fn rejoin_description(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect::<Vec<_>>()
            .join("\n\n");
    }
}
