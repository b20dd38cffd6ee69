use std::collections::BTreeSet;

/// Where the lanes of the actors stand, from the left.
#[derive(Debug)]
pub(super) struct Lanes {
    /// The lanes that are drawn.
    pub(super) columns: Vec<Column>,
    /// The column of each actor.
    places: Vec<usize>,
    /// The whole width.
    pub(super) width: usize,
}

/// One lane.
#[derive(Debug)]
pub(super) struct Column {
    /// The actor's name; of the lane that many share, how many they are.
    pub(super) name: String,
    /// Where it stands.
    pub(super) x: usize,
    /// On which side the words of its calls stand.
    pub(super) side: Side,
    /// How many columns of text there is room for.
    pub(super) room: usize,
    /// Whether more than one actor stands on it.
    pub(super) is_shared: bool,
}

/// A side of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// The most lanes. Where there are more actors, those that are left share the last one.
pub(super) const MOST_LANES: usize = 10;
/// Where the axis stands, with the times to its left.
pub(super) const AXIS: usize = 74;
/// How wide a character of the words is, in hundredths.
const CHARACTER: usize = 725;
/// Between a lane and the words beside it.
pub(super) const BESIDE: usize = 14;

impl Lanes {
    /// Gives each actor a lane, from the left in this order. Where there are too many, those in `used`
    /// have one before the others, and `foremost` before these.
    pub(super) fn new(
        names: &[String],
        order: &[usize],
        used: &[usize],
        foremost: Option<usize>,
    ) -> Self {
        let mut own: BTreeSet<usize> = foremost.into_iter().collect();
        let is_crowded = names.len() > MOST_LANES;
        let most = if is_crowded { MOST_LANES - 1 } else { MOST_LANES };
        for actor in used.iter().copied().chain(0..names.len()) {
            if own.len() < most {
                own.insert(actor);
            }
        }
        let own: Vec<usize> = order.iter().copied().filter(|actor| own.contains(actor)).collect();
        let others = names.len() - own.len();
        let place = |actor| own.iter().position(|own| *own == actor).unwrap_or(own.len());
        let mut heads: Vec<String> = own.iter().map(|actor| names[*actor].clone()).collect();
        if others > 0 {
            heads.push(format!("{others} others"));
        }
        let (width, columns) = columns(heads, others > 0);
        Self { columns, places: (0..names.len()).map(place).collect(), width }
    }

    /// The lane of an actor.
    pub(super) fn of(&self, actor: usize) -> Option<&Column> {
        self.columns.get(*self.places.get(actor)?)
    }
}

fn columns(names: Vec<String>, is_crowded: bool) -> (usize, Vec<Column>) {
    let count = names.len();
    let (width, first, step) = match count {
        0 | 1 => (760, AXIS + 80, 0),
        2 => (1_080, 426, 310),
        3 => (1_100, AXIS + 80, 310),
        _ => (1_100, AXIS + 80, (1_100 - AXIS - 80 - 320) / (count - 1)),
    };
    let column = |(at, name)| {
        let x = first + at * step;
        let side = if count == 2 && at == 0 { Side::Left } else { Side::Right };
        let pixels = match side {
            Side::Left => x - AXIS - 2 * BESIDE,
            Side::Right => width - x - BESIDE,
        };
        let room = pixels * 100 / CHARACTER;
        Column { name, x, side, room, is_shared: is_crowded && at + 1 == count }
    };
    (width, names.into_iter().enumerate().map(column).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: usize, used: &[usize], foremost: Option<usize>) -> Lanes {
        let order: Vec<_> = (0..count).collect();
        Lanes::new(&names(count), &order, used, foremost)
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("host{number}")).collect()
    }

    #[test]
    fn lanes_stand_apart_and_leave_room_for_words() {
        for count in 1..=30 {
            let lanes = lanes(count, &[], None);
            assert_eq!(lanes.columns.len(), count.min(MOST_LANES));
            assert!((720..=1_100).contains(&lanes.width));
            for pair in lanes.columns.windows(2) {
                assert!(pair[1].x >= pair[0].x + 60, "{count} lanes");
            }
            assert!(lanes.columns.iter().all(|column| column.room >= 40), "{count} lanes");
        }
    }

    #[test]
    fn of_many_actors_those_that_act_have_lanes_of_their_own() {
        let lanes = lanes(1_000, &[500, 3], Some(999));
        for actor in [3, 500, 999] {
            assert!(lanes.of(actor).is_some_and(|lane| lane.name == format!("host{actor}")));
        }
        assert!(lanes.of(700).is_some_and(|lane| lane.is_shared && lane.name == "991 others"));
        assert!(lanes.of(1_000).is_none());
    }

    #[test]
    fn lanes_stand_in_the_order_given() {
        let lanes = Lanes::new(&names(3), &[0, 2, 1], &[], None);
        let shown: Vec<_> = lanes.columns.iter().map(|column| &*column.name).collect();
        assert_eq!(shown, ["host0", "host2", "host1"]);
        assert!(lanes.of(1).is_some_and(|lane| lane.name == "host1"));
    }

    #[test]
    fn nobody_needs_no_lane() {
        assert!(lanes(0, &[4], Some(7)).columns.is_empty());
    }
}
