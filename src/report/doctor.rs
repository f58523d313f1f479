//! What the machine can do: a table of probes, with remedies for what is missing.

use console::measure_text_width;

use super::text::{Spans, clean, wrap};
use super::theme::{Role, Theme};
use super::verdict::symbol;
use crate::judge::Status;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What: `user namespaces`, `packet capture`.
    pub name: String,
    /// Works, is missing and needed, is in doubt, or was not tried.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do about it, if anything.
    pub remedy: Option<String>,
}

/// Renders the table.
pub fn doctor(probes: &[Probe], theme: &Theme) -> String {
    let names = probes.iter().map(|probe| measure_text_width(&probe.name)).max();
    // A name must leave room for what is said about it.
    let indent = 2 + names.unwrap_or_default().min(theme.columns() / 2) + 2;
    let mut out = String::new();
    for probe in probes {
        let (symbol, role) = symbol(probe.status, theme);
        let mut row = Spans::of(role, symbol).with(Role::Strong, format!(" {}", clean(&probe.name)));
        let remedy = probe.remedy.iter().map(|remedy| (Role::Doubt, remedy));
        for (role, text) in std::iter::once((Role::Plain, &probe.detail)).chain(remedy) {
            for line in text.lines().flat_map(|line| wrap(line, theme.columns() - indent)) {
                row.pad_to(indent);
                out.push_str(&row.with(role, line).paint(theme));
                out.push('\n');
                row = Spans::default();
            }
        }
        if row.width() > 0 {
            out.push_str(&row.paint(theme));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples::theme;
    use super::*;

    #[test]
    fn every_probe_is_rendered_with_its_remedy() {
        let probe = |name: &str, status, detail: &str, remedy: Option<&str>| Probe {
            name: name.to_owned(),
            status,
            detail: detail.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        let probes = [
            probe("user namespaces", Status::Ok, "available", None),
            probe(
                "packet capture",
                Status::Failed,
                "socket(AF_PACKET) failed with EPERM, inside the namespace as well as outside of it",
                Some("allow unprivileged user namespaces:\nsysctl -w kernel.unprivileged_userns_clone=1"),
            ),
            probe(
                "reno",
                Status::Doubtful,
                "the kernel uses bbr and does not say why",
                None,
            ),
            probe("fault queue", Status::NotChecked, "", None),
        ];
        let ascii = Theme {
            unicode: false,
            width: 60,
            color: false,
        };
        let pages = [theme(100), ascii].map(|theme| doctor(&probes, &theme));
        insta::assert_snapshot!(pages.join("\n"));
    }
}
