# `./justw RECIPE` runs these on a machine where just is not installed; `just RECIPE` does where it is.
# Paths in arguments are relative to this folder.

set positional-arguments

program := env_var_or_default("CARGO_TARGET_DIR", "target") / "release/tcplab"

# Show the recipes.
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Play scenarios and show what happened: `lab basic`, `lab basic --explain`, `lab` for all.
[no-exit-message]
lab *ARGS: _build
    @exec {{ quote(program) }} run "$@"

# Look through the pending snapshots, and accept or reject each.
[no-exit-message]
review *ARGS: _build
    @exec {{ quote(program) }} review "$@"

# List the scenarios.
[no-exit-message]
list *ARGS: _build
    @exec {{ quote(program) }} list "$@"

# Show which transitions and requirements of RFC 9293 the scenarios cover, and by which evidence.
[no-exit-message]
coverage *ARGS: _build
    @exec {{ quote(program) }} coverage "$@"

# Write the skeleton of a new scenario: `new reset/while-reading --template reset`.
[no-exit-message]
new *ARGS: _build
    @exec {{ quote(program) }} new "$@"

# Play the actions of a scenario, and write the segments that they cause into its file.
[no-exit-message]
record *ARGS: _build
    @exec {{ quote(program) }} record "$@"

# Play a scenario again whenever its file is saved.
[no-exit-message]
watch *ARGS: _build
    @exec {{ quote(program) }} watch "$@"

# Tell a saved run, or any capture, in words.
[no-exit-message]
explain *ARGS: _build
    @exec {{ quote(program) }} explain "$@"

# Write scenario files in the canonical layout.
[no-exit-message]
fmt *ARGS: _build
    @exec {{ quote(program) }} fmt "$@"

# Check scenario files without playing them.
[no-exit-message]
check *ARGS: _build
    @exec {{ quote(program) }} check "$@"

# Say what this machine can and cannot do, and what to do about it.
[no-exit-message]
doctor *ARGS: _build
    @exec {{ quote(program) }} doctor "$@"

# Judge the saved recording of a scenario again.
[no-exit-message]
judge *ARGS: _build
    @exec {{ quote(program) }} judge "$@"

# Change recorded runs in every place, and show that the judge sees it: after `lab`.
[no-exit-message]
selfcheck *ARGS: _build
    @exec {{ quote(program) }} selfcheck "$@"

# Run all tests: the library's own, every scenario live, and the program with bad input.
test *ARGS:
    cargo test --locked "$@"

# Check format, lints and documentation.
lint:
    cargo fmt --check
    cargo run --locked --quiet -- fmt --check
    cargo clippy --locked --all-targets --quiet -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps --quiet

# Play each scenario 100 times idle and 100 times with all cores busy, or as `--help` says, and count verdicts and transcripts.
[no-exit-message]
soak *ARGS: _build
    @exec {{ quote(program) }} soak "$@"

# The same as nobody, for root: `soak-as-nobody --runs 1000 --load busy+stopped`.
[no-exit-message]
soak-as-nobody *ARGS: _build
    @.ci/as-nobody {{ quote(program) }} -- ./tcplab soak "$@"

# Measure.
bench *ARGS:
    cargo bench --locked --benches -- "$@"

# Install what some tests compare with: tshark, tcpdump and xmllint.
tools:
    @./justw --install tshark tcpdump xmllint

# Do what the continuous integration does.
ci:
    .ci/run

# Cargo's progress shows only for the first build, which takes a minute.
_build:
    @cargo build --release --locked $([ -x {{ quote(program) }} ] && echo --quiet)
