use std::collections::BTreeSet;

use crate::run::Pattern;
use crate::scenario::Case;

/// The cases of one scenario as rows of coordinates: transport, topology, and a value of each `vary`
/// line.
pub(super) struct Rows<'a> {
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    /// Its position in the suite.
    position: usize,
    case: &'a Case,
    /// One for each axis; empty where the case has none.
    coordinates: Vec<String>,
}

/// With more axes than this they are grown in fewer orders than there are.
const ALL_ORDERS: usize = 4;

impl<'a> Rows<'a> {
    pub(super) fn new(cases: impl IntoIterator<Item = (usize, &'a Case)>) -> Self {
        let row = |(position, case): (usize, &'a Case)| {
            let variant = &case.variant;
            let over = variant.transport.map_or_else(String::new, |over| over.to_string());
            let values = variant.values.iter().map(|(name, value)| format!("{name}={value}"));
            let coordinates = [over, variant.topology.to_string()].into_iter().chain(values);
            Row { position, case, coordinates: coordinates.collect() }
        };
        let mut rows: Vec<Row<'a>> = cases.into_iter().map(row).collect();
        let axes = rows.iter().map(|row| row.coordinates.len()).max().unwrap_or(0);
        for row in &mut rows {
            row.coordinates.resize(axes, String::new());
        }
        Self { rows }
    }

    fn axes(&self) -> usize {
        self.rows.first().map_or(0, |row| row.coordinates.len())
    }

    /// The largest sets of wanted cases that are products of coordinates: around each wanted case, grown
    /// along one axis after the other, in every order of the axes.
    pub(super) fn boxes(&self, wanted: &BTreeSet<usize>) -> BTreeSet<BTreeSet<usize>> {
        let orders = orders(self.axes());
        let mut boxes = BTreeSet::new();
        for seed in self.rows.iter().filter(|row| wanted.contains(&row.position)) {
            for order in &orders {
                let mut sides: Vec<BTreeSet<&str>> =
                    seed.coordinates.iter().map(|one| BTreeSet::from([one.as_str()])).collect();
                for axis in order {
                    sides[*axis] = self.side(*axis, &sides, wanted);
                }
                let cases: BTreeSet<usize> =
                    self.within(&sides, None).map(|row| row.position).collect();
                boxes.insert(cases);
            }
        }
        boxes
    }

    /// All values of an axis with which only wanted cases are in a box.
    fn side<'s>(
        &'s self,
        axis: usize,
        sides: &[BTreeSet<&str>],
        wanted: &BTreeSet<usize>,
    ) -> BTreeSet<&'s str> {
        let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
        for row in self.within(sides, Some(axis)) {
            let is_wanted = wanted.contains(&row.position);
            let values = if is_wanted { &mut good } else { &mut bad };
            values.insert(row.coordinates[axis].as_str());
        }
        &good - &bad
    }

    /// The rows in a box, whatever they have on one of the axes.
    fn within<'s>(
        &'s self,
        sides: &[BTreeSet<&str>],
        but: Option<usize>,
    ) -> impl Iterator<Item = &'s Row<'a>> {
        self.rows.iter().filter(move |row| {
            let fits = |axis: usize| sides[axis].contains(row.coordinates[axis].as_str());
            (0..sides.len()).all(|axis| Some(axis) == but || fits(axis))
        })
    }

    /// A product of coordinates, or where one coordinate cannot stand for all of its values on an axis
    /// the products with one of these values each.
    pub(super) fn spellable(&self, cases: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let sides = self.sides(cases);
        let split = (0..self.axes()).find(|axis| self.part(*axis, &sides[*axis]).is_none());
        let Some(axis) = split.filter(|axis| sides[*axis].len() > 1) else {
            return vec![cases.clone()];
        };
        let of = |value: &&str| -> BTreeSet<usize> {
            let rows = self.rows.iter().filter(|row| row.coordinates[axis] == **value);
            rows.map(|row| row.position).filter(|position| cases.contains(position)).collect()
        };
        sides[axis].iter().map(of).flat_map(|part| self.spellable(&part)).collect()
    }

    /// The values that cases have on each axis.
    fn sides(&self, cases: &BTreeSet<usize>) -> Vec<BTreeSet<&str>> {
        let of = |axis: usize| {
            let inside = self.rows.iter().filter(|row| cases.contains(&row.position));
            inside.map(|row| row.coordinates[axis].as_str()).collect()
        };
        (0..self.axes()).map(of).collect()
    }

    /// The shortest coordinates that single out a product of coordinates from all cases of the scenario,
    /// as they stand within the brackets of a pattern; `None` where none do.
    pub(super) fn text(&self, cases: &BTreeSet<usize>) -> Option<String> {
        let sides = self.sides(cases);
        let axes = self.axes();
        let parts: Vec<Option<String>> =
            (0..axes).map(|axis| self.part(axis, &sides[axis])).collect();
        let texts = (0..1_usize << axes).filter_map(|mask| {
            let kept: Vec<usize> = (0..axes).filter(|axis| mask >> axis & 1 == 1).collect();
            let has = |row: &&Row<'_>| {
                kept.iter().all(|axis| sides[*axis].contains(row.coordinates[*axis].as_str()))
            };
            if self.rows.iter().filter(has).count() != cases.len() {
                return None;
            }
            let parts: Option<Vec<&str>> =
                kept.iter().map(|axis| parts[*axis].as_deref()).collect();
            Some(parts?.join(","))
        });
        texts.min_by_key(String::len)
    }

    /// The shortest coordinate that all rows with one of these values of an axis have, and no other.
    fn part(&self, axis: usize, values: &BTreeSet<&str>) -> Option<String> {
        let is_exact = |text: &String| {
            let Ok(pattern) = format!("[{text}]").parse::<Pattern>() else { return false };
            self.rows.iter().all(|row| {
                pattern.matches(row.case) == values.contains(row.coordinates[axis].as_str())
            })
        };
        spellings(values).into_iter().find(is_exact)
    }
}

/// How one coordinate can stand for several values, the shortest first.
fn spellings(values: &BTreeSet<&str>) -> Vec<String> {
    let Some((first, rest)) = values.iter().next().zip(Some(values.iter().skip(1))) else {
        return Vec::new();
    };
    if values.len() == 1 {
        return vec![(*first).to_owned()];
    }
    let shared = |one: &str, other: &str| {
        one.char_indices()
            .zip(other.chars())
            .find(|((_, a), b)| a != b)
            .map_or(one.len().min(other.len()), |((at, _), _)| at)
    };
    let prefix = rest.fold(*first, |prefix, value| &prefix[..shared(prefix, value)]);
    let tails = || values.iter().map(|value| &value[prefix.len()..]);
    let mut spellings = Vec::new();
    if !prefix.is_empty() {
        let lengths: BTreeSet<usize> = tails().map(|tail| tail.chars().count()).collect();
        if let (1, Some(length)) = (lengths.len(), lengths.first()) {
            spellings.push(format!("{prefix}{}", "?".repeat(*length)));
        }
        spellings.push(format!("{prefix}*"));
    }
    let name = prefix.find('=').map_or(0, |at| at + 1);
    let mut alternatives: Vec<&str> = values.iter().map(|value| &value[name..]).collect();
    alternatives.sort_by(|one, other| crate::report::natural::natural(one, other));
    spellings.push(format!("{}{{{}}}", &prefix[..name], alternatives.join(",")));
    spellings.sort_by_key(String::len);
    spellings
}

/// Orders of so many axes: all, or where these are too many, those that begin anywhere and go on either
/// way.
fn orders(axes: usize) -> Vec<Vec<usize>> {
    if axes > ALL_ORDERS {
        let onward = (0..axes).map(|first| (0..axes).map(|axis| (first + axis) % axes).collect());
        let onward: Vec<Vec<usize>> = onward.collect();
        let back = onward.iter().map(|order| order.iter().rev().copied().collect());
        return back.chain(onward.iter().cloned()).collect();
    }
    let mut orders = vec![Vec::new()];
    for axis in 0..axes {
        orders = orders
            .into_iter()
            .flat_map(|order| {
                (0..=order.len()).map(move |at| {
                    let mut longer: Vec<usize> = order.clone();
                    longer.insert(at, axis);
                    longer
                })
            })
            .collect();
    }
    orders
}
