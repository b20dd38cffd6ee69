use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::scenario::{Action, Case, Place, Scenario, Step};
use crate::vocabulary::{ActorId, CaseId, TagId};

/// Where every case that is on its way stands, to be looked at from any thread.
///
/// A case tells it at each step, so that costs next to nothing: a lock that nobody else holds, and a
/// look at the clock.
#[derive(Debug, Default)]
pub struct Pending {
    cases: Mutex<Vec<Arc<Course>>>,
}

/// A step that has begun and not ended.
#[derive(Clone, Debug)]
pub struct PendingStep {
    /// Its case.
    pub case: CaseId,
    /// Which repetition, from 1.
    pub iteration: u32,
    /// The scenario in which it stands.
    pub scenario: Arc<Scenario>,
    /// Where it stands there; `None` before the first step, while the case gets its hosts.
    pub place: Option<Place>,
    /// Whose step it is; `None` for `wait` and `wire`.
    pub actor: Option<String>,
    /// For how long.
    pub age: Duration,
}

impl PendingStep {
    /// The step as it is written, up to what is expected of it.
    pub fn words(&self) -> Option<String> {
        let place = self.place?;
        let line = self.scenario.source.lines().nth(place.line.checked_sub(1)? as usize)?;
        let start = place.column.saturating_sub(1) as usize;
        let words: String = line.chars().skip(start).take(place.length as usize).collect();
        Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// One case on its way.
#[derive(Debug)]
struct Course {
    case: CaseId,
    iteration: u32,
    scenario: Arc<Scenario>,
    actors: Arc<[String]>,
    began: Instant,
    steps: Mutex<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    current: Option<At>,
    /// The calls that were started, by the name to wait for them by.
    started: Vec<(TagId, At)>,
}

#[derive(Clone, Copy, Debug)]
struct At {
    place: Place,
    actor: Option<ActorId>,
    since: Instant,
}

impl Pending {
    /// The steps that are pending now, the oldest first.
    pub fn steps(&self) -> Vec<PendingStep> {
        let now = Instant::now();
        let courses = held(&self.cases).clone();
        let mut steps: Vec<PendingStep> =
            courses.iter().flat_map(|course| course.steps(now)).collect();
        steps.sort_by(|one, other| {
            (Reverse(one.age), &one.case).cmp(&(Reverse(other.age), &other.case))
        });
        steps
    }

    /// Lets a case take part, until what is given back is dropped.
    pub(super) fn join(&self, case: &Case, iteration: u32) -> Seat<'_> {
        let course = Arc::new(Course {
            case: case.id.clone(),
            iteration,
            scenario: Arc::clone(&case.scenario),
            actors: Arc::clone(&case.actors),
            began: Instant::now(),
            steps: Mutex::default(),
        });
        held(&self.cases).push(Arc::clone(&course));
        Seat { pending: self, course }
    }
}

/// A case's place among those on their way.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pending: &'a Pending,
    course: Arc<Course>,
}

impl Seat<'_> {
    /// Says that a step begins, and so the one before it has ended. A call that the one before has
    /// started goes on.
    pub(super) fn enter(&self, before: Option<&Step>, step: &Step) {
        let since = Instant::now();
        let steps = &mut *held(&self.course.steps);
        match (before.map(|step| &step.action), steps.current) {
            (Some(Action::Start { tag, .. }), Some(at)) => steps.started.push((*tag, at)),
            (Some(Action::Await { tag, .. }), _) => steps.started.retain(|(one, _)| one != tag),
            _ => {}
        }
        steps.current = Some(At { place: step.place, actor: actor_of(&step.action), since });
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut cases = held(&self.pending.cases);
        if let Some(own) = cases.iter().position(|course| Arc::ptr_eq(course, &self.course)) {
            cases.swap_remove(own);
        }
    }
}

impl Course {
    fn steps(&self, now: Instant) -> Vec<PendingStep> {
        let pending = |place: Option<Place>, actor: Option<ActorId>, since: Instant| PendingStep {
            case: self.case.clone(),
            iteration: self.iteration,
            scenario: Arc::clone(&self.scenario),
            place,
            actor: actor.and_then(|actor| self.actors.get(actor.index())).cloned(),
            age: now.saturating_duration_since(since),
        };
        let steps = held(&self.steps);
        let Some(current) = steps.current else { return vec![pending(None, None, self.began)] };
        let started = steps.started.iter().map(|(_, at)| at);
        started.chain([&current]).map(|at| pending(Some(at.place), at.actor, at.since)).collect()
    }
}

/// What is kept is right at any moment, so a panic elsewhere has harmed nothing.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn actor_of(action: &Action) -> Option<ActorId> {
    match action {
        Action::Perform { actor, .. }
        | Action::Start { actor, .. }
        | Action::Await { actor, .. }
        | Action::Interrupt { actor, .. } => Some(*actor),
        Action::Wait(_) | Action::Wire(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::scripted::cases;

    const TEXT: &str = "\"t\"\nover tcp4\npair client.c server.s\n\nclient recv c 4 &r\n\
                        wait 1s\nserver send s \"x\" => 1\nclient await r => \"x\"\n\
                        wait 2s\n";

    /// The line and the actor of each step that is pending.
    fn shown(pending: &Pending) -> Vec<(u32, Option<String>)> {
        let steps = pending.steps().into_iter();
        steps.map(|step| (step.place.map_or(0, |place| place.line), step.actor)).collect()
    }

    #[test]
    fn a_started_call_is_pending_until_it_was_waited_for() {
        let case = &cases("a/b", TEXT)[0];
        let pending = Pending::default();
        let seat = pending.join(case, 1);
        let actor = |name: &str| Some(name.to_owned());
        assert_eq!(shown(&pending), [(0, None)], "before the first step");
        let mut before = None;
        let mut seen = Vec::new();
        for step in &case.steps {
            seat.enter(before, step);
            before = Some(step);
            seen.push(shown(&pending));
        }
        let started = (5, actor("client"));
        let last: Vec<_> = seen.into_iter().rev().take(5).rev().collect();
        assert_eq!(
            last,
            [
                vec![started.clone()],
                vec![started.clone(), (6, None)],
                vec![started.clone(), (7, actor("server"))],
                vec![started, (8, actor("client"))],
                vec![(9, None)],
            ]
        );
        drop(seat);
        assert_eq!(shown(&pending), []);
    }

    #[test]
    fn the_oldest_step_comes_first() {
        let cases = cases("a/b", &TEXT.replace("tcp4", "tcp4 unix"));
        let pending = Pending::default();
        let seats: Vec<_> = cases.iter().map(|case| pending.join(case, 1)).collect();
        seats[1].enter(None, &cases[1].steps[0]);
        seats[0].enter(None, &cases[0].steps[0]);
        let order: Vec<_> = pending.steps().into_iter().map(|step| step.case).collect();
        assert_eq!(order, [cases[1].id.clone(), cases[0].id.clone()]);
    }
}
