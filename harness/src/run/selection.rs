use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Case, Scenario, Variant};
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
/// must have, as in `{halfclose,cumulative}/**[tcp?]`.
///
/// In the glob `*` stays within a folder, `**` does not, and braces give alternatives. A pattern
/// without any of these is a scenario's id or the name of a folder. Each coordinate is one of a
/// case's id, in any order, or a glob that one of these must match, as in `[{tcp4,unix},cut=1?]`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    ids: Ids,
    coordinates: Vec<Coordinate>,
}

/// Which scenarios a pattern names.
#[derive(Clone, Debug)]
enum Ids {
    /// The one with this id, or those of the folder of this name.
    Plain(String),
    /// Those that it matches.
    Glob(GlobMatcher),
}

impl Pattern {
    /// Whether it stands for a case.
    pub fn matches(&self, case: &Case) -> bool {
        self.names(&case.scenario.id)
            && self.coordinates.iter().all(|coordinate| coordinate.is_of(&case.variant))
    }

    /// Whether it stands for cases of a scenario.
    pub fn names(&self, id: &ScenarioId) -> bool {
        match &self.ids {
            Ids::Glob(glob) => glob.is_match(id.as_str()),
            Ids::Plain(path) => id
                .as_str()
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// What a variant must have.
#[derive(Clone, Debug)]
struct Coordinate {
    text: String,
    /// Where it may be more than one.
    glob: Option<GlobMatcher>,
}

impl Coordinate {
    /// A value in quotes is never a glob: what is a sign there may be meant.
    fn new(text: &str) -> Result<Self, globset::Error> {
        let is_glob = text.contains(['*', '?', '{', '[']) && !text.contains('"');
        let glob = is_glob.then(|| GlobBuilder::new(text).build()).transpose()?;
        let glob = glob.map(|glob| glob.compile_matcher());
        Ok(Self { text: text.to_owned(), glob })
    }

    fn is_of(&self, variant: &Variant) -> bool {
        let fits = |found: &str| {
            found == self.text || self.glob.as_ref().is_some_and(|glob| glob.is_match(found))
        };
        fits(variant.topology.word())
            || variant.transport.is_some_and(|transport| fits(transport.word()))
            || variant.values.iter().any(|(name, value)| fits(&format!("{name}={value}")))
    }
}

/// What stands between commas outside quotes and braces.
fn split(coordinates: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped, mut depth) = (false, false, 0_usize);
    let is_end = |letter: char| {
        match letter {
            '"' if !is_escaped => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
        letter == ',' && !is_quoted && depth == 0
    };
    coordinates.split(is_end).map(str::trim).filter(|part| !part.is_empty()).collect()
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
                let coordinates: Result<_, globset::Error> =
                    split(inner).into_iter().map(Coordinate::new).collect();
                (path, coordinates.map_err(|error| failed(error.kind().to_string()))?)
            }
        };
        let path = if path.is_empty() { "**" } else { path.trim_end_matches(".scn") };
        // Most patterns are ids, and to make a matcher for one takes longer than to run its case.
        let ids = if path.contains(['*', '?', '{', '}', '[', ']', '\\']) {
            let glob = GlobBuilder::new(path).literal_separator(true).build();
            Ids::Glob(glob.map_err(|error| failed(error.kind().to_string()))?.compile_matcher())
        } else {
            Ids::Plain(path.trim_end_matches('/').to_owned())
        };
        Ok(Self { text: text.to_owned(), ids, coordinates })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One of several equal parts of a suite, `2/5`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(extend("pattern" = "^[1-9][0-9]*/[1-9][0-9]*$"))]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// Whether the part holds what stands at this position.
    pub const fn holds(self, position: usize) -> bool {
        position % self.of == self.number - 1
    }

    /// Every part, where there are as many as this one is of.
    pub fn siblings(self) -> impl Iterator<Item = Self> {
        (1..=self.of).map(move |number| Self { number, of: self.of })
    }

    /// How many parts there are.
    pub const fn of(self) -> usize {
        self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
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
            "halfclose/eof[tcp?,*]",
            "[{unix,tcp4},loop*]",
            "[order={one,both}]",
        ] {
            assert!(matches(pattern, &case), "{pattern}");
        }
        for pattern in [
            "half",
            "*",
            "cumulative/**",
            "halfclose/eof[tcp6]",
            "halfclose/eof[order=one]",
            "[udp?]",
            "[order]",
        ] {
            assert!(!matches(pattern, &case), "{pattern}");
        }
    }

    #[test]
    fn a_value_in_quotes_is_taken_as_it_is() {
        let mut case = case("framing/text", Transport::Tcp4);
        case.variant.values = vec![("text".to_owned(), r#""a,{b?""#.to_owned())];
        assert!(matches(r#"framing/text[tcp4,text="a,{b?"]"#, &case));
        assert!(!matches(r#"framing/text[tcp4,text="a,{bc"]"#, &case));
        assert!("[tcp{4]".parse::<Pattern>().is_err());
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
        assert_eq!(shards[1].siblings().collect::<Vec<_>>(), shards);
        assert_eq!(shards[1].to_string(), "2/3");
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
