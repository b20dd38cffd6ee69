use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, thread};

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
    /// Told when an agent has been started.
    started: Condvar,
}

/// A network namespace, by its inode. As long as an agent lives in it no other gets that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home(u64);

impl Home {
    /// That of the calling thread, where the kernel tells it.
    pub(super) fn here() -> Option<Self> {
        fs::metadata("/proc/thread-self/ns/net").ok().map(|namespace| Self(namespace.ino()))
    }
}

#[derive(Debug, Default)]
struct State {
    /// Those that wait and where they are, who was used last at the end.
    idle: VecDeque<(Home, Agent)>,
    /// How many are being started.
    starting: usize,
    /// How many agents died one after the other.
    deaths: u32,
    last: String,
}

/// So many deaths in a row end the matter.
const DEATHS: u32 = 3;
/// So many agents wait at most; each that waits on a host keeps its namespace alive.
const MOST_IDLE: usize = 96;
/// How often who waits for a turn looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

impl Pool {
    /// With one agent that was started already.
    pub(super) fn new(
        guard: Vec<OsString>,
        command: Vec<OsString>,
        patience: Duration,
        abort: Arc<AtomicBool>,
        first: Agent,
    ) -> Self {
        let idle = Home::here().map(|home| (home, first)).into_iter().collect();
        let state = State { idle, ..State::default() };
        let (state, started) = (Mutex::new(state), Condvar::new());
        Self { guard, command, patience, abort, state, started }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent that waits in the network namespace of the calling thread, or a new one there.
    pub(super) fn take(&self) -> Result<(Option<Home>, Agent), StartError> {
        let home = Home::here();
        if let Some(agent) = home.and_then(|home| self.waiting(home)) {
            return Ok((home, agent));
        }
        Ok((home, self.start(None)?))
    }

    fn waiting(&self, home: Home) -> Option<Agent> {
        let idle = &mut self.state().idle;
        let at = idle.iter().rposition(|one| one.0 == home)?;
        idle.remove(at).map(|(_, agent)| agent)
    }

    /// A new agent, in the network namespace of the calling thread, with one more argument if any.
    ///
    /// Only so many are started at a time: where all want a core at once, each would seem not to answer.
    pub(super) fn start(&self, argument: Option<&str>) -> Result<Agent, StartError> {
        let most = 2 * thread::available_parallelism().map_or(1, usize::from);
        let mut state = self.state();
        while state.starting >= most && !self.abort.load(Ordering::SeqCst) {
            let waited = self.started.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.starting += 1;
        drop(state);
        let mut command = self.command.clone();
        command.extend(argument.map(OsString::from));
        let agent = Agent::start(&self.guard, &command, self.patience, &self.abort);
        self.state().starting -= 1;
        self.started.notify_one();
        agent
    }

    /// An agent has come to the end of a case alive. It waits for another where its home is known.
    pub(super) fn give_back(&self, home: Option<Home>, agent: Agent) {
        let mut state = self.state();
        state.deaths = 0;
        let Some(home) = home else {
            drop(state);
            return agent.dismiss();
        };
        state.idle.push_back((home, agent));
        let superfluous = (state.idle.len() > MOST_IDLE).then(|| state.idle.pop_front()).flatten();
        drop(state);
        // Not killed, so that whoever has started it sees its end.
        if let Some((_, agent)) = superfluous {
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
        let mut idle = std::mem::take(&mut self.state().idle);
        // All at once, since each takes its time.
        for (_, agent) in &mut idle {
            agent.end_input();
        }
        for (_, agent) in idle {
            agent.dismiss();
        }
    }
}
