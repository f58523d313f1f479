//! `tcplab man`: the manual page.

use std::io::{self, Write};

use clap::CommandFactory;

use super::{Cli, Exit};

pub(super) fn main() -> Exit {
    match page().and_then(|page| io::stdout().write_all(&page)) {
        Ok(()) => Exit::Pass,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            eprintln!("error: cannot write the manual page: {error}");
            Exit::Environment
        }
    }
}

/// One page: the program, then each subcommand with its options.
fn page() -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut program = Cli::command();
    program.build();
    let page = clap_mangen::Man::new(program.clone());
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    page.render_subcommands_section(&mut out)?;
    for subcommand in program.get_subcommands().filter(|command| command.get_name() != "help") {
        writeln!(out, ".SH \"TCPLAB {}\"", subcommand.get_name().to_uppercase())?;
        let page = clap_mangen::Man::new(subcommand.clone());
        let mut part = Vec::new();
        page.render_description_section(&mut part)?;
        page.render_synopsis_section(&mut part)?;
        page.render_options_section(&mut part)?;
        // The sections of a subcommand are subsections of the page.
        out.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").bytes());
    }
    page.render_extra_section(&mut out)?;
    page.render_version_section(&mut out)?;
    Ok(out)
}
