use std::collections::{BTreeMap, BTreeSet};

use super::fewest::{Candidate, fewest};
use super::rows::Rows;
use crate::run::Pattern;
use crate::scenario::Case;
use crate::vocabulary::{CaseId, ScenarioId, Topology, Transport};

/// Finds patterns that stand for exactly some cases of a suite, given by their positions, and for no
/// other case of it: few, and short ones.
///
/// A pattern is the id of a scenario or the name of a folder, with coordinates if need be. Of one
/// scenario they are as few as there can be, as long as few enough are possible to try; folders are
/// taken where each of them replaces several.
///
/// # Errors
/// Gives a case that no pattern stands for alone.
pub(super) fn cover(wanted: &BTreeSet<usize>, suite: &[&Case]) -> Result<Vec<String>, CaseId> {
    let mut scenarios: BTreeMap<&ScenarioId, Vec<usize>> = BTreeMap::new();
    for (position, case) in suite.iter().enumerate() {
        scenarios.entry(&case.scenario.id).or_default().push(position);
    }
    scenarios.retain(|_, positions| positions.iter().any(|position| wanted.contains(position)));
    let mut found = Vec::new();
    for (scenario, positions) in &scenarios {
        found.extend(of_scenario(scenario, positions, wanted, suite)?);
    }
    for folder in folders(&scenarios, wanted, suite) {
        let (within, mut others): (Vec<Candidate>, Vec<Candidate>) =
            found.into_iter().partition(|one: &Candidate| one.cases.is_subset(&folder.cases));
        if within.len() > 1 {
            others.push(folder);
        } else {
            others.extend(within);
        }
        found = others;
    }
    found.sort_by(|one, other| one.cases.first().cmp(&other.cases.first()));
    Ok(found.into_iter().map(|one| one.text).collect())
}

/// The patterns for the wanted cases of one scenario.
fn of_scenario(
    scenario: &ScenarioId,
    positions: &[usize],
    wanted: &BTreeSet<usize>,
    suite: &[&Case],
) -> Result<Vec<Candidate>, CaseId> {
    let own: BTreeSet<usize> =
        positions.iter().copied().filter(|position| wanted.contains(position)).collect();
    if own.len() == positions.len()
        && let Some(whole) = exact(scenario.to_string(), &own, suite)
    {
        return Ok(vec![whole]);
    }
    let rows = Rows::new(positions.iter().map(|position| (*position, suite[*position])));
    let mut candidates = BTreeMap::new();
    for cases in rows.boxes(&own).iter().flat_map(|one| rows.spellable(one)) {
        let text = rows.text(&cases);
        if let Some(one) = text.and_then(|text| exact(format!("{scenario}[{text}]"), &cases, suite))
        {
            candidates.insert(cases, one);
        }
    }
    for position in &own {
        let alone = BTreeSet::from([*position]);
        if candidates.keys().any(|cases: &BTreeSet<usize>| cases.contains(position)) {
            continue;
        }
        let id = &suite[*position].id;
        let Some(one) = exact(id.to_string(), &alone, suite) else { return Err(id.clone()) };
        candidates.insert(alone, one);
    }
    Ok(fewest(candidates.into_values().collect(), &own))
}

/// A pattern, if it stands for exactly these cases of the suite.
fn exact(text: String, cases: &BTreeSet<usize>, suite: &[&Case]) -> Option<Candidate> {
    let found = matched(&text, suite)?;
    (found == *cases).then_some(Candidate { cases: found, text })
}

/// The cases that a pattern stands for.
fn matched(text: &str, suite: &[&Case]) -> Option<BTreeSet<usize>> {
    let pattern: Pattern = text.parse().ok()?;
    let found = suite.iter().enumerate().filter(|(_, case)| pattern.matches(case));
    Some(found.map(|(position, _)| position).collect())
}

/// The patterns over folders that stand for wanted cases only, those for the most cases first, and of
/// these the shortest.
fn folders(
    scenarios: &BTreeMap<&ScenarioId, Vec<usize>>,
    wanted: &BTreeSet<usize>,
    suite: &[&Case],
) -> Vec<Candidate> {
    if scenarios.len() < 2 {
        return Vec::new();
    }
    let mut folders = BTreeSet::from([""]);
    for id in scenarios.keys() {
        let ends = id.as_str().match_indices('/').map(|(end, _)| &id.as_str()[..end]);
        folders.extend(ends);
    }
    let transports: BTreeSet<&str> = wanted
        .iter()
        .filter_map(|one| suite[*one].variant.transport)
        .map(Transport::word)
        .collect();
    let topologies: BTreeSet<&str> =
        wanted.iter().map(|one| Topology::word(suite[*one].variant.topology)).collect();
    let over = transports.into_iter().chain(["tcp?", "udp?"]).map(Some).chain([None]);
    let on: Vec<_> = topologies.into_iter().map(Some).chain([None]).collect();
    let mut texts = Vec::new();
    for over in over {
        for on in &on {
            let coordinates: Vec<&str> = over.into_iter().chain(*on).collect();
            for folder in &folders {
                texts.push(match (*folder, &coordinates[..]) {
                    ("", []) => "**".to_owned(),
                    (folder, []) => folder.to_owned(),
                    (folder, coordinates) => format!("{folder}[{}]", coordinates.join(",")),
                });
            }
        }
    }
    let mut found: Vec<Candidate> = texts
        .into_iter()
        .filter_map(|text| Some(Candidate { cases: matched(&text, suite)?, text }))
        .filter(|one| !one.cases.is_empty() && one.cases.is_subset(wanted))
        .collect();
    found.sort_by_key(|one| (usize::MAX - one.cases.len(), one.text.len(), one.text.clone()));
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scenario::Document;

    /// The cases of a scenario with this head, whose values of `cut` are numbers and of `text` texts.
    fn cases(id: &str, head: &str) -> Vec<Case> {
        let step = match head {
            _ if head.contains("vary cut") => "send c bytes $cut of 7  => $cut",
            _ if head.contains("vary text") => "send c $text  => 3 or 1",
            _ => "send c \"x\"  => 1",
        };
        let source = format!("\"t\"\n{head}\npair client.c server.s\n\nclient  {step}\n");
        let document = Document::parse(&source, ScenarioId::new(id), id);
        document.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).cases()
    }

    fn suite() -> Vec<Case> {
        [
            cases("a/one", "over tcp4 tcp6 udp4\non loopback netns"),
            cases("a/two", "over tcp4 tcp6\n\nvary cut 1 2 10 11"),
            cases("b/three", "over unix unix-dgram\n\nvary text \"a,b\" \"c\" \"{d}\""),
            cases("b/three/four", "over tcp4 unix"),
        ]
        .concat()
    }

    fn covered(patterns: &[&str]) -> Vec<String> {
        let suite = suite();
        let patterns: Vec<Pattern> =
            patterns.iter().map(|text| text.parse().expect("a pattern")).collect();
        let suite: Vec<&Case> = suite.iter().collect();
        let wanted = (0..suite.len())
            .filter(|one| patterns.iter().any(|pattern| pattern.matches(suite[*one])))
            .collect();
        cover(&wanted, &suite).expect("every case has an id of its own")
    }

    #[rstest]
    #[case::a_scenario(&["a/one[*]"], &["a/one"])]
    #[case::a_coordinate(&["a/one[tcp4]"], &["a/one[tcp4]"])]
    #[case::a_topology(&["a/one[netns]"], &["a/one[netns]"])]
    #[case::a_case(&["a/one[udp4,netns]"], &["a/one[udp4,netns]"])]
    #[case::one_more_letter(&["a/one[tcp4]", "a/one[tcp6]"], &["a/one[tcp?]"])]
    #[case::any_letters(&["a/two[cut=10]", "a/two[cut=11]"], &["a/two[cut=1?]"])]
    #[case::alternatives(&["a/two[cut=2]", "a/two[cut=11]"], &["a/two[cut={2,11}]"])]
    #[case::a_cross(&["a/one[tcp4]", "a/one[netns]"], &["a/one[tcp4]", "a/one[netns]"])]
    #[case::all_but_one(&["a/one[tcp?]", "a/one[loopback]"], &["a/one[tcp?]", "a/one[loopback]"])]
    #[case::quotes(&[r#"b/three[unix,text="a,b"]"#], &[r#"b/three[unix,text="a,b"]"#])]
    #[case::quotes_are_no_globs(&[r#"b/three[text="c"]"#, r#"b/three[text="{d}"]"#],
        &[r#"b/three[text="c"]"#, r#"b/three[text="{d}"]"#])]
    #[case::a_folder(&["a/one", "a/two"], &["a"])]
    #[case::everything(&["**"], &["**"])]
    #[case::a_folder_in_part(&["a/one[tcp4]", "a/two[tcp4]"], &["a[tcp4]"])]
    #[case::everywhere(&["[tcp4]"], &["[tcp4]"])]
    #[case::no_folder_for_one(&["b/three/four"], &["b/three/four"])]
    fn patterns_are_few_and_short(#[case] wanted: &[&str], #[case] found: &[&str]) {
        assert_eq!(covered(wanted), found);
    }

    #[test]
    fn a_scenario_that_is_the_folder_of_another_is_told_apart() {
        let found = covered(&["b/three[unix-dgram]", r#"b/three[text="c"]"#]);
        assert!(found.iter().all(|text| text.starts_with("b/three[")), "{found:?}");
    }

    /// The fewest boxes of values that make up some cases exactly, by trying every set of them.
    fn fewest_by_force(wanted: &BTreeSet<usize>, boxes: &[BTreeSet<usize>]) -> usize {
        let within: Vec<_> = boxes.iter().filter(|one| one.is_subset(wanted)).collect();
        let mut reached = BTreeSet::from([BTreeSet::new()]);
        for count in 0.. {
            if reached.contains(wanted) {
                return count;
            }
            reached = reached
                .iter()
                .flat_map(|some| within.iter().map(move |more| some | *more))
                .collect();
        }
        unreachable!("each case alone is a box")
    }

    #[test]
    fn they_are_exact_and_as_few_as_there_can_be() {
        for head in ["over tcp4 tcp6 udp4\non loopback netns", "over tcp4 unix\n\nvary cut 1 2 3"] {
            let suite = cases("a/one", head);
            let suite: Vec<&Case> = suite.iter().collect();
            let sides = |case: &Case| {
                let last = match &case.variant.values[..] {
                    [(_, value), ..] => value.clone(),
                    [] => case.variant.topology.to_string(),
                };
                (case.variant.transport, last)
            };
            let (overs, lasts): (BTreeSet<_>, BTreeSet<_>) =
                suite.iter().map(|one| sides(one)).unzip();
            let mut boxes = Vec::new();
            for over in subsets(&overs.into_iter().collect::<Vec<_>>()) {
                for last in subsets(&lasts.iter().cloned().collect::<Vec<_>>()) {
                    let within = |one: &usize| {
                        let (transport, value) = sides(suite[*one]);
                        over.contains(&transport) && last.contains(&value)
                    };
                    boxes.push((0..suite.len()).filter(within).collect());
                }
            }
            for wanted in subsets(&(0..suite.len()).collect::<Vec<_>>()) {
                let wanted: BTreeSet<usize> = wanted.into_iter().collect();
                let found = cover(&wanted, &suite).expect("every case has an id of its own");
                let together: BTreeSet<usize> = found
                    .iter()
                    .flat_map(|text| matched(text, &suite).expect("a pattern"))
                    .collect();
                assert_eq!(together, wanted, "{found:?}");
                assert_eq!(found.len(), fewest_by_force(&wanted, &boxes), "{found:?}");
            }
        }
    }

    fn subsets<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
        let pick = |mask: usize| {
            let chosen = all.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
            chosen.map(|(_, one)| one.clone()).collect()
        };
        (0..1_usize << all.len()).map(pick).collect()
    }

    #[test]
    fn a_large_matrix_with_holes_is_covered_exactly() {
        let suite = cases("a/one", "over tcp4 tcp6 udp4\non loopback netns\n\nvary cut 1..32");
        let suite: Vec<&Case> = suite.iter().collect();
        for step in [2, 3, 7, 31] {
            let wanted: BTreeSet<usize> = (0..suite.len()).filter(|one| one % step != 0).collect();
            let found = cover(&wanted, &suite).expect("every case has an id of its own");
            let together: BTreeSet<usize> =
                found.iter().flat_map(|text| matched(text, &suite).expect("a pattern")).collect();
            assert_eq!(together, wanted, "{found:?}");
            assert!(found.len() <= 64, "{} patterns", found.len());
        }
    }
}
