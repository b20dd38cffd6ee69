use std::collections::BTreeMap;

use super::natural::natural;
use crate::vocabulary::{CaseId, ScenarioId};

/// The coordinates of a case, without their brackets.
pub(crate) fn variant<'a>(case: &'a CaseId, scenario: &ScenarioId) -> &'a str {
    let case = case.as_str();
    let variant = case.strip_prefix(scenario.as_str()).unwrap_or(case);
    variant.strip_prefix('[').and_then(|v| v.strip_suffix(']')).unwrap_or(variant)
}

/// Writes variants as the products they make up, as in `{tcp4,tcp6},loopback,cut={1,2,3}`: one text
/// for each product.
///
/// The values of a coordinate are joined where what follows them is the same.
pub(crate) fn products(variants: &[&str]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = variants.iter().map(|variant| coordinates(variant)).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let mut products = of(&rows);
    products.sort_by(|a, b| natural(a, b));
    products
}

fn of(rows: &[&[&str]]) -> Vec<String> {
    let mut tails: BTreeMap<&str, Vec<&[&str]>> = BTreeMap::new();
    let mut products = Vec::new();
    for row in rows {
        match row {
            [] => products.push(String::new()),
            [first, tail @ ..] => tails.entry(first).or_default().push(tail),
        }
    }
    let mut alike: BTreeMap<Vec<&[&str]>, Vec<&str>> = BTreeMap::new();
    for (first, mut tails) in tails {
        tails.sort_unstable();
        alike.entry(tails).or_default().push(first);
    }
    for (tails, mut firsts) in alike {
        firsts.sort_by(|a, b| natural(a, b));
        for first in joined(&firsts) {
            products.extend(of(&tails).into_iter().map(|tail| match tail.as_str() {
                "" => first.clone(),
                tail => format!("{first},{tail}"),
            }));
        }
    }
    products
}

/// The values of one coordinate as one text for each name: `{tcp4,tcp6}`, `cut={1,2}`.
fn joined(values: &[&str]) -> Vec<String> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for value in values {
        let (name, value) = value.split_at(value.find('=').map_or(0, |at| at + 1));
        names.entry(name).or_default().push(value);
    }
    let texts = names.into_iter().map(|(name, values)| match values[..] {
        [value] => format!("{name}{value}"),
        _ => format!("{name}{{{}}}", values.join(",")),
    });
    texts.collect()
}

/// What stands between the commas of a variant; those within quotes are part of a value.
fn coordinates(variant: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |letter: char| {
        let ends = letter == ',' && !is_quoted;
        is_quoted ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    };
    variant.split(is_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_matrix_is_one_product() {
        let variants = [
            "tcp6,loopback,cut=10",
            "tcp4,loopback,cut=9",
            "tcp4,loopback,cut=10",
            "tcp6,loopback,cut=9",
        ];
        assert_eq!(products(&variants), ["{tcp4,tcp6},loopback,cut={9,10}"]);
    }

    #[test]
    fn what_lacks_a_part_is_several() {
        let variants = ["tcp4,loopback", "tcp4,netns", "tcp6,loopback", "unix,loopback"];
        assert_eq!(products(&variants), ["tcp4,{loopback,netns}", "{tcp6,unix},loopback"]);
        assert_eq!(products(&["lan", "lan,port=9", "cut=1"]), ["cut=1", "lan", "lan,port=9"]);
    }

    #[test]
    fn a_comma_within_quotes_is_part_of_a_value() {
        let variants = [r#"tcp4,text="a,b\",c""#, r#"tcp4,text="d""#];
        assert_eq!(products(&variants), [r#"tcp4,text={"a,b\",c","d"}"#]);
    }
}
