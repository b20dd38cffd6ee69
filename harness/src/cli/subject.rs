use std::env;
use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::columns::{self, Column, chosen_peer};
use super::exit::Exit;
use super::output::complain;
use super::proxies::{PREFIX, prepared as prepared_proxy, proxy};
use super::run::time;
use super::subjects::{KERNEL, manifest, prepared};
use crate::subject::Subject;
use crate::subject::agent::{AgentSubject, Placement, Start};
use crate::subject::kernel::KernelSubject;
use crate::subject::via::{Placement as ProxyPlacement, ProxyStart, ViaSubject, lacking};
use crate::vocabulary::{Peer, Transport};

/// Which sockets are tested.
#[derive(Debug, Args)]
pub(super) struct SubjectChoice {
    /// The subject to test, as `sockspec subjects` lists them, or several of them, each in a run of its
    /// own; or the agent that a command behind `--` starts. NAME-via-PROXY is NAME with `--via PROXY`.
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        value_delimiter = ',',
        default_value = KERNEL,
        default_missing_value = AGENT
    )]
    subject: Vec<String>,

    /// Test every subject that can be run here: alone, and where it has a network with the kernel as its
    /// peer, too.
    #[arg(long, conflicts_with_all = ["subject", "command"])]
    all_subjects: bool,

    /// Who plays the actors that are not the subject's [default: kernel where a named subject has a
    /// network, else self].
    #[arg(long, value_parser = peers(), value_name = "WHO")]
    peer: Option<Peer>,

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

impl SubjectChoice {
    /// The runs that are asked for, where it is more than one.
    pub(super) fn several(&self) -> Result<Option<Vec<Column>>, Exit> {
        if self.all_subjects {
            return columns::all(self.peer).map(Some);
        }
        match &self.subject[..] {
            [] | [_] => Ok(None),
            _ if !self.command.is_empty() => {
                complain("error: a command behind `--` is one subject; give it no other name\n");
                Err(Exit::Usage)
            }
            names => columns::named(names, self.peer).map(Some),
        }
    }

    /// Whether a subject that cannot be run here is passed over.
    pub(super) const fn is_lenient(&self) -> bool {
        self.all_subjects
    }

    /// The command behind `--`.
    pub(super) fn command(&self) -> Vec<String> {
        self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// The name of the subject of the one run that is asked for.
    fn sole(&self) -> &str {
        self.subject.first().map_or(KERNEL, String::as_str)
    }

    /// Whether something stands between the actors.
    pub(super) fn is_via(&self) -> bool {
        self.named().1.is_some()
    }

    /// The name of the subject whose sockets they are, and that of the proxy.
    fn named(&self) -> (&str, Option<&str>) {
        if let Some(via) = &self.via {
            return (self.sole(), Some(via));
        }
        match self.sole().split_once(PREFIX) {
            Some(("", via)) => (KERNEL, Some(via)),
            Some((subject, via)) if subject.ends_with('-') => {
                (subject.trim_end_matches('-'), Some(via))
            }
            _ => (self.sole(), None),
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
        if self.sole() == AGENT {
            return Err(refused(
                "the command behind `--` is either an agent or a proxy; \
                 give `--via` or `--subject` a name",
            ));
        }
        let command = self.command();
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
        let (command, start_time, placement, peer) = if command.is_empty() {
            let manifest = manifest(subject)?;
            let peer = chosen_peer(&manifest, self.peer)?;
            let command = prepared(&manifest)?.into_iter().map(OsString::from).collect();
            (command, manifest.start_time, manifest.placement, peer)
        } else {
            // Nothing says whether it can be reached from outside.
            (command.to_vec(), START_TIME, Placement::default(), self.peer.unwrap_or_default())
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

/// Who can play the other actors, each with what that means.
fn peers() -> impl TypedValueParser<Value = Peer> {
    let values = Peer::ALL.map(|peer| {
        PossibleValue::new(peer.word()).help(match peer {
            Peer::Own => "Nobody: the agent plays all of them",
            Peer::Kernel => "This machine's kernel all but the first that a scenario names",
            Peer::KernelFirst => "This machine's kernel the first",
        })
    });
    PossibleValuesParser::new(values)
        .try_map(|word| Peer::from_word(&word).ok_or("expected a peer"))
}

/// How long an agent may take until it says what it is, or a proxy until it listens.
pub(super) const START_TIME: Duration = Duration::from_secs(10);

/// What stands before a command so that this program guards it. Without its own file the command still
/// runs, only less well guarded.
pub(super) fn guard() -> Vec<OsString> {
    let own = env::current_exe().ok();
    own.map(|own| vec![own.into_os_string(), "guard".into()]).unwrap_or_default()
}

/// The same before a further run of this program, which attends to signals as this one does.
pub(super) fn guard_of_run() -> Vec<OsString> {
    let mut guard = guard();
    if !guard.is_empty() {
        guard.push("--attends".into());
    }
    guard
}
