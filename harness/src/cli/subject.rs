use std::env;
use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::output::complain;
use super::proxies::{PREFIX, prepared as prepared_proxy, proxy};
use super::run::time;
use super::subjects::{KERNEL, manifest, prepared};
use crate::subject::Subject;
use crate::subject::agent::{AgentSubject, Peer, Placement, Start};
use crate::subject::kernel::KernelSubject;
use crate::subject::via::{Placement as ProxyPlacement, ProxyStart, ViaSubject, lacking};
use crate::vocabulary::Transport;

/// Which sockets are tested.
#[derive(Debug, Args)]
pub(super) struct SubjectChoice {
    /// The subject to test, as `sockspec subjects` lists them; or the agent that a command behind `--`
    /// starts. NAME-via-PROXY is NAME with `--via PROXY`.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_value = KERNEL, default_missing_value = AGENT)]
    subject: String,

    /// Who plays the actors that are not the agent's.
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    peer: PeerName,

    /// A proxy that stands between the actors, as `sockspec subjects` lists them; or the one that a command
    /// behind `--` starts, in which `{listen}` and `{target}` are addresses (also `{listen-port}`,
    /// `{target-host}` and so on). Without further words the area `proxy` is what runs.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = COMMAND)]
    via: Option<String>,

    /// How long an agent may take until it says what it is, or a proxy until it listens.
    #[arg(long, value_parser = time, value_name = "TIME")]
    start_time: Option<Duration>,

    /// An agent: a program that performs operations on its own sockets, and its arguments; with `--via`
    /// and no name, a proxy.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const AGENT: &str = "agent";

/// The proxy that is a command, which no manifest has as its name.
const COMMAND: &str = "proxy";

/// Who plays the actors that are not the agent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PeerName {
    /// Nobody: the agent plays all of them.
    #[default]
    #[value(name = "self")]
    Own,
    /// This machine's kernel all but the first that a scenario names.
    Kernel,
    /// This machine's kernel the first.
    KernelFirst,
}

impl SubjectChoice {
    /// Whether something stands between the actors.
    pub(super) fn is_via(&self) -> bool {
        self.named().1.is_some()
    }

    /// The name of the subject whose sockets they are, and that of the proxy.
    fn named(&self) -> (&str, Option<&str>) {
        if let Some(via) = &self.via {
            return (&self.subject, Some(via));
        }
        match self.subject.split_once(PREFIX) {
            Some(("", via)) => (KERNEL, Some(via)),
            Some((subject, via)) if subject.ends_with('-') => {
                (subject.trim_end_matches('-'), Some(via))
            }
            _ => (&self.subject, None),
        }
    }

    /// The subject, with network namespaces where they are wanted.
    ///
    /// This comes before the process has other threads.
    pub(super) fn open(&self, with_networks: bool) -> Result<Box<dyn Subject>, Exit> {
        let (subject, via) = self.named();
        let Some(via) = via else {
            return self.open_agent(subject, &self.command, with_networks);
        };
        let (command, (start, version)) = if via == COMMAND {
            (&[][..], self.proxy_command()?)
        } else {
            (&self.command[..], prepared_proxy(&proxy(via)?, self.start_time)?)
        };
        let is_gateway = start.placement == ProxyPlacement::Gateway;
        let inner = self.open_agent(subject, command, with_networks || is_gateway)?;
        let name = match inner.name() {
            KERNEL => format!("{PREFIX}{via}"),
            subject => format!("{subject}-{PREFIX}{via}"),
        };
        match ViaSubject::new(name, version, start, inner) {
            Ok(subject) => Ok(Box::new(subject)),
            Err(error) => {
                complain(&format!("error: {error}\n"));
                Err(Exit::Broken)
            }
        }
    }

    /// The proxy that the command behind `--` starts; its version is the program.
    fn proxy_command(&self) -> Result<(ProxyStart, String), Exit> {
        let refused = |why: &str| {
            complain(&format!("error: {why}\n"));
            Exit::Usage
        };
        if self.subject == AGENT {
            return Err(refused(
                "the command behind `--` is either an agent or a proxy; \
                 give `--via` or `--subject` a name",
            ));
        }
        let command: Vec<String> =
            self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let Some(program) = command.first() else {
            return Err(refused("`--via` needs the name of a proxy, or a command behind `--`"));
        };
        if let Some(lack) = lacking(&command) {
            return Err(refused(&lack.to_string()));
        }
        let version = program.rsplit('/').next().unwrap_or_default().to_owned();
        let start = ProxyStart {
            guard: guard(),
            command,
            config: None,
            words: Vec::new(),
            patience: self.start_time.unwrap_or(START_TIME),
            placement: ProxyPlacement::Loopback,
            over: vec![Transport::Tcp4, Transport::Tcp6],
        };
        Ok((start, version))
    }

    /// The subject without a proxy: the agent that a command starts, if there is one.
    fn open_agent(
        &self,
        subject: &str,
        command: &[OsString],
        with_networks: bool,
    ) -> Result<Box<dyn Subject>, Exit> {
        let kernel = KernelSubject::new().map_err(|error| {
            complain(&format!("error: the subject kernel cannot be used: {error}\n"));
            Exit::Broken
        })?;
        let kernel = if with_networks { kernel.with_networks() } else { kernel };
        if command.is_empty() && subject == KERNEL {
            return Ok(Box::new(kernel));
        }
        let peer = match self.peer {
            PeerName::Own => Peer::Own,
            PeerName::Kernel => Peer::Kernel,
            PeerName::KernelFirst => Peer::KernelFirst,
        };
        let (command, start_time, placement) = if command.is_empty() {
            let manifest = manifest(subject)?;
            let command = prepared(&manifest)?.into_iter().map(OsString::from).collect();
            (command, manifest.start_time, manifest.placement)
        } else {
            (command.to_vec(), START_TIME, Placement::default())
        };
        let patience = self.start_time.unwrap_or(start_time);
        let start = Start { guard: guard(), command, patience, placement };
        match AgentSubject::new(start, peer, kernel) {
            Ok(agent) => Ok(Box::new(agent)),
            Err(error) => {
                complain(&format!("error: {error}\n"));
                Err(Exit::Broken)
            }
        }
    }
}

/// How long an agent may take until it says what it is, or a proxy until it listens.
pub(super) const START_TIME: Duration = Duration::from_secs(10);

/// What stands before a command so that this program guards it. Without its own file the command still
/// runs, only less well guarded.
pub(super) fn guard() -> Vec<OsString> {
    let own = env::current_exe().ok();
    own.map(|own| vec![own.into_os_string(), "guard".into()]).unwrap_or_default()
}
