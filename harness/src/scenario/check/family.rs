use super::checker::Checker;
use crate::scenario::diagnostic::Diagnostic;
use crate::vocabulary::Transport;

/// The block and case that a step stands in.
type Guard = Option<(usize, usize)>;

/// What only one of the two address families allows, and what is known only at the end.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// The steps that make a socket of IPv6 themselves.
    pub(super) ipv6: Vec<Guard>,
    /// Links made too narrow for IPv6, each with the mistake that it may be.
    pub(super) small: Vec<(Guard, Diagnostic)>,
}

/// Whether two steps can stand in one case.
fn meet(one: Guard, other: Guard) -> bool {
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
        let over = self.header.over.iter().flatten().any(|transport| transport.is_ipv6());
        for (guard, diagnostic) in families.small {
            if over || families.ipv6.iter().any(|other| meet(guard, *other)) {
                self.report(diagnostic);
            }
        }
    }
}
