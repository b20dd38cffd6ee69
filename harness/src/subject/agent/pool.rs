use std::ffi::OsString;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::process::{Agent, Mishap, StartError};

/// The agents of a subject that wait for a case, and how those before them fared.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) guard: Vec<OsString>,
    pub(super) command: Vec<OsString>,
    pub(super) patience: Duration,
    /// Whether the run is to end at once.
    pub(super) abort: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Agent>,
    /// How many agents died one after the other.
    deaths: u32,
    last: String,
}

/// So many deaths in a row end the matter.
const DEATHS: u32 = 3;

impl Pool {
    /// With one agent that was started already.
    pub(super) fn new(
        guard: Vec<OsString>,
        command: Vec<OsString>,
        patience: Duration,
        abort: Arc<AtomicBool>,
        first: Agent,
    ) -> Self {
        let state = State { idle: vec![first], ..State::default() };
        Self { guard, command, patience, abort, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent that waits, or a new one.
    pub(super) fn take(&self) -> Result<Agent, StartError> {
        let idle = self.state().idle.pop();
        idle.map_or_else(|| self.start(None), Ok)
    }

    /// A new agent, in the network namespace of the calling thread, with one more argument if any.
    pub(super) fn start(&self, argument: Option<&str>) -> Result<Agent, StartError> {
        let mut command = self.command.clone();
        command.extend(argument.map(OsString::from));
        Agent::start(&self.guard, &command, self.patience, &self.abort)
    }

    /// An agent has come to the end of a case alive.
    pub(super) fn give_back(&self, agent: Agent, is_shared: bool) {
        self.state().deaths = 0;
        if is_shared {
            self.state().idle.push(agent);
        } else {
            // Not killed, so that whoever has started it sees its end.
            agent.dismiss();
        }
    }

    /// An agent has not come to the end of its case.
    pub(super) fn note_mishap(&self, mishap: &Mishap) {
        if matches!(mishap, Mishap::Died { .. }) {
            let mut state = self.state();
            state.deaths += 1;
            state.last = mishap.to_string();
        }
    }

    /// Why no further agent is started, if too many have died.
    pub(super) fn quarantine(&self) -> Option<String> {
        let state = self.state();
        (state.deaths >= DEATHS).then(|| {
            format!("{} agents in a row have died; the last: {}", state.deaths, state.last)
        })
    }

    /// Lets those that wait end.
    pub(super) fn dismiss(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        idle.into_iter().for_each(Agent::dismiss);
    }
}
