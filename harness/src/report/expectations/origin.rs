use crate::vocabulary::Date;

/// The source of an entry that was drafted from a recording of that day: it has not been looked up where
/// what happened is laid down.
pub(super) fn drafted_on(day: Date) -> String {
    format!("{PROGRAM}{day}{NOT_LOOKED_UP}")
}

/// Whether a source is that of a draft.
pub(super) fn is_draft(source: &str) -> bool {
    let day = source.strip_prefix(PROGRAM).and_then(|rest| rest.strip_suffix(NOT_LOOKED_UP));
    day.is_some_and(|day| day.parse::<Date>().is_ok())
}

const PROGRAM: &str = "sockspec accept, ";
const NOT_LOOKED_UP: &str = ": not looked up";
