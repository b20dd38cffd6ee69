use super::checker::Checker;
use crate::scenario::diagnostic::Diagnostic;
use crate::vocabulary::Transport;

/// The block and case that a step stands in.
pub(super) type Guard = Option<(usize, usize)>;

/// What only one of the two address families allows, and what is known only at the end.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// The steps that make a socket of IPv6 themselves.
    pub(super) ipv6: Vec<Guard>,
    /// Links made too narrow for IPv6, each with the mistake that it may be.
    pub(super) small: Vec<(Guard, Diagnostic)>,
    /// Addresses that IPv6 alone has, each with the mistake that it may be.
    pub(super) nodes: Vec<(Guard, Diagnostic)>,
}

/// Whether two steps can stand in one case.
pub(super) fn meet(one: Guard, other: Guard) -> bool {
    match (one, other) {
        (Some((one, here)), Some((other, there))) => one != other || here == there,
        _ => true,
    }
}

impl Checker<'_, '_> {
    /// Notes that a step makes a socket of a transport that it names itself.
    pub(super) fn opens(&mut self, transport: Transport) {
        self.opened.push(transport);
        if transport.is_ipv6() {
            self.families.ipv6.push(self.guard);
        }
    }

    /// Reports what one address family does not allow.
    pub(super) fn check_families(&mut self) {
        let families = std::mem::take(&mut self.families);
        let opened = |guard: Guard| families.ipv6.iter().any(|other| meet(guard, *other));
        let mut over = self.header.over.iter().flatten();
        let some = over.clone().any(|transport| transport.is_ipv6());
        let all = self.header.over.is_some()
            && over.all(|transport| transport.is_ipv6() || transport.is_local());
        let small = families.small.into_iter().filter(|(guard, _)| some || opened(*guard));
        let nodes = families.nodes.into_iter().filter(|(guard, _)| !all && !opened(*guard));
        for (_, diagnostic) in small.chain(nodes) {
            self.report(diagnostic);
        }
    }
}
