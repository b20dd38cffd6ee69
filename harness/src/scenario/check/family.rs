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
    /// The steps that make a socket of IPv4 themselves.
    pub(super) ipv4: Vec<Guard>,
    /// Links made too narrow for IPv6, each with the mistake that it may be.
    pub(super) small: Vec<(Guard, Diagnostic)>,
    /// Addresses that IPv6 alone has, each with the mistake that it may be.
    pub(super) nodes: Vec<(Guard, Diagnostic)>,
    /// Addresses that IPv4 alone has, each with the mistake that it may be.
    pub(super) limited: Vec<(Guard, Diagnostic)>,
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
        } else if !transport.is_local() {
            self.families.ipv4.push(self.guard);
        }
    }

    /// Reports what one address family does not allow.
    pub(super) fn check_families(&mut self) {
        let families = std::mem::take(&mut self.families);
        let among = |steps: &[Guard], guard: Guard| steps.iter().any(|other| meet(guard, *other));
        let opened = |guard: Guard| among(&families.ipv6, guard);
        let over = self.header.over.as_deref();
        let some = over.is_some_and(|over| over.iter().any(|transport| transport.is_ipv6()));
        let all = |ipv6: bool| {
            let fits = |one: &Transport| one.is_local() || one.is_ipv6() == ipv6;
            over.is_some_and(|over| over.iter().all(fits))
        };
        let (all6, all4) = (all(true), all(false));
        let small = families.small.into_iter().filter(|(guard, _)| some || opened(*guard));
        let nodes = families.nodes.into_iter().filter(|(guard, _)| !all6 && !opened(*guard));
        let limited = families.limited.into_iter();
        let limited = limited.filter(|(guard, _)| !all4 && !among(&families.ipv4, *guard));
        for (_, diagnostic) in small.chain(nodes).chain(limited) {
            self.report(diagnostic);
        }
    }
}
