//! `justw` on machines that lack something, played with stand-ins for the programs that it would call.
//!
//! A [`Machine`] is a folder of programs that is all of the PATH. Each stand-in notes how it was called.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The ordinary programs that `justw` may count on.
const ORDINARY: [&str; 9] = ["cat", "dirname", "env", "ls", "mkdir", "readlink", "sed", "sh", "true"];

struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Linux with a fitting Rust, and nothing else; a user of this number.
    fn fresh(user: u32) -> Machine {
        let machine = Machine {
            folder: tempfile::tempdir().expect("make a folder"),
        };
        fs::create_dir_all(machine.path("bin")).expect("make a folder");
        fs::create_dir_all(machine.path("a clone/sub")).expect("make a folder");
        for program in ORDINARY {
            let real = ["/usr/bin", "/bin"].map(|folder| PathBuf::from(folder).join(program));
            let real = real
                .iter()
                .find(|path| path.exists())
                .unwrap_or_else(|| panic!("{program} is missing here"));
            symlink(real, machine.path("bin").join(program)).expect("link a program");
        }
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for file in ["justw", "Justfile", "Cargo.toml"] {
            fs::copy(project.join(file), machine.path("a clone").join(file)).expect("copy a file");
        }
        machine.has("uname", "echo Linux");
        machine.has("id", &format!("echo {user}"));
        machine.has(
            "cargo",
            "case $1 in --version) echo 'cargo 1.99.0 (x)' ;; *) exit 1 ;; esac",
        );
        machine
    }

    /// The same with all that the build needs.
    fn complete(user: u32) -> Machine {
        let machine = Machine::fresh(user);
        machine.has_linker(true);
        machine.has("just", JUST);
        machine
    }

    /// Gives the machine a program: a line in the log, then this script.
    fn has(&self, program: &str, script: &str) {
        self.has_at(&format!("bin/{program}"), script);
    }

    fn has_at(&self, path: &str, script: &str) {
        let log = self.path("log");
        let name = path.rsplit('/').next().unwrap_or(path);
        let text = format!(
            "#!/bin/sh\n{{ printf %s {name}; printf ' [%s]' \"$@\"; echo; }} >>'{}'\n{script}\n",
            log.display()
        );
        fs::write(self.path(path), text).expect("write a stand-in");
        fs::set_permissions(self.path(path), Permissions::from_mode(0o755)).expect("make it executable");
    }

    /// A C compiler that knows where things are.
    fn has_linker(&self, libpcap: bool) {
        let libpcap = if libpcap { "libpcap.so" } else { "nothing" };
        self.has(
            "cc",
            &format!("case $1 in *={libpcap} | *=crt1.o) echo /usr/lib/x ;; *) echo \"${{1#*=}}\" ;; esac"),
        );
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs `justw` from another folder.
    fn justw(&self, arguments: &[&str]) -> Output {
        self.run(&self.path("a clone/justw"), arguments)
    }

    fn run(&self, script: &PathBuf, arguments: &[&str]) -> Output {
        let mut command = Command::new(script);
        command
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", self.path("bin"));
        command.env("HOME", self.folder.path()).output().expect("run justw")
    }

    /// The calls of programs that change the machine or end the script, without the questions before them.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let questions = [
            "uname",
            "id",
            "cc",
            "cargo [--version]",
            "just [--version]",
            "sudo [-n] [true]",
        ];
        let is_question = |line: &&str| questions.iter().any(|question| line.starts_with(question));
        log.lines()
            .filter(|line| !is_question(line))
            .map(str::to_owned)
            .collect()
    }

    /// The log without the fetching of package lists, which depends on the machine that the test runs on.
    fn calls(&self) -> Vec<String> {
        self.log()
            .into_iter()
            .filter(|line| !line.contains("[update]"))
            .collect()
    }

    fn handed_over(&self, arguments: &str) -> String {
        format!(
            "just [--justfile] [{}]{arguments}",
            self.path("a clone/Justfile").display()
        )
    }
}

/// Answers as just does.
const JUST: &str = "case $1 in --version) echo 'just 1.40.0' ;; esac";

/// Installs what it is asked for, as far as the archive of Debian 12 has it.
const APT_GET: &str = "case $* in *' just'*) exit 100 ;; esac";

const INSTALL: &str = "[install] [-y] [--no-install-recommends] [-o] [DPkg::Lock::Timeout=120]";

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn where_all_is_there_the_arguments_are_handed_over_in_silence() {
    let machine = Machine::complete(1000);
    let output = machine.justw(&["lab", "two words", "", "*"]);
    assert!(output.status.success());
    assert_eq!((told(&output).as_str(), output.stdout.len()), ("", 0));
    assert_eq!(machine.log(), [machine.handed_over(" [lab] [two words] [] [*]")]);
}

#[test]
fn a_link_to_the_script_finds_the_clone() {
    let machine = Machine::complete(1000);
    symlink(machine.path("a clone/justw"), machine.path("link")).expect("link the script");
    assert!(machine.run(&machine.path("link"), &["list"]).status.success());
    assert_eq!(machine.log(), [machine.handed_over(" [list]")]);
}

#[test]
fn the_exit_code_is_that_of_just() {
    let machine = Machine::complete(1000);
    machine.has("just", &format!("{JUST}\n[ \"$1\" = --version ] || exit 3"));
    assert_eq!(machine.justw(&["lab"]).status.code(), Some(3));
}

#[test]
fn root_installs_libpcap() {
    let machine = Machine::complete(0);
    machine.has_linker(false);
    machine.has("apt-get", APT_GET);
    let output = machine.justw(&["list"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(
        machine.calls(),
        [
            format!("apt-get {INSTALL} [libpcap-dev]"),
            machine.handed_over(" [list]")
        ]
    );
    assert!(told(&output).contains("installing libpcap-dev"));
}

#[test]
fn a_user_installs_through_sudo() {
    let machine = Machine::complete(1000);
    machine.has_linker(false);
    machine.has("apt-get", APT_GET);
    machine.has("sudo", "[ \"$1\" = -n ] && shift; exec \"$@\"");
    let output = machine.justw(&["list"]);
    assert!(output.status.success(), "{}", told(&output));
    let sudo = format!("sudo [-n] [env] [DEBIAN_FRONTEND=noninteractive] [apt-get] {INSTALL} [libpcap-dev]");
    assert_eq!(machine.calls()[0], sudo);
}

#[test]
fn without_root_the_command_is_printed() {
    let machine = Machine::complete(1000);
    machine.has_linker(false);
    machine.has("apt-get", APT_GET);
    machine.has("sudo", "exit 1");
    let output = machine.justw(&["list"]);
    assert_eq!(output.status.code(), Some(4));
    let command = "sudo apt-get update && sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y";
    assert!(
        told(&output).contains(command) && told(&output).contains(" libpcap-dev\n"),
        "{}",
        told(&output)
    );
    assert_eq!(machine.log(), [""; 0]);
}

#[test]
fn a_failing_installation_shows_what_went_wrong() {
    let machine = Machine::complete(0);
    machine.has_linker(false);
    machine.has("apt-get", "echo 'E: the archive is away' >&2; exit 100");
    let output = machine.justw(&["list"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(told(&output).contains("the archive is away"), "{}", told(&output));
    let updates = machine.log().iter().filter(|line| line.contains("[update]")).count();
    assert_eq!(updates, 1, "{:?}", machine.log());
}

#[test]
fn a_machine_without_a_linker_gets_one() {
    let machine = Machine::fresh(0);
    machine.has("just", JUST);
    machine.has("apt-get", APT_GET);
    assert!(machine.justw(&["list"]).status.success());
    assert_eq!(
        machine.calls()[0],
        format!("apt-get {INSTALL} [gcc] [libc6-dev] [libpcap-dev]")
    );
}

#[test]
fn each_distribution_has_its_names() {
    let managers = [
        ("dnf", "dnf [install] [-y] [gcc] [glibc-devel] [libpcap-devel]"),
        ("pacman", "pacman [-S] [--needed] [--noconfirm] [gcc] [libpcap]"),
        ("apk", "apk [add] [gcc] [musl-dev] [libpcap-dev]"),
        (
            "zypper",
            "zypper [--non-interactive] [install] [gcc] [glibc-devel] [libpcap-devel]",
        ),
    ];
    for (manager, call) in managers {
        let machine = Machine::fresh(0);
        machine.has("just", JUST);
        machine.has(manager, "");
        assert!(machine.justw(&["list"]).status.success());
        assert_eq!(machine.calls()[0], call);
    }
}

#[test]
fn an_unknown_distribution_is_told_what_is_missing() {
    let machine = Machine::fresh(0);
    let output = machine.justw(&["list"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        told(&output).contains("gcc") && told(&output).contains("libpcap"),
        "{}",
        told(&output)
    );
}

/// Puts a just where `cargo install --root` would.
const CARGO: &str = r#"case $1 in
    --version) echo 'cargo 1.99.0 (x)' ;;
    install) mkdir -p "$7/bin"; printf '#!/bin/sh\n[ "$1" = --version ] && echo just 1.40.0 || echo "$@"\n' >"$7/bin/just"
        chmod +x "$7/bin/just" ;;
esac"#;

#[test]
fn where_the_archive_has_no_just_cargo_builds_it_once() {
    let machine = Machine::complete(0);
    fs::remove_file(machine.path("bin/just")).expect("take just away");
    symlink("/bin/chmod", machine.path("bin/chmod")).expect("link a program");
    machine.has("apt-get", APT_GET);
    machine.has("cargo", CARGO);
    let output = machine.justw(&["lab", "two words"]);
    assert!(output.status.success(), "{}", told(&output));
    let tools = machine.path("a clone/target/tools");
    let calls = machine.calls();
    assert_eq!(calls[0], format!("apt-get {INSTALL} [just]"));
    assert_eq!(
        calls[1],
        format!(
            "cargo [install] [just] [--locked] [--quiet] [--debug] [--root] [{}]",
            tools.display()
        )
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("lab two words"));

    fs::remove_file(machine.path("log")).expect("clear the log");
    assert_eq!(told(&machine.justw(&["lab"])), "");
    assert_eq!(machine.log(), [""; 0], "it was built twice");
}

#[test]
fn where_the_archive_has_just_it_comes_from_there() {
    let machine = Machine::complete(0);
    fs::rename(machine.path("bin/just"), machine.path("just")).expect("put just into the archive");
    symlink("/bin/mv", machine.path("bin/mv")).expect("link a program");
    let (from, to) = (machine.path("just"), machine.path("bin/just"));
    machine.has(
        "apt-get",
        &format!(
            "case $* in *' just') mv '{}' '{}' ;; esac",
            from.display(),
            to.display()
        ),
    );
    let output = machine.justw(&["list"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(
        machine.calls(),
        [format!("apt-get {INSTALL} [just]"), machine.handed_over(" [list]")]
    );
}

#[test]
fn just_alone_asks_nobody_for_a_password() {
    let machine = Machine::complete(1000);
    fs::remove_file(machine.path("bin/just")).expect("take just away");
    symlink("/bin/chmod", machine.path("bin/chmod")).expect("link a program");
    machine.has("apt-get", APT_GET);
    machine.has("sudo", "exit 1");
    machine.has("cargo", CARGO);
    assert!(machine.justw(&["lab"]).status.success());
    assert!(
        machine.calls()[0].starts_with("cargo [install] [just]"),
        "{:?}",
        machine.calls()
    );
}

#[test]
fn another_program_called_just_does_not_count() {
    let machine = Machine::complete(1000);
    machine.has("just", "echo 1.8.0");
    machine.has("cargo", CARGO);
    symlink("/bin/chmod", machine.path("bin/chmod")).expect("link a program");
    let output = machine.justw(&["lab"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        machine
            .log()
            .iter()
            .any(|line| line.starts_with("cargo [install] [just]")),
        "{:?}",
        machine.log()
    );
}

#[test]
fn a_rust_that_is_too_old_or_missing_is_named() {
    let machine = Machine::complete(0);
    machine.has("cargo", "echo 'cargo 1.63.0 (Debian)'");
    let output = machine.justw(&["list"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        told(&output).contains("1.63") && told(&output).contains("rustup"),
        "{}",
        told(&output)
    );

    fs::remove_file(machine.path("bin/cargo")).expect("take cargo away");
    let output = machine.justw(&["list"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(told(&output).contains("https://rustup.rs"), "{}", told(&output));
}

#[test]
fn a_rust_that_is_not_on_the_path_is_found_at_home() {
    let machine = Machine::complete(0);
    fs::create_dir_all(machine.path(".cargo/bin")).expect("make a folder");
    fs::rename(machine.path("bin/cargo"), machine.path(".cargo/bin/cargo")).expect("move cargo");
    let output = machine.justw(&["list"]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn programs_for_the_tests_are_installed_on_demand() {
    let machine = Machine::fresh(0);
    machine.has("tcpdump", "");
    machine.has("apt-get", APT_GET);
    assert!(
        machine
            .justw(&["--install", "tshark", "tcpdump", "xmllint"])
            .status
            .success()
    );
    assert_eq!(
        machine.calls(),
        [
            format!("apt-get {INSTALL} [tshark]"),
            format!("apt-get {INSTALL} [libxml2-utils]")
        ]
    );
}
