//! `tcplab doctor`: what works on this machine, and the remedy for what does not.

use std::io::{self, Write};

use super::Exit;
use crate::bench::{self, doctor};
use crate::capture;
use crate::judge::Status;
use crate::report::{self, Probe, Theme};

pub(super) fn main(theme: &Theme) -> Exit {
    let entered = bench::enter();
    let mut probes = doctor::probe(&entered);
    probes.extend(capture::probe(&entered));
    let missing = probes.iter().any(|probe| probe.status == doctor::Status::Missing);
    let table: Vec<Probe> = probes.into_iter().map(shown).collect();
    // Nobody reads on: that changes no finding.
    let _ = io::stdout().write_all(report::doctor(&table, theme).as_bytes());
    if missing { Exit::Environment } else { Exit::Pass }
}

fn shown(probe: doctor::Probe) -> Probe {
    Probe {
        name: probe.name.to_owned(),
        status: match probe.status {
            doctor::Status::Works => Status::Ok,
            doctor::Status::Degraded => Status::Doubtful,
            doctor::Status::Missing => Status::Failed,
        },
        detail: probe.detail,
        remedy: probe.remedy,
    }
}
