use serde_json::{Value, json};

use crate::run::event::{Event, FORMAT};
use crate::vocabulary::published;

/// The JSON Schema (draft 2020-12) of one line of a recording, as text.
///
/// It says what sockspec writes, and allows what it does not know. A field that is added to a format
/// later is one that can be missing, so that every recording of the format stays valid.
pub fn recording_schema() -> String {
    let id = format!("urn:sockspec:recording:{FORMAT}");
    let title = format!("A line of a sockspec recording, format {FORMAT}");
    let mut schema = published::<Event>(&id, &title, ABOUT);
    if let Some(Value::Object(time)) = schema.pointer_mut("/$defs/Duration") {
        let about = "A length of time: whole seconds, and nanoseconds beyond them.";
        time.insert("description".to_owned(), about.into());
        time["properties"]["nanos"]["maximum"] = json!(999_999_999);
    }
    // What is made of strings and numbers can be written.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

const ABOUT: &str = "A recording has one event a line: first run-started, then each scenario that \
                     takes part, then the cases as they begin and end, several at a time, and last \
                     run-finished, unless the run was killed.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Errno;

    fn schema() -> Value {
        serde_json::from_str(&recording_schema()).expect("it is JSON")
    }

    #[test]
    fn it_is_named_by_its_format() {
        let schema = schema();
        assert_eq!(schema["$id"], format!("urn:sockspec:recording:{FORMAT}"));
        assert_eq!(schema["$defs"]["RunStarted"]["properties"]["format"]["const"], FORMAT);
    }

    #[test]
    fn every_error_has_its_name_in_it() {
        let schema = schema();
        let names = schema.pointer("/$defs/Errno/oneOf/0/enum").expect("there are names");
        let all: Vec<_> = Errno::ALL.iter().map(|errno| json!(errno)).collect();
        assert_eq!(names, &Value::Array(all));
    }

    #[test]
    fn no_description_is_missing_or_holds_links_of_the_source() {
        for (name, definition) in schema()["$defs"].as_object().expect("there are definitions") {
            let text = definition["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("[`"), "{name}: {text}");
        }
    }
}
