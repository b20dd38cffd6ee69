use std::sync::Arc;

use super::case::{Action, Case, Place, Scenario, Step};
use super::check::{Omission, check};
use super::diagnostic::{Diagnostic, code};
use super::elaborate::elaborate;
use super::groups::{Groups, MOST_HOSTS};
use super::lexer::Span;
use super::parser::parse;
use crate::vocabulary::{ActorId, Capability, ScenarioId, Topology, Transport};

/// The most steps of all cases of a scenario together.
pub(super) const ALL_STEPS: usize = 250_000;
/// The most sockets of a case that steps make.
pub(super) const ALL_SOCKETS: usize = 65_000;

/// The most bytes of a scenario file.
pub const LARGEST_FILE: usize = 1 << 20;

/// A scenario without mistakes: every name in it is resolved.
#[derive(Clone, Debug)]
pub struct Document {
    scenario: Arc<Scenario>,
    pub(super) body: Body,
}

impl Document {
    pub(super) fn new(scenario: Scenario, body: Body) -> Self {
        Self { scenario: Arc::new(scenario), body }
    }

    /// Parses and checks the text of a scenario file. `path` is only shown.
    ///
    /// # Errors
    /// All mistakes of the file, in the order of their places (the first 1,000 where there are
    /// more).
    pub fn parse(source: &str, id: ScenarioId, path: &str) -> Result<Self, Vec<Diagnostic>> {
        let too_large = too_large(source.len());
        if !too_large.is_empty() {
            return Err(too_large);
        }
        let (tree, diagnostics) = parse(source);
        check(&tree, id, path, diagnostics)
    }

    /// What its cases have in common.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// How many cases it stands for.
    pub fn count(&self) -> usize {
        let values = self.body.axes.iter().map(|axis| axis.values.len()).product::<usize>();
        networks(self.body.over.as_deref(), &self.body.topologies).count() * values
    }

    /// Its cases, one for each variant: transports vary slowest, the last `vary` line fastest.
    pub fn cases(&self) -> Vec<Case> {
        elaborate(&self.scenario, &self.body, &self.body.groups)
    }

    /// Its cases, with groups that are grown until there are `hosts` hosts: the last group takes
    /// what is left. A scenario without a group, or with more hosts, stays as it is.
    ///
    /// # Errors
    /// More hosts than a network can have, or more than the limits of the language leave room for.
    pub fn cases_with(&self, hosts: usize) -> Result<Vec<Case>, GrowError> {
        if hosts > MOST_HOSTS {
            return Err(GrowError::Hosts { hosts });
        }
        let groups = self.body.groups.grown(hosts);
        let scenario = || self.scenario.id.clone();
        if self.steps(&groups) > ALL_STEPS {
            return Err(GrowError::Steps { scenario: scenario(), hosts });
        }
        let sockets = self.body.sockets.iter().map(|(actor, _)| groups.size(*actor).unwrap_or(1));
        if sockets.sum::<usize>() > ALL_SOCKETS {
            return Err(GrowError::Sockets { scenario: scenario(), hosts });
        }
        Ok(elaborate(&self.scenario, &self.body, &groups))
    }

    /// How many steps its cases have together at the most, each repetition counted.
    pub(super) fn most_steps(&self) -> usize {
        self.steps(&self.body.groups)
    }

    fn steps(&self, groups: &Groups) -> usize {
        let of_form = |form: &Step| match &form.action {
            Action::Perform { actor, .. } => {
                groups.size(*actor).unwrap_or(1) * usize::try_from(form.times).unwrap_or(usize::MAX)
            }
            _ => 1,
        };
        let of_item = |item: &Item| item.forms.iter().map(of_form).max().unwrap_or(1);
        let steps: usize = self.body.items.iter().map(of_item).sum();
        self.count() * (steps + 6 * self.body.pairs.len())
    }
}

/// Why a scenario cannot have as many hosts as asked for.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// No network has so many.
    #[error("{hosts} hosts are more than the {MOST_HOSTS} that a lan can have; ask for fewer")]
    Hosts {
        /// How many were asked for.
        hosts: usize,
    },
    /// They would make too many steps.
    #[error(
        "with {hosts} hosts, the cases of {scenario} have more than the {ALL_STEPS} steps that they \
         may have together; ask for fewer"
    )]
    Steps {
        /// Which scenario.
        scenario: ScenarioId,
        /// How many were asked for.
        hosts: usize,
    },
    /// They would make too many sockets.
    #[error(
        "with {hosts} hosts, a case of {scenario} has more than the {ALL_SOCKETS} sockets that it \
         may have; ask for fewer"
    )]
    Sockets {
        /// Which scenario.
        scenario: ScenarioId,
        /// How many were asked for.
        hosts: usize,
    },
}

/// Every transport of a scenario on every topology that it can have: a local one stays on one host.
pub(super) fn networks<'b>(
    over: Option<&'b [Transport]>,
    topologies: &'b [Topology],
) -> impl Iterator<Item = (Option<Transport>, Topology)> {
    let transports = over.map_or(1, <[Transport]>::len);
    let transports = (0..transports).map(move |at| over.and_then(|over| over.get(at)).copied());
    transports.flat_map(move |transport| {
        let is_local = transport.is_some_and(Transport::is_local);
        let fits = move |topology: &Topology| !is_local || *topology == Topology::Loopback;
        topologies.iter().copied().filter(fits).map(move |topology| (transport, topology))
    })
}

pub(super) fn too_large(bytes: usize) -> Vec<Diagnostic> {
    if bytes <= LARGEST_FILE {
        return Vec::new();
    }
    let message = "a scenario file has at most 1 MiB";
    vec![Diagnostic::new(code::TOO_LARGE, Span::default(), message, "this file is larger")]
}

/// All that a document says, for elaboration.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) needs: Vec<Capability>,
    pub(super) over: Option<Vec<Transport>>,
    /// The transports of the cases: those of the `over` line, else those that steps name.
    pub(super) transports: Vec<Transport>,
    pub(super) topologies: Vec<Topology>,
    pub(super) omissions: Vec<Omission>,
    pub(super) actors: Vec<String>,
    pub(super) groups: Groups,
    pub(super) axes: Vec<Axis>,
    pub(super) pairs: Vec<PairEnds>,
    pub(super) items: Vec<Item>,
    pub(super) sockets: Vec<(ActorId, String)>,
    pub(super) ports: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) across: Option<Across>,
}

/// A `vary` line: its name and its values.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// A `pair` line: the connecting end and the accepting one.
#[derive(Clone, Debug)]
pub(super) struct PairEnds {
    pub(super) ends: [(ActorId, String); 2],
    pub(super) place: Place,
}

/// A step in every form it has.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The `vary` block and case it stands in.
    pub(super) guard: Option<(usize, usize)>,
    /// The `vary` lines whose values stand in it.
    pub(super) axes: Vec<usize>,
    /// A form for each combination of their values, the last line varying fastest.
    pub(super) forms: Vec<Step>,
    /// Whether the socket it makes has the transport of the case.
    pub(super) implied: bool,
}

/// The `same across` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Across {
    pub(super) axis: usize,
    pub(super) place: Place,
    pub(super) span: Span,
    /// Whether a step after it was reported.
    pub(super) late: bool,
}
