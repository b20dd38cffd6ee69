use super::cursor::{Atom, Choice, Cursor};
use super::expectation::{Asked, Fit};
use super::family::Families;
use super::flow::Flow;
use super::framing::{Framed, FramingLine};
use super::header::{CASES, Header, header};
use super::mistake::{too_many_cases, unexpected};
use super::names::{ROUTER, missing_transport, place};
use super::omission::{idle, tested};
use super::value::is_name;
use super::wire::{Fact, Order};
use crate::scenario::case::{Action, Step, WireStep};
use crate::scenario::diagnostic::{Diagnostic, code, nearest, quoted};
use crate::scenario::document::{
    ALL_SOCKETS, ALL_STEPS, Across, Axis, Body, Document, Item, PairEnds, networks,
};
use crate::scenario::lexer::{Span, Token, TokenKind};
use crate::scenario::syntax::{KEYWORDS, LineKind, Run, StepNode, Tree};
use crate::vocabulary::{ActorId, ScenarioId, Topology, Transport};

/// The most steps of a scenario, with those that make its pairs.
pub(super) const STEPS: usize = 1_000;
/// The most mistakes of one file that are reported.
pub(super) const MISTAKES: usize = 1_000;

/// Checks a tree. With mistakes in `diagnostics`, from the parser or found here, there is no
/// document.
pub(in crate::scenario) fn check(
    tree: &Tree<'_>,
    id: ScenarioId,
    path: &str,
    mut diagnostics: Vec<Diagnostic>,
) -> Result<Document, Vec<Diagnostic>> {
    let header = header(tree, &mut diagnostics);
    if tree.words.is_empty() {
        return Err(diagnostics);
    }
    let mut checker = Checker::new(tree, &header, diagnostics);
    let items = checker.scenario();
    let Checker { mut diagnostics, flow, ports, across, opened, .. } = checker;
    let transports = tested(header.over.as_deref(), &opened);
    if diagnostics.is_empty() {
        diagnostics = idle(tree, &header, &transports);
    }
    if !diagnostics.is_empty() {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        diagnostics.truncate(MISTAKES);
        return Err(diagnostics);
    }
    let tags = flow.tags.iter().map(|entry| entry.name.to_owned()).collect();
    let sockets = flow.sockets.iter().map(|entry| (entry.actor, entry.name.to_owned())).collect();
    let ports = ports.into_iter().map(str::to_owned).collect();
    let pairs = header.pairs.iter().map(|pair| PairEnds {
        ends: pair.ends.map(|(actor, name, _)| (actor, name.to_owned())),
        place: place(tree.source, pair.line, tree.lines[pair.line].span.start, pair.span),
    });
    let pairs = pairs.collect();
    let axes = header.axes.into_iter().map(|axis| Axis {
        name: axis.name.to_owned(),
        values: axis.values.into_iter().map(|value| value.text.into_owned()).collect(),
    });
    let body = Body {
        needs: header.needs,
        over: header.over,
        transports,
        omissions: header.omissions,
        topologies: header.topologies,
        actors: header.actors.into_iter().map(str::to_owned).collect(),
        groups: header.groups,
        axes: axes.collect(),
        pairs,
        items,
        sockets,
        ports,
        tags,
        across,
    };
    let scenario = crate::scenario::case::Scenario {
        id,
        path: path.to_owned(),
        title: header.title,
        cite: header.cite,
        level: header.level,
        source: tree.source.into(),
    };
    Ok(Document::new(scenario, body))
}

/// Why a scenario could not have this transport too, on this topology instead of its own: the first
/// mistake that it would have then. Where steps name their transports, they all name this one.
pub(in crate::scenario) fn refusal(
    tree: &Tree<'_>,
    transport: Transport,
    topology: Topology,
) -> Option<String> {
    let mut diagnostics = Vec::new();
    let mut header = header(tree, &mut diagnostics);
    if let Some(few) = too_many_hosts(&header, topology) {
        return Some(few);
    }
    let instead = header.over.is_none().then_some(transport);
    header.over.get_or_insert_default().push(transport);
    header.topologies = vec![topology];
    let mut checker = Checker::new(tree, &header, diagnostics);
    checker.instead = instead;
    checker.scenario();
    // That it would have too many cases says nothing of the behaviour.
    let refusals = checker.diagnostics.into_iter().filter(|one| one.code != code::TOO_LARGE);
    let first = refusals.min_by_key(|diagnostic| diagnostic.span);
    first.map(|diagnostic| diagnostic.message)
}

/// Why the actors of a scenario would find no room on a topology, whatever their names.
fn too_many_hosts(header: &Header<'_>, topology: Topology) -> Option<String> {
    let is_same = header.topologies.contains(&topology);
    let hosts = header.groups.hosts().max(header.actors.len());
    (!is_same && topology != Topology::Lan && hosts > 2)
        .then(|| format!("{} has two actors, and this scenario more", quoted(topology.word())))
}

/// Follows the steps of a scenario from the first to the last.
pub(super) struct Checker<'h, 's> {
    pub(super) source: &'s str,
    pub(super) tree: &'h Tree<'s>,
    pub(super) header: &'h Header<'s>,
    pub(super) flow: Flow<'s>,
    pub(super) ports: Vec<&'s str>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether this is the first form of a step; the others, for other values, make nothing new.
    pub(super) first: bool,
    /// Whether mistakes are kept back, because the step is already known to be wrong.
    pub(super) muted: bool,
    /// Whether the step takes the transport of the case.
    pub(super) implied: bool,
    /// The block and case the step stands in.
    pub(super) guard: Option<(usize, usize)>,
    pub(super) facts: Vec<Fact>,
    /// How many `wire mark` lines there were.
    pub(super) marks: usize,
    pub(super) orders: Vec<Order>,
    /// What every transport that a step names is taken for.
    pub(super) instead: Option<Transport>,
    /// The transports that steps name.
    pub(super) opened: Vec<Transport>,
    pub(super) families: Families,
    pub(super) framings: Vec<FramingLine>,
    pub(super) framed: Vec<Framed>,
    /// The first `wire` step.
    pub(super) wire: Option<Span>,
    /// Sockets that were not there when they were used.
    pub(super) pending: Vec<(ActorId, &'s str, Span)>,
    /// Actors that are used although the `on` line was wrong.
    pub(super) strangers: Vec<&'s str>,
    pub(super) used: Vec<bool>,
    /// How many calls the steps of a case make that are performed several times.
    pub(super) samples: usize,
    pub(super) across: Option<Across>,
    /// The current line, from 0, and its first byte.
    pub(super) line: usize,
    pub(super) line_start: u32,
}

impl<'h, 's> Checker<'h, 's> {
    fn new(tree: &'h Tree<'s>, header: &'h Header<'s>, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            source: tree.source,
            tree,
            header,
            flow: Flow::default(),
            ports: Vec::new(),
            diagnostics,
            first: true,
            muted: false,
            implied: false,
            guard: None,
            facts: Vec::new(),
            marks: 0,
            orders: Vec::new(),
            instead: None,
            opened: Vec::new(),
            families: Families::default(),
            framings: Vec::new(),
            framed: Vec::new(),
            wire: None,
            pending: Vec::new(),
            strangers: Vec::new(),
            used: vec![false; header.axes.len()],
            samples: 0,
            across: None,
            line: 0,
            line_start: 0,
        }
    }
}

impl Checker<'_, '_> {
    fn scenario(&mut self) -> Vec<Item> {
        let tree = self.tree;
        let pairs = self.header.pairs.len();
        if tree.steps.len() + 6 * pairs > STEPS {
            self.report(Diagnostic::new(
                code::TOO_LARGE,
                self.title(),
                format!("a scenario has at most {STEPS} steps"),
                "this one has more",
            ));
            return Vec::new();
        }
        let steps: usize = tree.steps.iter().map(|node| self.hosts_of(node)).sum();
        let whole = self.bounded(steps + 6 * pairs);
        self.pairs();
        self.read_framings(whole);
        let mut items = Vec::with_capacity(tree.steps.len());
        let mut stepped = false;
        let mut blocks = 0;
        for (at, line) in tree.lines.iter().enumerate() {
            (self.line, self.line_start) = (at, line.span.start);
            match line.kind {
                LineKind::Blank | LineKind::Header(_) | LineKind::Title | LineKind::Broken => {
                    continue;
                }
                LineKind::Steps { inside: true, .. } | LineKind::Case { .. } => {}
                _ => {
                    self.guard = None;
                    self.flow.end_block();
                }
            }
            match line.kind {
                LineKind::Steps { steps, .. } => {
                    stepped |= !steps.is_empty();
                    if let Some((axis, _)) = self.guard {
                        self.used[axis] = true;
                    }
                    self.steps(steps, whole, &mut items);
                }
                LineKind::Vary => {
                    blocks = at;
                }
                LineKind::Case { name, steps } => {
                    stepped |= !steps.is_empty();
                    self.guard = self.case_of(tree.lines[blocks].words, name);
                    if let Some((axis, _)) = self.guard.filter(|_| !steps.is_empty()) {
                        self.used[axis] = true;
                    }
                    self.flow.begin_case();
                    self.steps(steps, whole, &mut items);
                }
                LineKind::Same => self.same(tree.words(line.words)),
                _ => {}
            }
        }
        self.flow.end_block();
        if !stepped {
            let span = Span::new(self.source.trim_end().len(), self.source.trim_end().len());
            self.report(
                Diagnostic::new(
                    code::NO_STEPS,
                    span,
                    "this scenario has no steps",
                    "expected a step below",
                )
                .help("a step is written `ACTOR VERB ARGUMENTS => EXPECTATION`"),
            );
        }
        self.settle();
        self.check_samples();
        items
    }

    pub(super) fn title(&self) -> Span {
        self.tree.words.first().map_or_else(Span::default, |word| word.span)
    }

    /// How many hosts perform a step, at the most.
    fn hosts_of(&self, node: &StepNode) -> usize {
        let Some(first) = self.tree.words(node.left).first() else { return 1 };
        let header = self.header;
        let size = |name: &str| {
            let at = header.actors.iter().position(|actor| *actor == name)?;
            header.groups.size(ActorId::new(at))
        };
        let word = self.tree.text(first.span);
        let sizes = match word.strip_prefix('$') {
            None => size(word),
            Some(name) => {
                let axis = header.axes.iter().find(|axis| axis.name == name);
                let values = axis.into_iter().flat_map(|axis| &axis.values);
                values.filter_map(|value| size(&value.text)).max()
            }
        };
        sizes.unwrap_or(1)
    }

    /// Reports more sockets than a case can have.
    pub(super) fn check_sockets(&mut self) {
        let groups = &self.header.groups;
        let sizes = self.flow.sockets.iter().map(|entry| groups.size(entry.actor).unwrap_or(1));
        if sizes.sum::<usize>() > ALL_SOCKETS {
            let message = format!("a case has at most {ALL_SOCKETS} sockets");
            let label = "with its groups, this one has more";
            self.report(Diagnostic::new(code::TOO_LARGE, self.title(), message, label));
        }
    }

    /// Whether the number of cases is within bounds, and that of all their steps.
    fn bounded(&mut self, steps: usize) -> bool {
        let header = self.header;
        let mut cases = networks(header.over.as_deref(), &header.topologies).count().max(1);
        for axis in &self.header.axes {
            cases = cases.saturating_mul(axis.values.len().max(1));
            if cases > CASES {
                self.report(too_many_cases(axis.span));
                return false;
            }
        }
        if cases * steps > ALL_STEPS {
            let message =
                format!("the cases of a scenario have at most {ALL_STEPS} steps together");
            let label = "this one's have more";
            self.report(Diagnostic::new(code::TOO_LARGE, self.title(), message, label));
            return false;
        }
        true
    }

    fn pairs(&mut self) {
        let over =
            self.header.over.is_some() || self.header.pairs.is_empty() || self.misspelt_over();
        for pair in &self.header.pairs {
            if !over {
                self.report(missing_transport(pair.span, "a pair"));
            }
            for (actor, name, span) in pair.ends {
                self.make(actor, name, span);
            }
        }
    }

    /// Whether a line is likely meant to be the `over` line, and will be reported as what it is.
    fn misspelt_over(&self) -> bool {
        self.tree.lines.iter().any(|line| {
            let word = self.tree.words(line.words).first();
            matches!(line.kind, LineKind::Steps { .. })
                && word.and_then(|word| nearest(self.tree.text(word.span), KEYWORDS))
                    == Some("over")
        })
    }

    /// The block and case that a `case` line begins, by its `vary` line and its name.
    fn case_of(&self, vary: Run, name: Option<Span>) -> Option<(usize, usize)> {
        let block = self.tree.words(vary).get(1)?.span;
        let axis = self.header.axes.iter().position(|axis| axis.span == block)?;
        let value = self.header.axes[axis].values.iter().position(|value| Some(value.span) == name);
        // A case that was reported leaves the block entered all the same.
        Some((axis, value.unwrap_or_default()))
    }

    fn steps(&mut self, steps: Run, whole: bool, items: &mut Vec<Item>) {
        let tree = self.tree;
        for node in tree.steps(steps) {
            if let Some(across) = self.across.as_mut().filter(|across| !across.late) {
                across.late = true;
                let span = across.span;
                let message = "`same across` stands before a step";
                let label = "belongs after the last step";
                self.report(Diagnostic::new(code::MISPLACED_SAME, span, message, label));
            }
            items.extend(self.step(node, whole));
        }
    }

    fn step(&mut self, node: &StepNode, whole: bool) -> Option<Item> {
        self.implied = false;
        self.first = true;
        let tree = self.tree;
        let mut axes = self.variables(&[tree.words(node.left), tree.words(node.right)])?;
        self.add_framing_axes(node, &mut axes);
        let mut choice = first_choice(&axes);
        let mut forms = Vec::with_capacity(1);
        loop {
            let before = self.diagnostics.len();
            let form = self.form(node, &choice);
            if self.diagnostics.len() > before {
                return None;
            }
            forms.push(form?);
            self.first = false;
            if !whole || !self.next_choice(&mut choice) {
                break;
            }
        }
        let times = forms.iter().map(|form: &Step| form.times).max().unwrap_or(1);
        if times > 1 {
            self.samples += usize::try_from(times).unwrap_or(usize::MAX) * self.hosts_of(node);
        }
        Some(Item { guard: self.guard, axes, forms, implied: self.implied })
    }

    /// Goes to the next combination of values, if there is one; the last line varies fastest.
    pub(super) fn next_choice(&self, choice: &mut [Choice]) -> bool {
        choice.iter_mut().rev().any(|choice| {
            choice.value += 1;
            let is_next = choice.value < self.header.axes[choice.axis].values.len();
            if !is_next {
                choice.value = 0;
            }
            is_next
        })
    }

    /// The `vary` lines whose values stand among these words, in their order.
    pub(super) fn variables(&mut self, words: &[&[Token]]) -> Option<Vec<usize>> {
        let tree = self.tree;
        let mut found = Vec::new();
        let mut wrong = false;
        for token in words.iter().copied().flatten() {
            if token.kind != TokenKind::Word {
                continue;
            }
            let Some(name) = tree.text(token.span).strip_prefix('$') else { continue };
            let known = |axis: &super::header::Axis<'_>| !axis.block && axis.name == name;
            match self.header.axes.iter().position(known) {
                Some(axis) if self.header.axes[axis].values.is_empty() => wrong = true,
                Some(axis) if found.contains(&axis) => {}
                Some(axis) => {
                    self.used[axis] = true;
                    found.push(axis);
                }
                None => {
                    wrong = true;
                    let diagnostic = self.unknown_variable(token.span, name);
                    self.report(diagnostic);
                }
            }
        }
        found.sort_unstable();
        (!wrong).then_some(found)
    }

    pub(super) fn unknown_variable(&self, span: Span, name: &str) -> Diagnostic {
        let names = || self.header.axes.iter().map(|axis| axis.name);
        let message = format!("there is no `vary` named {}", quoted(name));
        let label = nearest(name, names())
            .map_or_else(|| "has no values".to_owned(), |near| format!("did you mean `{near}`?"));
        Diagnostic::new(code::UNKNOWN_VARIABLE, span, message, label)
            .help("a header line `vary NAME VALUE ...` gives the values of `$NAME`")
    }

    /// One form of a step: with the values that were chosen.
    fn form(&mut self, node: &StepNode, choice: &[Choice]) -> Option<Step> {
        let (tree, header) = (self.tree, self.header);
        let left = tree.words(node.left);
        let first = left.first()?;
        let mut cursor = Cursor::new(self.source, left, first.span, header, choice);
        let word = cursor.next()?;
        if !word.is_word() {
            self.report(unexpected(word.here(), "expected an actor"));
            return None;
        }
        let (action, fit) = match word.text {
            "wait" => {
                let time = self.time(&mut cursor)?;
                self.end(&mut cursor)?;
                self.no_tag(node, "wait")?;
                (Action::Wait(time), None)
            }
            "wire" => {
                self.wire.get_or_insert(word.here());
                let action = self.wire(&mut cursor)?;
                self.end(&mut cursor)?;
                self.no_tag(node, "wire")?;
                let counts = matches!(action, Action::Wire(WireStep::Count(_)));
                (action, counts.then_some(Fit::WIRE))
            }
            _ => {
                let actor = self.actor(&word, node)?;
                let (action, fit) = self.act(&mut cursor, node, actor)?;
                (action, Some(fit))
            }
        };
        let mut step = Step {
            action,
            expectation: None,
            level: header.level,
            times: 1,
            place: self.place(first.span.to(node.tag.map_or(cursor.last(), |tag| tag.span))),
            compared: self.guard.is_none(),
        };
        let started = matches!(step.action, Action::Start { .. });
        match (fit, node.arrow) {
            (Some(_), Some(arrow)) if started => {
                self.report(
                    unexpected_expectation(arrow, "a started step has no outcome yet").help(
                        "its outcome stands at the step that awaits it: `ACTOR await TAG => ...`",
                    ),
                );
                return None;
            }
            (Some(fit), Some(arrow)) => {
                let right = tree.words(node.right);
                let mut cursor = Cursor::new(self.source, right, arrow, header, choice);
                let Asked { expectation, level, times } = self.expectation(&mut cursor, fit)?;
                self.check_times(&step.action, &expectation, times)?;
                self.watch(&step.action, &expectation);
                self.check_counted(&step.action, &expectation, right);
                step.expectation = Some(expectation);
                step.level = level.unwrap_or(header.level);
                step.times = times.map_or(1, |times| times.number);
            }
            (Some(_), None) if started => {}
            // The `=>` may stand within a text without its closing quote.
            (Some(_), None)
                if left.last().is_some_and(|word| word.kind == TokenKind::OpenString) =>
            {
                return None;
            }
            (Some(fit), None) => {
                self.report(missing_expectation(cursor.last(), fit));
                return None;
            }
            (None, Some(arrow)) => {
                let message = format!("this `{}` line has no outcome", word.text);
                self.report(unexpected_expectation(arrow, &message));
                return None;
            }
            (None, None) => {}
        }
        Some(step)
    }

    /// The actor that a step begins with.
    fn actor(&mut self, word: &Atom<'_>, node: &StepNode) -> Option<ActorId> {
        let actors = &self.header.actors;
        if let Some(at) = actors.iter().position(|name| *name == word.text) {
            return Some(ActorId::new(at));
        }
        if self.header.any_actor && is_name(word.text) {
            return Some(self.stranger(word));
        }
        let step = node.arrow.is_some() || node.tag.is_some();
        let keywords = KEYWORDS.into_iter().filter(|_| !step);
        let near = nearest(word.text, actors.iter().copied().take(100).chain(keywords));
        let shown = actors[..actors.len().min(12)].join("`, `");
        let label = near.map_or_else(
            || format!("expected one of the actors `{shown}`"),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("{} is neither an actor nor a keyword", quoted(word.text));
        let mut diagnostic = Diagnostic::new(code::UNKNOWN_ACTOR, word.here(), message, label);
        if near.is_some() {
            diagnostic = diagnostic.help(format!("the actors of this scenario are `{shown}`"));
        } else if word.text == "router" && self.header.topologies.contains(&Topology::Routed) {
            diagnostic = diagnostic.help(ROUTER);
        } else {
            diagnostic = diagnostic.help("`on lan HOST HOST ...` names actors of your own");
        }
        let near = near.and_then(|near| actors.iter().position(|name| *name == near));
        self.report(diagnostic);
        // What the step makes is known from here on all the same.
        self.muted = true;
        if let Some(at) = near {
            let (tree, header) = (self.tree, self.header);
            let mut cursor =
                Cursor::new(self.source, tree.words(node.left), word.here(), header, &[]);
            cursor.next();
            self.act(&mut cursor, node, ActorId::new(at));
        }
        self.muted = false;
        None
    }
}

/// The first combination of the values of these `vary` lines.
pub(super) fn first_choice(axes: &[usize]) -> Vec<Choice> {
    axes.iter().map(|&axis| Choice { axis, value: 0 }).collect()
}

fn missing_expectation(last: Span, fit: Fit) -> Diagnostic {
    Diagnostic::new(
        code::MISSING_EXPECTATION,
        last.after(),
        "this step does not say what is expected of it",
        "expected `=>` and an outcome",
    )
    .help(fit.gives())
}

fn unexpected_expectation(arrow: Span, message: &str) -> Diagnostic {
    Diagnostic::new(code::UNEXPECTED_EXPECTATION, arrow, message, "leave the expectation out")
}
