//! [`DetailsComparison`]: how the granted authorization details differ from those that were asked for (RFC 9396 sections
//! 6.1 and 7.1).

use super::authorization_detail::AuthorizationDetail;
use serde_json::Value;
use std::collections::BTreeSet;

/// One difference between the details that were asked for and those that were granted. `asked` and `granted` are places
/// in the two lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetailDifference {
    /// No granted entry answers this one.
    Missing {
        /// The place of the entry that was asked for.
        asked: usize,
    },
    /// The granted entry has less in this member: items are missing, or one of several equal ones.
    Narrowed {
        /// The place of the entry that was asked for.
        asked: usize,
        /// The place of the granted entry.
        granted: usize,
        /// The name of the member.
        member: String,
    },
    /// The granted entry does not have this member, or not all members of it that were asked for. This is neither less nor
    /// more: a member may be a right or a limit, such as an amount, and a provider may leave values out that it has
    /// granted (section 7). Only the type says what a missing member means.
    Omitted {
        /// The place of the entry that was asked for.
        asked: usize,
        /// The place of the granted entry.
        granted: usize,
        /// The name of the member.
        member: String,
    },
    /// The granted entry has more in this member: more items, one item more often, or a member that was not asked for. The type says whether
    /// a provider may add it (section 7.1).
    Enriched {
        /// The place of the entry that was asked for.
        asked: usize,
        /// The place of the granted entry.
        granted: usize,
        /// The name of the member.
        member: String,
    },
    /// The granted entry has another value in this member.
    Changed {
        /// The place of the entry that was asked for.
        asked: usize,
        /// The place of the granted entry.
        granted: usize,
        /// The name of the member.
        member: String,
    },
    /// One more entry of a type that was asked for.
    Added {
        /// The place of the granted entry.
        granted: usize,
    },
    /// An entry of a type that was not asked for. A flow that has sent details refuses such a response.
    Foreign {
        /// The place of the granted entry.
        granted: usize,
    },
}

/// How the granted details differ from those that were asked for.
/// [`AuthorizationDetails::compare`](super::AuthorizationDetails::compare) returns it, and has an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetailsComparison(Vec<DetailDifference>);

impl DetailsComparison {
    /// Returns the differences: first those of the entries that were asked for, in their order.
    #[must_use]
    pub fn differences(&self) -> &[DetailDifference] {
        &self.0
    }

    /// Whether nothing differs.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything that was asked for is there: nothing is missing, narrowed, omitted or changed.
    #[must_use]
    pub fn has_all(&self) -> bool {
        use DetailDifference::{Changed, Missing, Narrowed, Omitted};
        let is_less = |one: &DetailDifference| {
            matches!(one, Missing { .. } | Narrowed { .. } | Omitted { .. } | Changed { .. })
        };
        !self.0.iter().any(is_less)
    }

    /// Whether nothing is there that was not asked for: nothing is enriched, omitted, changed, added or foreign. An omitted
    /// member counts, because it may be a limit that does not hold.
    #[must_use]
    pub fn has_no_more(&self) -> bool {
        use DetailDifference::{Added, Changed, Enriched, Foreign, Omitted};
        let is_more = |one: &DetailDifference| {
            matches!(one, Enriched { .. } | Omitted { .. } | Changed { .. } | Added { .. } | Foreign { .. })
        };
        !self.0.iter().any(is_more)
    }
}

/// How one value differs from another.
#[derive(Clone, Copy, Default)]
struct Relation {
    less: bool,
    omitted: bool,
    more: bool,
    other: bool,
}

impl Relation {
    const fn and(self, also: Self) -> Self {
        Self {
            less: self.less || also.less,
            omitted: self.omitted || also.omitted,
            more: self.more || also.more,
            other: self.other || also.other,
        }
    }
}

/// Whether the first list has an item more often than the second one.
fn has_more(first: &[Value], second: &[Value]) -> bool {
    let count = |list: &[Value], item: &Value| list.iter().filter(|one| *one == item).count();
    first.iter().any(|item| count(first, item) > count(second, item))
}

/// Compares two values. The items of an array are compared in any order, and the members of an object one by one. Values
/// come from a reader of bounded depth, and so is this recursion.
fn relate(asked: Option<&Value>, granted: Option<&Value>) -> Relation {
    match (asked, granted) {
        (None, None) => Relation::default(),
        (Some(_), None) => Relation { omitted: true, ..Relation::default() },
        (None, Some(_)) => Relation { more: true, ..Relation::default() },
        (Some(Value::Array(asked)), Some(Value::Array(granted))) => {
            Relation { less: has_more(asked, granted), more: has_more(granted, asked), ..Relation::default() }
        }
        (Some(Value::Object(asked)), Some(Value::Object(granted))) => {
            let names: BTreeSet<_> = asked.keys().chain(granted.keys()).collect();
            let each = names.into_iter().map(|name| relate(asked.get(name), granted.get(name)));
            each.fold(Relation::default(), Relation::and)
        }
        (Some(asked), Some(granted)) => Relation { other: asked != granted, ..Relation::default() },
    }
}

pub(super) fn compare(asked: &[AuthorizationDetail], granted: &[AuthorizationDetail]) -> DetailsComparison {
    let mut partners: Vec<Option<usize>> = vec![None; asked.len()];
    let mut free: Vec<bool> = vec![true; granted.len()];
    // Equal entries belong together; then those whose identifiers do not differ; then those of the same type.
    let rules: [fn(&AuthorizationDetail, &AuthorizationDetail) -> bool; 3] = [
        |asked, granted| asked == granted,
        |asked, granted| {
            let same = asked.identifier.is_none() || asked.identifier == granted.identifier;
            asked.detail_type == granted.detail_type && same
        },
        |asked, granted| asked.detail_type == granted.detail_type,
    ];
    for belongs in rules {
        for (wanted, partner) in asked.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            let found = granted.iter().zip(&free).position(|(one, free)| *free && belongs(wanted, one));
            if let Some(taken) = found.and_then(|at| free.get_mut(at)) {
                *taken = false;
                *partner = found;
            }
        }
    }
    let mut differences = Vec::new();
    for (at, (wanted, partner)) in asked.iter().zip(partners).enumerate() {
        match partner.and_then(|place| granted.get(place).map(|found| (place, found))) {
            None => differences.push(DetailDifference::Missing { asked: at }),
            Some((place, found)) => of_pair((at, wanted), (place, found), &mut differences),
        }
    }
    for (place, found) in granted.iter().enumerate().filter(|(place, _)| free.get(*place) == Some(&true)) {
        let known = asked.iter().any(|one| one.detail_type == found.detail_type);
        differences.push(match known {
            true => DetailDifference::Added { granted: place },
            false => DetailDifference::Foreign { granted: place },
        });
    }
    DetailsComparison(differences)
}

fn of_pair(
    (asked, wanted): (usize, &AuthorizationDetail),
    (granted, found): (usize, &AuthorizationDetail),
    differences: &mut Vec<DetailDifference>,
) {
    let [wanted, found] = [wanted, found].map(AuthorizationDetail::members);
    let names: BTreeSet<_> = wanted.iter().chain(&found).map(|(name, _)| *name).collect();
    let value = |members: &[(&str, Value)], wanted: &str| {
        members.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
    };
    for name in names {
        let Relation { less, omitted, more, other } =
            relate(value(&wanted, name).as_ref(), value(&found, name).as_ref());
        let member = || name.to_owned();
        differences.extend(less.then(|| DetailDifference::Narrowed { asked, granted, member: member() }));
        differences.extend(omitted.then(|| DetailDifference::Omitted { asked, granted, member: member() }));
        differences.extend(more.then(|| DetailDifference::Enriched { asked, granted, member: member() }));
        differences.extend(other.then(|| DetailDifference::Changed { asked, granted, member: member() }));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::AuthorizationDetails, *};
    use DetailDifference::{Added, Changed, Enriched, Foreign, Missing, Narrowed, Omitted};
    use serde_json::json;

    fn compared(asked: &Value, granted: &Value) -> DetailsComparison {
        let read = |value| AuthorizationDetails::from_value(value).unwrap();
        read(granted).compare(&read(asked))
    }

    #[test]
    fn the_same_details_do_not_differ() {
        for same in [
            json!([]),
            json!([{"type": "a"}]),
            json!([{"type": "a", "actions": ["x", "y"]}, {"type": "b", "m": {"n": [1]}}, {"type": "a"}]),
        ] {
            let comparison = compared(&same, &same);
            assert!(comparison.is_exact() && comparison.has_all() && comparison.has_no_more(), "{same}");
        }
        // The order of entries and of items does not count.
        let asked = json!([{"type": "a", "actions": ["x", "y"]}, {"type": "b"}]);
        assert!(compared(&asked, &json!([{"type": "b"}, {"type": "a", "actions": ["y", "x"]}])).is_exact());
    }

    #[test]
    fn the_enriched_examples_of_rfc_9396_section_7_1_have_all_and_more() {
        let asked = json!([{"type": "account_information", "recurringIndicator": true,
            "access": {"accounts": [], "balances": [], "transactions": []}}]);
        let granted = json!([{"type": "account_information", "recurringIndicator": true,
            "access": {"accounts": [{"iban": "DE23"}], "balances": [{"iban": "DE23"}], "transactions": []}}]);
        let comparison = compared(&asked, &granted);
        let access = Enriched { asked: 0, granted: 0, member: "access".to_owned() };
        assert_eq!(comparison.differences(), [access]);
        assert!(comparison.has_all() && !comparison.has_no_more());

        let asked = json!([{"type": "medical_record", "actions": ["read"]}]);
        let granted = json!([{"type": "medical_record", "actions": ["read"], "identifier": "patient",
            "locations": ["https://records.example/"]}]);
        let enriched = |member: &str| Enriched { asked: 0, granted: 0, member: member.to_owned() };
        assert_eq!(compared(&asked, &granted).differences(), [enriched("identifier"), enriched("locations")]);
    }

    #[test]
    fn each_difference_is_named() {
        let member = || "actions".to_owned();
        let (asked, granted) = (0, 0);
        for (wanted, found, differences) in [
            (json!([{"type": "a"}]), json!([]), vec![Missing { asked }]),
            (json!([]), json!([{"type": "a"}]), vec![Foreign { granted }]),
            (json!([{"type": "a"}]), json!([{"type": "A"}]), vec![Missing { asked }, Foreign { granted }]),
            (json!([{"type": "a"}]), json!([{"type": "a"}, {"type": "a"}]), vec![Added { granted: 1 }]),
            (
                json!([{"type": "a", "actions": ["x", "y"]}]),
                json!([{"type": "a", "actions": ["x"]}]),
                vec![Narrowed { asked, granted, member: member() }],
            ),
            (
                json!([{"type": "a", "actions": ["x"]}]),
                json!([{"type": "a"}]),
                vec![Omitted { asked, granted, member: member() }],
            ),
            (
                json!([{"type": "a", "actions": ["x"]}]),
                json!([{"type": "a", "actions": ["x", "x"]}]),
                vec![Enriched { asked, granted, member: member() }],
            ),
            (
                json!([{"type": "a", "actions": ["x", "y", "x"]}]),
                json!([{"type": "a", "actions": ["y", "x"]}]),
                vec![Narrowed { asked, granted, member: member() }],
            ),
            (
                json!([{"type": "a", "actions": ["x", "x", "y"]}]),
                json!([{"type": "a", "actions": ["x", "y", "y"]}]),
                vec![
                    Narrowed { asked, granted, member: member() },
                    Enriched { asked, granted, member: member() },
                ],
            ),
            (
                json!([{"type": "a", "amount": {"most": "1", "currency": "EUR"}}]),
                json!([{"type": "a", "amount": {"currency": "EUR"}}]),
                vec![Omitted { asked, granted, member: "amount".to_owned() }],
            ),
            (
                json!([{"type": "a", "actions": ["x"]}]),
                json!([{"type": "a", "actions": ["x", "y"]}]),
                vec![Enriched { asked, granted, member: member() }],
            ),
            (
                json!([{"type": "a", "actions": ["x"]}]),
                json!([{"type": "a", "actions": ["y"]}]),
                vec![
                    Narrowed { asked, granted, member: member() },
                    Enriched { asked, granted, member: member() },
                ],
            ),
            (
                json!([{"type": "a", "identifier": "1"}]),
                json!([{"type": "a", "identifier": "2"}]),
                vec![Changed { asked, granted, member: "identifier".to_owned() }],
            ),
            (
                json!([{"type": "a", "amount": {"value": "1", "currency": "EUR"}}]),
                json!([{"type": "a", "amount": {"value": "2", "currency": "EUR"}}]),
                vec![Changed { asked, granted, member: "amount".to_owned() }],
            ),
            (
                json!([{"type": "a", "amount": {"value": "1"}}]),
                json!([{"type": "a", "amount": "1"}]),
                vec![Changed { asked, granted, member: "amount".to_owned() }],
            ),
        ] {
            assert_eq!(compared(&wanted, &found).differences(), differences, "{wanted} {found}");
        }
    }

    #[test]
    fn entries_of_one_type_find_their_partners() {
        let asked =
            json!([{"type": "a", "identifier": "1", "actions": ["x"]}, {"type": "a", "identifier": "2"}]);
        let granted = json!([{"type": "a", "identifier": "2"}, {"type": "a", "identifier": "1"}]);
        let actions = Omitted { asked: 0, granted: 1, member: "actions".to_owned() };
        assert_eq!(compared(&asked, &granted).differences(), [actions]);
        assert_eq!(
            compared(&asked, &json!([{"type": "a", "identifier": "2"}])).differences(),
            [Missing { asked: 0 }]
        );
    }

    #[test]
    fn less_and_more_are_told_apart() {
        let asked = json!([{"type": "a", "actions": ["x", "y"]}]);
        for (granted, all, no_more) in [
            (json!([{"type": "a", "actions": ["x"]}]), false, true),
            (json!([]), false, true),
            (json!([{"type": "a", "actions": ["x", "y", "z"]}]), true, false),
            (json!([{"type": "a", "actions": ["x", "y"]}, {"type": "b"}]), true, false),
            (json!([{"type": "a", "actions": ["x", "z"]}]), false, false),
            (json!([{"type": "b"}]), false, false),
            // One item more often, and a member left out: it may have been a limit.
            (json!([{"type": "a", "actions": ["x", "y", "y"]}]), true, false),
            (json!([{"type": "a"}]), false, false),
        ] {
            let comparison = compared(&asked, &granted);
            assert_eq!((comparison.has_all(), comparison.has_no_more()), (all, no_more), "{granted}");
        }
    }
}
