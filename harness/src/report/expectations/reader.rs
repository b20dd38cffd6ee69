use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bounds::{Bounds, BoundsError};
use super::conditions::Conditions;
use super::entry::{Entry, Placed};
use super::mistake::{code, mistake, span, with_help};
use crate::run::Verdict;
use crate::scenario::{Diagnostic, Span, line_at, nearest, quoted};
use crate::vocabulary::{Date, Ending, Peer, Topology};

type Value<'s> = Spanned<DeValue<'s>>;

/// The key of the table of entries.
const TABLE: &str = "expectation";
/// The keys of an entry.
const KEYS: [&str; 10] =
    ["cases", "verdicts", "ending", "kernel", "version", "peer", "on", "reason", "source", "until"];
/// What can be expected.
const VERDICTS: [Verdict; 4] = [Verdict::Pass, Verdict::Fail, Verdict::Hang, Verdict::Crash];

/// What can be listed in one key: each by its word.
struct Listing<T: 'static> {
    noun: &'static str,
    all: &'static [T],
    word: fn(T) -> &'static str,
    unknown: &'static str,
    duplicate: &'static str,
}

const TOPOLOGIES: Listing<Topology> = Listing {
    noun: "topology",
    all: &Topology::ALL,
    word: Topology::word,
    unknown: code::UNKNOWN_TOPOLOGY,
    duplicate: code::DUPLICATE_TOPOLOGY,
};

const PEERS: Listing<Peer> = Listing {
    noun: "peer",
    all: &Peer::ALL,
    word: Peer::word,
    unknown: code::UNKNOWN_PEER,
    duplicate: code::DUPLICATE_PEER,
};

/// Reads the entries of a file, as far as they can be understood, and every mistake in it. Of what is
/// no TOML, only that is said: what the rest means is not certain then.
pub(super) fn read(source: &str) -> (Vec<Entry>, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(source);
    let mut reader = Reader { source, mistakes: Vec::new() };
    for error in &errors {
        let place = error.span().map_or(Span::default(), span);
        let message = "this is not TOML";
        reader.mistakes.push(mistake(code::BAD_TOML, place, message, error.message()));
    }
    let entries = if errors.is_empty() { reader.file(table.get_ref()) } else { Vec::new() };
    (entries, reader.mistakes)
}

struct Reader<'s> {
    source: &'s str,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn file(&mut self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, value) in table {
            if key.get_ref() != TABLE {
                self.unknown_key(key.get_ref(), span(key.span()), &[TABLE]);
                continue;
            }
            let tables: Option<Vec<_>> = value.get_ref().as_array().and_then(|array| {
                array
                    .iter()
                    .map(|one| Some((one.get_ref().as_table()?, span(one.span()))))
                    .collect()
            });
            match tables {
                Some(tables) => {
                    entries.extend(tables.into_iter().map(|(table, at)| self.entry(table, at)));
                }
                None => self.wrong_kind(span(key.span()), "an entry begins with `[[expectation]]`"),
            }
        }
        entries.sort_by_key(|entry| entry.span.start);
        entries
    }

    fn entry(&mut self, table: &DeTable<'_>, at: Span) -> Entry {
        for key in table.keys() {
            if !KEYS.contains(&key.get_ref().as_ref()) {
                self.unknown_key(key.get_ref(), span(key.span()), &KEYS);
            }
        }
        let until = find(table, "until")
            .and_then(|value| Some((self.date(value)?, self.line(span(value.span()).start))));
        let cases = self.required(table, "cases", at).and_then(|value| self.cases(value));
        let verdicts = self.required(table, "verdicts", at).and_then(|value| self.verdicts(value));
        let ending =
            find(table, "ending").and_then(|value| self.ending(value, verdicts.as_deref()));
        let conditions = Conditions {
            kernel: find(table, "kernel").and_then(|value| self.bounds(value)),
            version: find(table, "version").and_then(|value| self.bounds(value)),
            peers: find(table, "peer").map(|value| self.listed(value, &PEERS)).unwrap_or_default(),
            on: find(table, "on").map(|value| self.listed(value, &TOPOLOGIES)).unwrap_or_default(),
        };
        let reason = self.required(table, "reason", at).and_then(|value| self.text(value));
        let origin = self.required(table, "source", at).and_then(|value| self.text(value));
        let end = table.values().map(|value| span(value.span()).end).max().unwrap_or(at.end);
        Entry {
            span: at,
            lines: (self.line(at.start), self.line(end)),
            cases: cases.unwrap_or_default(),
            verdicts: verdicts.unwrap_or_default(),
            ending,
            conditions,
            applies: true,
            reason: reason.unwrap_or_default(),
            source: origin.unwrap_or_default(),
            until,
        }
    }

    fn required<'t, 's>(
        &mut self,
        table: &'t DeTable<'s>,
        key: &str,
        at: Span,
    ) -> Option<&'t Value<'s>> {
        let value = find(table, key);
        if value.is_none() {
            let label = match key {
                "cases" => "expected `cases = \"PATTERN\"`",
                "verdicts" => "expected `verdicts = [\"fail\"]`",
                "reason" => "expected `reason = \"...\"`: what the subject does, and why",
                _ => "expected `source = \"...\"`: a file, a man page or a link that lays it down",
            };
            let message = format!("this entry has no `{key}`");
            self.mistakes.push(mistake(code::MISSING_KEY, at, message, label));
        }
        value
    }

    /// The line, from 1, that a byte stands in.
    fn line(&self, at: u32) -> u32 {
        u32::try_from(line_at(self.source, at as usize)).unwrap_or(u32::MAX)
    }

    fn cases(&mut self, value: &Value<'_>) -> Option<Vec<Placed>> {
        let texts = self.texts(value, "a pattern, or a list of patterns")?;
        let mut patterns = Vec::new();
        for (text, at) in texts {
            match text.parse() {
                Ok(pattern) if !text.trim().is_empty() => {
                    patterns.push(Placed {
                        pattern,
                        span: at,
                        line: self.line(at.start),
                        of: None,
                    });
                }
                Ok(_) => self.empty_text(at),
                Err(error) => {
                    let label = "expected a pattern such as 'halfclose/**[tcp?,loopback]'";
                    let message = format!("{error}");
                    self.mistakes.push(mistake(code::BAD_PATTERN, at, message, label));
                }
            }
        }
        Some(patterns)
    }

    fn verdicts(&mut self, value: &Value<'_>) -> Option<Vec<Verdict>> {
        let texts = self.texts(value, "a list of verdicts")?;
        let before = self.mistakes.len();
        let mut verdicts = Vec::new();
        for (word, at) in texts {
            match Verdict::from_word(&word) {
                Some(verdict) if verdicts.contains(&verdict) => {
                    let message = format!("`{word}` stands twice");
                    let label = "the second time";
                    self.mistakes.push(mistake(code::DUPLICATE_VERDICT, at, message, label));
                }
                Some(verdict) if VERDICTS.contains(&verdict) => verdicts.push(verdict),
                Some(verdict) => {
                    let why = match verdict {
                        Verdict::Slow => "what is slow counts as `pass`",
                        Verdict::Broken => "it is the harness that failed, never the subject",
                        _ => "it says nothing of what the subject does",
                    };
                    let message = format!("`{word}` cannot be expected");
                    self.mistakes.push(mistake(code::UNEXPECTABLE, at, message, why));
                }
                None => {
                    let words = VERDICTS.map(Verdict::word);
                    let label = nearest(&word, words).map_or_else(
                        || format!("expected one of {}", words.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message = format!("there is no verdict {}", quoted(&word));
                    self.mistakes.push(mistake(code::UNKNOWN_VERDICT, at, message, label));
                }
            }
        }
        if self.mistakes.len() > before {
            return None;
        }
        if !verdicts.iter().any(|verdict| verdict.is_bad()) {
            let message = "this entry expects what every scenario says";
            let label = "expected `fail`, `hang` or `crash`, if need be beside `pass`";
            self.mistakes.push(mistake(code::GOOD_ONLY, span(value.span()), message, label));
            return None;
        }
        Some(verdicts)
    }

    fn ending(&mut self, value: &Value<'_>, verdicts: Option<&[Verdict]>) -> Option<Ending> {
        let at = span(value.span());
        let Some(word) = value.get_ref().as_str() else {
            self.wrong_kind(at, "expected an ending in quotes, such as \"end-of-stream\"");
            return None;
        };
        let ending = Ending::from_word(word);
        if ending.is_none() {
            let words = Ending::ALL.map(Ending::word);
            let label = nearest(word, words).map_or_else(
                || format!("expected one of {}", words.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no ending {}", quoted(word));
            self.mistakes.push(mistake(code::UNKNOWN_ENDING, at, message, label));
        } else if verdicts.is_some_and(|verdicts| !verdicts.contains(&Verdict::Fail)) {
            let message = "an ending is that of a step that fails";
            let label = "expected `fail` among the verdicts, or no ending";
            self.mistakes.push(mistake(code::IDLE_ENDING, at, message, label));
        }
        ending
    }

    fn bounds(&mut self, value: &Value<'_>) -> Option<Bounds> {
        let whole = span(value.span());
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_kind(whole, "expected bounds in quotes, such as \">=6.8, <6.12\"");
            return None;
        };
        let error = match Bounds::read(text) {
            Ok(bounds) => return Some(bounds),
            Err(error) => error,
        };
        let at = match &error {
            BoundsError::NoRelation { at } | BoundsError::NoVersion { at } => {
                // Between the quotes of a plain string a text stands as it is.
                let start = whole.start as usize + 1;
                let is_plain = self.source.get(start..).is_some_and(|rest| rest.starts_with(text));
                if is_plain { span(start + at.start..start + at.end) } else { whole }
            }
            BoundsError::Impossible => whole,
        };
        let message = match error {
            BoundsError::Impossible => "this entry never applies",
            _ => "these are no bounds on a version",
        };
        self.mistakes.push(mistake(code::BAD_BOUND, at, message, error.to_string()));
        None
    }

    /// The things that a key lists, each once.
    fn listed<T: Copy + PartialEq>(&mut self, value: &Value<'_>, of: &Listing<T>) -> Vec<T> {
        let Listing { noun, all, word, .. } = *of;
        let mut found = Vec::new();
        let before = self.mistakes.len();
        let wanted = format!("a {noun}, or a list of them");
        for (text, at) in self.texts(value, &wanted).unwrap_or_default() {
            match all.iter().copied().find(|one| word(*one) == text) {
                Some(one) if found.contains(&one) => {
                    let message = format!("`{text}` stands twice");
                    self.mistakes.push(mistake(of.duplicate, at, message, "the second time"));
                }
                Some(one) => found.push(one),
                None => {
                    let words: Vec<_> = all.iter().map(|one| word(*one)).collect();
                    let label = nearest(&text, words.iter().copied()).map_or_else(
                        || format!("expected one of {}", words.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message = format!("there is no {noun} {}", quoted(&text));
                    self.mistakes.push(mistake(of.unknown, at, message, label));
                }
            }
        }
        // What is meant is not certain, and must not make patterns stand for nothing.
        if self.mistakes.len() > before { Vec::new() } else { found }
    }

    /// A text, or a list of them that is not empty, each with its place.
    fn texts(&mut self, value: &Value<'_>, wanted: &str) -> Option<Vec<(String, Span)>> {
        let texts: Option<Vec<_>> = match value.get_ref() {
            DeValue::String(text) => Some(vec![(text.to_string(), span(value.span()))]),
            DeValue::Array(values) => values
                .iter()
                .map(|one| Some((one.get_ref().as_str()?.to_owned(), span(one.span()))))
                .collect(),
            _ => None,
        };
        match texts {
            Some(texts) if texts.is_empty() => {
                let message = "this list is empty";
                let label = format!("expected {wanted}");
                self.mistakes.push(mistake(code::EMPTY_LIST, span(value.span()), message, label));
                None
            }
            Some(texts) => Some(texts),
            None => {
                self.wrong_kind(span(value.span()), &format!("expected {wanted}, in quotes"));
                None
            }
        }
    }

    fn text(&mut self, value: &Value<'_>) -> Option<String> {
        let at = span(value.span());
        match value.get_ref().as_str().map(str::trim) {
            Some("") => self.empty_text(at),
            Some(text) => return Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => self.wrong_kind(at, "expected a text in quotes"),
        }
        None
    }

    fn date(&mut self, value: &Value<'_>) -> Option<Date> {
        let found = value.get_ref().as_datetime();
        let day = found.filter(|found| found.time.is_none()).and_then(|found| found.date);
        let date = day.and_then(|day| Date::new(day.year, day.month, day.day));
        if date.is_none() {
            let message = "this is no date";
            let label = "expected a day without quotes, such as 2027-01-01";
            self.mistakes.push(mistake(code::BAD_DATE, span(value.span()), message, label));
        }
        date
    }

    fn unknown_key(&mut self, key: &str, at: Span, known: &[&'static str]) {
        let label = nearest(key, known.iter().copied()).map_or_else(
            || format!("expected {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no key {}", quoted(key));
        self.mistakes.push(mistake(code::UNKNOWN_KEY, at, message, label));
    }

    fn wrong_kind(&mut self, at: Span, label: &str) {
        self.mistakes.push(mistake(code::BAD_KIND, at, "this is another kind of value", label));
    }

    fn empty_text(&mut self, at: Span) {
        let help = "an expectation without it cannot be reviewed";
        let empty = mistake(code::EMPTY_TEXT, at, "this text is empty", "expected some words");
        self.mistakes.push(with_help(empty, help));
    }
}

fn find<'t, 's>(table: &'t DeTable<'s>, key: &str) -> Option<&'t Value<'s>> {
    table.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value)
}
