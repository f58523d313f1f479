//! Mistakes of the applications: what TCP carries faithfully and is wrong all the same.

use super::{Check, FoundMistake, Status};
use crate::run::{ActionResult, Ending, Entry, Recording};
use crate::scenario::{Finding, Scenario, Verb};
use crate::tcp::Party;

/// How many bytes a finding shows.
const SHOWN: usize = 16;

/// All mistakes in this run.
pub(super) fn find(scenario: &Scenario, recording: &Recording) -> Vec<FoundMistake> {
    let actions: Vec<_> = scenario.steps().map(|step| &step.action).collect();
    recording
        .entries
        .iter()
        .filter_map(|entry| {
            let Entry::ActionEnded { step, result, .. } = entry else {
                return None;
            };
            let action = actions.get(*step).filter(|action| action.party == Party::Server)?;
            let uses_strlen = match action.verb {
                Verb::Echo { .. } => false,
                Verb::EchoStrlen { .. } => true,
                _ => return None,
            };
            let detail = echo_mistake(result, uses_strlen)?;
            Some(FoundMistake {
                finding: Finding::EchoContract,
                detail: format!("{} (line {})", detail, scenario.line(&action.span)),
            })
        })
        .collect()
}

/// Holds the findings against those that the scenario lists: neither more nor fewer.
pub(super) fn check(scenario: &Scenario, recording: &Recording, found: &[FoundMistake]) -> Vec<Check> {
    let of = |finding: Finding| found.iter().filter(move |mistake| mistake.finding == finding);
    Finding::ALL
        .into_iter()
        .filter_map(|finding| {
            let details: Vec<&str> = of(finding).map(|mistake| mistake.detail.as_str()).collect();
            let (status, detail) = match (scenario.findings.contains(&finding), details.is_empty()) {
                (false, true) => return None,
                (true, false) => (
                    Status::Ok,
                    format!("found, as the scenario says: {}", details.join("\n")),
                ),
                (true, true) if recording.ending != Ending::Completed => {
                    (Status::NotChecked, "the run ended before it could be found".to_owned())
                }
                (true, true) => (
                    Status::Failed,
                    format!(
                        "the scenario says that `{}` is found in it, but it was not",
                        finding.name()
                    ),
                ),
                (false, false) => (
                    Status::Failed,
                    format!(
                        "{}\nA scenario that is about this mistake lists it: findings = [\"{}\"]",
                        details.join("\n"),
                        finding.name()
                    ),
                ),
            };
            Some(Check::expectation(
                format!("finding: {}", finding.name()),
                status,
                detail,
            ))
        })
        .collect()
}

/// An echo must send back what it received, all of it and nothing else. One that failed on its way sent a part.
fn echo_mistake(result: &ActionResult, uses_strlen: bool) -> Option<String> {
    let (received, sent) = (result.bytes_received(), result.bytes_sent());
    let is_fine = match result {
        ActionResult::Done { .. } => sent == received,
        _ => received.starts_with(sent),
    };
    if is_fine {
        return None;
    }
    let counts = format!("{} bytes went in, {} came back", received.len(), sent.len());
    let detail = if let Some(surplus) = sent.strip_prefix(received) {
        let why = if uses_strlen {
            format!(
                ": `strlen` read past the {} bytes that had arrived, on to the first zero byte of a buffer that was not cleared",
                received.len()
            )
        } else {
            String::new()
        };
        format!(
            "{counts}: {} too many ({}), which the client never sent{why}",
            counted(surplus.len()),
            hex(surplus)
        )
    } else if let Some(missing) = received.strip_prefix(sent) {
        let why = if uses_strlen && missing.starts_with(&[0]) {
            ": `strlen` ends at the first zero byte, which here is data"
        } else {
            ""
        };
        format!("{counts}: {} missing ({}){why}", counted(missing.len()), hex(missing))
    } else {
        let at = received
            .iter()
            .zip(sent)
            .take_while(|(one, other)| one == other)
            .count();
        format!("{counts}, and they differ from byte {at}")
    };
    Some(detail)
}

fn counted(bytes: usize) -> String {
    if bytes == 1 {
        "1 byte".to_owned()
    } else {
        format!("{bytes} bytes")
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > SHOWN { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}
