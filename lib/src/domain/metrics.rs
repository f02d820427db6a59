//! Counts of requests and the figures computed from them.
//!
//! Counts are stored by minute as fields with numbers, so several instances can add to the same
//! minute. A field has the form `route|kind|name`. The route is its path in the table, which has no
//! `|`.

use std::collections::BTreeMap;

/// Upper bounds of the latency classes, in milliseconds. Slower requests are in one more class,
/// `inf`.
const LATENCY_BOUNDS: [u64; 13] = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// A property by which requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The HTTP status.
    Status,
    /// The problem code.
    Problem,
    /// The value of `X-Cache`.
    Cache,
    /// The latency class.
    Latency,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Status, Self::Problem, Self::Cache, Self::Latency];

    fn letter(self) -> &'static str {
        match self {
            Self::Status => "s",
            Self::Problem => "p",
            Self::Cache => "c",
            Self::Latency => "l",
        }
    }
}

/// The field of a count.
#[must_use]
pub(crate) fn field(route: &str, kind: Kind, name: &str) -> String {
    format!("{route}|{}|{name}", kind.letter())
}

/// The latency class of `millis`: its upper bound, or `inf`.
#[must_use]
pub(crate) fn latency_class(millis: u64) -> String {
    LATENCY_BOUNDS
        .iter()
        .find(|bound| millis <= **bound)
        .map_or_else(|| "inf".to_owned(), ToString::to_string)
}

/// The counts of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteCounts {
    counts: BTreeMap<(Kind, String), u64>,
}

impl RouteCounts {
    fn add(&mut self, kind: Kind, name: &str, number: u64) {
        *self.counts.entry((kind, name.to_owned())).or_default() += number;
    }

    fn merge(&mut self, other: &Self) {
        for ((kind, name), number) in &other.counts {
            self.add(*kind, name, *number);
        }
    }

    /// The counts of a kind, by name.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|((_, name), number)| (name.as_str(), *number))
    }

    /// The number of requests.
    #[must_use]
    pub(crate) fn requests(&self) -> u64 {
        self.of(Kind::Status).map(|(_, number)| number).sum()
    }

    /// The number of responses with a status of 500 or more.
    #[must_use]
    pub(crate) fn server_errors(&self) -> u64 {
        self.of(Kind::Status)
            .filter(|(status, _)| status.starts_with('5'))
            .map(|(_, number)| number)
            .sum()
    }

    /// The number of responses from the cache, and of all responses of cached routes.
    #[must_use]
    pub(crate) fn cache_hits(&self) -> (u64, u64) {
        self.of(Kind::Cache)
            .fold((0, 0), |(hits, all), (outcome, number)| {
                let is_hit = matches!(outcome, "HIT" | "STALE");
                (hits + if is_hit { number } else { 0 }, all + number)
            })
    }

    /// The latency that `percent` of the requests did not exceed: the upper bound of its class, in
    /// milliseconds. `None` without requests, or when it is above the last bound.
    #[must_use]
    pub(crate) fn percentile(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.of(Kind::Latency).map(|(_, number)| number).sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut cumulated = 0;
        LATENCY_BOUNDS.into_iter().find(|bound| {
            let class = bound.to_string();
            cumulated += self
                .of(Kind::Latency)
                .find(|(name, _)| *name == class)
                .map_or(0, |(_, number)| number);
            cumulated >= rank
        })
    }
}

/// The counts by route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<String, RouteCounts>);

impl Counts {
    /// Adds the count of `field`. A field of another form is ignored.
    pub(crate) fn add(&mut self, field: &str, number: u64) {
        let mut parts = field.splitn(3, '|');
        let (Some(route), Some(letter), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.letter() == letter) {
            self.0
                .entry(route.to_owned())
                .or_default()
                .add(kind, name, number);
        }
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, &RouteCounts)> {
        self.0
            .iter()
            .map(|(route, counts)| (route.as_str(), counts))
    }

    /// The counts of all routes together.
    #[must_use]
    pub(crate) fn total(&self) -> RouteCounts {
        self.0
            .values()
            .fold(RouteCounts::default(), |mut total, counts| {
                total.merge(counts);
                total
            })
    }
}

/// The share of `part` in `whole`, rounded, in tenths of a percent. `None` when `whole` is 0.
#[must_use]
pub(crate) fn per_mille(part: u64, whole: u64) -> Option<u64> {
    (part * 1_000 + whole / 2).checked_div(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts_of(fields: &[(&str, u64)]) -> Counts {
        let mut counts = Counts::default();
        for (field, number) in fields {
            counts.add(field, *number);
        }
        counts
    }

    #[test]
    fn latency_class_includes_its_bound() {
        assert_eq!(
            [0, 1, 2, 4, 5, 5_000, 5_001].map(latency_class),
            ["1", "1", "2", "5", "5", "5000", "inf"]
        );
    }

    #[test]
    fn counts_add_up() {
        let counts = counts_of(&[
            ("/api/cars|s|200", 90),
            ("/api/cars|s|503", 10),
            ("/api/cars|c|HIT", 80),
            ("/api/cars|c|STALE", 5),
            ("/api/cars|c|MISS", 15),
            ("/api/health|s|200", 100),
            ("nonsense", 7),
            ("a|z|b", 7),
        ]);
        let total = counts.total();
        assert_eq!((total.requests(), total.server_errors()), (200, 10));
        assert_eq!(total.cache_hits(), (85, 100));
        assert_eq!(per_mille(10, 200), Some(50));
        assert_eq!(per_mille(0, 0), None);
        let rounded = [(1, 3, 333), (1, 6, 167), (2, 3, 667), (3, 3, 1_000)];
        for (part, whole, expected) in rounded {
            assert_eq!(per_mille(part, whole), Some(expected), "{part}/{whole}");
        }
        assert_eq!(counts.routes().count(), 2);
    }

    #[test]
    fn percentile_is_bound_of_its_class() {
        let route = |fields: &[(&str, u64)]| counts_of(fields).total();
        let counts = route(&[
            ("r|l|1", 50),
            ("r|l|10", 45),
            ("r|l|100", 4),
            ("r|l|inf", 1),
        ]);
        assert_eq!(
            [50, 51, 95, 99, 100].map(|percent| counts.percentile(percent)),
            [Some(1), Some(10), Some(10), Some(100), None]
        );
        assert_eq!(RouteCounts::default().percentile(95), None);
    }

    #[test]
    fn field_round_trips() {
        let field = field("/api/cars/{car}", Kind::Problem, "car_not_found");
        let counts = counts_of(&[(field.as_str(), 3)]);
        let (route, route_counts) = counts.routes().next().unwrap();
        assert_eq!(route, "/api/cars/{car}");
        assert_eq!(
            route_counts.of(Kind::Problem).collect::<Vec<_>>(),
            [("car_not_found", 3)]
        );
    }
}
