use serde::Serialize;

use super::check::{LOCAL, Omitted, refusal};
use super::document::Document;
use super::parser::parse;
use super::syntax::Tree;
use crate::vocabulary::{Reach, Topology, Transport};

/// What a scenario tests of all that there is to test, and why not the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// A cell for each transport, within one host and between hosts; transports vary slowest.
    pub cells: Vec<Cell>,
}

/// One transport, within one host or between hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The transport.
    pub transport: Transport,
    /// How far packets go.
    pub reach: Reach,
    /// The topologies on which it is tested; none, and `why` says why not.
    pub topologies: Vec<Topology>,
    /// Why it is not tested, where it is not.
    pub why: Option<Why>,
}

/// Why something is not tested.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A transport within one host has no cases between hosts.
    Local,
    /// The language refuses the scenario then; the mistake that it would have.
    Refused(String),
    /// The scenario says so, in a `not` line.
    Said(String),
    /// Nothing says why.
    Unexplained,
}

impl Why {
    /// The reason, for a person to read.
    pub fn text(&self) -> &str {
        match self {
            Self::Local => LOCAL,
            Self::Refused(text) | Self::Said(text) => text,
            Self::Unexplained => "nobody has said why not",
        }
    }
}

impl Coverage {
    /// One of its cells.
    pub fn cell(&self, transport: Transport, reach: Reach) -> &Cell {
        let place = |found: Option<usize>| found.unwrap_or_default();
        let row = place(Transport::ALL.iter().position(|one| *one == transport));
        let column = place(Reach::ALL.iter().position(|one| *one == reach));
        &self.cells[row * Reach::ALL.len() + column]
    }

    /// What a scenario covers. Nothing is run: what it does not test is held against the language.
    pub fn of(document: &Document) -> Self {
        let (tree, _) = parse(&document.scenario().source);
        let view = View { document, tree };
        let cells = Transport::ALL.into_iter().flat_map(|transport| {
            Reach::ALL.map(|reach| {
                let topologies = view.tested(transport, reach);
                let why = topologies.is_empty().then(|| view.why(transport, reach));
                Cell { transport, reach, topologies, why }
            })
        });
        Self { cells: cells.collect() }
    }
}

struct View<'d> {
    document: &'d Document,
    tree: Tree<'d>,
}

impl View<'_> {
    fn has(&self, transport: Transport) -> bool {
        self.document.body.transports.contains(&transport)
    }

    fn tested(&self, transport: Transport, reach: Reach) -> Vec<Topology> {
        let is_apart = transport.is_local() && reach == Reach::BetweenHosts;
        if is_apart || !self.has(transport) {
            return Vec::new();
        }
        let topologies = self.document.body.topologies.iter().copied();
        topologies.filter(|topology| Reach::of(*topology) == reach).collect()
    }

    fn said(&self, what: Omitted) -> Option<Why> {
        let found = self.document.body.omissions.iter().find(|omission| omission.what == what);
        found.map(|omission| Why::Said(omission.reason.clone()))
    }

    fn refused(&self, transport: Transport, topology: Topology) -> Option<Why> {
        if transport.is_local() && Reach::of(topology) == Reach::BetweenHosts {
            return Some(Why::Local);
        }
        refusal(&self.tree, transport, topology).map(Why::Refused)
    }

    /// Why not; the language's own reason before that of the scenario, which has none for what the
    /// language refuses.
    fn why(&self, transport: Transport, reach: Reach) -> Why {
        let here = reach.first_of(&self.document.body.topologies);
        let topology = here.unwrap_or(reach.plainest());
        let exact = || self.refused(transport, topology);
        let why = match (self.has(transport), here) {
            (false, Some(_)) => exact().or_else(|| self.said(Omitted::Transport(transport))),
            (true, _) => exact().or_else(|| self.said(Omitted::Reach(reach))),
            // What is true of the transport where the others are tested is so here too.
            (false, None) if !transport.is_local() || reach == Reach::OneHost => self
                .of_transport(transport)
                .or_else(exact)
                .or_else(|| self.of_reach(reach, topology)),
            (false, None) => exact(),
        };
        why.unwrap_or(Why::Unexplained)
    }

    fn of_transport(&self, transport: Transport) -> Option<Why> {
        let topologies = &self.document.body.topologies;
        let mut topologies = Reach::ALL.into_iter().filter_map(|reach| reach.first_of(topologies));
        let why = self.said(Omitted::Transport(transport));
        why.or_else(|| topologies.find_map(|other| self.refused(transport, other)))
            .filter(|why| *why != Why::Local)
    }

    fn of_reach(&self, reach: Reach, topology: Topology) -> Option<Why> {
        let mut transports = self.document.body.transports.iter();
        let why = self.said(Omitted::Reach(reach));
        why.or_else(|| transports.find_map(|other| self.refused(*other, topology)))
    }
}
