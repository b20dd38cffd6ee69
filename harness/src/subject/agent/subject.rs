use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Offers;
use super::manifest::Placement;
use super::placed::PlacedSession;
use super::pool::{Home, Pool};
use super::process::{Agent, StartError};
use super::session::AgentSession;
use crate::net::Made;
use crate::scenario::{Action, Case, LinkFault, WireStep};
use crate::subject::kernel::{KernelSession, KernelSubject};
use crate::subject::{Aborter, Admission, Granularity, Opened, Subject, SubjectError};
use crate::vocabulary::{ActorId, Capability, ErrorNames, Peer, Topology};

/// How an agent is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// What stands before the command so that [`guard`](crate::subject::program::guard()) is called
    /// with the id of this process and the command; nothing where it is to be started without.
    pub guard: Vec<OsString>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// How long it may take to say what it is.
    pub patience: Duration,
    /// Where it can run.
    pub placement: Placement,
}

/// Whatever an agent reaches, as a subject.
#[derive(Debug)]
pub struct AgentSubject {
    name: String,
    version: String,
    granularity: Granularity,
    names: ErrorNames,
    offers: Offers,
    peer: Peer,
    placement: Placement,
    kernel: KernelSubject,
    pool: Arc<Pool>,
}

/// How many agents run at once at most.
const MOST: usize = 32;

impl AgentSubject {
    /// Starts an agent to learn what it is. The kernel makes the hosts and plays the actors that are
    /// not the agent's.
    ///
    /// # Errors
    /// When the agent cannot be started, or does not say what it is.
    pub fn new(start: Start, peer: Peer, kernel: KernelSubject) -> Result<Self, StartError> {
        let Start { guard, command, patience, placement } = start;
        let abort = Arc::<AtomicBool>::default();
        let first = Agent::start(&guard, &command, patience, &abort)?;
        let hello = first.hello();
        Ok(Self {
            name: hello.name.clone(),
            version: hello.version.clone(),
            granularity: hello.granularity,
            names: hello.names,
            offers: first.offers().clone(),
            peer,
            placement,
            kernel,
            pool: Arc::new(Pool::new(guard, command, patience, abort, first)),
        })
    }

    /// What it says that it can do.
    pub const fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Why a case lies beyond where the agent can run.
    fn beyond(&self, case: &Case) -> Option<&'static str> {
        let is_apart = case.variant.topology != Topology::Loopback;
        match self.placement {
            Placement::Loopback if is_apart => Some("it takes too long to start on each host"),
            Placement::Sandbox if self.peer != Peer::Own => Some("no host but itself reaches it"),
            Placement::Sandbox if is_apart => Some("it has one host, its own"),
            Placement::Sandbox if case.needs_network() => Some("its packets cannot be seen"),
            Placement::Link if !is_apart => Some("it needs a link"),
            Placement::Link if case.variant.topology == Topology::Routed => {
                Some("it learns no routes")
            }
            Placement::Link if self.is_afflicted(case) => {
                Some("what is done to its host is done to a kernel that it has replaced")
            }
            Placement::Namespace | Placement::Loopback | Placement::Sandbox | Placement::Link => {
                None
            }
        }
    }

    /// What an agent on a host that was made for it is started with beside its command.
    const fn on_host(&self) -> Option<&'static str> {
        match self.placement {
            Placement::Link => Some("--link"),
            Placement::Namespace | Placement::Loopback | Placement::Sandbox => None,
        }
    }

    /// The agents of a session, one on each host that needs one: one that waits there, or a new one.
    fn agents(
        &self,
        kernel: &KernelSession,
        hosts: &[usize],
    ) -> Result<Vec<(Option<Home>, Agent)>, SubjectError> {
        let refused = |error: StartError| SubjectError::Agent { what: error.to_string() };
        let agent = |host: &usize| {
            let make = || match self.on_host() {
                // What it does to its host stays, so that nobody can have either after it.
                Some(argument) => self.pool.start(Some(argument)).map(|agent| (None, agent)),
                None => self.pool.take(),
            };
            kernel.on_host(*host, make)?.map_err(refused)
        };
        hosts.iter().map(agent).collect()
    }

    /// Whether something is done to a host that the agent plays.
    fn is_afflicted(&self, case: &Case) -> bool {
        let plays = |actor: ActorId| self.peer.plays(actor);
        case.steps.iter().any(|step| match &step.action {
            Action::Wire(WireStep::Fault(
                LinkFault::Drop { filter, .. } | LinkFault::Pass(filter),
            )) => {
                let mut actors = (0..case.actors.len()).map(ActorId::new);
                filter.to.map_or_else(|| actors.any(|to| to != filter.from && plays(to)), plays)
            }
            Action::Wire(WireStep::Fault(
                LinkFault::Down(actor)
                | LinkFault::Up(actor)
                | LinkFault::Mtu { actor, .. }
                | LinkFault::Route { actor, .. },
            )) => plays(*actor),
            _ => false,
        })
    }
}

impl Subject for AgentSubject {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn peer(&self) -> Option<Peer> {
        Some(self.peer)
    }

    fn capabilities(&self) -> &[Capability] {
        self.kernel.capabilities()
    }

    fn granularity(&self) -> Granularity {
        self.granularity
    }

    fn granularity_of(&self, actor: ActorId) -> Granularity {
        if self.peer.plays(actor) { self.granularity } else { self.kernel.granularity() }
    }

    fn error_names(&self) -> ErrorNames {
        self.names
    }

    fn error_names_of(&self, actor: ActorId) -> ErrorNames {
        if self.peer.plays(actor) { self.names } else { self.kernel.error_names() }
    }

    fn capacity(&self) -> usize {
        self.kernel.capacity().min(MOST)
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn admit(&self, case: &Case) -> Admission {
        if let Some(why) = self.pool.quarantine() {
            return Admission::Skip(why);
        }
        if let Some(why) = self.beyond(case) {
            return Admission::Unsupported(why.to_owned());
        }
        match self.kernel.admit(case) {
            Admission::Run => {}
            other => return other,
        }
        match self.offers.lacking(case, |actor| self.peer.plays(actor)) {
            Some(why) => Admission::Unsupported(why),
            None => Admission::Run,
        }
    }

    fn open(&self, case: &Case, captures: bool) -> Result<Opened, SubjectError> {
        let (mut kernel, book) = self.kernel.open_session(case, captures)?;
        let mut hosts = Vec::new();
        let players = (0..case.actors.len()).map(ActorId::new).map(|actor| {
            let host = book.host_of(actor);
            self.peer.plays(actor).then(|| {
                hosts.iter().position(|known| *known == host).unwrap_or_else(|| {
                    hosts.push(host);
                    hosts.len() - 1
                })
            })
        });
        let players = players.collect();
        if self.placement == Placement::Link {
            kernel.give_up_network();
        }
        let agents = self.agents(&kernel, &hosts)?;
        let (sockets, tags) = (case.sockets.len(), case.tags.len());
        let mut kernel = Box::new(kernel);
        // Starting agents is no part of the case.
        let origin = Instant::now();
        kernel.begin_at(origin);
        let agents = agents
            .into_iter()
            .map(|(home, agent)| (home, AgentSession::new(agent, origin, sockets, tags)));
        let session = PlacedSession {
            players,
            agents: agents.collect(),
            starters: vec![None; tags],
            pool: Arc::clone(&self.pool),
            kernel,
        };
        Ok(Opened { session: Box::new(session), book })
    }

    fn aborter(&self) -> Option<Aborter> {
        let abort = Arc::clone(&self.pool.abort);
        let kernel = self.kernel.aborter();
        Some(Arc::new(move || {
            abort.store(true, Ordering::SeqCst);
            if let Some(kernel) = &kernel {
                kernel();
            }
        }))
    }

    fn made(&self) -> Option<Made> {
        self.kernel.made()
    }

    fn settle(&self) {
        self.pool.dismiss();
        self.kernel.settle();
    }
}
