use super::exchange::Exchange;
use super::probe::{Probe, Tried};

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "hello names the subject and its version",
        needs: &[],
        try_it: |probe| {
            let hello = probe.agent.hello();
            let is_empty = hello.name.trim().is_empty() || hello.version.trim().is_empty();
            if is_empty { Err("`name` or `version` is empty".to_owned()) } else { Ok(()) }
        },
    },
    Exchange {
        name: "hello offers words that there are",
        needs: &[],
        try_it: |probe| {
            let unknown: Vec<&str> = probe.agent.offers().unknown().collect();
            if unknown.is_empty() {
                Ok(())
            } else {
                Err(format!("unknown: {}", unknown.join(", ")))
            }
        },
    },
    Exchange {
        name: "hello gives reasons for words that are not offered",
        needs: &[],
        try_it: |probe| {
            let idle: Vec<&str> = probe.agent.offers().idle_lacks().collect();
            if idle.is_empty() {
                Ok(())
            } else {
                Err(format!("offered, or no word: {}", idle.join(", ")))
            }
        },
    },
    Exchange {
        name: "some transport is offered",
        needs: &[],
        try_it: |probe| probe.stream().or_else(|_| probe.datagram()).map(|_| ()),
    },
    Exchange { name: "a reset is answered when nothing is there", needs: &[], try_it: resets },
];

fn resets(probe: &mut Probe<'_>) -> Tried {
    probe.settle()?;
    probe.settle()
}
