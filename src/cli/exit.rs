//! Exit codes: what a shell or CI learns from a call.

use std::process::ExitCode;

use crate::judge::Verdict;
use crate::suite::Conclusion;

/// How a call ended. When several scenarios end differently, the worst one counts, in the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything passed, or was skipped with its reason.
    Pass,
    /// The environment cannot run it, or a run broke down.
    Environment,
    /// The machine or the capture could not be trusted.
    Inconclusive,
    /// Something differs from what the scenario or the snapshot says.
    Fail,
    /// A bad scenario file, or wrong usage.
    Usage,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The table for `--help` and the README.
    pub const HELP: &str = "Exit codes:
    0  everything passed, or was skipped with its reason
    1  something differs from what the scenario or the snapshot says
    2  a bad scenario file, or wrong usage
    3  inconclusive: the machine or the capture could not be trusted
    4  this environment cannot run it (`tcplab doctor` says why), or a run broke down
  130  interrupted";

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Environment => 4,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

impl From<Conclusion> for Exit {
    fn from(conclusion: Conclusion) -> Exit {
        match conclusion {
            Conclusion::Pass | Conclusion::Skip => Exit::Pass,
            Conclusion::Fail => Exit::Fail,
            Conclusion::Inconclusive => Exit::Inconclusive,
            Conclusion::Unable | Conclusion::Error => Exit::Environment,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Exit {
        Conclusion::from(verdict).into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Pass,
            Exit::Fail,
            Exit::Usage,
            Exit::Inconclusive,
            Exit::Environment,
            Exit::Interrupted,
        ] {
            let code = format!("{:>3}  ", exit.code());
            assert!(
                Exit::HELP
                    .lines()
                    .any(|line| line.trim_start().starts_with(code.trim_start())),
                "{code}"
            );
        }
    }
}
