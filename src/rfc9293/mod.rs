//! RFC 9293 as three tables: its 119 labelled requirements, the 119 transitions of its state machine, and 30 rules that
//! it states without a label. They stand in `docs/rfc9293/`, for people and for this module.
//!
//! The ids of requirements are the RFC's own (`MUST-14`, `SHLD-5`, `MAY-1`, `REC-1`; section "Requirement Key" of its
//! appendix B). Transitions (`T8`) and unlabelled rules (`U3`) are numbered by tcplab. What a table says about Linux was
//! tried (`[t]`) or read in its source (`[k]`).

use std::sync::LazyLock;

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A transition of the state machine: figure 5 and section 3.10.
    Transition {
        /// The state before, as the RFC spells it; several, or `any`, where the row stands for several.
        from: &'static str,
        /// What happens.
        event: &'static str,
        /// What is then sent; begins with `-` for nothing.
        sent: &'static str,
        /// The state after.
        to: &'static str,
    },
    /// A requirement with one of the RFC's labels.
    Requirement {
        /// Where it can be seen: `wire`, `api` or `internal`.
        observability: &'static str,
    },
    /// A rule without a label.
    Rule,
}

/// One row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// `T8`, `MUST-14`, `U3`.
    pub id: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// Where in RFC 9293.
    pub section: &'static str,
    /// What it says, in a sentence; for a transition, its event.
    pub says: &'static str,
    /// What Linux does.
    pub linux: &'static str,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let transitions = rows(include_str!("../../docs/rfc9293/transitions.tsv")).map(
        |[id, from, event, sent, to, section, _, linux]| Row {
            id,
            kind: Kind::Transition { from, event, sent, to },
            section,
            says: event,
            linux,
        },
    );
    let requirements = rows(include_str!("../../docs/rfc9293/requirements.tsv")).map(
        |[id, _, section, says, observability, _, linux, _]| Row {
            id,
            kind: Kind::Requirement { observability },
            section,
            says,
            linux,
        },
    );
    let rules = rows(include_str!("../../docs/rfc9293/unlabelled.tsv")).map(|[id, section, says, _, linux, _]| Row {
        id,
        kind: Kind::Rule,
        section,
        says,
        linux,
    });
    transitions.chain(requirements).chain(rules).collect()
});

/// The rows of a table without its heading; a test sees to it that none is left out for its number of columns.
fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let cells = |line: &'static str| line.split('\t').collect::<Vec<_>>().try_into().ok();
    table.lines().skip(1).filter_map(cells)
}

/// All rows: transitions, requirements, rules without a label, each in the order of the RFC.
pub fn all() -> &'static [Row] {
    &ROWS
}

/// All ids in the same order.
pub fn ids() -> impl Iterator<Item = &'static str> {
    all().iter().map(|row| row.id)
}

/// The row with this id.
pub fn find(id: &str) -> Option<&'static Row> {
    all().iter().find(|row| row.id == id)
}

/// The id that is meant by `must14`, `MUST 14` or `t-1`.
pub fn repaired(id: &str) -> Option<String> {
    let digits = id.find(|c: char| c.is_ascii_digit())?;
    let word: String = id[..digits].chars().filter(char::is_ascii_alphabetic).collect();
    let word = match word.to_ascii_uppercase().as_str() {
        "SHOULD" | "SHLD" => "SHLD-".to_owned(),
        "T" | "U" => word.to_ascii_uppercase(),
        other => format!("{other}-"),
    };
    let repaired = format!("{word}{}", &id[digits..]);
    find(&repaired).is_some().then_some(repaired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_in_full() {
        let count = |prefixes: &[&str]| {
            let has = |id: &&str| prefixes.iter().any(|prefix| id.starts_with(prefix));
            ids().filter(has).count()
        };
        assert_eq!(count(&["T"]), 119);
        assert_eq!(count(&["MUST-", "SHLD-", "MAY-", "REC-"]), 119);
        assert_eq!(count(&["U"]), 30);
        assert_eq!(all().len(), 119 + 119 + 30);
        assert!(all().iter().all(|row| !row.section.is_empty() && !row.says.is_empty()));
    }

    #[test]
    fn no_id_stands_twice() {
        let mut sorted: Vec<_> = ids().collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all().len());
    }

    #[test]
    fn a_misspelled_id_is_repaired_if_it_exists() {
        assert_eq!(repaired("must14").as_deref(), Some("MUST-14"));
        assert_eq!(repaired("Should 5").as_deref(), Some("SHLD-5"));
        assert_eq!(repaired("t-12").as_deref(), Some("T12"));
        assert_eq!(repaired("MUST-140"), None);
        assert_eq!(repaired("handshake"), None);
    }
}
