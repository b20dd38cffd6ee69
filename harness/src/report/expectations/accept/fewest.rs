use std::collections::BTreeSet;

/// A pattern, and the cases that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) cases: BTreeSet<usize>,
    pub(super) text: String,
}

/// How many choices are tried for a smaller set than the greedy one.
const CHOICES: usize = 2_000;

/// The fewest candidates that together have all that is wanted: greedily, the one with the most of what
/// is left first and of these the shortest, and then, where that can be found within a bounded number of
/// choices, fewer. Together the candidates have all of it, and nothing else.
pub(super) fn fewest(mut candidates: Vec<Candidate>, wanted: &BTreeSet<usize>) -> Vec<Candidate> {
    candidates.sort_by_key(|one| (usize::MAX - one.cases.len(), one.text.len(), one.text.clone()));
    let mut best = greedy(&candidates, wanted);
    let mut choices = CHOICES;
    while best.len() > 1 {
        let mut chosen = Vec::new();
        if !search(&candidates, wanted, best.len() - 1, &mut chosen, &mut choices) {
            break;
        }
        best = chosen;
    }
    best.into_iter().map(|position| candidates[position].clone()).collect()
}

fn greedy(candidates: &[Candidate], wanted: &BTreeSet<usize>) -> Vec<usize> {
    let mut left = wanted.clone();
    let mut chosen = Vec::new();
    while !left.is_empty() {
        let gain = |position: &usize| candidates[*position].cases.intersection(&left).count();
        let best = (0..candidates.len())
            .max_by_key(|position| (gain(position), usize::MAX - candidates[*position].text.len()));
        let Some(best) = best.filter(|position| gain(position) > 0) else { break };
        left = &left - &candidates[best].cases;
        chosen.push(best);
    }
    chosen
}

/// Looks for so many candidates that have all that is left, beginning with what the fewest of them have.
fn search(
    candidates: &[Candidate],
    left: &BTreeSet<usize>,
    most: usize,
    chosen: &mut Vec<usize>,
    choices: &mut usize,
) -> bool {
    let having = |case: usize| {
        candidates.iter().enumerate().filter(move |(_, one)| one.cases.contains(&case))
    };
    let Some(rarest) = left.iter().copied().min_by_key(|case| having(*case).count()) else {
        return true;
    };
    if most == 0 {
        return false;
    }
    for (position, one) in having(rarest) {
        if *choices == 0 {
            return false;
        }
        *choices -= 1;
        chosen.push(position);
        if search(candidates, &(left - &one.cases), most - 1, chosen, choices) {
            return true;
        }
        chosen.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_found_where_the_greedy_choice_takes_three() {
        let candidates = [(1..=6).collect(), vec![1, 2, 3, 7, 8], vec![4, 5, 6, 9, 10]];
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .map(|cases| Candidate {
                text: format!("{cases:?}"),
                cases: cases.into_iter().collect(),
            })
            .collect();
        let wanted: BTreeSet<usize> = (1..=10).collect();
        assert_eq!(greedy(&candidates, &wanted).len(), 3);
        assert_eq!(fewest(candidates, &wanted).len(), 2);
    }
}
