use super::exchange::Exchange;
use crate::subject::program::Ending;

pub(super) const EXCHANGES: &[Exchange] = &[Exchange {
    name: "it ends by itself, with exit code 0, when its input does",
    needs: &[],
    try_it: |probe| {
        probe.is_lost = true;
        match probe.agent.farewell() {
            Some(Ending::Code(0)) => Ok(()),
            Some(ending) => Err(ending.to_string()),
            None => Err("it is still there a second later".to_owned()),
        }
    },
}];
