use std::cmp::Ordering;
use std::ops::Range;

/// Bounds on a dotted version, such as `>=6.8, <6.12`, all of which must hold.
///
/// Each is one of `>=`, `>`, `<=`, `<`, `=` and numbers with dots between them. A version is held against
/// a bound number by number, as far as the bound goes: 6.12.3 is `=6.12` and `<=6.12`, and not `>6.12`.
/// What a version lacks counts as zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bounds(Vec<Bound>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    relation: Relation,
    version: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    Above,
    AtMost,
    Below,
    Equal,
}

/// The signs, those that begin with another one first.
const RELATIONS: [(&str, Relation); 5] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    (">", Relation::Above),
    ("<", Relation::Below),
    ("=", Relation::Equal),
];

/// Why bounds cannot be understood, and where in their text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BoundsError {
    /// A bound has no sign, or one that there is not.
    #[error("expected `>=`, `>`, `<=`, `<` or `=` before a version, as in `>=6.8, <6.12`")]
    NoRelation {
        /// In bytes.
        at: Range<usize>,
    },
    /// What follows the sign is no version.
    #[error("expected numbers with dots between them, such as 6.12")]
    NoVersion {
        /// In bytes.
        at: Range<usize>,
    },
    /// No version is within all bounds.
    #[error("no version is within these bounds")]
    Impossible,
}

impl Bounds {
    /// Reads bounds with commas between them.
    pub(super) fn read(text: &str) -> Result<Self, BoundsError> {
        let mut bounds = Vec::new();
        let mut start = 0;
        for part in text.split(',') {
            let bound = part.trim();
            let from = start + (part.len() - part.trim_start().len());
            let at = from..from + bound.len();
            start += part.len() + 1;
            let found = RELATIONS.iter().find(|(sign, _)| bound.starts_with(sign));
            let Some((sign, relation)) = found else {
                return Err(BoundsError::NoRelation { at });
            };
            let number = bound[sign.len()..].trim();
            let version: Option<Vec<u64>> = number.split('.').map(whole).collect();
            let Some(version) = version else {
                return Err(BoundsError::NoVersion { at: at.end - number.len()..at.end });
            };
            bounds.push(Bound { relation: *relation, version });
        }
        let bounds = Self(bounds);
        if bounds.are_possible() { Ok(bounds) } else { Err(BoundsError::Impossible) }
    }

    /// Whether the version that a text names is within them. That is the first word that begins with a
    /// digit, or with `v` and a digit: 6.18.44 in `Linux 6.18.44-generic`. Where there is none, no bound
    /// holds.
    pub(super) fn hold(&self, text: &str) -> bool {
        version(text).is_some_and(|version| self.admit(&version))
    }

    /// Whether some version is within these bounds and within others.
    pub(super) fn meet(&self, other: &Self) -> bool {
        Self(self.0.iter().chain(&other.0).cloned().collect()).are_possible()
    }

    /// The versions within bounds are those from one version to another; so if there are any, it is the
    /// least that there is, that of a bound, or the next one.
    fn are_possible(&self) -> bool {
        let next = |version: &[u64]| {
            let mut next = version.to_vec();
            if let Some(last) = next.last_mut() {
                *last = last.saturating_add(1);
            }
            next
        };
        let versions = self.0.iter().map(|bound| &bound.version);
        let mut candidates =
            versions.flat_map(|version| [version.clone(), next(version)]).chain([vec![0]]);
        candidates.any(|candidate| self.admit(&candidate))
    }

    fn admit(&self, version: &[u64]) -> bool {
        self.0.iter().all(|bound| bound.holds(version))
    }
}

impl Bound {
    fn holds(&self, version: &[u64]) -> bool {
        let part = |index: usize| version.get(index).copied().unwrap_or(0);
        let order = (0..self.version.len())
            .map(|index| part(index).cmp(&self.version[index]))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        match self.relation {
            Relation::AtLeast => order.is_ge(),
            Relation::Above => order.is_gt(),
            Relation::AtMost => order.is_le(),
            Relation::Below => order.is_lt(),
            Relation::Equal => order.is_eq(),
        }
    }
}

/// The numbers of the version that a text names.
fn version(text: &str) -> Option<Vec<u64>> {
    let digits = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let word = text
        .split_whitespace()
        .map(|word| word.strip_prefix('v').filter(|rest| digits(rest)).unwrap_or(word))
        .find(|word| digits(word))?;
    let end = word.find(|letter: char| letter != '.' && !letter.is_ascii_digit());
    let numbers: Vec<u64> = word[..end.unwrap_or(word.len())].split('.').map_while(whole).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// The version that a text names, as a bound has it: `6.18.44` of `Linux 6.18.44-generic`.
pub(super) fn numbers(text: &str) -> Option<String> {
    let numbers: Vec<String> = version(text)?.iter().map(u64::to_string).collect();
    Some(numbers.join("."))
}

/// A number of digits alone.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn bounds(text: &str) -> Bounds {
        Bounds::read(text).expect("they can be understood")
    }

    #[rstest]
    #[case(">=6.8, <6.12", &["6.8", "6.8.1", "Linux 6.11.99-generic", "v6.9"], &["6.7.99", "6.12", "6.12.1", "7"])]
    #[case("=6.12", &["6.12", "6.12.3"], &["6.1", "6.120", "6.13"])]
    #[case("<=6.12", &["6.12.3", "6.2", "5"], &["6.13"])]
    #[case(">6.12", &["6.13", "10.0"], &["6.12.3", "6.12"])]
    #[case(">=6.8.2", &["6.8.2", "6.9"], &["6.8", "6.8.1"])]
    #[case("=0.12", &["stack-a v0.12-rc1", "lwip2 0.12"], &["", "no number", "stack-0.12", "v", "."])]
    fn versions_are_compared_number_by_number(
        #[case] text: &str,
        #[case] within: &[&str],
        #[case] without: &[&str],
    ) {
        for version in within {
            assert!(bounds(text).hold(version), "{version} is within {text}");
        }
        for version in without {
            assert!(!bounds(text).hold(version), "{version} is not within {text}");
        }
    }

    #[rstest]
    #[case("6.8", 0..3)]
    #[case(">=6.8, 6.12", 7..11)]
    #[case("", 0..0)]
    #[case(">=6.8,", 6..6)]
    #[case("~6.8", 0..4)]
    fn a_bound_begins_with_a_sign(#[case] text: &str, #[case] at: Range<usize>) {
        assert_eq!(Bounds::read(text), Err(BoundsError::NoRelation { at }));
    }

    #[rstest]
    #[case("> = 6.8", 2..7)]
    #[case(">=6.x", 2..5)]
    #[case(">=6.8, <6..1", 8..12)]
    #[case("<", 1..1)]
    #[case("=+6", 1..3)]
    #[case("=99999999999999999999", 1..21)]
    fn a_version_is_numbers_and_dots(#[case] text: &str, #[case] at: Range<usize>) {
        assert_eq!(Bounds::read(text), Err(BoundsError::NoVersion { at }));
    }

    #[test]
    fn bounds_that_leave_nothing_are_refused() {
        for text in
            [">=7, <6", ">6, <7", "=6.1, =6.2", "<0", ">6.12, <6.13", "<=6.12, >6.12.3, >6.12"]
        {
            assert_eq!(Bounds::read(text), Err(BoundsError::Impossible), "{text}");
        }
        for text in [">6.12.3, <=6.12", ">6, <7.1", "=6.12, >6.12.3", "<1", "<=0"] {
            assert!(Bounds::read(text).is_ok(), "{text}");
        }
        assert!(bounds(">=6.8").meet(&bounds("<6.9")));
        assert!(!bounds(">=6.8").meet(&bounds("<6.8")));
    }
}
