use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::folder::Folder;
use super::listening::is_listening;
use super::manifest::{Placement, ProxyManifest};
use super::proxy::{Launched, Proxy, ProxyError};
use super::route::{Route, destination};
use super::start::ProxyStart;
use crate::scenario::LinkFault;
use crate::subject::{AddressBook, Awaited, Observation, Session, SubjectError};
use crate::vocabulary::{ActorId, Address, Endpoint, Op, Place, TagId};
use crate::wire::Capture;

/// What the sessions of a subject share: how instances are started, and how those before fared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) start: ProxyStart,
    /// Where instances keep their files, if they have any.
    pub(super) folder: Option<Folder>,
    /// Whether the run is to end at once.
    pub(super) abort: Arc<AtomicBool>,
    pub(super) mishaps: Mutex<Mishaps>,
}

/// The instances that could not be used, one after the other.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    count: u32,
    last: String,
}

/// So many mishaps in a row end the matter.
const MOST: u32 = 3;
/// How often another port is tried where one is taken.
const PORTS: usize = 64;

/// A session whose actors connect to each other through a proxy.
pub(super) struct ViaSession {
    pub(super) inner: Box<dyn Session>,
    pub(super) shared: Arc<Shared>,
    pub(super) route: Route,
    pub(super) instances: Vec<Instance>,
    /// The gateway, where the proxy is one.
    pub(super) gateway: Option<Proxy>,
}

/// The proxy in front of one address.
pub(super) struct Instance {
    target: SocketAddr,
    listen: SocketAddr,
    proxy: Proxy,
}

impl Shared {
    /// Why no further instance is started, if too many could not be used.
    pub(super) fn quarantine(&self) -> Option<String> {
        let mishaps = self.mishaps.lock().unwrap_or_else(PoisonError::into_inner);
        (mishaps.count >= MOST).then(|| {
            format!(
                "{} proxies in a row could not be used; the last: {}",
                mishaps.count, mishaps.last
            )
        })
    }

    /// Notes how an instance fared.
    pub(super) fn note(&self, mishap: Option<String>) {
        let mut mishaps = self.mishaps.lock().unwrap_or_else(PoisonError::into_inner);
        match mishap {
            Some(last) => *mishaps = Mishaps { count: mishaps.count + 1, last },
            None => mishaps.count = 0,
        }
    }
}

impl ViaSession {
    /// Starts the instance in front of the address that the case connects to first, so that this is no
    /// part of the case.
    pub(super) fn begin(&mut self, book: &AddressBook) -> Result<(), SubjectError> {
        let Route { from, address, .. } = self.route;
        if let Some(target) = self.endpoint(book, from, &address)? {
            self.instance(target)?;
        }
        Ok(())
    }

    fn endpoint(
        &self,
        book: &AddressBook,
        actor: ActorId,
        address: &Address,
    ) -> Result<Option<SocketAddr>, SubjectError> {
        Ok(match book.endpoint(actor, address, self.route.transport)? {
            Endpoint::Inet(endpoint) => Some(endpoint),
            Endpoint::Local(_) | Endpoint::Unnamed => None,
        })
    }

    /// Where the proxy in front of an address listens, which is started where there is none.
    fn instance(&mut self, target: SocketAddr) -> Result<SocketAddr, SubjectError> {
        if let Some(known) = self.instances.iter().find(|one| one.target == target) {
            return Ok(known.listen);
        }
        let listen = free(target.ip()).map_err(ProxyError::Port)?;
        let Shared { start, folder, abort, .. } = &*self.shared;
        let mut words = start.shared_words();
        words.set_address("listen", listen);
        words.set_address("target", target);
        words.set("ip", if target.is_ipv6() { &6 } else { &4 });
        let what = format!("listen at {listen}");
        let proxy = Launched::start(start, folder.as_ref(), words, Stdio::null())?.await_ready(
            &what,
            start.patience,
            abort,
            || Ok(is_listening(listen)),
        )?;
        self.instances.push(Instance { target, listen, proxy });
        Ok(listen)
    }

    /// The addresses for an operation, where they are not those of the case.
    fn rerouted(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
    ) -> Result<Option<AddressBook>, SubjectError> {
        let is_gateway = self.shared.start.placement == Placement::Gateway;
        let address = match op {
            Op::Bind { address, .. } if is_gateway && address.place == Place::Actor(actor) => {
                address
            }
            Op::Connect { address, .. } if destination(actor, op).is_some() => address,
            _ => return Ok(None),
        };
        let Some(known) = self.endpoint(book, actor, address)? else { return Ok(None) };
        let other = match op {
            Op::Connect { .. } if is_gateway => {
                SocketAddr::new(ProxyManifest::GATEWAY.into(), known.port())
            }
            Op::Connect { .. } => self.instance(known)?,
            _ => SocketAddr::new(loopback(known.ip()), known.port()),
        };
        Ok(Some(book.with_detour(known, other)))
    }

    /// How a proxy of the case died, if one has.
    fn death(&mut self) -> Option<String> {
        let proxies = self.instances.iter_mut().map(|one| &mut one.proxy);
        proxies.chain(&mut self.gateway).find_map(Proxy::death)
    }

    /// What came of something, unless a proxy has died.
    fn unless_dead<T>(&mut self, result: T) -> Result<T, SubjectError> {
        match self.death() {
            Some(how) => {
                self.shared.note(Some(how.clone()));
                Err(SubjectError::Died { how })
            }
            None => Ok(result),
        }
    }
}

impl Session for ViaSession {
    fn perform(
        &mut self,
        actor: ActorId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<Observation, SubjectError> {
        let rerouted = self.rerouted(actor, op, book)?;
        let observation =
            self.inner.perform(actor, op, rerouted.as_ref().unwrap_or(book), limit)?;
        self.unless_dead(observation)
    }

    fn start(
        &mut self,
        actor: ActorId,
        tag: TagId,
        op: &Op,
        book: &AddressBook,
        limit: Duration,
    ) -> Result<(), SubjectError> {
        let rerouted = self.rerouted(actor, op, book)?;
        self.inner.start(actor, tag, op, rerouted.as_ref().unwrap_or(book), limit)
    }

    fn finish(
        &mut self,
        tag: TagId,
        limit: Duration,
        give_up: bool,
    ) -> Result<Awaited, SubjectError> {
        let awaited = self.inner.finish(tag, limit, give_up)?;
        self.unless_dead(awaited)
    }

    fn interrupt(&mut self, tag: TagId) -> Result<Observation, SubjectError> {
        self.inner.interrupt(tag)
    }

    fn captured(&mut self) -> Result<Capture, SubjectError> {
        self.inner.captured()
    }

    fn inflict(&mut self, fault: &LinkFault, book: &AddressBook) -> Result<(), SubjectError> {
        self.inner.inflict(fault, book)
    }

    fn alter_host(&mut self, host: usize, act: &mut dyn FnMut()) -> Result<(), SubjectError> {
        self.inner.alter_host(host, act)
    }

    fn wait(&mut self, time: Duration) {
        self.inner.wait(time);
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn close(mut self: Box<Self>) -> Vec<String> {
        let death = self.death();
        self.shared.note(death.clone());
        let Self { inner, .. } = *self;
        death.into_iter().chain(inner.close()).collect()
    }
}

/// An address at which nobody listens.
fn free(ip: IpAddr) -> std::io::Result<SocketAddr> {
    let mut last = std::io::ErrorKind::AddrInUse.into();
    for _ in 0..PORTS {
        let address = SocketAddr::new(ip, AddressBook::spare_port());
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The loopback address of the same family.
fn loopback(ip: IpAddr) -> IpAddr {
    if ip.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}
