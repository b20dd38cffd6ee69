use std::collections::{BTreeMap, BTreeSet};

use super::cover::cover;
use super::error::AcceptError;
use super::happening::Happening;
use super::seen::Seen;
use crate::report::expectations::bounds::numbers;
use crate::report::expectations::conditions::Circumstances;
use crate::report::expectations::entry::Entry;
use crate::report::expectations::file::Expectations;
use crate::run::Verdict;
use crate::scenario::Case;
use crate::vocabulary::{CaseId, Peer, ScenarioId};

/// What is to be done to the entries of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// One for each entry, in the order of the file.
    pub(super) edits: Vec<Edit>,
    /// The entries that are added.
    pub(super) drafts: Vec<Draft>,
}

/// What is to be done to one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Nothing: it stays as it is, byte for byte.
    Keep,
    /// Nothing of it is left.
    Remove,
    /// Its patterns, in their order, are replaced by these; `None` stays as it is.
    Narrow(Vec<Option<Vec<String>>>),
    /// All of its cases come to more than it says.
    Verdicts(Vec<Verdict>),
}

/// An entry that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) patterns: Vec<String>,
    /// How many cases these stand for.
    pub(super) count: usize,
    pub(super) verdicts: Vec<Verdict>,
    /// A condition, where an entry for elsewhere speaks of the same cases.
    pub(super) condition: Condition,
    pub(super) reason: String,
}

/// How an entry fares with what was seen of a case that it speaks of.
enum Bearing {
    /// It says so, or nothing can be said.
    Holds,
    /// It was good every time.
    Mended,
    /// It came to this instead.
    Otherwise(Vec<Verdict>),
}

fn bearing(entry: &Entry, seen: Option<&Seen>) -> Bearing {
    let Some(seen) = seen else { return Bearing::Holds };
    let expects = |verdict: &Verdict| entry.verdicts.contains(verdict);
    let is_good = seen.is_good && !expects(&Verdict::Pass);
    if seen.bad.is_empty() {
        return if is_good { Bearing::Mended } else { Bearing::Holds };
    }
    if seen.bad.iter().all(expects) && !is_good {
        return Bearing::Holds;
    }
    // What comes to one thing or another is not refuted by coming to a third.
    let is_flake = entry.verdicts.len() > 1;
    let before = entry.verdicts.iter().copied().filter(|_| is_flake);
    let all: BTreeSet<Verdict> = before.chain(seen.verdicts()).collect();
    let (good, bad): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.is_good());
    Bearing::Otherwise([bad, good].concat())
}

/// A case that a draft has to speak of, by its position in the suite, and what it comes to.
struct Open {
    position: usize,
    verdicts: Vec<Verdict>,
}

/// A condition of a draft: its key and value.
type Condition = Option<(&'static str, String)>;

/// Cases that one draft is made for, and what happened in them.
#[derive(Default)]
struct Alike {
    scenarios: BTreeSet<ScenarioId>,
    cases: BTreeSet<usize>,
    happenings: BTreeSet<Happening>,
}

impl Decision {
    /// Decides what the file has to say of a suite, so that it says what was seen.
    pub(super) fn of(
        expectations: &Expectations,
        suite: &[&Case],
        seen: &BTreeMap<CaseId, Seen>,
        here: &[Circumstances],
    ) -> Result<Self, AcceptError> {
        let mut edits = Vec::new();
        let mut is_known = BTreeSet::new();
        let mut open = Vec::new();
        for entry in expectations.entries() {
            if !entry.applies {
                edits.push(Edit::Keep);
                continue;
            }
            let spoken: Vec<usize> =
                (0..suite.len()).filter(|one| entry.speaks_of(suite[*one])).collect();
            is_known.extend(spoken.iter().copied());
            let (edit, otherwise) = decide(entry, &spoken, suite, seen)?;
            edits.push(edit);
            open.extend(otherwise);
        }
        for (position, case) in suite.iter().enumerate() {
            if let Some(seen) = seen.get(&case.id).filter(|seen| !seen.bad.is_empty())
                && !is_known.contains(&position)
            {
                open.push(Open { position, verdicts: seen.verdicts() });
            }
        }
        let drafts = drafts(expectations, suite, seen, here, open)?;
        Ok(Self { edits, drafts })
    }
}

/// What is to be done to an entry that speaks of these cases, and which of them came to something else.
fn decide(
    entry: &Entry,
    spoken: &[usize],
    suite: &[&Case],
    seen: &BTreeMap<CaseId, Seen>,
) -> Result<(Edit, Vec<Open>), AcceptError> {
    let mut otherwise = Vec::new();
    let mut removed = BTreeSet::new();
    for position in spoken {
        match bearing(entry, seen.get(&suite[*position].id)) {
            Bearing::Holds => {}
            Bearing::Mended => {
                removed.insert(*position);
            }
            Bearing::Otherwise(verdicts) => {
                removed.insert(*position);
                otherwise.push(Open { position: *position, verdicts });
            }
        }
    }
    if removed.is_empty() {
        return Ok((Edit::Keep, otherwise));
    }
    let verdicts: BTreeSet<&Vec<Verdict>> = otherwise.iter().map(|open| &open.verdicts).collect();
    if let (1, Some(verdicts)) = (verdicts.len(), verdicts.first())
        && otherwise.len() == spoken.len()
        && entry.verdicts.iter().all(|verdict| verdicts.contains(verdict))
    {
        return Ok((Edit::Verdicts((*verdicts).clone()), Vec::new()));
    }
    if removed.len() == spoken.len() {
        return Ok((Edit::Remove, otherwise));
    }
    // Patterns of an entry speak only of cases on its topologies.
    let on: Vec<usize> = (0..suite.len())
        .filter(|one| entry.conditions.admit(suite[*one].variant.topology))
        .collect();
    let cases: Vec<&Case> = on.iter().map(|one| suite[*one]).collect();
    let mut patterns = Vec::new();
    for placed in &entry.cases {
        let own: Vec<usize> =
            (0..on.len()).filter(|one| entry.speaks_by(placed, cases[*one])).collect();
        let left: BTreeSet<usize> =
            own.iter().copied().filter(|one| !removed.contains(&on[*one])).collect();
        patterns.push(if left.len() == own.len() {
            None
        } else {
            Some(cover(&left, &cases).map_err(|case| AcceptError::NoPattern { case })?)
        });
    }
    Ok((Edit::Narrow(patterns), otherwise))
}

/// Entries for cases that come to these verdicts.
fn drafts(
    expectations: &Expectations,
    suite: &[&Case],
    seen: &BTreeMap<CaseId, Seen>,
    here: &[Circumstances],
    open: Vec<Open>,
) -> Result<Vec<Draft>, AcceptError> {
    let mut by_scenario: BTreeMap<(ScenarioId, Vec<Verdict>, Condition), BTreeSet<usize>> =
        BTreeMap::new();
    for Open { position, verdicts } in open {
        let case = suite[position];
        let condition = condition(expectations, case, here)?;
        let key = (case.scenario.id.clone(), verdicts, condition);
        by_scenario.entry(key).or_default().insert(position);
    }
    // What happened in the same way in several scenarios is one thing that is known.
    let mut alike: BTreeMap<(Vec<Verdict>, Condition, BTreeSet<Happening>), Alike> =
        BTreeMap::new();
    for ((scenario, verdicts, condition), cases) in by_scenario {
        let seen = cases.iter().filter_map(|position| seen.get(&suite[*position].id));
        let happenings: BTreeSet<Happening> =
            seen.flat_map(|seen| seen.happenings.iter().cloned()).collect();
        let anywhere = happenings.iter().map(Happening::anywhere).collect();
        let one = alike.entry((verdicts, condition, anywhere)).or_default();
        one.scenarios.insert(scenario);
        one.cases.extend(cases);
        one.happenings.extend(happenings);
    }
    let mut drafts = Vec::new();
    for ((verdicts, condition, anywhere), Alike { scenarios, cases, happenings }) in alike {
        let at_times = verdicts.contains(&Verdict::Pass);
        let told = if scenarios.len() == 1 { happenings } else { anywhere };
        let patterns = cover(&cases, suite).map_err(|case| AcceptError::NoPattern { case })?;
        let reason = Happening::reason(told, at_times);
        let draft = Draft { patterns, count: cases.len(), verdicts, condition, reason };
        drafts.push((cases.first().copied(), draft));
    }
    drafts.sort_by_key(|(first, _)| *first);
    Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
}

/// What a draft for a case has to be conditional on, so that it does not overlap with an entry that
/// speaks of the case elsewhere.
fn condition(
    expectations: &Expectations,
    case: &Case,
    here: &[Circumstances],
) -> Result<Condition, AcceptError> {
    let mut elsewhere =
        expectations.entries().iter().filter(|entry| !entry.applies && entry.speaks_of(case));
    let Some(entry) = elsewhere.next() else { return Ok(None) };
    let peers: BTreeSet<Peer> = here.iter().map(|one| one.peer).collect();
    if let (1, Some(peer)) = (peers.len(), peers.first())
        && !entry.conditions.allow(*peer)
    {
        return Ok(Some(("peer", peer.to_string())));
    }
    let refuses_kernel = |one: &Circumstances| {
        let kernel = one.kernel.as_deref().unwrap_or_default();
        entry.conditions.kernel.as_ref().is_some_and(|bounds| !bounds.hold(kernel))
    };
    let by_kernel = here.iter().all(refuses_kernel);
    let exact: BTreeSet<Option<String>> = (here.iter())
        .map(|one| if by_kernel { one.kernel.as_deref() } else { Some(one.version.as_str()) })
        .map(|version| numbers(version?))
        .collect();
    match (exact.len(), exact.into_iter().next().flatten()) {
        (1, Some(exact)) => {
            Ok(Some((if by_kernel { "kernel" } else { "version" }, format!("={exact}"))))
        }
        _ => Err(AcceptError::Elsewhere { case: case.id.clone(), line: entry.lines.0 }),
    }
}
