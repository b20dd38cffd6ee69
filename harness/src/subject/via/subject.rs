use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::folder::Folder;
use super::gateway;
use super::manifest::Placement;
use super::proxy::ProxyError;
use super::route::Route;
use super::session::{Mishaps, Shared, ViaSession};
use super::start::ProxyStart;
use crate::net::Made;
use crate::scenario::Case;
use crate::subject::{Aborter, Admission, Granularity, Opened, Subject, SubjectError};
use crate::vocabulary::{ActorId, Capability, Topology};

/// Another subject through a proxy: what an actor connects to is the proxy, which passes the connection
/// on to the other actor.
pub struct ViaSubject {
    name: String,
    version: String,
    capabilities: Vec<Capability>,
    inner: Box<dyn Subject>,
    shared: Arc<Shared>,
}

/// How many instances run at once at most.
const MOST: usize = 16;

impl ViaSubject {
    /// Puts a proxy of this name and version into the middle of another subject's connections. A gateway
    /// needs a subject that can make hosts.
    ///
    /// # Errors
    /// When there is no place for the files of its instances.
    pub fn new(
        name: String,
        version: String,
        start: ProxyStart,
        inner: Box<dyn Subject>,
    ) -> Result<Self, ProxyError> {
        let mut capabilities = inner.capabilities().to_vec();
        capabilities.push(Capability::Proxy);
        let folder = start.needs_folder().then(|| Folder::new(&start.guard)).transpose()?;
        let shared = Shared {
            start,
            folder,
            abort: Arc::<AtomicBool>::default(),
            mishaps: Mutex::<Mishaps>::default(),
        };
        Ok(Self { name, version, capabilities, inner, shared: Arc::new(shared) })
    }

    /// The case as the subject within sees it: with no need of a proxy, and between hosts where the proxy
    /// is a gateway.
    fn within<'a>(&self, case: &'a Case) -> Cow<'a, Case> {
        let is_gateway = self.shared.start.placement == Placement::Gateway;
        if !is_gateway && !case.needs.contains(&Capability::Proxy) {
            return Cow::Borrowed(case);
        }
        let mut case = case.clone();
        case.needs = case.needs.iter().copied().filter(|one| *one != Capability::Proxy).collect();
        if is_gateway {
            case.variant.topology = Topology::Netns;
        }
        Cow::Owned(case)
    }

    /// The route of a case, or why the proxy cannot stand on it.
    fn route(&self, case: &Case) -> Result<Route, String> {
        let route = Route::of(case)?;
        let start = &self.shared.start;
        if !start.over.contains(&route.transport) {
            return Err(format!("the proxy does not carry {}", route.transport));
        }
        if start.placement == Placement::Gateway && !route.is_only_one(case) {
            return Err("a gateway passes connections on one way only".to_owned());
        }
        Ok(route)
    }
}

impl Subject for ViaSubject {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    fn granularity(&self) -> Granularity {
        self.inner.granularity()
    }

    fn granularity_of(&self, actor: ActorId) -> Granularity {
        self.inner.granularity_of(actor)
    }

    fn is_elsewhere(&self) -> bool {
        self.inner.is_elsewhere()
    }

    fn capacity(&self) -> usize {
        self.inner.capacity().min(MOST)
    }

    fn admit(&self, case: &Case) -> Admission {
        if let Some(why) = self.shared.quarantine() {
            return Admission::Skip(why);
        }
        match self.route(case) {
            Ok(_) => self.inner.admit(&self.within(case)),
            Err(why) => Admission::Unsupported(why),
        }
    }

    fn open(&self, case: &Case, _captures: bool) -> Result<Opened, SubjectError> {
        let route = self.route(case).map_err(|what| SubjectError::Agent { what })?;
        // Packets would be those of the proxy.
        let Opened { session, book } = self.inner.open(&self.within(case), false)?;
        let mut session = ViaSession {
            inner: session,
            shared: Arc::clone(&self.shared),
            route,
            instances: Vec::new(),
            gateway: None,
        };
        let begun = match self.shared.start.placement {
            Placement::Loopback => session.begin(&book),
            Placement::Gateway => gateway::join(&mut *session.inner, &self.shared, &book, route)
                .map(|proxy| session.gateway = Some(proxy)),
        };
        match begun {
            Ok(()) => Ok(Opened { session: Box::new(session), book }),
            Err(error) => {
                if let SubjectError::Proxy(mishap) = &error {
                    self.shared.note(Some(mishap.to_string()));
                }
                Err(error)
            }
        }
    }

    fn made(&self) -> Option<Made> {
        self.inner.made()
    }

    fn settle(&self) {
        self.inner.settle();
    }

    fn aborter(&self) -> Option<Aborter> {
        let shared = Arc::clone(&self.shared);
        let inner = self.inner.aborter();
        Some(Arc::new(move || {
            shared.abort.store(true, Ordering::SeqCst);
            if let Some(inner) = &inner {
                inner();
            }
        }))
    }
}
