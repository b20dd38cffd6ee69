use std::fmt::Write as _;

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::decision::{Draft, Edit};
use super::error::AcceptError;
use crate::run::Verdict;
use crate::vocabulary::Date;

/// Edits the text of a file entry by entry. Whatever is not edited stays as it is, comments included; a
/// comment right above an entry goes with it.
pub(super) fn edited(source: &str, edits: &[Edit]) -> Result<String, AcceptError> {
    if edits.iter().all(|edit| *edit == Edit::Keep) {
        return Ok(source.to_owned());
    }
    // What is no TOML has been refused before.
    let mut document: DocumentMut = source.parse().map_err(|_| AcceptError::Inline)?;
    let Some(tables) = document.get_mut("expectation").and_then(Item::as_array_of_tables_mut)
    else {
        return Err(AcceptError::Inline);
    };
    for (table, edit) in tables.iter_mut().zip(edits) {
        match edit {
            Edit::Keep | Edit::Remove => {}
            Edit::Narrow(patterns) => {
                if let Some(cases) = table.get_mut("cases").and_then(Item::as_value_mut) {
                    narrow(cases, patterns);
                }
            }
            Edit::Verdicts(verdicts) => {
                if let Some(found) = table.get_mut("verdicts").and_then(Item::as_value_mut) {
                    let words = verdicts.iter().copied().map(Verdict::word);
                    put(found, Value::Array(words.collect::<Array>()));
                }
            }
        }
    }
    let mut left_over = String::new();
    for position in (0..edits.len()).rev().filter(|position| edits[*position] == Edit::Remove) {
        let kept = of_the_file(&prefix(tables.get(position)));
        tables.remove(position);
        match tables.get_mut(position) {
            Some(next) => {
                let own = prefix(Some(next));
                let own = if position == 0 || !kept.is_empty() { own.trim_start() } else { &own };
                next.decor_mut().set_prefix(format!("{kept}{own}"));
            }
            None => left_over = format!("{kept}{left_over}"),
        }
    }
    if !left_over.is_empty() {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{left_over}{trailing}"));
    }
    let text = document.to_string();
    // Lines that are written anew end as the others do.
    let is_crlf = source.contains("\r\n");
    Ok(if is_crlf { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text })
}

/// What stands above the heading of a table.
fn prefix(table: Option<&Table>) -> String {
    let prefix = table.and_then(|table| table.decor().prefix()?.as_str());
    prefix.unwrap_or_default().to_owned()
}

/// The part of what stands above a table that is not its own: the comments above the last blank line.
fn of_the_file(prefix: &str) -> String {
    let mut end = 0;
    let mut at = 0;
    for line in prefix.split_inclusive('\n') {
        at += line.len();
        if line.trim().is_empty() {
            end = at;
        }
    }
    if prefix[..end].contains('#') { prefix[..end].to_owned() } else { String::new() }
}

/// Puts a value in the place of another.
fn put(place: &mut Value, value: Value) {
    let decor = place.decor().clone();
    *place = value;
    *place.decor_mut() = decor;
}

/// Replaces patterns in a text or an array of texts.
fn narrow(cases: &mut Value, patterns: &[Option<Vec<String>>]) {
    let Some(array) = cases.as_array_mut() else {
        if let [Some(replaced)] = patterns {
            let value = match &replaced[..] {
                [one] => Value::from(one),
                several => list(several),
            };
            put(cases, value);
        }
        return;
    };
    for (position, replaced) in patterns.iter().enumerate().rev() {
        let Some(replaced) = replaced else { continue };
        match replaced.split_first() {
            None => remove(array, position),
            Some((first, more)) => {
                let old = text_before(array, position);
                if let Some(place) = array.get_mut(position) {
                    put(place, Value::from(first));
                }
                let indent = match old.rfind('\n') {
                    Some(at) => format!("\n{}", &old[at + 1..]),
                    None => " ".to_owned(),
                };
                for (offset, text) in more.iter().enumerate() {
                    let value = Value::from(text).decorated(&indent, "");
                    array.insert_formatted(position + 1 + offset, value);
                }
            }
        }
    }
}

/// What stands before an element of an array, or before its end.
fn text_before(array: &Array, position: usize) -> String {
    let text = match array.get(position) {
        Some(value) => value.decor().prefix().and_then(|prefix| prefix.as_str()),
        None => array.trailing().as_str(),
    };
    text.unwrap_or_default().to_owned()
}

/// Takes an element out of an array, with the comment that follows on its line and those right above it.
fn remove(array: &mut Array, position: usize) {
    let (before, after) = (text_before(array, position), text_before(array, position + 1));
    array.remove(position);
    let joined = match (before.find('\n'), after.find('\n')) {
        // What stands on the line of the element before belongs to that.
        (Some(own), Some(next)) => format!("{}{}", &before[..own], &after[next..]),
        (Some(_), None) => before,
        (None, _) if position == 0 && position < array.len() => before,
        (None, _) => after,
    };
    match array.get_mut(position) {
        Some(next) => next.decor_mut().set_prefix(joined),
        None => array.set_trailing(joined),
    }
}

/// An array of texts, one a line where they are long.
fn list(texts: &[String]) -> Value {
    let mut array: Array = texts.iter().collect();
    if texts.iter().map(|text| text.len() + 4).sum::<usize>() > WIDTH {
        array.iter_mut().for_each(|value| value.decor_mut().set_prefix("\n    "));
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    Value::Array(array)
}

/// How wide a list on one line may be.
const WIDTH: usize = 80;

/// Entries as they are added to a file.
pub(super) fn drafted(drafts: &[Draft], origin: &str, until: Option<Date>) -> String {
    let mut text = String::new();
    for Draft { patterns, verdicts, condition, reason, .. } in drafts {
        let cases = match &patterns[..] {
            [one] => Value::from(one),
            several => list(several),
        };
        let words: Array = verdicts.iter().copied().map(Verdict::word).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[[expectation]]\ncases    = {cases}\nverdicts = {words}");
        if let Some((key, bound)) = condition {
            let _ = writeln!(text, "{key:8} = {}", Value::from(bound));
        }
        let _ = writeln!(text, "reason   = {}", Value::from(reason));
        let _ = writeln!(text, "source   = {}", Value::from(origin));
        if let Some(until) = until {
            let _ = writeln!(text, "until    = {until}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# What is known.
# It is not much.

# about a
[[expectation]]
cases    = ["a/1", "a/2", "a/3"]  # three
verdicts = ["fail"]

# a heading

# about b
[[expectation]]
cases = [ # some
    # one
    "b/1", # the first
    # two
    "b/2", # the second
    "b/3",
]
verdicts = "hang" # always

[[expectation]]
cases    = 'c/1'
verdicts = ["fail"]
# the end
"#;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn shown(edits: &[Edit]) -> String {
        edited(FILE, edits).expect("it is TOML")
    }

    use Edit::{Keep, Narrow, Remove};

    #[test]
    fn what_is_kept_is_the_same_byte_for_byte() {
        assert_eq!(shown(&[Keep, Keep, Keep]), FILE);
        // One edit, and all that is not edited goes through the document.
        let text = shown(&[Keep, Keep, Narrow(vec![Some(texts(&["c/1"]))])]);
        assert_eq!(text, FILE.replace("'c/1'", "\"c/1\""));
        let crlf = FILE.replace('\n', "\r\n");
        let text = edited(&crlf, &[Keep, Keep, Remove]).expect("it is TOML");
        assert!(crlf.starts_with(text.split("# the end").next().expect("a part")), "{text}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn an_entry_goes_with_its_comment_and_leaves_that_of_the_file() {
        insta::assert_snapshot!("first-removed", shown(&[Remove, Keep, Keep]));
        insta::assert_snapshot!("middle-removed", shown(&[Keep, Remove, Keep]));
        insta::assert_snapshot!("last-removed", shown(&[Keep, Keep, Remove]));
        insta::assert_snapshot!("all-removed", shown(&[Remove, Remove, Remove]));
    }

    #[test]
    fn a_pattern_goes_with_its_comments_and_no_others() {
        let narrowed = |one: &[Option<Vec<String>>], other: &[Option<Vec<String>>]| {
            shown(&[Narrow(one.to_vec()), Narrow(other.to_vec()), Keep])
        };
        let gone = Some(Vec::new());
        insta::assert_snapshot!(
            "first-pattern",
            narrowed(&[gone.clone(), None, None], &[gone.clone(), None, None])
        );
        insta::assert_snapshot!(
            "middle-pattern",
            narrowed(&[None, gone.clone(), None], &[None, gone.clone(), None])
        );
        insta::assert_snapshot!(
            "last-pattern",
            narrowed(&[None, None, gone.clone()], &[None, None, gone])
        );
        let two = Some(texts(&["x/1", "x/2"]));
        insta::assert_snapshot!(
            "two-for-one",
            narrowed(&[None, two.clone(), None], &[None, two, None])
        );
    }

    #[test]
    fn a_text_becomes_a_list_and_verdicts_are_replaced() {
        let long = ["c/1[tcp4]", &format!("c/1[{}]", "x".repeat(80))];
        let verdicts = Edit::Verdicts(vec![Verdict::Hang, Verdict::Pass]);
        insta::assert_snapshot!(shown(&[Keep, verdicts, Narrow(vec![Some(texts(&long))])]));
    }

    #[test]
    fn inline_tables_are_not_edited() {
        let file = "expectation = [{ cases = \"a\", verdicts = \"fail\", reason = \"r\", source = \"s\" }]\n";
        assert_eq!(edited(file, &[Keep]).as_deref(), Ok(file));
        assert_eq!(edited(file, &[Remove]), Err(AcceptError::Inline));
    }
}
