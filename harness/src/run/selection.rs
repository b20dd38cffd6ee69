use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::scenario::{Case, Scenario};
use crate::vocabulary::{Level, ScenarioId, Topology, Transport};

/// Which cases of a suite take part.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Any of these must match; with none, every case does.
    pub patterns: Vec<Pattern>,
    /// The transports; with none, all.
    pub over: Vec<Transport>,
    /// The topologies; with none, all.
    pub on: Vec<Topology>,
    /// The weakest level.
    pub level: Option<Level>,
}

impl Selection {
    /// Whether a scenario can have a case that takes part, so that the others need not be
    /// elaborated at all.
    pub fn may_admit(&self, scenario: &Scenario) -> bool {
        self.level.is_none_or(|level| scenario.level >= level)
            && (self.patterns.is_empty()
                || self.patterns.iter().any(|pattern| pattern.names(&scenario.id)))
    }

    /// Whether a case takes part.
    pub fn admits(&self, case: &Case) -> bool {
        let variant = &case.variant;
        let over = self.over.is_empty()
            || variant.transport.is_some_and(|transport| self.over.contains(&transport));
        let on = self.on.is_empty() || self.on.contains(&variant.topology);
        let named =
            self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(case));
        over && on && named && self.may_admit(&case.scenario)
    }
}

/// A pattern for cases: a glob over scenario ids, and in brackets the coordinates that the variant
/// must have, as in `{halfclose,cumulative}/**[tcp4]`.
///
/// In the glob `*` stays within a folder, `**` does not, and braces give alternatives. A pattern
/// without any of these is a scenario's id or the name of a folder.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    glob: GlobMatcher,
    folder: Option<String>,
    coordinates: Vec<String>,
}

impl Pattern {
    /// Whether it stands for a case.
    pub fn matches(&self, case: &Case) -> bool {
        self.names(&case.scenario.id)
            && self.coordinates.iter().all(|coordinate| has(case, coordinate))
    }

    /// Whether it stands for cases of a scenario.
    pub fn names(&self, id: &ScenarioId) -> bool {
        let id = id.as_str();
        self.glob.is_match(id)
            || self.folder.as_ref().is_some_and(|folder| id.starts_with(folder.as_str()))
    }
}

fn has(case: &Case, coordinate: &str) -> bool {
    let variant = &case.variant;
    variant.topology.word() == coordinate
        || variant.transport.is_some_and(|transport| transport.word() == coordinate)
        || variant.values.iter().any(|(name, value)| {
            coordinate.split_once('=').is_some_and(|(n, v)| n == name && v == value)
        })
}

/// A pattern that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("the pattern `{pattern}` cannot be read: {why}")]
pub struct PatternError {
    pattern: String,
    why: String,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let failed = |why: String| PatternError { pattern: text.to_owned(), why };
        let (path, coordinates) = match text.split_once('[') {
            None => (text, Vec::new()),
            Some((path, rest)) => {
                let inner = rest
                    .strip_suffix(']')
                    .ok_or_else(|| failed("the bracket is not closed at its end".to_owned()))?;
                let coordinates = inner.split(',').map(|part| part.trim().to_owned());
                (path, coordinates.filter(|part| !part.is_empty()).collect())
            }
        };
        let path = if path.is_empty() { "**" } else { path.trim_end_matches(".scn") };
        let glob = GlobBuilder::new(path)
            .literal_separator(true)
            .build()
            .map_err(|error| failed(error.kind().to_string()))?
            .compile_matcher();
        let is_plain = !path.contains(['*', '?', '{']);
        let folder = is_plain.then(|| format!("{}/", path.trim_end_matches('/')));
        Ok(Self { text: text.to_owned(), glob, folder, coordinates })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One of several equal parts of a suite, `2/5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// Whether the part holds what stands at this position.
    pub const fn holds(self, position: usize) -> bool {
        position % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected K/N with K from 1 to N, such as 2/5".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::scenario::Variant;
    use crate::vocabulary::CaseId;

    fn case(id: &str, transport: Transport) -> Case {
        let id = ScenarioId::new(id);
        let values = vec![("order".to_owned(), "both".to_owned())];
        let variant = Variant { transport: Some(transport), topology: Topology::Loopback, values };
        Case {
            id: CaseId::new(&id, &[transport.to_string(), "loopback".to_owned()]),
            scenario: Arc::new(Scenario {
                id,
                path: String::new(),
                title: String::new(),
                cite: Vec::new(),
                level: Level::Should,
                source: "".into(),
            }),
            variant,
            needs: Arc::default(),
            actors: Arc::default(),
            sockets: Arc::default(),
            ports: Arc::default(),
            tags: Arc::default(),
            steps: Vec::new(),
            same: None,
            least: Duration::ZERO,
        }
    }

    fn matches(pattern: &str, case: &Case) -> bool {
        pattern.parse::<Pattern>().is_ok_and(|pattern| pattern.matches(case))
    }

    #[test]
    fn a_pattern_is_a_glob_over_the_scenario_and_a_list_of_coordinates() {
        let case = case("halfclose/eof", Transport::Tcp4);
        for pattern in [
            "halfclose/eof",
            "halfclose",
            "halfclose/",
            "halfclose/**",
            "halfclose/*",
            "**",
            "{cumulative,halfclose}/**",
            "halfclose/eof[tcp4]",
            "halfclose/eof[tcp4,loopback]",
            "halfclose/eof[loopback,order=both]",
            "[tcp4]",
            "halfclose/eof.scn",
        ] {
            assert!(matches(pattern, &case), "{pattern}");
        }
        for pattern in
            ["half", "*", "cumulative/**", "halfclose/eof[tcp6]", "halfclose/eof[order=one]"]
        {
            assert!(!matches(pattern, &case), "{pattern}");
        }
    }

    #[test]
    fn a_bracket_must_be_closed() {
        let error = "halfclose[tcp4".parse::<Pattern>().err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("not closed")));
    }

    #[test]
    fn shards_cover_everything_once() {
        let shards: Vec<Shard> =
            ["1/3", "2/3", "3/3"].iter().filter_map(|text| text.parse().ok()).collect();
        for position in 0..100 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(position)).count(), 1);
        }
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_level_takes_what_binds_at_least_as_much() {
        let case = case("halfclose/eof", Transport::Tcp4);
        let at = |level| Selection { level: Some(level), ..Selection::default() }.admits(&case);
        assert!(at(Level::May));
        assert!(at(Level::Should));
        assert!(!at(Level::Must));
    }
}
