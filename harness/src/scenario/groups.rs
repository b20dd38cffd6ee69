use crate::vocabulary::ActorId;

/// The most hosts of a `lan`, those of its groups included.
pub const MOST_HOSTS: usize = 1_000;

/// The groups among the actors of a scenario. They stand behind its hosts; in a case, the members
/// of each stand in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    /// The position of the first group among the actors.
    pub(super) first: usize,
    /// How many hosts each of them has.
    pub(super) sizes: Vec<usize>,
}

impl Groups {
    /// How many hosts an actor stands for, if it is a group.
    pub(super) fn size(&self, actor: ActorId) -> Option<usize> {
        self.sizes.get(actor.index().checked_sub(self.first)?).copied()
    }

    /// A member of a group, from 0; of a host, the host itself.
    pub(super) fn member(&self, actor: ActorId, number: usize) -> ActorId {
        match actor.index().checked_sub(self.first) {
            Some(group) if group < self.sizes.len() => {
                let before: usize = self.sizes[..group].iter().sum();
                ActorId::new(self.first + before + number)
            }
            _ => actor,
        }
    }

    /// How many hosts there are in all.
    pub(super) fn hosts(&self) -> usize {
        self.first + self.sizes.iter().sum::<usize>()
    }

    /// The same groups on a `lan` of so many hosts at least: the last one takes what is left.
    pub(super) fn grown(&self, hosts: usize) -> Self {
        let mut grown = self.clone();
        let missing = hosts.saturating_sub(self.hosts());
        if let Some(last) = grown.sizes.last_mut() {
            *last += missing;
        }
        grown
    }

    /// The names of all actors of a case, from those of the scenario.
    pub(super) fn names(&self, actors: &[String]) -> Vec<String> {
        let mut names = Vec::with_capacity(self.hosts());
        for (at, name) in actors.iter().enumerate() {
            match self.size(ActorId::new(at)) {
                Some(size) => names.extend((1..=size).map(|number| format!("{name}{number}"))),
                None => names.push(name.clone()),
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Groups {
        Groups { first: 2, sizes: vec![2, 3] }
    }

    #[test]
    fn members_stand_where_their_group_stood() {
        let (groups, [host, one, other]) = (groups(), [1, 2, 3].map(ActorId::new));
        assert_eq!([host, one, other].map(|actor| groups.size(actor)), [None, Some(2), Some(3)]);
        let actors = ["a", "b", "x", "y"].map(str::to_owned);
        let names = groups.names(&actors);
        assert_eq!(names, ["a", "b", "x1", "x2", "y1", "y2", "y3"]);
        let name = |actor, number| names[groups.member(actor, number).index()].as_str();
        assert_eq!(
            [name(host, 0), name(one, 1), name(other, 0), name(other, 2)],
            ["b", "x2", "y1", "y3"]
        );
    }

    #[test]
    fn the_last_group_grows_and_none_shrinks() {
        assert_eq!(groups().grown(10).sizes, [2, 6]);
        assert_eq!(groups().grown(10).hosts(), 10);
        assert_eq!(groups().grown(2), groups());
        assert_eq!(Groups::default().grown(10).sizes, [0; 0]);
    }
}
