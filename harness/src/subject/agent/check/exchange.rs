use std::sync::Arc;
use std::time::Instant;

use super::probe::Probe;
use super::{calls, datagrams, ends, greeting, options, passed_on, streams, waiting};
use crate::subject::agent::process::Agent;
use crate::subject::agent::{Start, StartError};

/// Something that is tried with an agent.
pub struct Exchange {
    /// What must be so.
    pub name: &'static str,
    /// The words that an agent must offer for it to be tried.
    pub(super) needs: &'static [&'static str],
    /// Tries it with an agent that was reset.
    pub(super) try_it: fn(&mut Probe<'_>) -> Result<(), String>,
}

/// What came of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is so.
    Held,
    /// It is not: what was found.
    Failed(String),
    /// It is not, and either the agent or its sockets are why: what was found.
    Doubtful(String),
    /// It was not tried, since this word is not offered.
    NotOffered(&'static str),
}

/// Every exchange, in the order in which they are tried.
pub(super) fn all() -> impl Iterator<Item = &'static Exchange> {
    let areas: [&[Exchange]; 8] = [
        greeting::EXCHANGES,
        calls::EXCHANGES,
        streams::EXCHANGES,
        datagrams::EXCHANGES,
        options::EXCHANGES,
        passed_on::EXCHANGES,
        waiting::EXCHANGES,
        ends::EXCHANGES,
    ];
    areas.into_iter().flatten()
}

/// Tries every exchange with an agent and tells what came of each. An agent that does not survive one
/// is started again for the next.
///
/// # Errors
/// When the agent cannot be started, or does not say what it is.
pub fn check(start: &Start, tell: &mut dyn FnMut(&Exchange, &Checked)) -> Result<(), StartError> {
    let Start { guard, command, patience, .. } = start;
    let abort = Arc::default();
    let mut idle = Some(Agent::start(guard, command, *patience, &abort)?);
    for exchange in all() {
        let mut agent = match idle.take() {
            Some(agent) => agent,
            None => Agent::start(guard, command, *patience, &abort)?,
        };
        let offers = agent.offers();
        let is_missing = |word: &&&'static str| {
            !offers.has(word) || exchange.needs.iter().any(|kind| offers.lacks_on(word, kind))
        };
        let missing = exchange.needs.iter().find(is_missing);
        if let Some(word) = missing {
            tell(exchange, &Checked::NotOffered(word));
            idle = Some(agent);
            continue;
        }
        let mut probe = Probe { agent: &mut agent, next: 0, asked: Instant::now(), is_lost: false };
        let found = (exchange.try_it)(&mut probe).and_then(|()| probe.settle());
        let is_lost = probe.is_lost || found.is_err();
        let is_doubtful = passed_on::EXCHANGES.iter().any(|one| one.name == exchange.name);
        let checked = match found {
            Ok(()) => Checked::Held,
            Err(why) if is_doubtful => Checked::Doubtful(why),
            Err(why) => Checked::Failed(why),
        };
        tell(exchange, &checked);
        idle = (!is_lost).then_some(agent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::subject::agent::Offers;
    use crate::vocabulary::SocketOption;

    #[test]
    fn each_has_a_name_of_its_own_and_needs_words_that_there_are() {
        let names: BTreeSet<_> = all().map(|exchange| exchange.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 40, "{} exchanges", names.len());
        for word in all().flat_map(|exchange| exchange.needs) {
            assert!(
                Offers::WORDS.contains(word) || SocketOption::from_name(word).is_some(),
                "{word}"
            );
        }
    }
}
